#include "cli/answer_fields.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {

namespace json = boost::json;

namespace {

const json::array& no_elements()
{
    static const json::array none;
    return none;
}

}  // namespace

const json::value* AnswerFields::find(std::string_view name) const
{
    return object_ != nullptr ? object_->if_contains({name.data(), name.size()}) : nullptr;
}

std::string AnswerFields::text(std::string_view name) const
{
    const json::value* const value = find(name);
    const json::string* const string = value != nullptr ? value->if_string() : nullptr;
    return string != nullptr ? std::string(string->data(), string->size()) : std::string();
}

std::optional<std::int64_t> AnswerFields::number(std::string_view name) const
{
    const json::value* const value = find(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    boost::system::error_code error;
    const auto number = value->to_number<std::int64_t>(error);
    if (error) return std::nullopt;
    return number;
}

std::int64_t AnswerFields::number_or(std::string_view name, std::int64_t otherwise) const
{
    return number(name).value_or(otherwise);
}

std::optional<double> AnswerFields::real(std::string_view name) const
{
    const json::value* const value = find(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
}

bool AnswerFields::flag(std::string_view name) const
{
    const json::value* const value = find(name);
    return value != nullptr && value->is_bool() && value->get_bool();
}

std::optional<WallTime> AnswerFields::millis(std::string_view name) const
{
    const auto given = number(name);
    if (!given) return std::nullopt;
    return from_unix_millis(*given);
}

std::string AnswerFields::number_text(std::string_view name) const
{
    const auto given = number(name);
    return given ? std::to_string(*given) : std::string();
}

std::optional<AnswerFields> AnswerFields::object(std::string_view name) const
{
    const json::value* const value = find(name);
    if (value == nullptr || !value->is_object()) return std::nullopt;
    return AnswerFields(*value);
}

const json::array& AnswerFields::list(std::string_view name) const
{
    const json::value* const value = find(name);
    const json::array* const array = value != nullptr ? value->if_array() : nullptr;
    return array != nullptr ? *array : no_elements();
}

std::vector<std::string> AnswerFields::texts(std::string_view name) const
{
    std::vector<std::string> texts;
    for (const json::value& value : list(name)) {
        if (value.is_string()) texts.emplace_back(value.get_string());
    }
    return texts;
}

std::string AnswerFields::joined_texts(std::string_view name, std::string_view separator) const
{
    return fmt::format("{}", fmt::join(texts(name), separator));
}

const json::array& rows_of(const json::value& data)
{
    if (const json::array* const array = data.if_array()) return *array;
    return AnswerFields(data).list("list");
}

}  // namespace peercron
