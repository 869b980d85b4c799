#include "store/sqlite/statistics_rows.hpp"

#include "store/sqlite/sqlite_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// nullopt: there is no such job, or it has to wait.
/// @param rows_read in this transaction, to make some.
std::optional<KeptPast> find_past(SqliteConnection& connection, const NoticeDefaults& defaults,
                                  JobId job, std::size_t& rows_read)
{
    static const std::string sql = fmt::format(
        "SELECT late_goal, slow_after, kind = 'daemon', tags, {} FROM cron LEFT JOIN cron_counter"
        " ON cron_id = id WHERE id = ?",
        kept_past_columns);
    SqliteStatement& rows = connection.cached(sql).bind(job);
    std::optional<KeptPast> past;
    if (rows.next()) {
        past = read_kept_past(rows, 4);
        const bool is_kept = past.has_value();
        if (!is_kept) past.emplace();
        past->is_made = !is_kept;
        const RunLimits own{.slow_after = std::chrono::seconds(rows.integer(1)),
                            .late_goal = std::chrono::milliseconds(rows.integer(0))};
        set_job_rules(*past, defaults, own, rows.integer(2) != 0, rows.text(3));
    }
    rows.reset();
    if (!past || !past->is_made) return past;
    if (rows_read >= rows_of_statistics_at_once) return std::nullopt;
    const std::vector<LogRow> ends = read_newest_ends(connection, job);
    rows_read += ends.size();
    past->statistics = statistics_of(ends);
    return past;
}

void write(SqliteConnection& connection, JobId job, const KeptPast& past)
{
    const StatisticsColumns columns = columns_of(past);
    connection
        .cached(
            "INSERT INTO cron_counter (cron_id, statistics, last_state, usual_time, late_p99, goal,"
            " oddities) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " statistics = excluded.statistics, last_state = excluded.last_state,"
            " usual_time = excluded.usual_time, late_p99 = excluded.late_p99,"
            " goal = excluded.goal, oddities = excluded.oddities")
        .bind(job)
        .bind(columns.statistics)
        .bind(columns.last_state)
        .bind(columns.usual_time)
        .bind(columns.late_p99)
        .bind(columns.goal)
        .bind(columns.oddities)
        .execute();
}

void write_oddities(SqliteConnection& connection, const EndedFire& fire)
{
    connection
        .cached(
            "INSERT INTO unusual_run (log_id, oddities) SELECT id, ? FROM log"
            " WHERE cron_id = ? AND scheduled_at = ? AND attempt = ? AND part = ?"
            " ON CONFLICT DO UPDATE SET oddities = excluded.oddities")
        .bind(to_string(fire.oddities))
        .bind(fire.job)
        .bind(to_unix_millis(fire.run.scheduled_at))
        .bind(fire.run.attempt)
        .bind(fire.run.part)
        .execute();
}

RunTally kept_tally(SqliteConnection& connection, const TallyKey& key)
{
    SqliteStatement& rows =
        connection.cached("SELECT tally FROM run_tally WHERE at = ? AND run_server = ?")
            .bind(std::int64_t{key.at.time_since_epoch().count()})
            .bind(key.run_server);
    RunTally tally;
    if (rows.next()) tally = RunTally::parse(rows.text(0)).value_or(RunTally());
    rows.reset();
    return tally;
}

void write(SqliteConnection& connection, const TallyKey& key, const RunTally& tally)
{
    connection
        .cached(
            "INSERT INTO run_tally (at, run_server, tally) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET tally = excluded.tally")
        .bind(std::int64_t{key.at.time_since_epoch().count()})
        .bind(key.run_server)
        .bind(tally.to_text())
        .execute();
}

}  // namespace

void add_to_statistics(SqliteConnection& connection, const NoticeDefaults& defaults,
                       std::span<EndedFire> fires)
{
    std::map<JobId, KeptPast> pasts;
    std::size_t rows_read = 0;
    for (const JobId job : jobs_of(fires)) {
        auto past = find_past(connection, defaults, job, rows_read);
        if (past) pasts.emplace(job, *std::move(past));
    }
    std::map<TallyKey, RunTally> tallies;
    for (const TallyKey& key : tallies_of(fires)) tallies.emplace(key, kept_tally(connection, key));
    add(fires, pasts, tallies);
    for (const auto& [job, past] : pasts) write(connection, job, past);
    for (const auto& [key, tally] : tallies) write(connection, key, tally);
    for (const EndedFire& fire : fires) {
        if (fire.oddities.any()) write_oddities(connection, fire);
    }
}

std::vector<LogRow> read_newest_ends(SqliteConnection& connection, JobId job)
{
    const auto read = [&](std::size_t most) {
        SqliteStatement& rows =
            connection
                .cached(select_rows_without_output(
                    "INDEXED BY log_by_run WHERE cron_id = ? AND scheduled_at IS NOT NULL"
                    " AND state NOT IN ('planned', 'running', 'revoked')"
                    " ORDER BY scheduled_at DESC, attempt DESC LIMIT ?"))
                .bind(job)
                .bind(static_cast<std::int64_t>(most));
        return read_log_rows_without_output(rows);
    };
    std::vector<LogRow> ends = read(rows_of_statistics);
    const std::size_t most = rows_for_statistics(ends);
    if (ends.size() == rows_of_statistics && most > ends.size()) ends = read(most);
    return ends;
}

}  // namespace peercron
