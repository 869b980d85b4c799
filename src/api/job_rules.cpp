#include "api/job_rules.hpp"

#include "base/overloaded.hpp"
#include "base/units.hpp"
#include "base/utf8.hpp"
#include "http/time_text.hpp"
#include "model/chain.hpp"
#include "model/job_kinds.hpp"
#include "model/job_zone.hpp"
#include "schedule/describe.hpp"
#include "schedule/rfc3339.hpp"
#include "schedule/schedule.hpp"
#include "schedule/zone_prefix.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <optional>
#include <utility>
#include <variant>

namespace peercron {
namespace {

constexpr ParamType type_of(const FieldKind& kind)
{
    return std::visit(Overloaded{
                          [](const kind::Flag&) { return ParamType::boolean; },
                          [](const kind::Count&) { return ParamType::integer; },
                          [](const kind::Number&) { return ParamType::integer; },
                          [](const kind::Size&) { return ParamType::amount; },
                          [](const kind::Moment&) { return ParamType::integer; },
                          [](const kind::Duration&) { return ParamType::integer; },
                          [](const kind::Millis&) { return ParamType::integer; },
                          [](const kind::Window&) { return ParamType::amount; },
                          [](const kind::Words&) { return ParamType::words; },
                          [](const kind::Lines&) { return ParamType::lines; },
                          [](const auto&) { return ParamType::text; },
                      },
                      kind);
}

constexpr auto params_of_job()
{
    std::array<Param, job_fields.size() + 4> all{};
    auto next = all.begin();
    for (const JobField& field : job_fields) {
        Param& param = *next++;
        param.name = field.parameter_name();
        if (param.name != field.name) param.alias = field.name;
        param.type = type_of(field.kind);
    }
    *next++ = {.name = "at", .type = ParamType::time};
    *next++ = {.name = "after", .type = ParamType::amount};
    *next++ = {.name = "every", .type = ParamType::amount};
    *next++ = {.name = "reason"};
    return all;
}

constexpr auto job_params = params_of_job();

constexpr auto params_of_add()
{
    std::array<Param, job_params.size() + 1> all{};
    for (std::size_t i = 0; i < job_params.size(); ++i) all[i] = job_params[i];
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

constexpr auto params_of_preview()
{
    auto all = params_of_update();
    all[0].required = false;
    return all;
}

constexpr auto of_preview = params_of_preview();

std::string once_at(std::chrono::sys_seconds time)
{
    return fmt::format("@at {:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(std::time_t{time.time_since_epoch().count()}));
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
            refuse(fmt::format("at: given {:%Y-%m-%dT%H:%M:%SZ}, which is in the past",
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
    if (!patch.has(&Job::cron_set)) return;
    auto split = split_zone(patch.values.cron_set);
    if (!split) return;
    if (split->zone.empty()) {
        refuse(fmt::format("cronSet: given {}, where the zone after the = is missing",
                           quote_utf8(patch.values.cron_set)));
    }
    const std::string& zone = patch.values.time_zone;
    if (patch.has(&Job::time_zone) && !zone.empty() && zone != split->zone) {
        refuse(fmt::format("cronSet: names the time zone {}, and time_zone is {}; give one of them",
                           quote_utf8(split->zone), quote_utf8(zone)));
    }
    patch.set(&Job::cron_set, std::move(split->expression));
    patch.set(&Job::time_zone, std::move(split->zone));
}

/// "" and "default" stand for the configured window.
FieldValue read_window(std::string_view name, const std::string& text, std::int64_t most)
{
    if (text.empty() || text == "default") return {};
    if (text == until_next_name) return text;
    std::int64_t seconds = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, bad] = std::from_chars(text.data(), end, seconds);
    if (stop != end || bad != std::errc() || seconds < 0 || seconds > most) {
        refuse(
            fmt::format("{}: given {}; whole seconds from 0 (no limit) to {}, \"until_next\" or "
                        "\"default\" are allowed",
                        name, quote_utf8(text), most));
    }
    return seconds;
}

/// Bytes, or "512MiB".
FieldValue read_size(std::string_view name, const std::string& text, const kind::Size& allowed)
{
    std::int64_t bytes = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, bad] = std::from_chars(text.data(), end, bytes);
    if (stop == end && bad == std::errc()) return bytes;
    if (const auto size = parse_size(text)) return static_cast<std::int64_t>(*size);
    refuse(
        fmt::format("{}: given {}; 0, whole bytes, or a size from {} to {}, such as 512MiB or "
                    "2GiB, is allowed",
                    name, quote_utf8(text), format_size(static_cast<std::size_t>(allowed.least)),
                    format_size(static_cast<std::size_t>(allowed.most))));
}

template <class T>
std::optional<FieldValue> value_if_given(std::optional<T> given)
{
    if (!given) return std::nullopt;
    return FieldValue(*std::move(given));
}

std::optional<FieldValue> read_value(const Params& params, const JobField& field)
{
    const std::string_view name = field.parameter_name();
    const auto number = [&](std::int64_t most) {
        return value_if_given(params.integer(name, 0, most));
    };
    return std::visit(Overloaded{
                          [&](const kind::Flag&) { return value_if_given(params.boolean(name)); },
                          [&](const kind::Count& kind) { return number(kind.most); },
                          [&](const kind::Number& kind) {
                              return value_if_given(params.integer(name, kind.least, kind.most));
                          },
                          [&](const kind::Size& kind) -> std::optional<FieldValue> {
                              const auto text = params.text(name);
                              if (!text) return std::nullopt;
                              return read_size(name, *text, kind);
                          },
                          [&](const kind::Moment& kind) { return number(kind.latest); },
                          [&](const kind::Duration& kind) {
                              return value_if_given(params.integer(name, kind.least, kind.most));
                          },
                          [&](const kind::Millis& kind) { return number(kind.most); },
                          [&](const kind::Window& kind) -> std::optional<FieldValue> {
                              const auto text = params.text(name);
                              if (!text) return std::nullopt;
                              return read_window(name, *text, kind.most);
                          },
                          [&](const kind::Words&) -> std::optional<FieldValue> {
                              const auto text = params.text(name);
                              if (!text) return std::nullopt;
                              return split_words(*text);
                          },
                          [&](const kind::Lines&) -> std::optional<FieldValue> {
                              const auto text = params.text(name);
                              if (!text) return std::nullopt;
                              return split_lines(*text);
                          },
                          [&](const auto&) { return value_if_given(params.text(name)); },
                      },
                      field.kind);
}

void read_field(const Params& params, const JobField& field, JobPatch& patch)
{
    const auto value = read_value(params, field);
    if (!value) return;
    if (!give(patch, field, *value)) {
        const auto& choice = std::get<kind::Choice>(field.kind);
        refuse(fmt::format("{}: given {}; one of {} is allowed", field.parameter_name(),
                           quote_utf8(std::get<std::string>(*value)),
                           fmt::join(choice.words, ", ")));
    }
}

}  // namespace

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

std::span<const Param> add_params()
{
    return of_add;
}
std::span<const Param> update_params()
{
    return of_update;
}
std::span<const Param> preview_params()
{
    return of_preview;
}

JobPatch read_job_patch(const Params& params, WallTime now)
{
    JobPatch patch;
    for (const JobField& field : job_fields) read_field(params, field, patch);
    if (auto schedule = read_schedule(params, now)) patch.set(&Job::cron_set, *std::move(schedule));
    take_zone_from_expression(patch);
    if (const auto problem = find_problem(patch)) {
        refuse(fmt::format("{}: {}", problem->field->parameter_name(), problem->what));
    }
    return patch;
}

void check_whole(const Job& job, const JobPatch& patch, std::string_view default_zone)
{
    if (patch.has(&Job::time_zone) && !patch.values.time_zone.empty()) {
        const auto zone = find_zone(patch.values.time_zone);
        if (!zone) refuse("time_zone: " + zone.error().message);
    }
    const bool is_given = patch.has(&Job::cron_set) || patch.has(&Job::time_zone);
    if (is_chained(job) && !job.cron_set.empty() &&
        (patch.has(&Job::cron_set) || patch.has(&Job::run_after))) {
        refuse(patch.has(&Job::run_after)
                   ? "run_after: given for a job with a schedule, and a job that runs after others "
                     "has none; give cronSet as \"\", too"
                   : "cronSet: given for a job that runs after others, which has no schedule; give "
                     "run_after as \"\", too");
    }
    if (is_chained(job) && job.jitter.count() > 0 &&
        (patch.has(&Job::jitter) || patch.has(&Job::run_after))) {
        refuse(fmt::format(
            "jitter: given {} for a job that runs after others, which starts when those "
            "are over; 0 is allowed",
            job.jitter.count()));
    }
    const bool may_lack = patch.has(&Job::kind) || patch.has(&Job::run_after);
    if (has_schedule(job) && may_lack && job.cron_set.empty()) {
        refuse(fmt::format("cronSet: missing; a job of kind {} needs it, or run_after",
                           policy_name(job.kind)));
    }
    if (has_schedule(job) && is_given) {
        const auto schedule = Schedule::make(job.cron_set, zone_name(job, default_zone), job.id);
        if (!schedule) refuse("cronSet: " + schedule.error().message);
    }
    const bool has_end = patch.has(&Job::end_time);
    if ((patch.has(&Job::start_time) || has_end) && job.end_time != 0 &&
        job.start_time >= job.end_time) {
        refuse(
            fmt::format("{}: the window from start_time {} to end_time {} is empty; start_time "
                        "must be before end_time, 0 is no limit",
                        has_end ? "end_time" : "start_time", job.start_time, job.end_time));
    }
    if (const auto problem = find_contradiction(job, patch)) {
        refuse(fmt::format("{}: {}", problem->field->parameter_name(), problem->what));
    }
}

namespace {

bool has_no_runs_left(const Job& job)
{
    return job.run_limit != 0 && job.counters.run_num >= job.run_limit;
}

struct NextFire {
    std::optional<std::chrono::sys_seconds> at;
    bool is_paused = false;  ///< there is none before the end of a pause, which nobody knows
};

NextFire fire_after(const Job& job, const Schedule& schedule, std::chrono::sys_seconds time,
                    const Pauses& pauses, const Calendars& calendars)
{
    if (job.stop || has_no_runs_left(job)) return {};
    const OpenFires fires{&schedule, {job.start_time, job.end_time}, &calendars, job.calendar};
    const auto latest =
        job.calendar.empty() ? std::chrono::sys_seconds::max() : time + furthest_open;
    auto fire = fires.next(time, latest);
    // Each step passes a pause.
    while (fire && pauses.find(job, *fire) != nullptr) {
        const WallTime open = pauses.next_open(job, *fire);
        if (open == WallTime::max()) return {std::nullopt, true};
        fire = fires.next(std::chrono::ceil<std::chrono::seconds>(open) - std::chrono::seconds(1),
                          latest);
    }
    return {fire};
}

}  // namespace

NextFires next_fires(const Job& job, std::string_view default_zone, WallTime now, std::size_t count,
                     const Pauses& pauses, const Calendars& calendars)
{
    NextFires fires;
    if (!has_schedule(job)) return fires;
    const auto schedule = Schedule::make(job.cron_set, zone_name(job, default_zone), job.id);
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
        const auto next = fire_after(job, *schedule, time, pauses, calendars).at;
        if (!next) break;
        fires.times.push_back(format_rfc3339(*next, schedule->zone().offset_at(*next)));
        time = *next;
    }
    return fires;
}

ScheduleFacts schedule_facts(const Job& job, std::string_view default_zone, WallTime now,
                             const Pauses& pauses, const Calendars& calendars)
{
    ScheduleFacts facts;
    facts.zone = zone_name(job, default_zone);
    if (!has_schedule(job)) {
        // Nobody knows when it starts next.
        const bool is_window_over = job.end_time != 0 && job.end_time <= to_unix_millis(now) / 1000;
        facts.is_over = has_no_runs_left(job) || is_window_over;
        facts.words = job.kind == JobKind::daemon ? "kept alive" : chain_words(job);
        return facts;
    }
    const auto schedule = Schedule::make(job.cron_set, facts.zone, job.id);
    if (!schedule) return facts;
    facts.words = describe(schedule->expression());
    const NextFire next = fire_after(job, *schedule, std::chrono::floor<std::chrono::seconds>(now),
                                     pauses, calendars);
    facts.next = next.at;
    facts.is_over = !next.at && !next.is_paused;
    return facts;
}

}  // namespace peercron
