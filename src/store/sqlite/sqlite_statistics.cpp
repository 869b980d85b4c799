#include "store/job_query.hpp"
#include "store/sqlite/sqlite_rows.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/sqlite/statistics_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace peercron {
namespace {

/// How many runs of each job run now: few rows, by the index by state.
std::map<JobId, std::int64_t> count_running(SqliteConnection& connection)
{
    std::map<JobId, std::int64_t> running;
    SqliteStatement& rows = connection.cached(
        "SELECT cron_id, COUNT(*) FROM log INDEXED BY log_by_state WHERE state = 'running'"
        " GROUP BY cron_id");
    while (rows.next()) running.emplace(rows.integer(0), rows.integer(1));
    rows.reset();
    return running;
}

/// Without what runs now.
JobInsight read_insight(SqliteConnection& connection, JobId job)
{
    JobInsight insight;
    insight.job = job;
    static const std::string sql =
        fmt::format("SELECT {} FROM cron_counter WHERE cron_id = ?", kept_past_columns);
    SqliteStatement& rows = connection.cached(sql).bind(job);
    const bool is_known = rows.next();
    std::optional<KeptPast> past;
    if (is_known) past = read_kept_past(rows, 0);
    rows.reset();
    if (past) {
        insight.statistics = std::move(past->statistics);
        insight.goal = std::move(past->goal);
        insight.oddities = past->oddities;
    } else if (is_known) {
        insight.statistics = statistics_of(read_newest_ends(connection, job));
    }
    return insight;
}

}  // namespace

std::vector<JobInsight> SqliteStore::find_insights(std::span<const JobId> ids)
{
    const auto work = [&](SqliteConnection& connection) {
        std::vector<JobInsight> insights;
        insights.reserve(ids.size());
        const auto running = count_running(connection);
        for (const JobId id : ids) {
            const auto runs_now = running.find(id);
            JobInsight& insight = insights.emplace_back(read_insight(connection, id));
            if (runs_now != running.end()) insight.running = runs_now->second;
        }
        return insights;
    };
    return session_.run("read the statistics of jobs", work);
}

StateCounts SqliteStore::count_states()
{
    const auto work = [](SqliteConnection& connection) {
        SqliteStatement& rows =
            connection.cached(select_state_counts("log INDEXED BY log_by_state"));
        rows.next();
        const StateCounts counts = read_state_counts(rows);
        rows.reset();
        return counts;
    };
    return session_.run("count the jobs by state", work);
}

std::vector<std::pair<JobId, std::chrono::milliseconds>> SqliteStore::usual_times()
{
    const auto work = [](SqliteConnection& connection) {
        std::vector<std::pair<JobId, std::chrono::milliseconds>> times;
        SqliteStatement& rows = connection.cached(
            "SELECT cron_id, usual_time FROM cron_counter WHERE usual_time IS NOT NULL"
            " ORDER BY cron_id");
        while (rows.next()) times.emplace_back(rows.integer(0), rows.integer(1));
        rows.reset();
        return times;
    };
    return session_.run("read how long jobs usually take", work);
}

std::vector<TallyRow> SqliteStore::find_tallies(std::chrono::sys_seconds from,
                                                std::chrono::sys_seconds to)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement& rows =
            connection
                .cached(
                    "SELECT at, run_server, tally FROM run_tally WHERE at >= ? AND at < ?"
                    " ORDER BY at, run_server")
                .bind(std::int64_t{from.time_since_epoch().count()})
                .bind(std::int64_t{to.time_since_epoch().count()});
        std::vector<TallyRow> tallies;
        while (rows.next()) {
            TallyRow& row = tallies.emplace_back();
            row.at = std::chrono::sys_seconds(std::chrono::seconds(rows.integer(0)));
            row.run_server = rows.text(1);
            row.tally = RunTally::parse(rows.text(2)).value_or(RunTally());
        }
        rows.reset();
        return tallies;
    };
    return session_.run("read how runs ended", work);
}

std::vector<BegunTerm> SqliteStore::terms_since(WallTime since, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement& rows = connection
                                    .cached(
                                        "SELECT epoch, dispatcher, at FROM begun_term WHERE at >= ?"
                                        " ORDER BY at DESC, epoch DESC LIMIT ?")
                                    .bind(to_unix_millis(since))
                                    .bind(static_cast<std::int64_t>(limit));
        std::vector<BegunTerm> terms;
        while (rows.next()) {
            terms.push_back({rows.natural(0), rows.text(1), from_unix_millis(rows.integer(2))});
        }
        rows.reset();
        std::ranges::reverse(terms);
        return terms;
    };
    return session_.run("read which terms began", work);
}

std::vector<LogRow> SqliteStore::job_rows_before(JobId job, WallTime before, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement& rows =
            connection
                .cached(select_rows_without_output(
                    "INDEXED BY log_by_run WHERE cron_id = ? AND scheduled_at < ?"
                    " ORDER BY scheduled_at DESC, attempt DESC LIMIT ?"))
                .bind(job)
                .bind(to_unix_millis(before))
                .bind(static_cast<std::int64_t>(limit));
        return read_log_rows_without_output(rows);
    };
    return session_.run(fmt::format("read the newest rows of job {}", job), work);
}

}  // namespace peercron
