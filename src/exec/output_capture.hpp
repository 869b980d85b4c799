#pragma once

#include "model/output_part.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace peercron {

/// Keeps the head and the tail of what a command writes, as text that any store and client takes.
///
/// The text is that of base/lossy_text.hpp. It is at most `limit` bytes long, not counting the mark
/// that stands where something was left out:
/// "\n[… 9437184 bytes left out …]\n", in bytes of the command. A character is never split.
///
/// Takes memory as output comes, at most about twice the limit.
class OutputCapture {
public:
    explicit OutputCapture(std::size_t limit) : half_(limit / 2) {}

    void append(std::string_view bytes);

    /// All that was written, kept or not.
    std::int64_t total() const { return total_; }

    std::string text() const;

    /// What is kept from the byte `from` on, `most` bytes of it. Where that byte is not kept any
    /// more, from a newer one on, so that a reader who cannot keep up sees what comes now.
    OutputPart read(std::int64_t from, std::size_t most) const;

private:
    std::size_t half_;
    std::string head_;
    std::string
        tail_;  // of what came after head_: the last half_ bytes at least, once there are so many
    std::int64_t total_ = 0;
};

}  // namespace peercron
