#include "base/in_pieces.hpp"
#include "store/job_query.hpp"
#include "store/mysql/mysql_rows.hpp"
#include "store/mysql/mysql_store.hpp"
#include "store/mysql/statistics_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

// Jobs of one statement.
constexpr std::size_t insights_at_once = 1000;

/// How many runs of each job run now; the index by state has few rows of such.
std::map<JobId, std::int64_t> count_running(MysqlConnection& connection,
                                            std::span<const JobId> jobs)
{
    std::map<JobId, std::int64_t> running;
    MysqlRows rows = connection.query(
        fmt::format("SELECT cron_id, COUNT(*) FROM log FORCE INDEX (by_state)"
                    " WHERE state = 'running' AND cron_id IN ({}) GROUP BY cron_id",
                    fmt::join(jobs, ",")));
    while (rows.next()) running.emplace(rows.integer(0), rows.integer(1));
    return running;
}

std::map<JobId, std::optional<KeptPast>> read_pasts(MysqlConnection& connection,
                                                    std::span<const JobId> jobs)
{
    std::map<JobId, std::optional<KeptPast>> found;
    MysqlRows rows =
        connection.query(fmt::format("SELECT cron_id, {} FROM cron_counter WHERE cron_id IN ({})",
                                     kept_past_columns, fmt::join(jobs, ",")));
    while (rows.next()) found.emplace(rows.integer(0), read_kept_past(rows, 1));
    return found;
}

}  // namespace

std::vector<JobInsight> MysqlStore::find_insights(std::span<const JobId> ids)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<JobInsight> insights;
        insights.reserve(ids.size());
        in_pieces(ids, insights_at_once, [&](std::span<const JobId> some) {
            const auto running = count_running(connection, some);
            auto pasts = read_pasts(connection, some);
            for (const JobId id : some) {
                JobInsight& insight = insights.emplace_back();
                insight.job = id;
                const auto runs_now = running.find(id);
                if (runs_now != running.end()) insight.running = runs_now->second;
                const auto found = pasts.find(id);
                if (found == pasts.end()) continue;
                if (found->second) {
                    insight.statistics = std::move(found->second->statistics);
                    insight.goal = std::move(found->second->goal);
                    insight.oddities = found->second->oddities;
                } else {
                    insight.statistics = statistics_of(read_newest_ends(connection, id));
                }
            }
        });
        return insights;
    };
    return session_.run("read the statistics of jobs", Repeat::safe, work);
}

StateCounts MysqlStore::count_states()
{
    const auto work = [](MysqlConnection& connection) {
        MysqlRows rows = connection.query(select_state_counts("log FORCE INDEX (by_state)"));
        rows.next();
        return read_state_counts(rows);
    };
    return session_.run("count the jobs by state", Repeat::safe, work);
}

std::vector<std::pair<JobId, std::chrono::milliseconds>> MysqlStore::usual_times()
{
    const auto work = [](MysqlConnection& connection) {
        std::vector<std::pair<JobId, std::chrono::milliseconds>> times;
        MysqlRows rows = connection.query(
            "SELECT cron_id, usual_time FROM cron_counter WHERE usual_time IS NOT NULL"
            " ORDER BY cron_id");
        while (rows.next()) times.emplace_back(rows.integer(0), rows.integer(1));
        return times;
    };
    return session_.run("read how long jobs usually take", Repeat::safe, work);
}

std::vector<TallyRow> MysqlStore::find_tallies(std::chrono::sys_seconds from,
                                               std::chrono::sys_seconds to)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<TallyRow> tallies;
        MysqlRows rows = connection.query(
            fmt::format("SELECT at, run_server, tally FROM run_tally WHERE at >= {} AND at < {}"
                        " ORDER BY at, run_server",
                        from.time_since_epoch().count(), to.time_since_epoch().count()));
        while (rows.next()) {
            TallyRow& row = tallies.emplace_back();
            row.at = std::chrono::sys_seconds(std::chrono::seconds(rows.integer(0)));
            row.run_server = rows.text(1);
            row.tally = RunTally::parse(rows.text(2)).value_or(RunTally());
        }
        return tallies;
    };
    return session_.run("read how runs ended", Repeat::safe, work);
}

std::vector<BegunTerm> MysqlStore::terms_since(WallTime since, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<BegunTerm> terms;
        MysqlRows rows = connection.query(
            fmt::format("SELECT epoch, dispatcher, at FROM begun_term WHERE at >= {}"
                        " ORDER BY at DESC, epoch DESC LIMIT {}",
                        to_unix_millis(since), limit));
        while (rows.next()) {
            terms.push_back(
                {rows.natural(0), NodeName(rows.text(1)), from_unix_millis(rows.integer(2))});
        }
        std::ranges::reverse(terms);
        return terms;
    };
    return session_.run("read which terms began", Repeat::safe, work);
}

std::vector<LogRow> MysqlStore::job_rows_before(JobId job, WallTime before, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return read_log_rows_without_output(
            connection, fmt::format("FORCE INDEX (by_run) WHERE cron_id = {} AND scheduled_at < {}"
                                    " ORDER BY scheduled_at DESC, attempt DESC LIMIT {}",
                                    job, to_unix_millis(before), limit));
    };
    return session_.run(fmt::format("read the newest rows of job {}", job), Repeat::safe, work);
}

}  // namespace peercron
