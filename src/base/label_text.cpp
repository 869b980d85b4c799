#include "base/label_text.hpp"

#include <algorithm>

namespace peercron {
namespace {

bool is_label_word(std::string_view text)
{
    static constexpr std::string_view marks = "_.-:/@[]";
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               marks.find(c) != std::string_view::npos;
    });
}

}  // namespace

bool is_label(std::string_view text)
{
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return is_label_word(text);
    return is_label_word(text.substr(0, equals)) && is_label_word(text.substr(equals + 1));
}

bool is_own_label(std::string_view label)
{
    return label.starts_with("host=") || label.starts_with("address=");
}

}  // namespace peercron
