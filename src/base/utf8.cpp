#include "base/utf8.hpp"

#include "base/visible_text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

constexpr std::size_t quoted_length = 60;

bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0U) == 0x80U;
}

/// The length of the well-formed character at the start of `text`, 0 when there is none.
std::size_t character_length(std::string_view text)
{
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80U) return 1;
    // Table 3-7 of the Unicode standard: the second byte's range depends on the first.
    std::size_t length = 0;
    unsigned char low = 0x80U;
    unsigned char high = 0xBFU;
    if (lead >= 0xC2U && lead <= 0xDFU) {
        length = 2;
    } else if (lead >= 0xE0U && lead <= 0xEFU) {
        length = 3;
        if (lead == 0xE0U) low = 0xA0U;
        if (lead == 0xEDU) high = 0x9FU;
    } else if (lead >= 0xF0U && lead <= 0xF4U) {
        length = 4;
        if (lead == 0xF0U) low = 0x90U;
        if (lead == 0xF4U) high = 0x8FU;
    } else {
        return 0;
    }
    if (text.size() < length || byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if (!is_continuation(byte(i))) return 0;
    }
    return length;
}

}  // namespace

Utf8Character first_character(std::string_view text)
{
    const std::size_t length = character_length(text);
    if (length <= 1) return {length, static_cast<unsigned char>(text.front())};
    char32_t code = static_cast<unsigned char>(text.front()) & (0xFFU >> (length + 1));
    for (const char next : text.substr(1, length - 1)) {
        code = code << 6U | (static_cast<unsigned char>(next) & 0x3FU);
    }
    return {length, code};
}

bool is_utf8(std::string_view text)
{
    while (!text.empty()) {
        const std::size_t length = character_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::size_t count_characters(std::string_view utf8)
{
    const auto starts = [](char c) { return !is_continuation(static_cast<unsigned char>(c)); };
    return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), starts));
}

std::string quote_utf8(std::string_view given)
{
    std::string quoted = "\"";
    std::string_view rest = given;
    while (!rest.empty()) {
        if (given.size() - rest.size() >= quoted_length) {
            quoted += "…";
            break;
        }
        const Utf8Character character = first_character(rest);
        const std::size_t length = std::max<std::size_t>(character.length, 1);
        if (character.length > 0 && !is_made_visible(character.code)) {
            quoted += rest.substr(0, length);
        } else if (length == 1) {
            quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(rest.front()));
        } else {
            quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(character.code));
        }
        rest.remove_prefix(length);
    }
    return quoted + '"';
}

void cut_utf8(std::string& text, std::size_t most)
{
    constexpr std::size_t longest = 4;
    if (text.size() > most) text.resize(most);
    for (std::size_t taken = 1; taken <= std::min(longest, text.size()); ++taken) {
        const std::string_view last = std::string_view(text).substr(text.size() - taken);
        const auto lead = static_cast<unsigned char>(last.front());
        if ((lead & 0xC0U) == 0x80U) continue;  // goes on with a character
        if (!is_utf8(last)) text.resize(text.size() - taken);
        return;
    }
}

std::string_view first_characters(std::string_view text, std::size_t count)
{
    std::size_t end = 0;
    while (end < text.size() && count > 0) {
        ++end;
        while (end < text.size() && is_continuation(static_cast<unsigned char>(text[end]))) ++end;
        --count;
    }
    return text.substr(0, end);
}

}  // namespace peercron
