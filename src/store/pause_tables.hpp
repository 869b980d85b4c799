#pragma once

#include "store/pause_store.hpp"
#include "store/read_rows.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// The statements for a PauseStore, which are the same for every database.
///
/// @tparam Tables as NoticeTables has it, and effective_from, Job::effective_from of a row of cron.
template <class Tables>
class PauseTables {
public:
    explicit PauseTables(Tables tables) : tables_(std::move(tables)) {}

    std::vector<Pause> pauses_after(WallTime time)
    {
        return read(fmt::format("{} > {}", end_of_row, to_unix_millis(time)));
    }

    std::vector<Pause> pauses_of_plan()
    {
        return read(
            fmt::format("{} > COALESCE((SELECT planned_through FROM term WHERE id = 1), 0)"
                        " - 600000",
                        end_of_row));
    }

    /// TermStart::skipped_lately, of fires after `since`.
    std::vector<SkippedSpan> skipped_spans(WallTime since)
    {
        const std::int64_t from = to_unix_millis(since);
        std::vector<SkippedSpan> spans;
        // Of the rows before, only a job's newest one may reach behind `since`.
        auto rows = tables_.query(fmt::format(
            "SELECT cron_id, scheduled_at, gap_end FROM {0}"
            " WHERE time >= {1} AND scheduled_at > {2} AND fires > 1"
            " UNION ALL SELECT id, {2}, gap_end FROM (SELECT cron.id AS id,"
            " (SELECT log.gap_end FROM {3} WHERE log.cron_id = cron.id AND log.scheduled_at <= {2}"
            " AND log.requested_by = '' ORDER BY log.scheduled_at DESC LIMIT 1) AS gap_end"
            " FROM cron WHERE {4}) AS newest WHERE gap_end > {2}",
            Tables::log_by_time, to_unix_seconds(since), from, Tables::log_by_run,
            jobs_of(pauses_after(since), from)));
        while (rows.next()) {
            spans.push_back({rows.integer(0), from_unix_millis(rows.integer(1)),
                             from_unix_millis(rows.integer(2))});
        }
        return spans;
    }

    std::int64_t add_pause(const Pause& pause)
    {
        tables_.execute(fmt::format(
            "INSERT INTO pause (cron_id, tag, begins_at, until_at, ended_at, reason, made_by,"
            " ended_by) VALUES ({},{},{},{},{},{},{},{})",
            pause.job, tables_.quote(pause.tag), to_unix_millis(pause.begins_at),
            literal(pause.until), literal(pause.ended_at), tables_.quote(pause.reason),
            tables_.quote(pause.made_by), tables_.quote(pause.ended_by)));
        return tables_.last_insert_id();
    }

    std::vector<Pause> end_pauses(const PauseChoice& choice, WallTime at, const std::string& by)
    {
        const std::string which = choice.id ? fmt::format("id = {}", *choice.id)
                                            : fmt::format("cron_id = {} AND tag = {}", choice.job,
                                                          tables_.quote(choice.tag));
        std::vector<Pause> ended =
            read(fmt::format("{} AND {} > {}", which, end_of_row, to_unix_millis(at)));
        for (Pause& pause : ended) {
            pause.ended_at = at;
            pause.ended_by = by;
            tables_.execute(
                fmt::format("UPDATE pause SET ended_at = {}, ended_by = {} WHERE id = {}",
                            to_unix_millis(*pause.ended_at), tables_.quote(by), pause.id));
        }
        return ended;
    }

private:
    /// Pause::end(). What no pause lasts longer than is the latest moment of a job
    /// (model/job_fields).
    static constexpr std::string_view end_of_row = "COALESCE(ended_at, until_at, 253402300800000)";

    static std::string literal(const std::optional<WallTime>& time)
    {
        return time ? std::to_string(to_unix_millis(*time)) : "NULL";
    }

    /// The jobs that the pauses may be of: all with tags, where they are of one. And those whose
    /// fires since `from` may be planned again, so that it has to be known which of them have a
    /// row: of all with calendars, since one may be changed at any moment; and what was changed
    /// later than that, perhaps to none.
    static std::string jobs_of(const std::vector<Pause>& pauses, std::int64_t from)
    {
        const std::string changed =
            fmt::format("cron.calendar <> '' OR {} > {}", Tables::effective_from, from);
        if (pauses.empty()) return changed;
        std::string jobs = "0";
        bool is_of_tag = false;
        for (const Pause& pause : pauses) {
            if (pause.job == 0 && pause.tag.empty()) return "1 = 1";
            if (pause.job != 0) jobs += fmt::format(",{}", pause.job);
            is_of_tag = is_of_tag || pause.job == 0;
        }
        return fmt::format("cron.id IN ({}){} OR {}", jobs, is_of_tag ? " OR cron.tags <> ''" : "",
                           changed);
    }

    std::vector<Pause> read(const std::string& condition)
    {
        std::vector<Pause> found;
        auto rows = tables_.query(fmt::format(
            "SELECT id, cron_id, tag, begins_at, until_at, ended_at, reason, made_by, ended_by"
            " FROM pause WHERE {} ORDER BY id",
            condition));
        while (rows.next()) {
            Pause pause;
            pause.id = rows.integer(0);
            pause.job = rows.integer(1);
            pause.tag = rows.text(2);
            pause.begins_at = from_unix_millis(rows.integer(3));
            pause.until = time_or_null(rows, 4);
            pause.ended_at = time_or_null(rows, 5);
            pause.reason = rows.text(6);
            pause.made_by = rows.text(7);
            pause.ended_by = rows.text(8);
            found.push_back(std::move(pause));
        }
        return found;
    }

    Tables tables_;
};

}  // namespace peercron
