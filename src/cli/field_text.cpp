#include "cli/field_text.hpp"

#include "base/overloaded.hpp"
#include "base/units.hpp"
#include "cli/moments.hpp"
#include "model/field_json.hpp"
#include "model/job_kinds.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <cstdint>
#include <utility>
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
            [number](const kind::Millis&) {
                return format_duration(std::chrono::milliseconds(number));
            },
            [number](const kind::Window&) { return duration_text(seconds(number)); },
            [number](const kind::Size&) { return format_size(static_cast<std::size_t>(number)); },
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
                          [&field](const std::vector<std::string>& list) {
                              const bool is_lines = std::holds_alternative<kind::Lines>(field.kind);
                              return is_lines ? join_lines(list)
                                              : fmt::format("{}", fmt::join(list, ", "));
                          },
                      },
                      shown_value(field, job));
}

std::string what_it_does(const Job& job)
{
    if (job.kind != JobKind::http) return job.command;
    return fmt::format("{} {}", policy_name(method_of(job)), job.http_url.get());
}

json::value parameter_value(const JobField& field, const Job& job)
{
    const FieldValue value = shown_value(field, job);
    // Null would be as if it were not given.
    return std::holds_alternative<std::monostate>(value) ? json::value("default") : to_json(value);
}

void read_row_value(const JobField& field, Job& job, const json::value& value)
{
    if (auto read = from_json(value)) assign(field, job, *std::move(read));
}

}  // namespace peercron
