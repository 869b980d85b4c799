#pragma once

#include "cli/file_call.hpp"
#include "cli/file_table.hpp"
#include "cli/input_file.hpp"
#include "model/calendar.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <vector>

namespace peercron {

/// Reads the table [calendar.NAME] of a job file: dates, ical and remark. "@FILE" stands for what
/// that file has. The texts are judged as the node would.
/// @param read_other reads such a file; without it "@FILE" is a mistake.
Calendar read_file_calendar(const std::string& name, const toml::table& table,
                            const ReadFile& read_other, std::vector<FileMistake>& mistakes);

/// The table of a calendar, which read_file_calendar() reads back. Its lines end with a line feed
/// alone.
std::string calendar_table(const Calendar& calendar);

/// A calendar as /calendar/show answers it.
Calendar calendar_of(const boost::json::value& answer);

/// The names of the calendars that somebody made.
/// @param list what /calendar/list answers.
std::vector<std::string> made_calendars(const boost::json::value& list);

/// The calendars of a file that the node has, by what made_calendars() says.
std::vector<std::string> known_calendars(const std::vector<Calendar>& calendars,
                                         const boost::json::value& list);

/// The calls for the calendars of a file that are missing, or say something else. How lines end is
/// no difference. Pure.
/// @param node those of the node that known_calendars() names.
std::vector<FileCall> calendar_calls(const std::vector<Calendar>& calendars,
                                     const std::vector<Calendar>& node);

}  // namespace peercron
