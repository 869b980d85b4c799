#include "cli/screen.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include "base/environment.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace peercron {
namespace {

constexpr std::size_t usual_width = 80;

std::size_t terminal_width()
{
    const std::string columns = environment_variable("COLUMNS");
    std::size_t width = 0;
    std::from_chars(columns.data(), columns.data() + columns.size(), width);
    if (width > 0) return width;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return usual_width;
}

std::string_view code_of(Colour colour)
{
    switch (colour) {
        case Colour::none:
            return "";
        case Colour::bold:
            return "\033[1m";
        case Colour::dim:
            return "\033[2m";
        case Colour::red:
            return "\033[31m";
        case Colour::green:
            return "\033[32m";
        case Colour::yellow:
            return "\033[33m";
        case Colour::cyan:
            return "\033[36m";
    }
    return "";
}

}  // namespace

Screen screen_of_stdout()
{
    Screen screen;
    screen.terminal = ::isatty(STDOUT_FILENO) == 1;
    if (!screen.terminal) return screen;
    screen.width = terminal_width();
    screen.colour =
        environment_variable("NO_COLOR").empty() && environment_variable("TERM") != "dumb";
    return screen;
}

std::string painted(const Screen& screen, Colour colour, std::string_view text)
{
    const std::string_view code = code_of(colour);
    if (!screen.colour || code.empty()) return std::string(text);
    return std::string(code).append(text).append("\033[0m");
}

Colour colour_of_state(std::string_view state)
{
    if (state == "success") return Colour::green;
    if (state == "running") return Colour::cyan;
    if (state == "planned" || state == "revoked") return Colour::dim;
    if (state == "skipped") return Colour::yellow;
    return Colour::red;
}

}  // namespace peercron
