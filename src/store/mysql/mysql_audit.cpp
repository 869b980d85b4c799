#include "store/mysql/mysql_rows.hpp"
#include "store/mysql/mysql_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <set>

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

/// The ids of the next jobs that have revisions or rows. Grouping jumps through an index from one
/// id to the next.
std::vector<JobId> next_jobs(MysqlConnection& connection, const PastQuery& query)
{
    const std::string which = query.only ? fmt::format("cron_id = {}", *query.only)
                                         : fmt::format("cron_id > {}", query.after);
    std::set<JobId> found;
    for (const std::string_view table :
         {"cron_revision FORCE INDEX (by_job)", "log FORCE INDEX (by_run)"}) {
        MysqlRows rows = connection.query(fmt::format(
            "SELECT cron_id FROM {} WHERE {} GROUP BY cron_id ORDER BY cron_id LIMIT {}", table,
            which, query.limit));
        while (rows.next()) found.insert(rows.integer(0));
    }
    std::vector<JobId> jobs(found.begin(), found.end());
    if (jobs.size() > query.limit) jobs.resize(query.limit);
    return jobs;
}

std::vector<Revision> read_past(MysqlConnection& connection, std::span<const JobId> jobs,
                                const PastQuery& query)
{
    const std::string ids = fmt::format("{}", fmt::join(jobs, ","));
    std::vector<Revision> revisions;
    MysqlRows rows = connection.query(
        fmt::format("SELECT {0} FROM cron_revision"
                    " LEFT JOIN (SELECT cron_id AS job, MAX(id) AS first FROM cron_revision"
                    " WHERE cron_id IN ({1}) AND effective_from < {2} GROUP BY cron_id) AS base"
                    " ON job = cron_id WHERE cron_id IN ({1}) AND id >= COALESCE(first, 0)"
                    " ORDER BY cron_id, id LIMIT {3}",
                    past_columns, ids, to_unix_millis(query.from), query.most_revisions));
    while (rows.next()) revisions.push_back(read_past_revision(rows));
    return revisions;
}

void read_run_numbers(MysqlConnection& connection, std::span<const JobId> jobs,
                      std::vector<JobPast>& pasts)
{
    std::map<JobId, std::int64_t> numbers;
    MysqlRows rows = connection.query(
        fmt::format("SELECT id, run_num FROM cron LEFT JOIN cron_counter ON cron_id = id"
                    " WHERE id IN ({})",
                    fmt::join(jobs, ",")));
    while (rows.next()) numbers.emplace(rows.integer(0), rows.integer(1));
    for (JobPast& past : pasts) {
        const auto found = numbers.find(past.job);
        if (found != numbers.end()) past.run_num = found->second;
    }
}

/// A range of the index for each job, in its order, so that no row is read in vain and nothing is
/// to be sorted.
std::string condition(const EntryQuery& query)
{
    const std::string time = fmt::format("scheduled_at >= {} AND scheduled_at < {}",
                                         to_unix_millis(query.from), to_unix_millis(query.to));
    if (!query.after) {
        return fmt::format("cron_id IN ({}) AND {}", fmt::join(query.jobs, ","), time);
    }
    const RunId& after = *query.after;
    const std::int64_t at = to_unix_millis(after.scheduled_at);
    std::string sql = fmt::format(
        "(cron_id = {0} AND scheduled_at = {1} AND attempt = {2} AND part > {3}) OR"
        " (cron_id = {0} AND scheduled_at = {1} AND attempt > {2}) OR"
        " (cron_id = {0} AND scheduled_at > {1} AND scheduled_at < {4})",
        after.job, at, after.attempt, after.part, to_unix_millis(query.to));
    const auto later = std::ranges::upper_bound(query.jobs, after.job);
    if (later != query.jobs.end()) {
        sql += fmt::format(" OR (cron_id IN ({}) AND {})", fmt::join(later, query.jobs.end(), ","),
                           time);
    }
    return sql;
}

std::vector<LedgerEntry> read_entries(MysqlConnection& connection, std::string_view rest)
{
    std::vector<LedgerEntry> entries;
    MysqlRows rows = connection.query(
        fmt::format("SELECT {}FROM log FORCE INDEX (by_run) WHERE {}", entry_columns, rest));
    while (rows.next()) entries.push_back(read_entry(rows));
    return entries;
}

}  // namespace

LedgerExtent MysqlStore::ledger_extent()
{
    const auto work = [](MysqlConnection& connection) {
        LedgerExtent extent;
        {
            MysqlRows rows = connection.query("SELECT MIN(time) FROM log");
            if (rows.next() && !rows.is_null(0)) extent.first = from_unix_seconds(rows.integer(0));
        }
        {
            MysqlRows rows =
                connection.query("SELECT planned_through, expired_through FROM term WHERE id = 1");
            if (rows.next()) {
                extent.planned_through = time_or_null(rows, 0);
                if (extent.first) extent.first = std::max(extent.first, time_or_null(rows, 1));
            }
        }
        extent.clock_steps = read_clock_steps(connection);
        return extent;
    };
    return session_.run("read which time the ledger covers", Repeat::safe, work);
}

std::vector<JobPast> MysqlStore::find_pasts(const PastQuery& query)
{
    const auto work = [&](MysqlConnection& connection) {
        const std::vector<JobId> jobs = next_jobs(connection, query);
        if (jobs.empty()) return std::vector<JobPast>();
        std::vector<JobPast> pasts =
            pasts_of(jobs, read_past(connection, jobs, query), query.most_revisions);
        read_run_numbers(connection, jobs, pasts);
        return pasts;
    };
    return session_.run("read the past of the jobs", Repeat::safe, work);
}

std::vector<LedgerEntry> MysqlStore::find_entries(const EntryQuery& query)
{
    if (query.jobs.empty()) return {};
    const auto work = [&](MysqlConnection& connection) {
        return read_entries(connection,
                            fmt::format("{} ORDER BY cron_id, scheduled_at, attempt, part LIMIT {}",
                                        condition(query), query.limit));
    };
    return session_.run("read the ledger", Repeat::safe, work);
}

std::optional<LedgerEntry> MysqlStore::newest_entry_before(JobId job, WallTime time)
{
    const auto work = [&](MysqlConnection& connection) -> std::optional<LedgerEntry> {
        std::vector<LedgerEntry> entries = read_entries(
            connection,
            fmt::format("cron_id = {} AND scheduled_at < {} AND state <> 'revoked'"
                        " AND requested_by = '' ORDER BY scheduled_at DESC, attempt DESC LIMIT 1",
                        job, to_unix_millis(time)));
        if (entries.empty()) return std::nullopt;
        return std::move(entries.front());
    };
    return session_.run(fmt::format("read the newest row of job {}", job), Repeat::safe, work);
}

}  // namespace peercron
