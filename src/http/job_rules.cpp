#include "http/job_rules.hpp"

#include "http/text.hpp"
#include "http/time_text.hpp"
#include "schedule/schedule.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <chrono>
#include <limits>
#include <optional>

namespace peercron {
namespace {

constexpr std::int64_t longest_timeout = std::numeric_limits<std::int32_t>::max();  // seconds

constexpr std::array<Param, 9> job_params(bool required)
{
    return {{
        {.name = "cronSet", .alias = "cron_set", .required = required},
        {.name = "command", .required = required},
        {.name = "remark"},
        {.name = "stop", .type = ParamType::boolean},
        {.name = "start_time", .type = ParamType::integer},
        {.name = "end_time", .type = ParamType::integer},
        {.name = "is_mutex", .type = ParamType::boolean},
        {.name = "time_zone"},
        {.name = "timeout", .type = ParamType::integer},
    }};
}

constexpr std::array<Param, 10> with_id(const std::array<Param, 9>& params)
{
    std::array<Param, 10> all{};
    all[0] = {.name = "id", .type = ParamType::integer, .required = true};
    for (std::size_t i = 0; i < params.size(); ++i) all[i + 1] = params[i];
    return all;
}

constexpr auto of_add = job_params(true);
constexpr auto of_update = with_id(job_params(false));

bool is_blank(std::string_view text)
{
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

void limit_characters(std::string_view name, const std::optional<std::string>& given,
                      std::size_t most)
{
    if (!given || count_characters(*given) <= most) return;
    refuse(fmt::format("{}: given {} characters; at most {} are allowed", name,
                       count_characters(*given), most));
}

std::string_view zone_of(const Job& job, std::string_view default_zone)
{
    return job.time_zone.empty() ? default_zone : std::string_view(job.time_zone);
}

/// "2026-11-21T00:00:00+01:00".
std::string to_rfc3339(std::chrono::sys_seconds time, const TimeZone& zone)
{
    using namespace std::chrono;
    const seconds offset = zone.offset_at(time);
    const sys_seconds local = time + offset;
    const auto date = floor<days>(local);
    const year_month_day ymd(date);
    const hh_mm_ss<seconds> clock(local - date);
    // RFC 3339 has no seconds in an offset; only local mean times of the past have them.
    const auto minutes_east = duration_cast<minutes>(abs(offset)).count();
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{:02}:{:02}", int(ymd.year()),
                       unsigned(ymd.month()), unsigned(ymd.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count(),
                       offset.count() < 0 ? '-' : '+', minutes_east / 60, minutes_east % 60);
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

JobPatch read_job_patch(const Params& params)
{
    JobPatch patch;
    patch.cron_set = params.text("cronSet");
    limit_characters("cronSet", patch.cron_set, JobLimits::cron_set_characters);
    patch.command = params.text("command");
    if (patch.command && is_blank(*patch.command)) {
        refuse(fmt::format("command: given {}; it must not be empty", quote_utf8(*patch.command)));
    }
    if (patch.command && patch.command->size() > JobLimits::command_bytes) {
        refuse(fmt::format("command: given {} bytes; at most {} are allowed", patch.command->size(),
                           JobLimits::command_bytes));
    }
    patch.remark = params.text("remark");
    limit_characters("remark", patch.remark, JobLimits::remark_characters);
    patch.stop = params.boolean("stop");
    patch.start_time = params.integer("start_time", 0, last_unix_second);
    patch.end_time = params.integer("end_time", 0, last_unix_second);
    patch.is_mutex = params.boolean("is_mutex");
    patch.time_zone = params.text("time_zone");
    if (const auto timeout = params.integer("timeout", 0, longest_timeout)) {
        patch.timeout = std::chrono::seconds(*timeout);
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

NextFires next_fires(const Job& job, std::string_view default_zone, WallTime now, std::size_t count)
{
    NextFires fires;
    const auto schedule = Schedule::make(job.cron_set, zone_of(job, default_zone), job.id);
    if (!schedule) {
        fires.problem = schedule.error().message;
        return fires;
    }
    if (job.stop) return fires;
    const Window window{job.start_time, job.end_time};
    auto time = std::chrono::floor<std::chrono::seconds>(now);
    while (fires.times.size() < count) {
        const auto next = schedule->next_in_window(time, window);
        if (!next) break;
        fires.times.push_back(to_rfc3339(*next, schedule->zone()));
        time = *next;
    }
    return fires;
}

}  // namespace peercron
