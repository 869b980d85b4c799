#include "base/visible_text.hpp"

#include "base/utf8.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

bool is_plain(char c)
{
    return c >= ' ' && c < '\x7F';
}

void append_break(std::string& text, char c, Breaks breaks)
{
    if (breaks == Breaks::to_spaces) {
        text += ' ';
    } else {
        text += c;
        if (c == '\n' && breaks == Breaks::indent) text += "    ";
    }
}

}  // namespace

bool is_made_visible(char32_t c)
{
    const auto is_within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
    return c < 0x20 || is_within(0x7F, 0x9F) || c == 0x061C || is_within(0x200B, 0x200F) ||
           is_within(0x2028, 0x202E) || is_within(0x2066, 0x2069) || c == 0xFEFF;
}

std::string visible_text(std::string_view text, Breaks breaks)
{
    if (std::ranges::all_of(text, is_plain)) return std::string(text);
    std::string seen;
    seen.reserve(text.size());
    while (!text.empty()) {
        const Utf8Character character = first_character(text);
        const std::string_view bytes = text.substr(0, std::max<std::size_t>(character.length, 1));
        const auto byte = static_cast<unsigned char>(bytes.front());
        text.remove_prefix(bytes.size());
        if (character.length == 0) {
            if (byte < 0xA0) {
                seen += fmt::format("<{:02X}>", byte);
            } else {
                seen += bytes;
            }
        } else if (!is_made_visible(character.code)) {
            seen += bytes;
        } else if (byte == '\n' || byte == '\t') {
            append_break(seen, bytes.front(), breaks);
        } else if (byte == '\r') {
            if (!text.starts_with('\n')) seen += "^M";
        } else if (byte < 0x80) {
            seen += '^';
            seen += static_cast<char>(byte ^ 0x40U);
        } else {
            seen += fmt::format("<U+{:04X}>", static_cast<unsigned>(character.code));
        }
    }
    return seen;
}

}  // namespace peercron
