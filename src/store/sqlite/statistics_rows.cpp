#include "store/sqlite/statistics_rows.hpp"

#include "store/sqlite/sqlite_rows.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// nullopt: there is no such job, or it has to wait. Those that were not kept are made from the
/// ledger, which has the fires of this transaction already: none are to be added.
struct KeptStatistics {
    JobStatistics statistics;
    bool is_made = false;
};

/// @param rows_read in this transaction, to make some.
std::optional<KeptStatistics> kept_statistics(SqliteConnection& connection, JobId job,
                                              std::size_t& rows_read)
{
    SqliteStatement& rows =
        connection
            .cached(
                "SELECT cron_counter.cron_id, statistics FROM cron LEFT JOIN cron_counter"
                " ON cron_id = id WHERE id = ?")
            .bind(job);
    std::optional<KeptStatistics> kept;
    bool is_to_be_made = false;
    if (rows.next()) {
        auto statistics = JobStatistics::parse(rows.text(1));
        is_to_be_made = !statistics;
        kept.emplace().statistics = std::move(statistics).value_or(JobStatistics());
    }
    rows.reset();
    if (!is_to_be_made) return kept;
    if (rows_read >= rows_of_statistics_at_once) return std::nullopt;
    const std::vector<LogRow> ends = read_newest_ends(connection, job);
    rows_read += ends.size();
    *kept = {statistics_of(ends), true};
    return kept;
}

void write(SqliteConnection& connection, JobId job, const JobStatistics& statistics)
{
    const StatisticsColumns columns = columns_of(statistics);
    connection
        .cached(
            "INSERT INTO cron_counter (cron_id, statistics, last_state, usual_time, late_p99)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET statistics = excluded.statistics,"
            " last_state = excluded.last_state, usual_time = excluded.usual_time,"
            " late_p99 = excluded.late_p99")
        .bind(job)
        .bind(columns.statistics)
        .bind(columns.last_state)
        .bind(columns.usual_time)
        .bind(columns.late_p99)
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

void add_to_statistics(SqliteConnection& connection, std::span<const EndedFire> fires)
{
    std::map<JobId, JobStatistics> statistics;
    std::size_t rows_read = 0;
    for (const JobId job : jobs_of(fires)) {
        auto kept = kept_statistics(connection, job, rows_read);
        if (!kept) continue;
        if (kept->is_made) {
            write(connection, job, kept->statistics);
        } else {
            statistics.emplace(job, std::move(kept->statistics));
        }
    }
    std::map<TallyKey, RunTally> tallies;
    for (const TallyKey& key : tallies_of(fires)) tallies.emplace(key, kept_tally(connection, key));
    add(fires, statistics, tallies);
    for (const auto& [job, of_job] : statistics) write(connection, job, of_job);
    for (const auto& [key, tally] : tallies) write(connection, key, tally);
}

std::vector<LogRow> read_newest_ends(SqliteConnection& connection, JobId job)
{
    SqliteStatement& rows =
        connection
            .cached(select_rows_without_output(
                "INDEXED BY log_by_run WHERE cron_id = ? AND scheduled_at IS NOT NULL"
                " AND state NOT IN ('planned', 'running', 'revoked')"
                " ORDER BY scheduled_at DESC, attempt DESC LIMIT ?"))
            .bind(job)
            .bind(static_cast<std::int64_t>(rows_of_statistics));
    return read_log_rows_without_output(rows);
}

}  // namespace peercron
