#include "cli/field_text.hpp"

#include "base/overloaded.hpp"
#include "cli/moments.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>

#include <chrono>
#include <cstdint>
#include <variant>
#include <vector>

namespace peercron {

namespace json = boost::json;

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

std::string number_text(const FieldKind& kind, std::int64_t number)
{
    return std::visit(
        Overloaded{
            [number](const kind::Moment&) {
                return number == 0 ? "none" : utc_text(sys_seconds(seconds(number)));
            },
            [number](const kind::Duration&) { return duration_text(seconds(number)); },
            [number](const kind::Window&) { return duration_text(seconds(number)); },
            [number](const auto&) { return std::to_string(number); },
        },
        kind);
}

}  // namespace

std::string field_text(const JobField& field, const Job& job)
{
    return std::visit(Overloaded{
                          [](std::monostate) { return std::string("default"); },
                          [](bool flag) { return std::string(flag ? "true" : "false"); },
                          [&field](std::int64_t number) { return number_text(field.kind, number); },
                          [](const std::string& text) { return text; },
                          [](const std::vector<std::string>& words) {
                              return fmt::format("{}", fmt::join(words, ", "));
                          },
                      },
                      shown_value(field, job));
}

json::value parameter_value(const JobField& field, const Job& job)
{
    return std::visit(Overloaded{
                          [](std::monostate) { return json::value("default"); },
                          [](const std::vector<std::string>& words) {
                              return json::value(json::array(words.begin(), words.end()));
                          },
                          [](const auto& one) { return json::value(one); },
                      },
                      shown_value(field, job));
}

void read_row_value(const JobField& field, Job& job, const json::value& value)
{
    if (const auto* const flag = value.if_bool()) {
        assign(field, job, *flag);
    } else if (const auto* const number = value.if_int64()) {
        assign(field, job, *number);
    } else if (const auto* const text = value.if_string()) {
        assign(field, job, std::string(text->data(), text->size()));
    } else if (const auto* const list = value.if_array()) {
        std::vector<std::string> words;
        for (const json::value& word : *list) {
            if (word.is_string()) words.emplace_back(word.get_string().c_str());
        }
        assign(field, job, std::move(words));
    }
}

}  // namespace peercron
