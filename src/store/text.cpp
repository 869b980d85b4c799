#include "store/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

bool continues_character(char byte)
{
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

}  // namespace

std::string like_pattern(std::string_view part)
{
    std::string pattern = "%";
    for (const char c : part) {
        if (c == '%' || c == '_' || c == '|') pattern += '|';
        pattern += c;
    }
    pattern += '%';
    return pattern;
}

std::string cut_middle(std::string_view text, std::size_t limit)
{
    if (text.size() <= limit) return std::string(text);
    constexpr std::size_t longest_mark = 80;
    const std::size_t kept = limit > longest_mark ? limit - longest_mark : 0;
    std::size_t head = kept / 2;
    while (head > 0 && continues_character(text[head])) --head;
    std::size_t tail = text.size() - kept / 2;
    while (tail < text.size() && continues_character(text[tail])) ++tail;
    return fmt::format("{}\n[… {} bytes cut to fit into the database …]\n{}", text.substr(0, head),
                       tail - head, text.substr(tail));
}

std::string plain_ascii(std::string_view text)
{
    std::string plain(text);
    const auto is_plain = [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t'; };
    std::replace_if(plain.begin(), plain.end(), std::not_fn(is_plain), '?');
    return plain;
}

}  // namespace peercron
