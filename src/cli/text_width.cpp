#include "cli/text_width.hpp"

#include "base/visible_text.hpp"

#include <algorithm>
#include <clocale>
#include <cwchar>

#include <locale.h>

namespace peercron {
namespace {

struct Character {
    std::size_t bytes = 1;
    char32_t code = 0xFFFD;
};

/// The first character of a text that is not empty.
Character first_of(std::string_view text)
{
    const auto lead = static_cast<unsigned char>(text.front());
    if (lead < 0x80) return {1, lead};
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (bytes == 1 || lead > 0xF7 || text.size() < bytes) return {};
    char32_t code = lead & (0xFFU >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xC0U) != 0x80) return {};
        code = code << 6U | (next & 0x3FU);
    }
    return {bytes, code};
}

/// The widths come from glibc's C.UTF-8, which is always there, whatever the user's locale is.
std::size_t width_of(char32_t code)
{
    if (code >= 0x20 && code < 0x7F) return 1;
    static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (utf8 == nullptr) return 1;
    const locale_t before = ::uselocale(utf8);
    const int width = ::wcwidth(static_cast<wchar_t>(code));
    ::uselocale(before);
    return width < 0 ? 1 : static_cast<std::size_t>(width);
}

}  // namespace

std::size_t display_width(std::string_view text)
{
    std::size_t width = 0;
    while (!text.empty()) {
        const Character character = first_of(text);
        width += width_of(character.code);
        text.remove_prefix(character.bytes);
    }
    return width;
}

std::string cut_to_width(std::string_view text, std::size_t width)
{
    if (display_width(text) <= width) return std::string(text);
    if (width == 0) return {};
    std::size_t taken = 0;
    std::size_t used = 0;
    while (taken < text.size()) {
        const Character character = first_of(text.substr(taken));
        const std::size_t more = width_of(character.code);
        if (used + more > width - 1) break;
        used += more;
        taken += character.bytes;
    }
    return std::string(text.substr(0, taken)) + "…";
}

std::string one_line(std::string_view text)
{
    const std::size_t end = text.find_last_not_of(" \t\r\n");
    return visible_text(text.substr(0, end == std::string_view::npos ? 0 : end + 1),
                        Breaks::to_spaces);
}

std::string many_lines(std::string_view text)
{
    return visible_text(text, Breaks::keep);
}

std::string wrapped(std::string_view words, std::size_t width)
{
    std::string text;
    std::size_t column = 0;
    while (!words.empty()) {
        const std::size_t end = std::min(words.find(' '), words.size());
        const std::string_view word = words.substr(0, end);
        if (column > 0) {
            const bool fits = column + 1 + word.size() <= width;
            text += fits ? ' ' : '\n';
            column = fits ? column + 1 : 0;
        }
        text += word;
        column += word.size();
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return text;
}

}  // namespace peercron
