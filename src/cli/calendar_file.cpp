#include "cli/calendar_file.hpp"

#include "base/counted.hpp"
#include "base/utf8.hpp"
#include "cli/answer_fields.hpp"
#include "cli/exit_status.hpp"
#include "cli/toml_text.hpp"
#include "schedule/calendar_days.hpp"
#include "schedule/calendars.hpp"
#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace peercron {

namespace json = boost::json;

namespace {

/// Reads the table of one calendar.
class CalendarReader {
public:
    CalendarReader(const std::string& name, const toml::table& table, const ReadFile& read_other,
                   std::vector<FileMistake>& mistakes)
        : table_("calendar", name, table, mistakes), read_other_(read_other)
    {
        calendar_.name = name;
    }

    Calendar read()
    {
        check_name();
        const toml::table& table = table_.table();
        for (const auto& [key, node] : table) read_key(key.str(), node);
        if (!table.contains("dates") && !table.contains("ical")) {
            table_.complain(table, "its days are missing: dates, or ical, or both");
        }
        return std::move(calendar_);
    }

private:
    void check_name()
    {
        const std::string& name = calendar_.name;
        if (!is_calendar_name(name)) {
            table_.complain(table_.table(),
                            "the name of a calendar, of at most 64 letters, digits, _, - and ., "
                            "is allowed");
        } else if (is_built_in_calendar(name)) {
            table_.complain(table_.table(), fmt::format("it is always there ({}), and cannot be "
                                                        "changed; another name is allowed",
                                                        built_in_dates(name)));
        }
    }

    void read_key(std::string_view key, const toml::node& node)
    {
        if (key == "dates") {
            calendar_.dates = read_days(key, node);
        } else if (key == "ical") {
            calendar_.ical = read_days(key, node);
        } else if (key == "remark") {
            calendar_.remark = table_.text(key, node);
            if (count_characters(calendar_.remark) > longest_calendar_remark) {
                table_.complain(node, fmt::format("key 'remark': longer than {} characters",
                                                  longest_calendar_remark));
            }
        } else {
            table_.complain(node, fmt::format("unknown key {}; allowed are dates, ical and remark",
                                              quote(key)));
        }
    }

    std::string read_days(std::string_view key, const toml::node& node)
    {
        std::string place = fmt::format("key {}", quote(key));
        std::string text = table_.text(key, node);
        if (text.starts_with('@') && read_other_) {
            const std::string file = text.substr(1);
            try {
                text = read_other_(file);
            } catch (const Failure& failure) {
                table_.complain(node, fmt::format("{}: {}", place, failure.what()));
                return {};
            }
            place += fmt::format(", file {}", quote(file));
        }
        const bool is_ical = key == "ical";
        const auto days = is_ical ? CalendarDays::parse("", text) : CalendarDays::parse(text, "");
        if (!days) {
            // "ical: line 3: …", of which the place has the key already.
            const std::string& why = days.error().message;
            table_.complain(node, fmt::format("{}: {}", place, why.substr(key.size() + 2)));
        }
        return text;
    }

    Calendar calendar_;
    FileTable table_;
    const ReadFile& read_other_;
};

/// The text with line feeds alone at the end of its lines: version control and editors change that.
std::string with_line_feeds(std::string_view text)
{
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_pair = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        if (!is_pair) plain += text[i];
    }
    return plain;
}

/// What two texts have in common that say the same.
std::string essence(std::string_view text)
{
    std::string plain = with_line_feeds(text);
    plain.erase(plain.find_last_not_of("\r\n") + 1);
    return plain;
}

/// An iCalendar text has thousands of lines, which nobody wants to see here.
std::string ical_text(const std::string& ical)
{
    if (ical.empty()) return {};
    const auto days = CalendarDays::parse("", ical);
    return days ? counted(static_cast<std::int64_t>(days->events()), "event") : "unreadable";
}

struct CalendarText {
    std::string_view name;
    std::string Calendar::*text;
};

constexpr std::array<CalendarText, 3> calendar_texts{{
    {"dates", &Calendar::dates},
    {"ical", &Calendar::ical},
    {"remark", &Calendar::remark},
}};

FieldChange text_change(const CalendarText& field, const Calendar& before, const Calendar& after)
{
    FieldChange change{std::string(field.name), before.*field.text, after.*field.text};
    if (field.name != "ical") return change;
    change.before = ical_text(change.before);
    change.after = ical_text(change.after);
    if (change.before == change.after) change.after += ", changed";
    return change;
}

/// The call that makes `before` say what `after` does; without fields if it does.
FileCall calendar_call(const Calendar& before, const Calendar& after)
{
    FileCall call{"calendar", after.name, false, "/calendar/set", {}};
    call.parameters["name"] = after.name;
    for (const CalendarText& field : calendar_texts) {
        if (essence(before.*field.text) == essence(after.*field.text)) continue;
        call.parameters[field.name] = after.*field.text;
        call.fields.push_back(text_change(field, before, after));
    }
    return call;
}

FileCall calendar_addition(const Calendar& calendar)
{
    FileCall call = calendar_call(Calendar(), calendar);
    call.is_new = true;
    call.target = "/calendar/add";
    // One that has no days yet says so.
    call.parameters["dates"] = calendar.dates;
    return call;
}

}  // namespace

Calendar read_file_calendar(const std::string& name, const toml::table& table,
                            const ReadFile& read_other, std::vector<FileMistake>& mistakes)
{
    return CalendarReader(name, table, read_other, mistakes).read();
}

std::string calendar_table(const Calendar& calendar)
{
    std::string text = fmt::format("\n[calendar.{}]\n", toml_key(calendar.name));
    for (const CalendarText& field : calendar_texts) {
        const std::string& value = calendar.*field.text;
        const bool is_needed = field.name == "dates" && calendar.ical.empty();
        if (value.empty() && !is_needed) continue;
        text += fmt::format("{} = {}\n", field.name, toml_text(with_line_feeds(value)));
    }
    return text;
}

Calendar calendar_of(const json::value& answer)
{
    const AnswerFields fields(answer);
    Calendar calendar;
    calendar.name = fields.text("name");
    for (const CalendarText& field : calendar_texts) {
        calendar.*field.text = fields.text(field.name);
    }
    return calendar;
}

std::vector<std::string> made_calendars(const json::value& list)
{
    std::vector<std::string> names;
    for (const json::value& row : rows_of(list)) {
        const AnswerFields calendar(row);
        if (!calendar.flag("built_in")) names.push_back(calendar.text("name"));
    }
    return names;
}

std::vector<std::string> known_calendars(const std::vector<Calendar>& calendars,
                                         const json::value& list)
{
    std::vector<std::string> names = made_calendars(list);
    std::erase_if(names, [&](const std::string& name) {
        return std::ranges::count(calendars, name, &Calendar::name) == 0;
    });
    return names;
}

std::vector<FileCall> calendar_calls(const std::vector<Calendar>& calendars,
                                     const std::vector<Calendar>& node)
{
    std::vector<FileCall> calls;
    for (const Calendar& calendar : calendars) {
        const auto known = std::ranges::find(node, calendar.name, &Calendar::name);
        if (known == node.end()) {
            calls.push_back(calendar_addition(calendar));
            continue;
        }
        FileCall call = calendar_call(*known, calendar);
        if (!call.fields.empty()) calls.push_back(std::move(call));
    }
    return calls;
}

}  // namespace peercron
