#include "cli/job_arguments.hpp"

#include "base/utf8.hpp"
#include "cli/moments.hpp"
#include "cli/shell_quote.hpp"
#include "model/policy.hpp"
#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <cstdint>
#include <string_view>

namespace peercron {

namespace json = boost::json;
using std::chrono::sys_seconds;

namespace {

/// Collects the parameters; keeps the first mistake.
class Collector {
public:
    explicit Collector(sys_seconds now) : now_(now) {}

    void text(const char* option, const char* name, const std::optional<std::string>& given)
    {
        if (!given) return;
        if (is_utf8(*given)) {
            fields_[name] = *given;
        } else {
            refuse(option, Error{quote_utf8(*given) + " is not UTF-8"});
        }
    }

    void flag(const char* name, std::optional<bool> given)
    {
        if (given) fields_[name] = *given;
    }

    void duration(const char* option, const char* name, const std::optional<std::string>& given)
    {
        if (!given) return;
        const auto read = read_duration(*given);
        if (read) {
            fields_[name] = std::to_string(read->count());
        } else {
            refuse(option, read.error());
        }
    }

    void count(const char* option, const char* name, const std::optional<std::string>& given)
    {
        if (!given) return;
        std::int64_t number = 0;
        const char* const end = given->data() + given->size();
        const auto [rest, error] = std::from_chars(given->data(), end, number);
        if (error != std::errc() || rest != end || number < 0) {
            refuse(option, Error{quote(*given) + " is no whole number from 0 on"});
        } else {
            fields_[name] = number;
        }
    }

    template <class Policy>
    void policy(const char* option, const char* name, const std::optional<std::string>& given)
    {
        if (!given) return;
        if (parse_policy<Policy>(*given)) {
            fields_[name] = *given;
        } else {
            refuse(option,
                   Error{fmt::format("{} is none of {}", quote(*given), policy_list<Policy>())});
        }
    }

    /// 0 and "none" leave the side open.
    void bound(const char* option, const char* name, const std::optional<std::string>& given)
    {
        if (!given) return;
        if (*given == "none") {
            fields_[name] = 0;
            return;
        }
        const auto read = read_moment(*given, now_);
        if (read) {
            fields_[name] = std::int64_t{read->time_since_epoch().count()};
        } else {
            refuse(option, Error{read.error().message + "; none leaves it open"});
        }
    }

    void moment(const char* option, const char* name, const std::optional<std::string>& given)
    {
        if (!given) return;
        const auto read = read_moment(*given, now_);
        if (read) {
            fields_[name] = utc_text(*read);
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
        return std::move(fields_);
    }

private:
    sys_seconds now_;
    json::object fields_;
    std::optional<Error> refused_;
};

int count_schedules(const JobArguments& given)
{
    return int{given.cron.has_value()} + int{given.every.has_value()} + int{given.at.has_value()} +
           int{given.after.has_value()};
}

}  // namespace

Result<json::object> job_fields(const JobArguments& given, sys_seconds now)
{
    if (count_schedules(given) > 1) {
        return Error{"only one of --cron, --every, --at and --after can be the schedule"};
    }
    if (given.command && !given.words.empty()) {
        return Error{"the command was given twice: with --command and after --"};
    }
    Collector collector(now);
    collector.text("--cron", "cronSet", given.cron);
    collector.duration("--every", "every", given.every);
    collector.moment("--at", "at", given.at);
    collector.duration("--after", "after", given.after);
    collector.text("--command", "command", given.command);
    if (!given.words.empty()) collector.text("--", "command", shell_join(given.words));
    collector.text("--name", "name", given.name);
    collector.text("--remark", "remark", given.remark);
    collector.count("--limit", "run_limit", given.limit);
    collector.duration("--timeout", "timeout", given.timeout);
    collector.text("--tz", "time_zone", given.time_zone);
    collector.bound("--start", "start_time", given.start);
    collector.bound("--end", "end_time", given.end);
    if (given.misfire_window == "default" || given.misfire_window == until_next_name) {
        collector.text("--misfire-window", "misfire_window", given.misfire_window);
    } else {
        collector.duration("--misfire-window", "misfire_window", given.misfire_window);
    }
    collector.policy<Delivery>("--delivery", "delivery", given.delivery);
    collector.policy<Misfire>("--misfire-policy", "misfire_policy", given.misfire_policy);
    collector.policy<Overlap>("--overlap", "overlap", given.overlap);
    collector.count("--max-concurrent", "max_concurrent", given.max_concurrent);
    collector.flag("is_mutex", given.mutex);
    collector.flag("stop", given.stop);
    return collector.take();
}

Result<json::object> new_job_fields(const JobArguments& given, sys_seconds now)
{
    if (count_schedules(given) == 0) {
        return Error{
            "when is it to run? Give one of --cron '*/5 * * * *', --every 30s, --after 10m and "
            "--at 2027-01-01T00:00:00Z"};
    }
    if (!given.command && given.words.empty()) {
        return Error{"what is to run? Give --command 'backup.sh --all', or the words after --"};
    }
    return job_fields(given, now);
}

}  // namespace peercron
