#include "store/sqlite/sqlite_image.hpp"

#include "store/sqlite/migrate.hpp"
#include "store/sqlite/sqlite_rows.hpp"

#include <string>

namespace peercron {
namespace {

constexpr std::size_t output_at_once = std::size_t{8} << 20U;

const SqliteSettings& migrated(const SqliteSettings& settings, const SqliteLock& lock)
{
    const SqliteLock::Altering altering(lock);
    migrate(settings);
    return settings;
}

void append(SqliteConnection& connection, const Job& job)
{
    SqliteStatement& insert = connection.cached(
        fmt::format("INSERT INTO cron (id, {}, effective_from, api_change) VALUES (?, {}, ?, 1)",
                    field_columns(), field_marks()));
    bind_definition(insert.bind(job.id), job).execute();
    if (job.counters == JobCounters{}) return;
    connection.cached("INSERT INTO cron_counter (cron_id, run_num, last_run_at) VALUES (?, ?, ?)")
        .bind(job.id)
        .bind(job.counters.run_num)
        .bind(millis(job.counters.last_run_at))
        .execute();
}

void append(SqliteConnection& connection, const LogRow& row)
{
    const RunReport& run = row.run;
    const auto scheduled_at = row.legacy ? std::nullopt : std::optional(run.id.scheduled_at);
    SqliteStatement& statement = connection.cached(
        "INSERT INTO log (id, cron_id, scheduled_at, attempt, part, parts, for_node, time, state,"
        " reason, run_server,"
        " dispatch_server, dispatch_time, epoch, requested_by, started_at, ended_at, use_time,"
        " exit_code, term_signal, cpu_time, max_rss, output_bytes, http_status, fires, gap_end,"
        " retry_at, output)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " ?, ?)");
    statement.bind(row.id)
        .bind(run.id.job)
        .bind(millis(scheduled_at))
        .bind(run.id.attempt)
        .bind(run.id.part)
        .bind(run.id.parts)
        .bind(run.id.node)
        .bind(row.time)
        .bind(to_string(run.state))
        .bind(to_string(run.reason))
        .bind(run.run_server)
        .bind(run.dispatch_server)
        .bind(row.dispatch_time)
        .bind(static_cast<std::int64_t>(run.epoch))
        .bind(row.requested_by)
        .bind(millis(run.started_at));
    bind_end(statement, run)
        .bind(row.fires)
        .bind(millis(row.gap_end))
        .bind(millis(row.retry_at))
        .bind(run.output)
        .execute();
    if (row.oddities.none()) return;
    connection.cached("INSERT INTO unusual_run (log_id, oddities) VALUES (?, ?)")
        .bind(row.id)
        .bind(to_string(row.oddities))
        .execute();
}

template <class Row>
auto appending(std::span<const Row> rows)
{
    return [rows](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        for (const Row& row : rows) append(connection, row);
        transaction.commit();
    };
}

}  // namespace

SqliteImage::SqliteImage(const SqliteSettings& settings)
    : lock_(settings), session_(migrated(settings, lock_))
{}

StoreTotals SqliteImage::totals()
{
    const auto work = [](SqliteConnection& connection) {
        StoreTotals totals;
        SqliteStatement jobs = connection.prepare(
            "SELECT COUNT(*), MAX(id), SUM(id), SUM(run_num)"
            " FROM cron LEFT JOIN cron_counter ON cron_id = id");
        jobs.next();
        totals.jobs = jobs.integer(0);
        totals.last_job = jobs.integer(1);
        totals.job_id_sum = jobs.integer(2);
        totals.runs_counted = jobs.integer(3);
        SqliteStatement states =
            connection.prepare("SELECT state, COUNT(*) FROM log GROUP BY state");
        while (states.next()) totals.rows_by_state.emplace(states.text(0), states.integer(1));
        SqliteStatement revisions =
            connection.prepare("SELECT COUNT(*), MAX(id) FROM cron_revision");
        revisions.next();
        totals.revisions = revisions.integer(0);
        totals.last_revision = revisions.integer(1);
        SqliteStatement others = connection.prepare("SELECT COUNT(*), MAX(id) FROM doubled_run");
        others.next();
        totals.other_accounts = others.integer(0);
        totals.last_other_account = others.integer(1);
        SqliteStatement rows = connection.prepare("SELECT MAX(id), SUM(id) FROM log");
        rows.next();
        totals.last_row = rows.integer(0);
        totals.row_id_sum = rows.integer(1);
        return totals;
    };
    return session_.run("count what is there", work);
}

std::vector<Job> SqliteImage::jobs_after(JobId after, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return read_jobs(connection.cached(select_jobs("WHERE id > ? ORDER BY id LIMIT ?"))
                             .bind(after)
                             .bind(static_cast<std::int64_t>(limit)));
    };
    return session_.run("read the jobs", work);
}

std::vector<LogRow> SqliteImage::rows_after(std::int64_t after, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement& rows = connection.cached(select_rows("WHERE id > ? ORDER BY id LIMIT ?"))
                                    .bind(after)
                                    .bind(static_cast<std::int64_t>(limit));
        std::vector<LogRow> found;
        std::size_t bytes = 0;
        while (bytes < output_at_once && rows.next()) {
            found.push_back(read_log_row(rows));
            bytes += found.back().run.output.size();
        }
        rows.reset();
        return found;
    };
    return session_.run("read the ledger", work);
}

std::vector<Revision> SqliteImage::revisions_after(std::int64_t after, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return read_revisions(
            connection.cached(select_revisions("WHERE id > ? ORDER BY id LIMIT ?"))
                .bind(after)
                .bind(static_cast<std::int64_t>(limit)));
    };
    return session_.run("read the history of the jobs", work);
}

std::vector<OtherAccount> SqliteImage::other_accounts_after(std::int64_t after, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement rows = connection.prepare(
            fmt::format("SELECT {}FROM doubled_run AS d WHERE d.id > ? ORDER BY d.id LIMIT ?",
                        other_account_columns));
        rows.bind(after).bind(static_cast<std::int64_t>(limit));
        std::vector<OtherAccount> found;
        while (rows.next()) found.push_back(read_other_account(rows));
        return found;
    };
    return session_.run("read the second reports of runs", work);
}

StoredTerm SqliteImage::term()
{
    const auto work = [](SqliteConnection& connection) {
        StoredTerm term;
        term.clock_steps = read_clock_steps(connection);
        SqliteStatement row = connection.prepare(
            "SELECT epoch, planned_through, expired_through FROM term WHERE id = 1");
        if (!row.next()) return term;
        term.epoch = row.natural(0);
        term.planned_through = time_or_null(row, 1);
        term.expired_through = time_or_null(row, 2);
        return term;
    };
    return session_.run("read the term", work);
}

void SqliteImage::append_jobs(std::span<const Job> jobs)
{
    session_.run(fmt::format("write {} jobs", jobs.size()), appending(jobs));
}

void SqliteImage::append_revisions(std::span<const Revision> revisions)
{
    session_.run(fmt::format("write {} revisions", revisions.size()), appending(revisions));
}

void SqliteImage::append_rows(std::span<const LogRow> rows)
{
    session_.run(fmt::format("write {} rows of the ledger", rows.size()), appending(rows));
}

void SqliteImage::append_other_accounts(std::span<const OtherAccount> accounts)
{
    session_.run(fmt::format("write {} second reports of runs", accounts.size()),
                 appending(accounts));
}

void SqliteImage::finish(const StoredTerm& term)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        connection
            .prepare(
                "UPDATE term SET epoch = MAX(epoch, ?), planned_through = ?,"
                " expired_through = ? WHERE id = 1")
            .bind(static_cast<std::int64_t>(term.epoch))
            .bind(millis(term.planned_through))
            .bind(millis(term.expired_through))
            .execute();
        for (const ClockStep& step : term.clock_steps) {
            connection
                .cached(
                    "INSERT OR REPLACE INTO clock_step (at, planned_through, moved)"
                    " VALUES (?, ?, ?)")
                .bind(to_unix_millis(step.at))
                .bind(to_unix_millis(step.from))
                .bind(step.moved)
                .execute();
        }
        connection.prepare(fill_last_states).execute();
        // AUTOINCREMENT keeps its numbers in sqlite_sequence; a table without rows has none there.
        connection.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'cron', 0 WHERE NOT EXISTS"
            " (SELECT 1 FROM sqlite_sequence WHERE name = 'cron');"
            "UPDATE sqlite_sequence SET seq = MAX(seq, COALESCE((SELECT MAX(cron_id) FROM log), 0),"
            " COALESCE((SELECT MAX(cron_id) FROM cron_revision), 0)) WHERE name = 'cron'");
        transaction.commit();
    };
    session_.run("write the term", work);
}

}  // namespace peercron
