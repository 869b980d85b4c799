#include "api/calendar_rules.hpp"

#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "http/message.hpp"
#include "model/job_zone.hpp"
#include "store/calendar_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

std::string words(const Job& job)
{
    return fmt::format("{}", fmt::join(job.calendar, ", "));
}

/// @throws HttpError 400.
void check_names(const Job& job, const std::vector<Calendar>& present)
{
    std::vector<std::string> known(built_in_calendars.begin(), built_in_calendars.end());
    for (const Calendar& calendar : present) {
        if (!calendar.ended_at) known.push_back(calendar.name);
    }
    std::ranges::sort(known);
    for (const std::string& word : job.calendar) {
        const std::string name(CalendarTerm(word).name);
        if (std::ranges::count(known, name) > 0) continue;
        const auto meant = nearest_name(name, known);
        refuse(fmt::format("calendar: given {}, and there is no such calendar; {}there are {}",
                           quote_utf8(word),
                           meant ? fmt::format("did you mean {}? ", *meant) : std::string(),
                           fmt::join(known, ", ")));
    }
}

/// Whether it says something of calendars, or of when the job fires.
bool is_concerned(const JobPatch& patch)
{
    return patch.has(&Job::calendar) || patch.has(&Job::cron_set) || patch.has(&Job::time_zone) ||
           patch.has(&Job::start_time) || patch.has(&Job::end_time);
}

}  // namespace

bool name_calendars(std::span<const Job> jobs)
{
    return std::ranges::any_of(jobs, [](const Job& job) { return !job.calendar.empty(); });
}

Calendars read_calendars(Store& store, std::span<const Job> jobs, WallTime now)
{
    if (!name_calendars(jobs)) return {};
    return Calendars::of(store.calendars().calendars_after(now));
}

void check_calendar(Store& store, const Job& job, const JobPatch& patch,
                    std::string_view default_zone, WallTime now)
{
    if (job.calendar.empty() || !is_concerned(patch)) return;
    check_calendar(store.calendars().calendars_after(now), job, patch, default_zone, now);
}

void check_calendar(const std::vector<Calendar>& present, const Job& job, const JobPatch& patch,
                    std::string_view default_zone, WallTime now)
{
    if (job.calendar.empty() || !is_concerned(patch)) return;
    const bool is_given = patch.has(&Job::calendar);
    if (is_given) check_names(job, present);
    const Calendars calendars = Calendars::of(present);
    const std::string_view name = zone_name(job, default_zone);
    const auto zone = find_zone(name);
    if (!zone) return;  // check_whole() says so
    const auto from = std::chrono::floor<std::chrono::seconds>(now);
    const std::chrono::sys_seconds latest = from + furthest_open;
    if (!calendars.next_open(job.calendar, from, latest, **zone)) {
        refuse(fmt::format("calendar: \"{}\" excludes every moment of the next ten years in {}",
                           words(job), name));
    }
    if (!has_schedule(job)) return;
    const auto schedule = Schedule::make(job.cron_set, name, job.id);
    if (!schedule) return;
    const Window window{job.start_time, job.end_time};
    const auto any = schedule->next_in_window(from, window);
    const bool has_fires = any && *any < latest;
    if (!has_fires || calendars.next_fire(*schedule, window, job.calendar, from, latest)) return;
    refuse(
        fmt::format("{}: every fire of the job in the next ten years is excluded by calendar = "
                    "\"{}\"",
                    is_given                    ? "calendar"
                    : patch.has(&Job::cron_set) ? "cronSet"
                                                : "calendar",
                    words(job)));
}

}  // namespace peercron
