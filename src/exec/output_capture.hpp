#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace peercron {

/// Keeps the head and the tail of what a command writes, as text that any store and client takes.
///
/// The text is valid UTF-8 without NUL: each maximal ill-formed part, and each NUL, becomes U+FFFD.
/// It is at most `limit` bytes long, not counting the mark that stands where something was left
/// out:
/// "\n[… 9437184 bytes left out …]\n", in bytes of the command. A character is never split.
///
/// Takes memory as output comes, at most about twice the limit.
///
/// Source: Unicode 15, 3.9, "U+FFFD Substitution of Maximal Subparts".
class OutputCapture {
public:
    explicit OutputCapture(std::size_t limit) : half_(limit / 2) {}

    void append(std::string_view bytes);

    /// All that was written, kept or not.
    std::int64_t total() const { return total_; }

    std::string text() const;

private:
    std::size_t half_;
    std::string head_;
    std::string
        tail_;  // of what came after head_: the last half_ bytes at least, once there are so many
    std::int64_t total_ = 0;
};

}  // namespace peercron
