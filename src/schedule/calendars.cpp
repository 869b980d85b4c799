#include "schedule/calendars.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::ceil;
using std::chrono::floor;
using std::chrono::seconds;
using std::chrono::sys_seconds;

}  // namespace

bool is_built_in_calendar(std::string_view name)
{
    return std::ranges::count(built_in_calendars, name) > 0;
}

std::string_view built_in_dates(std::string_view name)
{
    return name == "workdays" ? "mon..fri" : "sat..sun";
}

Calendars::Calendars()
{
    for (const std::string_view name : built_in_calendars) {
        add(std::string(name), WallTime::min(), WallTime::max(), built_in_dates(name), "");
    }
}

void Calendars::add(const std::string& name, WallTime begin, WallTime end, std::string_view dates,
                    std::string_view ical)
{
    if (end <= begin) return;
    const auto days = CalendarDays::parse(dates, ical);
    std::vector<Version>& versions = versions_[name];
    const auto place = std::ranges::upper_bound(versions, begin, {}, &Version::begin);
    versions.insert(
        place, {begin, end, std::make_shared<const CalendarDays>(days ? *days : CalendarDays())});
}

const Calendars::Version* Calendars::version_at(std::string_view name, WallTime time) const
{
    const auto found = versions_.find(name);
    if (found == versions_.end()) return nullptr;
    // Where clocks differ one may begin before the one before it ends: the later one counts.
    const auto later = std::ranges::upper_bound(found->second, time, {}, &Version::begin);
    if (later == found->second.begin()) return nullptr;
    const Version& version = *std::prev(later);
    return time < version.end ? &version : nullptr;
}

bool Calendars::has(std::string_view name, WallTime at) const
{
    return version_at(name, at) != nullptr;
}

bool Calendars::agrees(const Calendars& other, std::string_view name) const
{
    const auto here = versions_.find(name);
    const auto there = other.versions_.find(name);
    const bool is_here = here != versions_.end();
    if (is_here != (there != other.versions_.end())) return false;
    return !is_here || here->second == there->second;
}

bool Calendars::covers(std::string_view name, WallTime time, const TimeZone& zone) const
{
    const Version* const version = version_at(name, time);
    return version != nullptr && version->days->covers(floor<seconds>(time), zone);
}

WallTime Calendars::same_until(std::string_view name, WallTime time, const TimeZone& zone) const
{
    WallTime until = WallTime::max();
    const auto found = versions_.find(name);
    if (found == versions_.end()) return until;
    for (const Version& version : found->second) {
        if (version.begin > time) until = std::min(until, version.begin);
        if (version.end > time) until = std::min(until, version.end);
    }
    const Version* const version = version_at(name, time);
    if (version == nullptr) return until;
    return std::min<WallTime>(until, version->days->same_until(floor<seconds>(time), zone));
}

std::optional<std::string> Calendars::why_not(std::span<const std::string> terms, WallTime time,
                                              const TimeZone& zone) const
{
    for (const std::string& word : terms) {
        const CalendarTerm term(word);
        if (covers(term.name, time, zone) != term.is_excluded) continue;
        if (term.is_excluded) return fmt::format("in {}", term.name);
        return has(term.name, time) ? fmt::format("not in {}", term.name)
                                    : fmt::format("not in {}, which does not exist", term.name);
    }
    return std::nullopt;
}

std::optional<WallTime> Calendars::next_open(std::span<const std::string> terms, WallTime time,
                                             WallTime latest, const TimeZone& zone) const
{
    while (time < latest) {
        WallTime excluded_until = time;
        for (const std::string& word : terms) {
            const CalendarTerm term(word);
            if (covers(term.name, time, zone) != term.is_excluded) continue;
            excluded_until = std::max(excluded_until, same_until(term.name, time, zone));
        }
        if (excluded_until == time) return time;
        time = excluded_until;
    }
    return std::nullopt;
}

WallTime Calendars::next_change(std::span<const std::string> terms, WallTime time, WallTime latest,
                                const TimeZone& zone) const
{
    for (const std::string& word : terms) {
        latest = std::min(latest, same_until(CalendarTerm(word).name, time, zone));
    }
    return latest;
}

std::optional<WallTime> Calendars::open_since(std::span<const std::string> terms, WallTime earliest,
                                              WallTime time, const TimeZone& zone) const
{
    std::optional<WallTime> since;
    bool was_excluded = false;
    for (WallTime at = earliest; at <= time; at = next_change(terms, at, WallTime::max(), zone)) {
        const bool is_excluded = why_not(terms, at, zone).has_value();
        if (is_excluded) since.reset();
        if (!is_excluded && was_excluded) since = at;
        was_excluded = is_excluded;
    }
    return since;
}

std::optional<sys_seconds> Calendars::next_fire(const Schedule& schedule, const Window& window,
                                                std::span<const std::string> terms,
                                                sys_seconds after, sys_seconds latest) const
{
    for (auto fire = schedule.next_in_window(after, window); fire && *fire < latest;
         fire = schedule.next_in_window(after, window)) {
        const auto open = next_open(terms, *fire, latest, schedule.zone());
        if (!open) return std::nullopt;
        if (*open == WallTime(*fire)) return fire;
        after = ceil<seconds>(*open) - 1s;
    }
    return std::nullopt;
}

std::vector<Window> Calendars::open_windows(const Window& window,
                                            std::span<const std::string> terms, sys_seconds from,
                                            sys_seconds to, const TimeZone& zone) const
{
    if (terms.empty()) return {window};
    std::vector<Window> parts;
    const auto second = [](WallTime time) {
        return ceil<seconds>(time).time_since_epoch().count();
    };
    for (auto begin = next_open(terms, from, to, zone); begin;) {
        WallTime end = *begin;
        while (end < to && !why_not(terms, end, zone)) end = next_change(terms, end, to, zone);
        Window part{std::max(window.start, second(*begin)), second(end)};
        if (window.end != 0) part.end = std::min(part.end, window.end);
        if (part.start < part.end) parts.push_back(part);
        begin = next_open(terms, end, to, zone);
    }
    return parts;
}

std::optional<sys_seconds> OpenFires::next(sys_seconds after, sys_seconds latest) const
{
    if (schedule == nullptr) return std::nullopt;
    if (calendars != nullptr && !terms.empty()) {
        return calendars->next_fire(*schedule, window, terms, after, latest);
    }
    const auto fire = schedule->next_in_window(after, window);
    return fire && *fire < latest ? fire : std::nullopt;
}

}  // namespace peercron
