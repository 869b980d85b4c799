#include "store/history.hpp"
#include "store/pause_tables.hpp"
#include "store/row_order.hpp"
#include "store/sqlite/ledger_rows.hpp"
#include "store/sqlite/sqlite_rows.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/sqlite/sqlite_tables.hpp"
#include "store/sqlite/statistics_rows.hpp"

#include <string>

namespace peercron {
namespace {

// How far TermStart::ended_lately looks back.
constexpr std::chrono::seconds lately{10};
// TermStart::set_back_from.
constexpr std::chrono::milliseconds remembered_step = std::chrono::minutes(10);

void read_open_runs(SqliteConnection& connection, TermStart& start)
{
    SqliteStatement& rows = connection.cached(select_open_runs);
    while (rows.next()) read_open_run(rows, start);
    rows.reset();
}

std::vector<RunId> read_ended_lately(SqliteConnection& connection, WallTime since)
{
    std::vector<RunId> ended;
    SqliteStatement& rows = connection
                                .cached(
                                    "SELECT cron_id, scheduled_at, attempt, part, parts FROM log"
                                    " WHERE time >= ? AND scheduled_at > ?"
                                    " AND +state NOT IN ('planned', 'running', 'revoked')")
                                .bind(to_unix_seconds(since))
                                .bind(to_unix_millis(since));
    while (rows.next()) {
        ended.push_back(read_run_id(rows));
    }
    rows.reset();
    return ended;
}

TermStart read_term(SqliteConnection& connection)
{
    TermStart start;
    SqliteStatement& term =
        connection
            .cached(
                "SELECT planned_through, step_epoch, step_number, (SELECT MAX(planned_through)"
                " FROM clock_step WHERE at > term.planned_through - ?) FROM term WHERE id = 1")
            .bind(static_cast<std::int64_t>(remembered_step.count()));
    if (term.next()) {
        start.planned_through = time_or_null(term, 0);
        start.last_step = {term.natural(1), term.natural(2)};
        start.set_back_from = time_or_null(term, 3);
    }
    term.reset();
    read_open_runs(connection, start);
    if (start.planned_through) {
        const WallTime since = *start.planned_through - lately;
        start.ended_lately = read_ended_lately(connection, since);
        start.skipped_lately = PauseTables(SqliteTables(connection)).skipped_spans(since);
        SqliteStatement& changes =
            connection
                .cached(select_revisions(
                    "WHERE id > (SELECT COALESCE(MAX(id), 0) - 10000 FROM cron_revision)"
                    " AND effective_from > ? ORDER BY id"))
                .bind(to_unix_millis(changes_wanted_after(start)));
        start.changes = read_revisions(changes);
        changes.reset();
    }
    SqliteStatement& numbers = connection.cached(
        "SELECT id, run_num FROM cron JOIN cron_counter ON cron_id = id WHERE run_limit > 0");
    while (numbers.next()) {
        start.run_numbers.emplace_back(numbers.integer(0), numbers.integer(1));
    }
    numbers.reset();
    return start;
}

}  // namespace

Epoch SqliteStore::newest_epoch()
{
    const auto work = [](SqliteConnection& connection) {
        SqliteStatement& term = connection.cached("SELECT epoch FROM term WHERE id = 1");
        const Epoch newest = term.next() ? term.natural(0) : 0;
        term.reset();
        return newest;
    };
    return session_.run("read the newest epoch", work);
}

TermStart SqliteStore::begin_term(Epoch epoch, const NodeName& dispatcher)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const auto number = static_cast<std::int64_t>(epoch);
        const std::int64_t matched =
            connection
                .cached(
                    "UPDATE term SET epoch = ?1, dispatcher = ?2 WHERE id = 1"
                    " AND (epoch < ?1 OR (epoch = ?1 AND dispatcher = ?2))")
                .bind(number)
                .bind(dispatcher)
                .execute();
        if (matched == 0) throw_deposed(connection, epoch);
        connection
            .cached(
                "INSERT INTO begun_term (epoch, dispatcher, at)"
                " VALUES (?, ?, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))"
                " ON CONFLICT DO NOTHING")
            .bind(number)
            .bind(dispatcher)
            .execute();
        TermStart start = read_term(connection);
        transaction.commit();
        return start;
    };
    return session_.run(fmt::format("begin the term of epoch {}", epoch), work);
}

void SqliteStore::commit_as(Epoch epoch, const PlanStep& step)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const std::int64_t matched =
            connection
                .cached(
                    "UPDATE term SET planned_through = MAX(COALESCE(planned_through, ?1), ?1),"
                    " step_epoch = ?2, step_number = ?3 WHERE id = 1 AND epoch = ?4")
                .bind(to_unix_millis(step.planned_through))
                .bind(static_cast<std::int64_t>(step.epoch))
                .bind(static_cast<std::int64_t>(step.number))
                .bind(static_cast<std::int64_t>(epoch))
                .execute();
        if (matched == 0) throw_deposed(connection, epoch);
        std::vector<EndedFire> ended;
        for (const RunReport* report : in_order(std::span(step.ended))) {
            write_report(connection, *report, GivesWay::only_open, ended);
        }
        for (const PlannedRun* run : in_order(std::span(step.moved))) {
            write_moved(connection, *run, step);
        }
        for (const PlannedRun* run : in_order(std::span(step.runs))) {
            write_planned(connection, *run, step, ended);
        }
        add_to_statistics(connection, inherited_, ended);
        transaction.commit();
    };
    session_.run(fmt::format("commit a step of {} runs", step.runs.size()), work);
}

std::size_t SqliteStore::delete_expired(std::chrono::seconds keep, WallTime now, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        connection
            .cached(
                "UPDATE term SET expired_through = MAX(COALESCE(expired_through, 0), ?)"
                " WHERE id = 1")
            .bind(to_unix_millis(now - keep))
            .execute();
        connection.cached("DELETE FROM run_tally WHERE at <= ?")
            .bind(to_unix_seconds(now - keep - RunTally::length))
            .execute();
        connection.cached("DELETE FROM begun_term WHERE at < ?")
            .bind(to_unix_millis(now - keep))
            .execute();
        std::int64_t deleted = 0;
        for (const std::string_view of_rows :
             {"DELETE FROM doubled_run WHERE log_id", "DELETE FROM unusual_run WHERE log_id",
              "DELETE FROM log WHERE id"}) {
            deleted = connection
                          .cached(fmt::format(
                              "{} IN (SELECT id FROM log INDEXED BY log_by_time WHERE time < ?"
                              " AND state NOT IN ('planned', 'running') ORDER BY time, id LIMIT ?)",
                              of_rows))
                          .bind(to_unix_seconds(now - keep))
                          .bind(static_cast<std::int64_t>(limit))
                          .execute();
        }
        transaction.commit();
        return static_cast<std::size_t>(deleted);
    };
    return session_.run("delete expired rows of the ledger", work);
}

std::vector<RunId> SqliteStore::runs_to_repeat(WallTime since)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement& rows =
            connection
                .cached(
                    "SELECT run.cron_id, run.scheduled_at, run.attempt, run.part, run.parts,"
                    " run.for_node FROM cron"
                    " CROSS JOIN log AS run ON run.cron_id = cron.id AND run.scheduled_at >= ?1"
                    " WHERE cron.delivery = 'at_least_once' AND cron.stop = 0"
                    " AND (run.state IN ('lost', 'fenced')"
                    " OR (run.state = 'killed' AND run.cause = ?2))"
                    " AND NOT EXISTS (SELECT 1 FROM log AS next WHERE next.cron_id = run.cron_id"
                    " AND next.scheduled_at = run.scheduled_at AND next.attempt = run.attempt + 1"
                    " AND next.part = run.part)")
                .bind(to_unix_millis(since))
                .bind(to_string(Cause::node_stopped));
        std::vector<RunId> runs;
        while (rows.next()) {
            runs.push_back(read_run_id(rows));
            runs.back().node = rows.text(5);
        }
        rows.reset();
        return runs;
    };
    return session_.run("find what has to run again", work);
}

std::vector<FailedRun> SqliteStore::runs_to_retry(WallTime since)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement& rows =
            connection
                .cached(fmt::format("SELECT {} FROM cron CROSS JOIN log AS run"
                                    " ON run.cron_id = cron.id AND run.scheduled_at >= ?{}",
                                    failed_run_columns, is_to_retry))
                .bind(to_unix_millis(since));
        std::vector<FailedRun> runs;
        while (rows.next()) runs.push_back(read_failed_run(rows));
        rows.reset();
        return runs;
    };
    return session_.run("find what has to be tried again", work);
}

std::vector<DaemonStart> SqliteStore::daemon_starts(std::span<const JobId> jobs)
{
    const auto work = [&](SqliteConnection& connection) {
        std::vector<DaemonStart> starts;
        for (const JobId job : jobs) {
            SqliteStatement& rows =
                connection
                    .cached(fmt::format("SELECT {}FROM log WHERE cron_id = ?"
                                        " AND scheduled_at IS NOT NULL AND state <> 'revoked'"
                                        " ORDER BY scheduled_at DESC, attempt DESC LIMIT {}",
                                        daemon_start_columns, most_daemon_starts))
                    .bind(job);
            while (rows.next()) starts.push_back(read_daemon_start(rows));
            rows.reset();
        }
        std::ranges::sort(starts, {}, &DaemonStart::id);
        return starts;
    };
    return session_.run("read the newest starts of daemons", work);
}

std::vector<ChainRow> SqliteStore::chain_rows(std::span<const ChainEdge> edges, WallTime since)
{
    const auto work = [&](SqliteConnection& connection) {
        std::vector<ChainRow> found;
        for (const ChainEdge& edge : edges) {
            SqliteStatement& rows =
                connection
                    .cached(fmt::format(
                        "SELECT {0} FROM log AS run WHERE cron_id = ?1"
                        " AND scheduled_at >= COALESCE((SELECT newest.scheduled_at FROM log AS"
                        " newest WHERE newest.cron_id = ?1 AND newest.scheduled_at >= ?2"
                        " AND newest.part = 0 ORDER BY newest.scheduled_at DESC,"
                        " newest.attempt DESC LIMIT 1 OFFSET {1}), ?2)"
                        " AND state <> 'revoked' AND NOT EXISTS (SELECT 1 FROM log AS"
                        " child WHERE child.cron_id = ?3 AND child.scheduled_at = run.scheduled_at)"
                        " ORDER BY scheduled_at, attempt, part",
                        chain_row_columns, most_chain_rows - 1))
                    .bind(edge.parent)
                    .bind(to_unix_millis(since))
                    .bind(edge.child);
            while (rows.next()) found.push_back(read_chain_row(rows, edge));
            rows.reset();
        }
        return found;
    };
    return session_.run("read which fires of chains are owed", work);
}

std::vector<DoubledRun> SqliteStore::record(std::span<const RunReport> reports)
{
    if (reports.empty()) return {};
    const auto work = [&](SqliteConnection& connection) {
        std::vector<DoubledRun> unknown;
        std::vector<EndedFire> ended;
        SqliteTransaction transaction(connection);
        for (const RunReport* report : in_order(reports)) {
            auto doubled = write_report(connection, *report, GivesWay::unsure_too, ended);
            if (doubled) unknown.push_back(std::move(*doubled));
        }
        add_to_statistics(connection, inherited_, ended);
        transaction.commit();
        return unknown;
    };
    return session_.run(fmt::format("record {} runs", reports.size()), work);
}

std::vector<DoubledRun> SqliteStore::find_doubled(const DoubledQuery& query)
{
    const auto work = [&](SqliteConnection& connection) {
        std::vector<DoubledRun> found;
        SqliteStatement rows = connection.prepare(select_doubled(query));
        while (rows.next()) found.push_back(read_doubled(rows));
        return found;
    };
    return session_.run("read which runs have two accounts", work);
}

}  // namespace peercron
