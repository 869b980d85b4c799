#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Where the output goes.
struct Screen {
    std::optional<std::size_t> width;  ///< columns; none: not a terminal, nothing is cut
    bool colour = false;
    bool terminal = false;
};

/// What standard output is: coloured only on a terminal and when NO_COLOR is not set
/// (no-color.org) and TERM is not "dumb"; as wide as COLUMNS or the terminal says.
Screen screen_of_stdout();

enum class Colour : unsigned char { none, bold, dim, red, green, yellow, cyan };

/// The text in that colour by ECMA-48 sequences, or as it is where there are no colours.
std::string painted(const Screen& screen, Colour colour, std::string_view text);

/// In which colour a run's state is shown.
Colour colour_of_state(std::string_view state);

}  // namespace peercron
