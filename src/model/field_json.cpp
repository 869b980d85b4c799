#include "model/field_json.hpp"

#include "base/overloaded.hpp"

#include <boost/json/array.hpp>
#include <boost/json/string.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace peercron {

namespace json = boost::json;

namespace {

std::string text_of(const json::string& text)
{
    return {text.data(), text.size()};
}

}  // namespace

json::value to_json(const FieldValue& value)
{
    return std::visit(Overloaded{
                          [](std::monostate) { return json::value(); },
                          [](const std::vector<std::string>& words) {
                              return json::value(json::array(words.begin(), words.end()));
                          },
                          [](const auto& one) { return json::value(one); },
                      },
                      value);
}

std::optional<FieldValue> from_json(const json::value& value)
{
    if (value.is_null()) return FieldValue();
    if (value.is_bool()) return value.get_bool();
    if (value.is_string()) return text_of(value.get_string());
    if (value.is_number()) {
        boost::system::error_code error;
        const auto number = value.to_number<std::int64_t>(error);
        if (error) return std::nullopt;
        return number;
    }
    if (!value.is_array()) return std::nullopt;
    std::vector<std::string> words;
    for (const json::value& word : value.get_array()) {
        if (!word.is_string()) return std::nullopt;
        words.push_back(text_of(word.get_string()));
    }
    return words;
}

}  // namespace peercron
