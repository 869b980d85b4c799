#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// A line of a command's output without what differs from run to run: every number, and every word
/// of hexadecimal digits (of 8 and more, with a digit among them), becomes "#". So times, sizes,
/// process ids and hashes do. Pure.
std::string mask(std::string_view line);

/// Lines that belong together.
struct DiffPart {
    enum class Kind : std::uint8_t {
        same,   ///< in both, as far as they are masked; `text` is as it is in the new one
        gone,   ///< only in the old one
        fresh,  ///< only in the new one
    };
    Kind kind = Kind::same;
    std::size_t lines = 0;
    std::string text;  ///< with line breaks between

    friend bool operator==(const DiffPart&, const DiffPart&) = default;
};

/// What makes `old_output` into `new_output`, line by line, as short as possible; masked lines are
/// compared. Where both have thousands of lines that differ, these stand as gone and new as a
/// whole. Pure.
std::vector<DiffPart> diff_outputs(std::string_view old_output, std::string_view new_output);

}  // namespace peercron
