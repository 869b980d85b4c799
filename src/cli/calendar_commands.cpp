#include "cli/calendar_commands.hpp"

#include "base/counted.hpp"
#include "cli/answer_fields.hpp"
#include "cli/exit_status.hpp"
#include "cli/input_file.hpp"
#include "cli/moments.hpp"
#include "cli/table.hpp"
#include "cli/text_width.hpp"
#include "schedule/time_zone.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace peercron {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

struct CalendarOptions : ApiOptions {
    std::string name;
    std::optional<std::string> dates;
    std::string dates_file;
    std::optional<std::string> ical_file;
    std::optional<std::string> remark;
    std::string zone;
    bool dry_run = false;
    bool print_ical = false;
    bool quiet = false;
};

/// "2026-12-24", or "2026-12-24 18:00".
std::string clock_text(std::chrono::local_seconds time)
{
    const auto tm = fmt::gmtime(std::time_t{time.time_since_epoch().count()});
    const bool is_midnight = time == std::chrono::floor<std::chrono::days>(time);
    return is_midnight ? fmt::format("{:%Y-%m-%d}", tm) : fmt::format("{:%Y-%m-%d %H:%M}", tm);
}

/// "2026-12-24", "2026-12-24..2027-01-02" with its last day, "2026-12-24 18:00..2026-12-27 06:00".
std::string span_text(const AnswerFields& span, const TimeZone& zone)
{
    const auto local = [&zone](WallTime time) {
        const auto second = std::chrono::floor<std::chrono::seconds>(time);
        return std::chrono::local_seconds(second.time_since_epoch() + zone.offset_at(second));
    };
    const auto from = span.millis("from");
    const auto to = span.millis("to");
    if (!from) return "";
    const std::chrono::local_seconds begin = local(*from);
    if (!to) return fmt::format("{}..", clock_text(begin));
    std::chrono::local_seconds end = local(*to);
    const auto day = std::chrono::floor<std::chrono::days>(end);
    if (day == end) end = day - 24h;
    // Of one that has begun the present moment is the first.
    if (end <= begin) return clock_text(begin);
    return fmt::format("{}..{}", clock_text(begin), clock_text(end));
}

const TimeZone& zone_of(const AnswerFields& calendar)
{
    const auto zone = find_zone(calendar.text("time_zone"));
    return zone ? **zone : *find_zone("UTC").value();
}

std::string first_span(const AnswerFields& calendar)
{
    const json::array& spans = calendar.list("spans");
    return spans.empty() ? "never" : span_text(AnswerFields(spans.front()), zone_of(calendar));
}

std::string user_text(const AnswerFields& job)
{
    const std::string name = job.text("name");
    return name.empty() ? fmt::format("job {}", job.number_text("id")) : name;
}

/// "backup, !report".
std::string users_text(const AnswerFields& calendar)
{
    std::string text;
    for (const json::value& value : calendar.list("jobs")) {
        const AnswerFields job(value);
        text += fmt::format("{}{}{}", text.empty() ? "" : ", ", job.flag("excludes") ? "!" : "",
                            user_text(job));
    }
    return text;
}

std::string says_text(const AnswerFields& calendar)
{
    const std::string dates = calendar.text("dates");
    const std::int64_t events = calendar.number_or("events", 0);
    if (events == 0) return one_line(dates);
    return one_line(dates) + (dates.empty() ? "" : ", ") + counted(events, "event");
}

std::string calendars_text(const json::array& calendars, const Screen& screen)
{
    Table table({{"CALENDAR"},
                 {"NOW"},
                 {"NEXT"},
                 {"SAYS", false, true},
                 {"JOBS", false, true},
                 {"REMARK", false, true}});
    for (const json::value& value : calendars) {
        const AnswerFields calendar(value);
        const bool is_active = calendar.flag("active");
        table.add({{calendar.text("name")},
                   {is_active ? "covered" : "", is_active ? Colour::green : Colour::none},
                   {first_span(calendar)},
                   {says_text(calendar)},
                   {users_text(calendar)},
                   {calendar.text("remark")}});
    }
    return table.text(screen);
}

Query zone_query(const CalendarOptions& options)
{
    Query query;
    if (!options.zone.empty()) query.emplace_back("time_zone", options.zone);
    return query;
}

ExitStatus list_calendars(const CalendarOptions& options)
{
    ApiClient client = make_client(options);
    const json::value data = client.get("/calendar/list", zone_query(options));
    if (options.json) {
        print_json(data);
    } else if (options.quiet) {
        for (const json::value& calendar : rows_of(data)) {
            print(one_line(AnswerFields(calendar).text("name")) + '\n');
        }
    } else {
        print(calendars_text(rows_of(data), screen_of_stdout()));
    }
    return ExitStatus::done;
}

std::string calendar_text(const AnswerFields& calendar, const Screen& screen)
{
    std::string spans;
    for (const json::value& value : calendar.list("spans")) {
        spans += fmt::format("{}{}", spans.empty() ? "" : ", ",
                             span_text(AnswerFields(value), zone_of(calendar)));
    }
    const auto set_at = calendar.millis("set_at");
    std::string text = details_text({{"calendar", {calendar.text("name")}},
                                     {"remark", {calendar.text("remark")}},
                                     {"says", {says_text(calendar)}},
                                     {"now", {calendar.flag("active") ? "covered" : "not covered"}},
                                     {"next", {spans.empty() ? "never" : spans}},
                                     {"in zone", {calendar.text("time_zone")}},
                                     {"jobs", {users_text(calendar)}},
                                     {"since", {local_time_text(set_at)}},
                                     {"by", {calendar.text("set_by")}}},
                                    screen);
    const json::array& history = calendar.list("history");
    if (history.size() < 2) return text;
    text += "\n";
    Table table({{"FROM"}, {"TO"}, {"BY"}, {"DATES", false, true}});
    for (const json::value& value : history) {
        const AnswerFields version(value);
        table.add({{local_time_text(version.millis("set_at"))},
                   {local_time_text(version.millis("ended_at"))},
                   {version.text("set_by")},
                   {one_line(version.text("dates"))}});
    }
    return text + table.text(screen);
}

ExitStatus show_calendar(const CalendarOptions& options)
{
    ApiClient client = make_client(options);
    Query query = zone_query(options);
    query.emplace_back("name", options.name);
    const json::value data = client.get("/calendar/show", query);
    const AnswerFields calendar(data);
    if (options.json) {
        print_json(data);
    } else if (options.print_ical) {
        print(calendar.text("ical"));
    } else {
        print(calendar_text(calendar, screen_of_stdout()));
    }
    return ExitStatus::done;
}

json::object fields_of(const CalendarOptions& options)
{
    json::object fields;
    fields["name"] = options.name;
    if (options.dates && !options.dates_file.empty()) {
        throw Failure(ExitStatus::usage,
                      "--dates and --dates-file were both given; give one of them");
    }
    if (options.dates) fields["dates"] = *options.dates;
    if (!options.dates_file.empty()) fields["dates"] = read_input(options.dates_file);
    if (options.ical_file) {
        fields["ical"] = options.ical_file->empty() ? "" : read_input(*options.ical_file);
    }
    if (options.remark) fields["remark"] = *options.remark;
    if (!options.zone.empty()) fields["time_zone"] = options.zone;
    if (options.dry_run) fields["dry_run"] = true;
    return fields;
}

ExitStatus write_calendar(const CalendarOptions& options, const std::string& path,
                          std::string_view done)
{
    ApiClient client = make_client(options);
    const json::value data = client.post(path, fields_of(options));
    if (options.json) {
        print_json(data);
        return ExitStatus::done;
    }
    const AnswerFields calendar(data);
    print(fmt::format("calendar {} {}{}; next: {} ({})\n", one_line(calendar.text("name")),
                      options.dry_run ? "would be " : "", done, first_span(calendar),
                      calendar.text("time_zone")));
    return ExitStatus::done;
}

ExitStatus add_calendar(const CalendarOptions& options)
{
    return write_calendar(options, "/calendar/add", "added");
}

ExitStatus set_calendar(const CalendarOptions& options)
{
    return write_calendar(options, "/calendar/set", "changed");
}

ExitStatus delete_calendar(const CalendarOptions& options)
{
    ApiClient client = make_client(options);
    json::object fields;
    fields["name"] = options.name;
    const json::value data = client.post("/calendar/delete", fields);
    if (options.json) {
        print_json(data);
    } else {
        print(fmt::format("calendar {} deleted\n", one_line(AnswerFields(data).text("name"))));
    }
    return ExitStatus::done;
}

void add_name(CLI::App& command, CalendarOptions& options)
{
    command.add_option("CALENDAR", options.name, "Its name")->required()->type_name("");
}

void add_zone(CLI::App& command, CalendarOptions& options)
{
    command
        .add_option("--tz", options.zone,
                    "Show days in this IANA time zone instead of the configured one")
        ->type_name("ZONE");
}

void add_texts(CLI::App& command, CalendarOptions& options)
{
    add_name(command, options);
    command
        .add_option("--dates", options.dates,
                    "Days, separated by commas: 2026-12-24, 2026-12-24..2027-01-02, 12-25 of each "
                    "year, mon..fri, 2026-12-24T18:00..2026-12-27T06:00")
        ->type_name("DATES");
    command
        .add_option("--dates-file", options.dates_file, "The same from a file; - is standard input")
        ->type_name("FILE");
    command
        .add_option("--ical", options.ical_file,
                    "An iCalendar file, whose events are its days; - is standard input, '' "
                    "removes what was given before")
        ->type_name("FILE");
    command.add_option("--remark", options.remark, "What it is for")->type_name("TEXT");
    add_zone(command, options);
    command.add_flag("--dry-run", options.dry_run,
                     "Only check it, and say when it would begin next");
}

}  // namespace

void add_calendar_commands(CLI::App& app, Action& chosen)
{
    CLI::App& calendar =
        *app.add_subcommand("calendar", "Say on which days jobs run, or do not run");
    calendar.footer(
        "A job names its calendars with --calendar; workdays and weekends are always there.\n\n"
        "Examples:\n"
        "  peercron calendar add freeze --dates 12-20..01-06\n"
        "  peercron calendar add holidays --ical holidays.ics\n"
        "  peercron job update report --calendar 'workdays, !holidays, !freeze'");
    calendar.require_subcommand(1);

    auto options = std::make_shared<CalendarOptions>();
    CLI::App& list =
        add_api_command(calendar, chosen, "list", "Show the calendars, and which jobs name them",
                        options, list_calendars);
    add_zone(list, *options);
    list.add_flag("-q,--quiet", options->quiet, "Print names only, one per line");
    list.footer("Example:\n  peercron calendar list --tz Europe/Berlin");

    options = std::make_shared<CalendarOptions>();
    CLI::App& show =
        add_api_command(calendar, chosen, "show", "Show a calendar, and what it said before",
                        options, show_calendar);
    add_name(show, *options);
    add_zone(show, *options);
    show.add_flag("--print-ical", options->print_ical,
                  "Print its iCalendar text, and nothing else");
    show.footer(
        "Examples:\n"
        "  peercron calendar show freeze\n"
        "  peercron calendar show holidays --print-ical >holidays.ics");

    options = std::make_shared<CalendarOptions>();
    CLI::App& add =
        add_api_command(calendar, chosen, "add", "Add a calendar", options, add_calendar);
    add_texts(add, *options);
    add.footer(
        "Days are meant in the time zone of each job.\n\n"
        "Examples:\n"
        "  peercron calendar add freeze --dates 12-20..01-06 --remark 'end of the year'\n"
        "  peercron calendar add holidays --ical holidays.ics");

    options = std::make_shared<CalendarOptions>();
    CLI::App& set =
        add_api_command(calendar, chosen, "set", "Change a calendar: what is not given stays",
                        options, set_calendar);
    add_texts(set, *options);
    set.footer(
        "The change counts for fires from this moment on.\n\n"
        "Example:\n"
        "  peercron calendar set freeze --dates 12-18..01-06");

    options = std::make_shared<CalendarOptions>();
    CLI::App& remove =
        add_api_command(calendar, chosen, "delete", "Delete a calendar that no job names", options,
                        delete_calendar);
    add_name(remove, *options);
    remove.footer("Example:\n  peercron calendar delete freeze");
}

}  // namespace peercron
