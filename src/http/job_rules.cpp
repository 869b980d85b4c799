#include "http/job_rules.hpp"

#include "base/utf8.hpp"
#include "http/time_text.hpp"
#include "model/job_rules.hpp"
#include "schedule/rfc3339.hpp"
#include "schedule/schedule.hpp"
#include "schedule/zone_prefix.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>

namespace peercron {
namespace {

constexpr std::array<Param, 19> job_params{{
    {.name = "cronSet", .alias = "cron_set"},
    {.name = "command"},
    {.name = "remark"},
    {.name = "stop", .type = ParamType::boolean},
    {.name = "start_time", .type = ParamType::integer},
    {.name = "end_time", .type = ParamType::integer},
    {.name = "is_mutex", .type = ParamType::boolean},
    {.name = "time_zone"},
    {.name = "timeout", .type = ParamType::integer},
    {.name = "name"},
    {.name = "run_limit", .type = ParamType::integer},
    {.name = "misfire_window", .type = ParamType::amount},
    {.name = "delivery"},
    {.name = "misfire_policy"},
    {.name = "overlap"},
    {.name = "max_concurrent", .type = ParamType::integer},
    {.name = "at", .type = ParamType::time},
    {.name = "after", .type = ParamType::amount},
    {.name = "every", .type = ParamType::amount},
}};

constexpr auto params_of_add()
{
    std::array<Param, job_params.size() + 1> all{};
    for (std::size_t i = 0; i < job_params.size(); ++i) {
        all[i] = job_params[i];
        if (all[i].name == "command") all[i].required = true;
    }
    all.back() = {.name = "replace", .type = ParamType::boolean};
    return all;
}

constexpr auto params_of_update()
{
    std::array<Param, job_params.size() + 1> all{};
    all[0] = {.name = "id", .type = ParamType::integer, .required = true};
    for (std::size_t i = 0; i < job_params.size(); ++i) all[i + 1] = job_params[i];
    return all;
}

constexpr auto of_add = params_of_add();
constexpr auto of_update = params_of_update();

/// A time as "90s" or "1h30m", or in seconds.
std::chrono::seconds read_duration(std::string_view name, const std::string& text)
{
    const bool plain = text.find_first_not_of("0123456789") == std::string::npos;
    const auto every = Expression::parse(fmt::format("@every {}{}", text, plain ? "s" : ""), 0);
    if (!every || text.empty()) {
        refuse(
            fmt::format("{}: given {}; a time such as 90s, 15m or 1h30m is allowed, from 1s to "
                        "365 days, or whole seconds",
                        name, quote_utf8(text)));
    }
    return *every->interval();
}

std::string once_at(std::chrono::sys_seconds time)
{
    return fmt::format("@at {:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

/// What cronSet, at, after and every come to: one of them may be given.
std::optional<std::string> read_schedule(const Params& params, WallTime now)
{
    std::string_view given;
    for (const std::string_view name : {"cronSet", "at", "after", "every"}) {
        if (!params.text(name)) continue;
        if (!given.empty()) {
            refuse(fmt::format("{}: given together with {}; a job has one schedule", name, given));
        }
        given = name;
    }
    if (given == "at") {
        const auto time = std::chrono::ceil<std::chrono::seconds>(*params.time("at"));
        if (time <= now) {
            refuse(fmt::format("at: given {:%Y-%m-%dT%H:%M:%SZ}, which is past",
                               fmt::gmtime(std::chrono::system_clock::to_time_t(time))));
        }
        return once_at(time);
    }
    if (given == "after") {
        const auto delay = read_duration("after", *params.text("after"));
        return once_at(std::chrono::ceil<std::chrono::seconds>(now) + delay);
    }
    if (given == "every") {
        const std::string text = *params.text("every");
        return fmt::format("@every {}s", read_duration("every", text).count());
    }
    return params.text("cronSet");
}

/// A zone that stands in the expression is the job's.
void take_zone_from_expression(JobPatch& patch)
{
    if (!patch.cron_set) return;
    auto split = split_zone(*patch.cron_set);
    if (!split) return;
    if (split->zone.empty()) {
        refuse(fmt::format("cronSet: given {}, where the zone after the = is missing",
                           quote_utf8(*patch.cron_set)));
    }
    if (patch.time_zone && !patch.time_zone->empty() && *patch.time_zone != split->zone) {
        refuse(fmt::format("cronSet: names the time zone {}, and time_zone is {}; give one of them",
                           quote_utf8(split->zone), quote_utf8(*patch.time_zone)));
    }
    patch.cron_set = std::move(split->expression);
    patch.time_zone = std::move(split->zone);
}

/// "" and "default" stand for the configured window.
std::optional<std::optional<std::chrono::seconds>> read_misfire_window(const Params& params)
{
    const auto text = params.text("misfire_window");
    if (!text) return std::nullopt;
    if (text->empty() || *text == "default") return std::optional<std::chrono::seconds>();
    if (*text == until_next_name) return until_next;
    std::int64_t seconds = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, bad] = std::from_chars(text->data(), end, seconds);
    if (stop != end || bad != std::errc() || seconds < 0 || seconds > JobLimits::longest_time) {
        refuse(
            fmt::format("misfire_window: given {}; whole seconds from 0 (no limit) to {}, "
                        "\"until_next\" or \"default\" are allowed",
                        quote_utf8(*text), JobLimits::longest_time));
    }
    return std::chrono::seconds(seconds);
}

template <class Policy>
std::optional<Policy> read_policy(const Params& params, std::string_view name)
{
    const auto text = params.text(name);
    if (!text) return std::nullopt;
    const auto policy = parse_policy<Policy>(*text);
    if (!policy) {
        refuse(fmt::format("{}: given {}; one of {} is allowed", name, quote_utf8(*text),
                           policy_list<Policy>()));
    }
    return policy;
}

std::string_view zone_of(const Job& job, std::string_view default_zone)
{
    return job.time_zone.empty() ? default_zone : std::string_view(job.time_zone);
}

}  // namespace

std::span<const Param> add_params()
{
    return of_add;
}
std::span<const Param> update_params()
{
    return of_update;
}

JobPatch read_job_patch(const Params& params, WallTime now)
{
    JobPatch patch;
    patch.name = params.text("name");
    patch.cron_set = read_schedule(params, now);
    patch.command = params.text("command");
    patch.remark = params.text("remark");
    patch.stop = params.boolean("stop");
    patch.start_time = params.integer("start_time", 0, JobLimits::latest_second);
    patch.end_time = params.integer("end_time", 0, JobLimits::latest_second);
    patch.is_mutex = params.boolean("is_mutex");
    patch.time_zone = params.text("time_zone");
    if (const auto timeout = params.integer("timeout", 0, JobLimits::longest_time)) {
        patch.timeout = std::chrono::seconds(*timeout);
    }
    patch.run_limit = params.integer("run_limit", 0, std::numeric_limits<std::int64_t>::max());
    patch.misfire_window = read_misfire_window(params);
    patch.delivery = read_policy<Delivery>(params, "delivery");
    patch.misfire_policy = read_policy<Misfire>(params, "misfire_policy");
    patch.overlap = read_policy<Overlap>(params, "overlap");
    patch.max_concurrent = params.integer("max_concurrent", 0, JobLimits::most_concurrent);
    take_zone_from_expression(patch);
    if (const auto problem = find_problem(patch)) {
        refuse(fmt::format("{}: {}", problem->member, problem->what));
    }
    return patch;
}

void check_whole(const Job& job, const JobPatch& patch, std::string_view default_zone)
{
    if (patch.time_zone && !patch.time_zone->empty()) {
        const auto zone = find_zone(*patch.time_zone);
        if (!zone) refuse("time_zone: " + zone.error().message);
    }
    if (patch.cron_set || patch.time_zone) {
        const auto schedule = Schedule::make(job.cron_set, zone_of(job, default_zone), job.id);
        if (!schedule) refuse("cronSet: " + schedule.error().message);
    }
    if ((patch.start_time || patch.end_time) && job.end_time != 0 &&
        job.start_time >= job.end_time) {
        const std::string_view name = patch.end_time ? "end_time" : "start_time";
        refuse(
            fmt::format("{}: the window from start_time {} to end_time {} is empty; start_time "
                        "must be before end_time, 0 is open",
                        name, job.start_time, job.end_time));
    }
}

namespace {

bool has_no_runs_left(const Job& job)
{
    return job.run_limit != 0 && job.counters.run_num >= job.run_limit;
}

std::optional<std::chrono::sys_seconds> fire_after(const Job& job, const Schedule& schedule,
                                                   std::chrono::sys_seconds time)
{
    if (job.stop || has_no_runs_left(job)) return std::nullopt;
    return schedule.next_in_window(time, Window{job.start_time, job.end_time});
}

}  // namespace

NextFires next_fires(const Job& job, std::string_view default_zone, WallTime now, std::size_t count)
{
    NextFires fires;
    const auto schedule = Schedule::make(job.cron_set, zone_of(job, default_zone), job.id);
    if (!schedule) {
        fires.problem = schedule.error().message;
        return fires;
    }
    if (job.run_limit != 0) {
        const auto left = std::max(job.run_limit - job.counters.run_num, std::int64_t{0});
        count = std::min(count, static_cast<std::size_t>(left));
    }
    auto time = std::chrono::floor<std::chrono::seconds>(now);
    while (fires.times.size() < count) {
        const auto next = fire_after(job, *schedule, time);
        if (!next) break;
        fires.times.push_back(format_rfc3339(*next, schedule->zone().offset_at(*next)));
        time = *next;
    }
    return fires;
}

bool makes_sense(const Job& job, std::string_view default_zone)
{
    return Schedule::make(job.cron_set, zone_of(job, default_zone), job.id).has_value();
}

std::optional<WallTime> next_fire(const Job& job, std::string_view default_zone, WallTime now)
{
    const auto schedule = Schedule::make(job.cron_set, zone_of(job, default_zone), job.id);
    if (!schedule) return std::nullopt;
    return fire_after(job, *schedule, std::chrono::floor<std::chrono::seconds>(now));
}

}  // namespace peercron
