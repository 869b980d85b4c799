#include "api/calendar_rules.hpp"
#include "api/insight_rows.hpp"
#include "api/job_book.hpp"
#include "api/job_rules.hpp"
#include "api/limits.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "http/answer.hpp"
#include "insight/schedule_change.hpp"
#include "insight/why.hpp"
#include "model/job_zone.hpp"
#include "schedule/advice.hpp"
#include "schedule/rfc3339.hpp"
#include "schedule/time_zone.hpp"
#include "store/calendar_store.hpp"
#include "store/pause_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

// Why.

/// nullopt: there is no such job, and there was none.
std::optional<Circumstances> read_circumstances(Store& store, Circumstances known)
{
    constexpr std::size_t some_rows = 60;
    constexpr std::size_t most_rows = 4'096;
    known.job = store.find_job(known.id);
    const WallTime end =
        known.at ? std::chrono::floor<std::chrono::seconds>(*known.at) + 1s : known.now + 1ms;
    known.rows = store.job_rows_before(known.id, end, some_rows);
    // Of a fire that is several runs, all are wanted, and of the fires before as many as of others.
    std::int32_t parts = 1;
    for (const LogRow& row : known.rows) parts = std::max(parts, row.run.id.parts);
    if (parts > 1) {
        const std::size_t wanted = some_rows * static_cast<std::size_t>(parts);
        known.rows = store.job_rows_before(known.id, end, std::min(wanted, most_rows));
    }
    PastQuery query;
    query.only = known.id;
    const LogRow* const newest = newest_news(known.rows);
    query.from = known.at.value_or(newest == nullptr ? known.now : newest->run.id.scheduled_at);
    query.limit = 1;
    std::vector<JobPast> past = store.find_pasts(query);
    if (!known.job && past.empty()) return std::nullopt;
    if (!past.empty()) known.revisions = std::move(past.front().revisions);
    const LedgerExtent extent = store.ledger_extent();
    known.ledger_begin = extent.first;
    known.planned_through = extent.planned_through;
    known.pauses = store.pauses().pauses_after(WallTime());
    known.calendars = store.calendars().calendars_after(known.at.value_or(query.from) - 1s);
    known.usual_time = store.find_insights({&known.id, 1}).front().statistics.usual_time();
    return known;
}

void write_explanation(JsonWriter& json, JobId id, const Explanation& why)
{
    json.begin_object();
    json.field("cron_id", id);
    field_millis(json, "at", why.at);
    json.field("verdict", to_string(why.verdict));
    json.field("answer", why.answer);
    json.field("zone", why.zone);
    json.key("facts");
    json.begin_array();
    for (const Fact& fact : why.facts) {
        json.begin_object();
        json.field("about", fact.about);
        json.field("text", fact.text);
        field_millis(json, "at", fact.at);
        json.end_object();
    }
    json.end_array();
    json.key("run");
    write_brief(json, why.row);
    json.key("blocker");
    write_brief(json, why.blocker);
    field_millis(json, "previous_fire_at", why.previous_fire);
    field_millis(json, "next_fire_at", why.next_fire);
    json.end_object();
}

asio::awaitable<Response> explain_job(const ApiContext& context, const Call& call)
{
    Circumstances asked;
    asked.id = parse_job_id("id", call.id);
    asked.at = call.params.time("at");
    asked.now = context.clock.now();
    asked.default_zone = context.default_time_zone;
    asked.dispatcher = context.coordinator.dispatcher();
    const auto explain_it = [&asked](Store& store) -> std::optional<Explanation> {
        const auto known = read_circumstances(store, asked);
        if (!known) return std::nullopt;
        return explain(*known);
    };
    const std::optional<Explanation> why = co_await context.store.call(explain_it);
    if (!why) refuse_unknown_job(call.id);
    co_return answer([&](JsonWriter& json) { write_explanation(json, asked.id, *why); });
}

// Preview.

constexpr std::size_t most_previewed = 20;

/// Other jobs that are due in the same second.
struct Collision {
    std::chrono::sys_seconds at{};
    std::size_t jobs = 0;
    std::vector<std::string> names;
};

struct JobPreview {
    Job job;
    std::string words;  ///< its schedule
    std::string zone;
    const TimeZone* clock = nullptr;   ///< that zone
    std::optional<Schedule> schedule;  ///< none: see has_schedule()
    std::vector<std::chrono::sys_seconds> next;
    std::vector<std::string> notes;
    std::vector<Collision> collisions;
    ScheduleChange week;
};

std::vector<std::chrono::sys_seconds> first_fires(const OpenFires& open,
                                                  std::chrono::sys_seconds from)
{
    const bool has_calendar = !open.terms.empty();
    const auto latest = has_calendar ? from + furthest_open : std::chrono::sys_seconds::max();
    std::vector<std::chrono::sys_seconds> fires;
    for (auto at = open.next(from, latest); at && fires.size() < most_previewed;
         at = open.next(*at, latest)) {
        fires.push_back(*at);
    }
    return fires;
}

std::vector<Collision> find_collisions(const BookedJobs& jobs, const JobPreview& preview)
{
    constexpr std::size_t most_names = 5;
    std::vector<Collision> collisions;
    for (const auto fire : preview.next) {
        Collision collision;
        collision.at = fire;
        for (const auto& [id, other] : jobs) {
            if (id == preview.job.id || !other.may_fire()) continue;
            if (other.fires_in(other.window).next(fire - 1s, fire + 1s) != fire) continue;
            ++collision.jobs;
            if (collision.names.size() == most_names) continue;
            collision.names.push_back(other.name.empty() ? fmt::format("job {}", id) : other.name);
        }
        if (collision.jobs > 0) collisions.push_back(std::move(collision));
    }
    return collisions;
}

/// What says when the job fires: the rest may still be missing while somebody types.
JobPatch schedule_part(const JobPatch& patch)
{
    JobPatch part;
    if (patch.has(&Job::cron_set)) part.set(&Job::cron_set, patch.values.cron_set);
    if (patch.has(&Job::time_zone)) part.set(&Job::time_zone, patch.values.time_zone);
    if (patch.has(&Job::start_time)) part.set(&Job::start_time, patch.values.start_time);
    if (patch.has(&Job::calendar)) part.set(&Job::calendar, patch.values.calendar);
    if (patch.has(&Job::end_time)) part.set(&Job::end_time, patch.values.end_time);
    return part;
}

/// @param zone for jobs that name none.
std::optional<Schedule> known_schedule(const Job& job, std::string_view zone)
{
    if (!has_schedule(job)) return std::nullopt;
    const auto known = Schedule::make(job.cron_set, zone_name(job, zone), job.id);
    if (!known) return std::nullopt;
    return *known;
}

OpenFires fires_of(const Job& job, const Schedule& schedule, const Calendars& calendars)
{
    return {&schedule, {job.start_time, job.end_time}, &calendars, job.calendar};
}

/// Throws HttpError 400 and 404.
JobPreview preview_job(Store& store, const BookedJobs& jobs, std::optional<JobId> saved_id,
                       const JobPatch& patch, const JobView& view, const Caller& caller)
{
    JobPreview preview;
    std::optional<Job> saved;
    if (saved_id) {
        saved = store.find_job(*saved_id);
        const bool is_there = saved && is_within(caller.tags, *saved);
        if (!is_there) refuse_unknown_job(std::to_string(*saved_id));
    }
    preview.job = apply(saved.value_or(Job()), patch);
    const std::string_view default_zone = view.default_time_zone;
    const JobPatch part = schedule_part(patch);
    check_whole(preview.job, part, default_zone);
    const std::array both{preview.job, saved.value_or(Job())};
    std::vector<Calendar> present;
    if (name_calendars(both)) present = store.calendars().calendars_after(view.now);
    check_calendar(present, preview.job, part, default_zone, view.now);
    const Calendars calendars = Calendars::of(present);
    const ScheduleFacts facts =
        schedule_facts(preview.job, default_zone, view.now, view.pauses, calendars);
    preview.words = facts.words;
    preview.zone = facts.zone;
    const auto clock = find_zone(facts.zone);
    if (!clock) refuse("time_zone: " + clock.error().message);
    preview.clock = *clock;
    const auto from = std::chrono::floor<std::chrono::seconds>(view.now);
    if (has_schedule(preview.job)) {
        const auto schedule = Schedule::make(preview.job.cron_set, preview.zone, preview.job.id);
        if (!schedule) refuse("cronSet: " + schedule.error().message);
        preview.schedule.emplace(*schedule);
        if (!preview.job.stop) {
            preview.next = first_fires(fires_of(preview.job, *preview.schedule, calendars), from);
        }
        preview.notes = advice(preview.job.cron_set, *schedule, from);
        // They name other jobs.
        if (!caller.is_limited()) preview.collisions = find_collisions(jobs, preview);
    }
    std::optional<Schedule> before;
    if (saved && !saved->stop) before = known_schedule(*saved, default_zone);
    const bool may_fire = preview.schedule && !preview.job.stop;
    const OpenFires old_fires = before ? fires_of(*saved, *before, calendars) : OpenFires();
    const OpenFires new_fires =
        may_fire ? fires_of(preview.job, *preview.schedule, calendars) : OpenFires();
    preview.week = compare(old_fires, new_fires, from, from + 7 * 24h);
    return preview;
}

void write_moments(JsonWriter& json, std::string_view name,
                   const std::vector<std::chrono::sys_seconds>& times, const TimeZone& zone)
{
    json.key(name);
    json.begin_array();
    for (const auto time : times) {
        json.begin_object();
        field_millis(json, "at", time);
        json.field("local", format_rfc3339(time, zone.offset_at(time)));
        json.end_object();
    }
    json.end_array();
}

void write_preview(JsonWriter& json, const JobPreview& preview)
{
    const TimeZone& zone = *preview.clock;
    json.begin_object();
    json.field("cron_set", preview.job.cron_set);
    json.field("schedule_in_words", preview.words);
    json.field("zone", preview.zone);
    write_moments(json, "next", preview.next, zone);
    json.key("notes");
    json.begin_array();
    for (const std::string& note : preview.notes) json.value(note);
    json.end_array();
    json.key("collisions");
    json.begin_array();
    for (const Collision& collision : preview.collisions) {
        json.begin_object();
        field_millis(json, "at", collision.at);
        json.field("jobs", std::uint64_t{collision.jobs});
        json.key("names");
        json.begin_array();
        for (const std::string& name : collision.names) json.value(name);
        json.end_array();
        json.end_object();
    }
    json.end_array();
    json.key("week");
    json.begin_object();
    const ScheduleChange& week = preview.week;
    json.field("fires", week.stay_total + week.come_total);
    json.field("stay_total", week.stay_total);
    json.field("come_total", week.come_total);
    json.field("go_total", week.go_total);
    field_millis(json, "counted_to", week.counted_to);
    write_moments(json, "come", week.come, zone);
    write_moments(json, "go", week.go, zone);
    json.end_object();
    json.end_object();
}

asio::awaitable<Response> preview_change(const ApiContext& context, JobBook& book, const Call& call)
{
    const JobView view{context.default_time_zone, context.inherited, context.clock.now()};
    const JobPatch patch = read_job_patch(call.params, view.now);
    std::optional<JobId> saved;
    if (const auto given = call.params.text("id")) saved = parse_job_id("id", *given);
    if (!saved && has_schedule(patch.values) && !patch.has(&Job::cron_set)) {
        refuse("cronSet: missing (or one of at, after, every; or run_after, or the id of a job)");
    }
    const auto read = [&](Store& store, const BookedJobs& jobs) {
        return preview_job(store, jobs, saved, patch, view, call.caller);
    };
    const JobPreview preview = co_await book.read(read);
    co_return answer([&](JsonWriter& json) { write_preview(json, preview); });
}

}  // namespace

void add_why_routes(Router& router, const ApiContext& context, const std::shared_ptr<JobBook>& book)
{
    router.add({
        .pattern = "/cron/{id}/why",
        .methods = {http::verb::get},
        .role = Role::read,
        .scope = Scope::job,
        .params = {{.name = "at", .type = ParamType::time}},
        .handler = bind(context, explain_job),
    });
    router.add({
        .pattern = "/cron/preview",
        .methods = {http::verb::post},
        .role = Role::read,
        .scope = Scope::filtered,
        .params = {preview_params().begin(), preview_params().end()},
        .strictness = Strictness::strict,
        .handler = [&context,
                    book](const Call& call) { return preview_change(context, *book, call); },
    });
}

}  // namespace peercron
