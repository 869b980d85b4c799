#include "cli/job_arguments.hpp"

#include "base/overloaded.hpp"
#include "base/units.hpp"
#include "base/utf8.hpp"
#include "cli/job_options.hpp"
#include "cli/moments.hpp"
#include "cli/shell_quote.hpp"
#include "model/job_fields.hpp"
#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace peercron {

namespace json = boost::json;
using std::chrono::sys_seconds;

namespace {

/// Collects the parameters; keeps the first mistake.
class Collector {
public:
    explicit Collector(sys_seconds now) : now_(now) {}

    void field(const JobField& field, const std::string& given)
    {
        const std::string_view option = option_of(field).option;
        const std::string_view name = field.parameter_name();
        std::visit(Overloaded{
                       [&](const kind::Flag&) { parameters_[name] = given == "true"; },
                       [&](const kind::Count&) { count(option, name, given); },
                       [&](const kind::Number& kind) { number(option, name, given, kind); },
                       [&](const kind::Moment&) { bound(option, name, given); },
                       [&](const kind::Duration&) { duration(option, name, given); },
                       [&](const kind::Millis&) { millis(option, name, given); },
                       [&](const kind::Window&) {
                           const bool is_word = given == "default" || given == until_next_name;
                           is_word ? text(option, name, given) : duration(option, name, given);
                       },
                       [&](const kind::Choice& kind) { choice(option, name, given, kind.words); },
                       [&](const auto&) { text(option, name, given); },
                   },
                   field.kind);
    }

    void text(std::string_view option, std::string_view name, const std::string& given)
    {
        if (is_utf8(given)) {
            parameters_[name] = given;
        } else {
            refuse(option, Error{quote_utf8(given) + " is not UTF-8"});
        }
    }

    void duration(std::string_view option, std::string_view name, const std::string& given)
    {
        const auto read = read_duration(given);
        if (read) {
            parameters_[name] = std::to_string(read->count());
        } else {
            refuse(option, read.error());
        }
    }

    /// 0 needs no unit.
    void millis(std::string_view option, std::string_view name, const std::string& given)
    {
        const auto read =
            given == "0" ? std::optional(std::chrono::milliseconds(0)) : parse_duration(given);
        if (read) {
            parameters_[name] = std::int64_t{read->count()};
        } else {
            refuse(option,
                   Error{quote(given) + " is not a whole number with its unit, as 50ms, 2s or 1m"});
        }
    }

    void moment(std::string_view option, std::string_view name, const std::string& given)
    {
        const auto read = read_moment(given, now_);
        if (read) {
            parameters_[name] = utc_text(*read);
        } else {
            refuse(option, read.error());
        }
    }

    void refuse(std::string_view option, const Error& why)
    {
        if (!refused_) refused_ = Error{fmt::format("{}: {}", option, why.message)};
    }

    Result<json::object> take()
    {
        if (refused_) return *refused_;
        return std::move(parameters_);
    }

private:
    void count(std::string_view option, std::string_view name, const std::string& given)
    {
        std::int64_t number = 0;
        const char* const end = given.data() + given.size();
        const auto [rest, error] = std::from_chars(given.data(), end, number);
        if (error != std::errc() || rest != end || number < 0) {
            refuse(option, Error{quote(given) + " is not a whole number from 0 on"});
        } else {
            parameters_[name] = number;
        }
    }

    void number(std::string_view option, std::string_view name, const std::string& given,
                const kind::Number& allowed)
    {
        std::int64_t number = 0;
        const char* const end = given.data() + given.size();
        const auto [rest, error] = std::from_chars(given.data(), end, number);
        if (error != std::errc() || rest != end || number < allowed.least ||
            number > allowed.most) {
            refuse(option, Error{fmt::format("{} is not a whole number from {} to {}", quote(given),
                                             allowed.least, allowed.most)});
        } else {
            parameters_[name] = number;
        }
    }

    void choice(std::string_view option, std::string_view name, const std::string& given,
                std::span<const std::string_view> words)
    {
        if (std::ranges::find(words, given) != words.end()) {
            parameters_[name] = given;
        } else {
            refuse(option,
                   Error{fmt::format("{} is not one of {}", quote(given), fmt::join(words, ", "))});
        }
    }

    /// 0 and "none" leave the side open. The table has the window's begin before its end.
    void bound(std::string_view option, std::string_view name, const std::string& given)
    {
        if (given == "none") {
            parameters_[name] = 0;
            return;
        }
        const auto read = read_moment(given, now_, begin_);
        if (read) {
            parameters_[name] = std::int64_t{read->time_since_epoch().count()};
            begin_ = *read;
        } else {
            refuse(option, Error{read.error().message + "; none = no limit"});
        }
    }

    sys_seconds now_;
    std::optional<sys_seconds> begin_;  ///< the window's, where it was given
    json::object parameters_;
    std::optional<Error> refused_;
};

int count_schedules(const JobArguments& given)
{
    return int{given.fields.contains("cron_set")} + int{given.every.has_value()} +
           int{given.at.has_value()} + int{given.after.has_value()};
}

}  // namespace

Result<json::object> job_parameters(const JobArguments& given, sys_seconds now)
{
    if (count_schedules(given) > 1) {
        return Error{"give only one of --cron, --every, --at and --after"};
    }
    if (given.fields.contains("command") && !given.words.empty()) {
        return Error{"the command was given twice: with --command and after --"};
    }
    Collector collector(now);
    if (given.every) collector.duration("--every", "every", *given.every);
    if (given.at) collector.moment("--at", "at", *given.at);
    if (given.after) collector.duration("--after", "after", *given.after);
    if (!given.words.empty()) collector.text("--", "command", shell_join(given.words));
    for (const JobField& field : job_fields) {
        const auto found = given.fields.find(field.name);
        if (found != given.fields.end()) collector.field(field, found->second);
    }
    return collector.take();
}

Result<json::object> new_job_parameters(const JobArguments& given, sys_seconds now)
{
    const auto kind = given.fields.find("kind");
    const bool is_daemon =
        kind != given.fields.end() && kind->second == policy_name(JobKind::daemon);
    const bool is_chained = given.fields.contains("run_after");
    if (count_schedules(given) == 0 && !is_daemon && !is_chained) {
        return Error{
            "the schedule is missing: give one of --cron '*/5 * * * *', --every 30s, --after 10m "
            "and --at 2027-01-01T00:00:00Z; or --run-after JOB, or --kind daemon to keep the "
            "command alive"};
    }
    const bool has_command = given.fields.contains("command") || !given.words.empty();
    if (!has_command && !given.fields.contains("kind") && !given.fields.contains("http_url")) {
        return Error{
            "the command is missing: give --command 'backup.sh --all', or its words after --; or "
            "for a request --http-url https://example.com/health"};
    }
    return job_parameters(given, now);
}

}  // namespace peercron
