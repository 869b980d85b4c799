#include "insight/badge.hpp"

#include "base/markup.hpp"
#include "base/utf8.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

constexpr std::size_t longest_text = 60;

/// About what a text takes, in pixels: characters outside ASCII are wide.
std::size_t width_of(std::string_view text)
{
    constexpr std::size_t narrow = 7;
    constexpr std::size_t wide = 12;
    constexpr std::size_t margin = 10;
    const auto ascii = static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x80U; }));
    return ascii * narrow + (count_characters(text) - ascii) * wide + margin;
}

}  // namespace

std::string badge(std::string_view name, std::string_view word, std::string_view colour)
{
    name = first_characters(name, longest_text);
    word = first_characters(word, longest_text);
    const std::size_t left = width_of(name);
    const std::size_t right = width_of(word);
    return fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="20" role="img")"
        R"( aria-label="{3}: {4}"><title>{3}: {4}</title>)"
        R"(<rect width="{1}" height="20" fill="#555"/>)"
        R"(<rect x="{1}" width="{2}" height="20" fill="{5}"/>)"
        R"(<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11")"
        R"( text-anchor="middle"><text x="{6}" y="14">{3}</text>)"
        R"(<text x="{7}" y="14">{4}</text></g></svg>)",
        left + right, left, right, escape_markup(name), escape_markup(word), colour, left / 2,
        left + right / 2);
}

}  // namespace peercron
