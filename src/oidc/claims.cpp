#include "oidc/claims.hpp"

#include <boost/json.hpp>

#include <cmath>
#include <cstdint>
#include <utility>

namespace peercron {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text)
{
    json::error_code bad;
    json::value whole = json::parse(json::string_view(text.data(), text.size()), bad);
    if (bad || !whole.is_object()) return std::nullopt;
    return std::move(whole.get_object());
}

std::optional<std::string> text_claim(const json::object& claims, std::string_view name)
{
    const json::value* const value = claims.if_contains(name);
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return std::string(value->get_string());
}

std::optional<std::vector<std::string>> list_claim(const json::object& claims,
                                                   std::string_view name)
{
    const json::value* const value = claims.if_contains(name);
    if (value == nullptr) return std::nullopt;
    std::vector<std::string> texts;
    if (value->is_string()) texts.emplace_back(value->get_string());
    if (!value->is_array()) return texts;
    for (const json::value& one : value->get_array()) {
        if (one.is_string()) texts.emplace_back(one.get_string());
    }
    return texts;
}

std::optional<std::chrono::sys_seconds> time_claim(const json::object& claims,
                                                   std::string_view name)
{
    constexpr double latest = 1e11;  // as far as the arithmetic below is safe: the year 5138
    const json::value* const value = claims.if_contains(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    const auto seconds = value->to_number<double>();
    if (!(seconds >= 0) || seconds > latest) return std::nullopt;
    return std::chrono::sys_seconds(
        std::chrono::seconds(static_cast<std::int64_t>(std::floor(seconds))));
}

}  // namespace peercron
