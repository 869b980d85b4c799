#include "api/access_changes.hpp"
#include "api/confirm_change.hpp"
#include "api/job_rules.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "model/calendar.hpp"
#include "schedule/calendars.hpp"
#include "store/calendar_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// The most time spans that are shown of one calendar.
constexpr std::size_t most_spans = 10;

/// A time that a calendar covers.
struct Span {
    WallTime from{};
    std::optional<WallTime> to;  ///< not set: it is as far as is looked
};

struct CalendarView {
    Calendar present;
    bool is_built_in = false;
    std::size_t events = 0;
    std::vector<Span> spans;
    std::vector<CalendarUser> users;
    std::vector<Calendar> history;  ///< the oldest first
};

/// By which clocks calendars are shown.
struct Reading {
    const TimeZone* zone = nullptr;
    WallTime now{};
};

/// @throws HttpError 400.
Reading read_clocks(const ApiContext& context, const Call& call)
{
    const std::string given = call.params.text("time_zone").value_or("");
    const auto zone = find_zone(given.empty() ? context.default_time_zone : given);
    if (!zone) refuse("time_zone: " + zone.error().message);
    return {*zone, context.clock.now()};
}

/// The texts of a calendar; of one of those that are always there, without history.
Calendar built_in_calendar(std::string_view name)
{
    Calendar calendar;
    calendar.name = name;
    calendar.dates = built_in_dates(name);
    calendar.remark = name == "workdays" ? "Monday to Friday" : "Saturday and Sunday";
    return calendar;
}

std::vector<Span> spans_of(const CalendarDays& days, const Reading& reading, std::size_t most)
{
    std::vector<Span> spans;
    auto at = std::chrono::floor<std::chrono::seconds>(reading.now);
    const std::chrono::sys_seconds end = at + furthest_open;
    while (at < end && spans.size() < most) {
        if (!days.covers(at, *reading.zone)) {
            at = days.same_until(at, *reading.zone);
            continue;
        }
        Span span{at, {}};
        while (at < end && days.covers(at, *reading.zone)) {
            at = days.same_until(at, *reading.zone);
        }
        if (at < end) span.to = at;
        spans.push_back(span);
    }
    return spans;
}

bool names_calendar(const CalendarUser& user, const std::string& name)
{
    return std::ranges::any_of(
        user.calendar, [&](const std::string& word) { return CalendarTerm(word).name == name; });
}

CalendarView view_of(Calendar calendar, const std::vector<CalendarUser>& users,
                     const Reading& reading, std::size_t spans)
{
    CalendarView view;
    view.is_built_in = is_built_in_calendar(calendar.name);
    // A row that somebody broke by hand covers nothing.
    const auto parsed = CalendarDays::parse(calendar.dates, calendar.ical);
    const CalendarDays days = parsed ? *parsed : CalendarDays();
    view.events = days.events();
    view.spans = spans_of(days, reading, spans);
    for (const CalendarUser& user : users) {
        if (names_calendar(user, calendar.name)) view.users.push_back(user);
    }
    view.present = std::move(calendar);
    return view;
}

void write_spans(JsonWriter& json, const std::vector<Span>& spans)
{
    json.key("spans");
    json.begin_array();
    for (const Span& span : spans) {
        json.begin_object();
        field_millis(json, "from", span.from);
        field_millis(json, "to", span.to);
        json.end_object();
    }
    json.end_array();
}

void write_users(JsonWriter& json, const CalendarView& view)
{
    json.key("jobs");
    json.begin_array();
    for (const CalendarUser& user : view.users) {
        json.begin_object();
        json.field("id", user.job);
        json.field("name", user.name);
        json.field("excludes", std::ranges::count(user.calendar, "!" + view.present.name) > 0);
        json.end_object();
    }
    json.end_array();
}

void write_history(JsonWriter& json, const std::vector<Calendar>& history)
{
    json.key("history");
    json.begin_array();
    for (auto version = history.rbegin(); version != history.rend(); ++version) {
        const bool is_followed =
            version != history.rbegin() && std::prev(version)->set_at == version->ended_at;
        json.begin_object();
        json.field("set_by", version->set_by);
        field_millis(json, "set_at", version->set_at);
        field_millis(json, "ended_at", version->ended_at);
        json.field("deleted_by", is_followed ? "" : version->ended_by);
        json.field("remark", version->remark);
        json.field("dates", version->dates);
        json.field("ical", version->ical);
        json.end_object();
    }
    json.end_array();
}

enum class Texts : std::uint8_t { left_out, shown };

void write_calendar(JsonWriter& json, const CalendarView& view, const Reading& reading, Texts texts)
{
    const Calendar& calendar = view.present;
    json.begin_object();
    json.field("name", calendar.name);
    json.field("built_in", view.is_built_in);
    json.field("remark", calendar.remark);
    json.field("dates", calendar.dates);
    json.field("ical", texts == Texts::shown ? std::optional(calendar.ical) : std::nullopt);
    json.field("events", std::uint64_t{view.events});
    json.field("set_by", calendar.set_by);
    field_millis(json, "set_at", view.is_built_in ? std::nullopt : std::optional(calendar.set_at));
    json.field("time_zone", reading.zone->name());
    json.field("active", !view.spans.empty() && view.spans.front().from <= reading.now);
    write_spans(json, view.spans);
    write_users(json, view);
    if (texts == Texts::shown) write_history(json, view.history);
    json.end_object();
}

asio::awaitable<Response> list_calendars(const ApiContext& context, const Call& call)
{
    const Reading reading = read_clocks(context, call);
    const auto read = [&reading](Store& store) {
        const std::vector<CalendarUser> users = store.calendars().calendar_users();
        std::map<std::string, CalendarView> views;
        for (const std::string_view name : built_in_calendars) {
            views.emplace(name, view_of(built_in_calendar(name), users, reading, 1));
        }
        for (Calendar& calendar : store.calendars().calendars_after(reading.now)) {
            if (calendar.ended_at) continue;
            const std::string name = calendar.name;
            views.insert_or_assign(name, view_of(std::move(calendar), users, reading, 1));
        }
        return views;
    };
    const std::map<std::string, CalendarView> views = co_await context.store.call(read);
    const auto write = [&](JsonWriter& json) {
        json.begin_array();
        for (const auto& [name, view] : views) {
            write_calendar(json, view, reading, Texts::left_out);
        }
        json.end_array();
    };
    co_return answer(write);
}

/// @throws HttpError 400.
std::string read_calendar_name(const Call& call)
{
    std::string name = call.params.text("name").value_or("");
    if (!is_calendar_name(name)) {
        refuse(
            fmt::format("name: given {}; the name of a calendar, of at most 64 letters, digits, "
                        "_, - and ., is allowed",
                        quote_utf8(name)));
    }
    return name;
}

[[noreturn]] void refuse_unknown(const std::string& name)
{
    throw HttpError(http::status::not_found, fmt::format("there is no calendar {}", name));
}

/// @throws HttpError 409.
void refuse_built_in(const std::string& name, std::string_view what)
{
    if (!is_built_in_calendar(name)) return;
    throw HttpError(http::status::conflict,
                    fmt::format("the calendar {} is always there ({}), and cannot be {}; another "
                                "name is allowed",
                                name, built_in_dates(name), what));
}

/// With what it said before.
/// @throws HttpError 404.
CalendarView read_view(Store& store, const std::string& name, const Reading& reading)
{
    const std::vector<CalendarUser> users = store.calendars().calendar_users();
    if (is_built_in_calendar(name)) {
        return view_of(built_in_calendar(name), users, reading, most_spans);
    }
    std::vector<Calendar> versions = store.calendars().versions_of(name);
    if (versions.empty() || versions.back().ended_at) refuse_unknown(name);
    CalendarView view = view_of(versions.back(), users, reading, most_spans);
    view.history = std::move(versions);
    return view;
}

Response answer_view(const CalendarView& view, const Reading& reading)
{
    return answer([&](JsonWriter& json) { write_calendar(json, view, reading, Texts::shown); });
}

asio::awaitable<Response> show_calendar(const ApiContext& context, const Call& call)
{
    const std::string name = read_calendar_name(call);
    const Reading reading = read_clocks(context, call);
    const auto read = [&](Store& store) { return read_view(store, name, reading); };
    const CalendarView view = co_await context.store.call(read);
    co_return answer_view(view, reading);
}

/// What the call says goes into `calendar`.
/// @throws HttpError 400.
void read_texts(const Params& params, Calendar& calendar)
{
    if (auto remark = params.text("remark")) {
        if (count_characters(*remark) > longest_calendar_remark) {
            refuse(fmt::format("remark: longer than {} characters", longest_calendar_remark));
        }
        calendar.remark = *std::move(remark);
    }
    if (auto dates = params.text("dates")) calendar.dates = *std::move(dates);
    if (auto ical = params.text("ical")) calendar.ical = *std::move(ical);
    const auto days = CalendarDays::parse(calendar.dates, calendar.ical);
    if (!days) refuse(days.error().message);
}

/// The store has the change: has the dispatcher go by it.
asio::awaitable<void> confirm(const ApiContext& context, const std::string& name,
                              const std::vector<CalendarUser>& users)
{
    std::vector<JobId> jobs;
    for (const CalendarUser& user : users) jobs.push_back(user.job);
    if (jobs.empty()) co_return;
    std::string what = fmt::format("the calendar {} is stored", name);
    co_await confirm_change(context, std::move(jobs), std::move(what),
                            "a fire that was handed out before may still start by what the "
                            "calendar said before");
}

/// When a version begins that follows on these: not before one of them began or ended, whose node
/// may have had a clock ahead.
WallTime begin_after(const std::vector<Calendar>& versions, WallTime now)
{
    for (const Calendar& version : versions) {
        now = std::max({now, version.set_at, version.ended_at.value_or(version.set_at)});
    }
    return now;
}

/// @param is_new for /calendar/add.
asio::awaitable<Response> put_calendar(const ApiContext& context, const Call& call, bool is_new)
{
    const std::string name = read_calendar_name(call);
    refuse_built_in(name, is_new ? "added" : "changed");
    const Reading reading = read_clocks(context, call);
    const bool is_dry = call.params.boolean("dry_run").value_or(false);
    const auto put = [&](Store& store) {
        const std::vector<Calendar> versions = store.calendars().versions_of(name);
        const bool is_there = !versions.empty() && !versions.back().ended_at;
        if (is_there && is_new) {
            throw HttpError(
                http::status::conflict,
                fmt::format("there is a calendar {} already; /calendar/set changes it", name));
        }
        if (!is_there && !is_new) refuse_unknown(name);
        Calendar calendar = is_there ? versions.back() : Calendar();
        calendar.name = name;
        read_texts(call.params, calendar);
        calendar.set_by = to_string(call.caller);
        calendar.set_at = begin_after(versions, context.clock.now());
        if (is_dry) {
            return view_of(std::move(calendar), store.calendars().calendar_users(), reading,
                           most_spans);
        }
        store.calendars().put_calendar(calendar);
        return read_view(store, name, reading);
    };
    const CalendarView view = co_await context.store.call(put);
    if (!is_dry) {
        note_act(context, call.caller, is_new ? "calendar added" : "calendar set", name);
        co_await confirm(context, name, view.users);
    }
    co_return answer_view(view, reading);
}

asio::awaitable<Response> add_calendar(const ApiContext& context, const Call& call)
{
    if (!call.params.text("dates") && !call.params.text("ical")) {
        refuse("dates: missing; give dates, or ical, or both");
    }
    co_return co_await put_calendar(context, call, true);
}

asio::awaitable<Response> set_calendar(const ApiContext& context, const Call& call)
{
    const bool is_any =
        call.params.text("dates") || call.params.text("ical") || call.params.text("remark");
    if (!is_any) refuse("nothing to change: dates, ical and remark are allowed");
    co_return co_await put_calendar(context, call, false);
}

/// "report, job 12", of at most ten.
std::string job_names(const std::vector<CalendarUser>& users)
{
    constexpr std::size_t most = 10;
    std::vector<std::string> names;
    for (const CalendarUser& user : users) {
        if (names.size() == most) break;
        names.push_back(user.name.empty() ? fmt::format("job {}", user.job)
                                          : fmt::format("{} (job {})", user.name, user.job));
    }
    std::string text = fmt::format("{}", fmt::join(names, ", "));
    if (users.size() > most) text += fmt::format(" and {} more", users.size() - most);
    return text;
}

asio::awaitable<Response> delete_calendar(const ApiContext& context, const Call& call)
{
    const std::string name = read_calendar_name(call);
    refuse_built_in(name, "deleted");
    const Reading reading = read_clocks(context, call);
    const std::string by = to_string(call.caller);
    const auto remove = [&](Store& store) {
        const CalendarView view = read_view(store, name, reading);
        if (!view.users.empty()) {
            throw HttpError(http::status::conflict,
                            fmt::format("the calendar {} is used by {}; change those first", name,
                                        job_names(view.users)));
        }
        const WallTime at = std::max(reading.now, view.present.set_at);
        store.calendars().end_calendar(name, at, by);
        return view;
    };
    const CalendarView view = co_await context.store.call(remove);
    note_act(context, call.caller, "calendar deleted", name);
    co_return answer_view(view, reading);
}

}  // namespace

void add_calendar_routes(Router& router, const ApiContext& context)
{
    using http::verb;
    const std::vector<Param> texts{{.name = "name", .required = true},
                                   {.name = "dates"},
                                   {.name = "ical"},
                                   {.name = "remark"},
                                   {.name = "time_zone"},
                                   {.name = "dry_run", .type = ParamType::boolean}};
    router.add({
        .pattern = "/calendar/list",
        .methods = {verb::get},
        .role = Role::read,
        .params = {{.name = "time_zone"}},
        .handler = bind(context, list_calendars),
    });
    router.add({
        .pattern = "/calendar/show",
        .methods = {verb::get},
        .role = Role::read,
        .params = {{.name = "name", .required = true}, {.name = "time_zone"}},
        .handler = bind(context, show_calendar),
    });
    router.add({
        .pattern = "/calendar/add",
        .methods = {verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = texts,
        .strictness = Strictness::strict,
        .handler = bind(context, add_calendar),
    });
    router.add({
        .pattern = "/calendar/set",
        .methods = {verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = texts,
        .strictness = Strictness::strict,
        .handler = bind(context, set_calendar),
    });
    router.add({
        .pattern = "/calendar/delete",
        .methods = {verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = {{.name = "name", .required = true}, {.name = "time_zone"}},
        .strictness = Strictness::strict,
        .handler = bind(context, delete_calendar),
    });
}

}  // namespace peercron
