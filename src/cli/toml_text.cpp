#include "cli/toml_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstddef>

namespace peercron {
namespace {

bool is_control(char c)
{
    return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
}

/// A character as it stands in a basic string of TOML.
std::string escaped(char c)
{
    switch (c) {
        case '"':
            return "\\\"";
        case '\\':
            return "\\\\";
        case '\n':
            return "\\n";
        case '\r':
            return "\\r";
        case '\t':
            return "\\t";
        default:
            break;
    }
    if (is_control(c)) return fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    return {c};
}

/// On a line for each of its own.
std::string toml_lines(std::string_view text)
{
    std::string quoted = "\"\"\"\n";
    char before = '\0';
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        // Three in a row would end it; so would one right before the end.
        const bool harmless = c == '"' && before != '"' && i + 1 < text.size();
        if (c == '\n' || harmless) {
            quoted += c;
        } else {
            quoted += escaped(c);
        }
        before = c;
    }
    return quoted + "\"\"\"";
}

}  // namespace

std::string toml_line(std::string_view text)
{
    const bool has_escapes = text.find_first_of("\"\\") != std::string_view::npos;
    const bool fits_literal =
        text.find('\'') == std::string_view::npos && std::ranges::none_of(text, is_control);
    if (has_escapes && fits_literal) return fmt::format("'{}'", text);
    std::string quoted = "\"";
    for (const char c : text) quoted += escaped(c);
    quoted += '"';
    return quoted;
}

std::string toml_text(std::string_view text)
{
    return text.find('\n') == std::string_view::npos ? toml_line(text) : toml_lines(text);
}

std::string toml_key(const std::string& name)
{
    constexpr std::string_view bare =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const bool is_bare = name.find_first_not_of(bare) == std::string::npos;
    return is_bare ? name : toml_line(name);
}

}  // namespace peercron
