#include "store/sqlite/sqlite_rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <set>

namespace peercron {
namespace {

/// The ids of the next jobs that have revisions or rows. SQLite reads a whole index to group by it;
/// asking for one id after the other jumps through it.
std::vector<JobId> next_jobs(SqliteConnection& connection, const PastQuery& query)
{
    std::set<JobId> found;
    for (const std::string_view table : {"cron_revision", "log"}) {
        const std::string sql =
            fmt::format("SELECT MIN(cron_id) FROM {} WHERE cron_id > ? AND cron_id <= ?", table);
        JobId after = query.only ? *query.only - 1 : query.after;
        const JobId last = query.only.value_or(std::numeric_limits<JobId>::max());
        for (std::size_t i = 0; i < query.limit; ++i) {
            SqliteStatement& next = connection.cached(sql).bind(after).bind(last);
            const bool any = next.next() && !next.is_null(0);
            after = any ? next.integer(0) : after;
            next.reset();
            if (!any) break;
            found.insert(after);
        }
    }
    std::vector<JobId> jobs(found.begin(), found.end());
    if (jobs.size() > query.limit) jobs.resize(query.limit);
    return jobs;
}

std::vector<Revision> read_past(SqliteConnection& connection, std::span<const JobId> jobs,
                                const PastQuery& query)
{
    std::vector<Revision> revisions;
    for (const JobId job : jobs) {
        const std::size_t room = query.most_revisions - revisions.size();
        if (room == 0) break;
        SqliteStatement& rows =
            connection
                .cached(
                    fmt::format("SELECT {}FROM cron_revision WHERE cron_id = ?1 AND id >= COALESCE("
                                "(SELECT MAX(id) FROM cron_revision WHERE cron_id = ?1 AND "
                                "effective_from < ?2),"
                                " 0) ORDER BY id LIMIT ?3",
                                past_columns))
                .bind(job)
                .bind(to_unix_millis(query.from))
                .bind(static_cast<std::int64_t>(room));
        while (rows.next()) revisions.push_back(read_past_revision(rows));
        rows.reset();
    }
    return revisions;
}

void read_run_numbers(SqliteConnection& connection, std::vector<JobPast>& pasts)
{
    for (JobPast& past : pasts) {
        SqliteStatement& number =
            connection
                .cached(
                    "SELECT run_num FROM cron LEFT JOIN cron_counter ON cron_id = id WHERE id = ?")
                .bind(past.job);
        if (number.next()) past.run_num = number.integer(0);
        number.reset();
    }
}

void append_entries(SqliteStatement& rows, std::vector<LedgerEntry>& entries)
{
    while (rows.next()) entries.push_back(read_entry(rows));
    rows.reset();
}

}  // namespace

LedgerExtent SqliteStore::ledger_extent()
{
    const auto work = [](SqliteConnection& connection) {
        LedgerExtent extent;
        SqliteStatement& first = connection.cached("SELECT MIN(time) FROM log");
        if (first.next() && !first.is_null(0)) extent.first = from_unix_seconds(first.integer(0));
        first.reset();
        SqliteStatement& term =
            connection.cached("SELECT planned_through, expired_through FROM term WHERE id = 1");
        if (term.next()) {
            extent.planned_through = time_or_null(term, 0);
            if (extent.first) extent.first = std::max(extent.first, time_or_null(term, 1));
        }
        term.reset();
        extent.clock_steps = read_clock_steps(connection);
        return extent;
    };
    return session_.run("read which time the ledger covers", work);
}

std::vector<JobPast> SqliteStore::find_pasts(const PastQuery& query)
{
    const auto work = [&](SqliteConnection& connection) {
        const std::vector<JobId> jobs = next_jobs(connection, query);
        std::vector<JobPast> pasts =
            pasts_of(jobs, read_past(connection, jobs, query), query.most_revisions);
        read_run_numbers(connection, pasts);
        return pasts;
    };
    return session_.run("read the past of the jobs", work);
}

std::vector<LedgerEntry> SqliteStore::find_entries(const EntryQuery& query)
{
    const auto work = [&](SqliteConnection& connection) {
        std::vector<LedgerEntry> entries;
        for (const JobId job : query.jobs) {
            if (query.after && job < query.after->job) continue;
            if (entries.size() >= query.limit) break;
            RunId start{job, query.from, 0};
            if (query.after && job == query.after->job) start = *query.after;
            SqliteStatement& rows =
                connection
                    .cached(fmt::format(
                        "SELECT {}FROM log WHERE cron_id = ?"
                        " AND (scheduled_at, attempt, part) > (?, ?, ?)"
                        " AND scheduled_at < ? ORDER BY scheduled_at, attempt, part LIMIT ?",
                        entry_columns))
                    .bind(job)
                    .bind(to_unix_millis(start.scheduled_at))
                    .bind(start.attempt)
                    .bind(start.part)
                    .bind(to_unix_millis(query.to))
                    .bind(static_cast<std::int64_t>(query.limit - entries.size()));
            append_entries(rows, entries);
        }
        return entries;
    };
    return session_.run("read the ledger", work);
}

std::optional<LedgerEntry> SqliteStore::newest_entry_before(JobId job, WallTime time)
{
    const auto work = [&](SqliteConnection& connection) -> std::optional<LedgerEntry> {
        SqliteStatement& rows =
            connection
                .cached(fmt::format("SELECT {}FROM log WHERE cron_id = ? AND scheduled_at < ?"
                                    " AND state <> 'revoked' AND requested_by = ''"
                                    " ORDER BY scheduled_at DESC, attempt DESC LIMIT 1",
                                    entry_columns))
                .bind(job)
                .bind(to_unix_millis(time));
        std::vector<LedgerEntry> entries;
        append_entries(rows, entries);
        if (entries.empty()) return std::nullopt;
        return std::move(entries.front());
    };
    return session_.run(fmt::format("read the newest row of job {}", job), work);
}

}  // namespace peercron
