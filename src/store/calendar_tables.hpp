#pragma once

#include "model/job_fields.hpp"
#include "store/calendar_store.hpp"
#include "store/read_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// The statements for a CalendarStore, which are the same for every database.
///
/// @tparam Tables as NoticeTables has it.
template <class Tables>
class CalendarTables {
public:
    explicit CalendarTables(Tables tables) : tables_(std::move(tables)) {}

    CalendarStamp stamp()
    {
        auto rows = tables_.query("SELECT COALESCE(MAX(id), 0), COUNT(ended_at) FROM calendar");
        if (!rows.next()) return {};
        return {rows.integer(0), rows.integer(1)};
    }

    std::vector<Calendar> calendars_after(WallTime time)
    {
        return read(fmt::format("ended_at IS NULL OR ended_at > {}",
                                std::max(to_unix_millis(time), std::int64_t{0})));
    }

    std::vector<Calendar> calendars_of_plan()
    {
        return read(
            fmt::format("ended_at IS NULL OR ended_at >"
                        " COALESCE((SELECT planned_through FROM term WHERE id = 1), 0) - {}",
                        std::chrono::milliseconds(plan_asks_calendars_back).count()));
    }

    std::vector<Calendar> versions_of(const std::string& name)
    {
        return read(fmt::format("name = {}", tables_.quote(name)));
    }

    /// In a transaction.
    std::int64_t put(const Calendar& calendar)
    {
        end_present(calendar.name, calendar.set_at, calendar.set_by);
        return append(calendar);
    }

    std::int64_t append(const Calendar& calendar)
    {
        tables_.execute(fmt::format(
            "INSERT INTO calendar (name, remark, dates, ical, set_by, set_at, ended_at, ended_by)"
            " VALUES ({},{},{},{},{},{},{},{})",
            tables_.quote(calendar.name), tables_.quote(calendar.remark),
            tables_.quote(calendar.dates), tables_.quote(calendar.ical),
            tables_.quote(calendar.set_by), to_unix_millis(calendar.set_at),
            calendar.ended_at ? std::to_string(to_unix_millis(*calendar.ended_at)) : "NULL",
            tables_.quote(calendar.ended_by)));
        return tables_.last_insert_id();
    }

    /// In a transaction.
    std::optional<Calendar> end(const std::string& name, WallTime at, const std::string& by)
    {
        std::vector<Calendar> present =
            read(fmt::format("name = {} AND ended_at IS NULL", tables_.quote(name)));
        if (present.empty()) return std::nullopt;
        end_present(name, at, by);
        present.back().ended_at = at;
        present.back().ended_by = by;
        return present.back();
    }

    std::vector<CalendarUser> users()
    {
        std::vector<CalendarUser> found;
        auto rows =
            tables_.query("SELECT id, name, calendar FROM cron WHERE calendar <> '' ORDER BY id");
        while (rows.next()) {
            CalendarUser user;
            user.job = rows.integer(0);
            user.name = rows.text(1);
            user.calendar = split_words(rows.text(2));
            found.push_back(std::move(user));
        }
        return found;
    }

private:
    void end_present(const std::string& name, WallTime at, const std::string& by)
    {
        tables_.execute(
            fmt::format("UPDATE calendar SET ended_at = {}, ended_by = {}"
                        " WHERE name = {} AND ended_at IS NULL",
                        to_unix_millis(at), tables_.quote(by), tables_.quote(name)));
    }

    std::vector<Calendar> read(const std::string& condition)
    {
        std::vector<Calendar> found;
        auto rows = tables_.query(
            fmt::format("SELECT id, name, remark, dates, ical, set_by, set_at, ended_at, ended_by"
                        " FROM calendar WHERE {} ORDER BY id",
                        condition));
        while (rows.next()) {
            Calendar calendar;
            calendar.id = rows.integer(0);
            calendar.name = rows.text(1);
            calendar.remark = rows.text(2);
            calendar.dates = rows.text(3);
            calendar.ical = rows.text(4);
            calendar.set_by = rows.text(5);
            calendar.set_at = from_unix_millis(rows.integer(6));
            calendar.ended_at = time_or_null(rows, 7);
            calendar.ended_by = rows.text(8);
            found.push_back(std::move(calendar));
        }
        return found;
    }

    Tables tables_;
};

}  // namespace peercron
