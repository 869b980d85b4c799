#include "store/ended_fires.hpp"
#include "store/history.hpp"
#include "store/mysql/history_rows.hpp"
#include "store/mysql/ledger_rows.hpp"
#include "store/mysql/mysql_rows.hpp"
#include "store/mysql/mysql_store.hpp"
#include "store/mysql/mysql_tables.hpp"
#include "store/mysql/statistics_rows.hpp"
#include "store/pause_tables.hpp"
#include "store/text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;
using namespace std::chrono_literals;

// How far TermStart::ended_lately looks back.
constexpr std::chrono::seconds lately{10};
// TermStart::set_back_from.
constexpr std::chrono::milliseconds remembered_step = 10min;

void read_open_runs(MysqlConnection& connection, TermStart& start)
{
    MysqlRows rows = connection.query(select_open_runs);
    while (rows.next()) read_open_run(rows, start);
}

std::vector<RunId> read_ended_lately(MysqlConnection& connection, WallTime since)
{
    std::vector<RunId> ended;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    MysqlRows rows = connection.query(fmt::format(
        "SELECT cron_id, scheduled_at, attempt, part, parts FROM log FORCE INDEX (by_time)"
        " WHERE time >= {} AND scheduled_at > {} AND state NOT IN ('planned', "
        "'running', 'revoked')",
        seconds.time_since_epoch().count(), to_unix_millis(since)));
    while (rows.next()) ended.push_back(read_run_id(rows));
    return ended;
}

void append(std::vector<std::string>& all, std::vector<RowStatement> statements)
{
    for (RowStatement& statement : statements) all.push_back(std::move(statement.sql));
}

/// The report as it is when the server does not take it as it was: without what may be the cause.
RunReport what_fits(const RunReport& report)
{
    constexpr std::size_t short_output = 4096;
    RunReport plain = report;
    plain.reason.detail = plain_ascii(report.reason.detail);
    plain.run_server = plain_ascii(report.run_server);
    plain.dispatch_server = plain_ascii(report.dispatch_server);
    plain.output = plain_ascii(cut_middle(report.output, short_output));
    return plain;
}

/// What writes them, and counts them, in the transaction that locked their rows.
/// @param others fires that count as well, whose rows are written otherwise.
std::vector<std::string> ledger_statements(MysqlConnection& connection,
                                           const NoticeDefaults& defaults,
                                           std::span<const RunReport> reports, LockedRows locked,
                                           GivesWay rule, std::vector<EndedFire> others = {})
{
    std::vector<std::string> statements;
    std::vector<std::string> ends = notice_statements(reports, locked, rule);
    append(statements, report_statements(connection, reports, locked, rule));
    std::vector<EndedFire> ended = ended_fires(reports, locked, rule);
    std::ranges::move(others, std::back_inserter(ended));
    if (!ended.empty()) {
        auto statistics = lock_statistics(connection, defaults, jobs_of(ended));
        auto tallies = lock_tallies(connection, tallies_of(ended));
        add(ended, statistics.kept, tallies);
        append(statements,
               counter_statements(connection, reports, std::move(locked), rule, statistics));
        append(statements, tally_statements(connection, tallies));
        std::ranges::move(oddity_statements(ended), std::back_inserter(statements));
    }
    std::ranges::move(ends, std::back_inserter(statements));
    return statements;
}

/// The fires that the step skips, and that no row says yet: a step may be committed twice.
std::vector<EndedFire> skipped_fires(MysqlConnection& connection, const PlanStep& step)
{
    std::vector<EndedFire> fires;
    std::vector<RunReport> runs;
    std::vector<const PlannedRun*> skipped;
    for (const PlannedRun& run : step.runs) {
        auto fire = ended_fire(run);
        if (!fire) continue;
        fires.push_back(*std::move(fire));
        skipped.push_back(&run);
        runs.emplace_back().id = run.id;
    }
    if (fires.empty()) return fires;
    const LockedRows locked = lock_rows(connection, runs);
    std::vector<EndedFire> news;
    for (std::size_t i = 0; i < fires.size(); ++i) {
        const auto found = locked.find(runs[i].id);
        const bool is_news = found == locked.end() || found->second.state == RunState::revoked;
        if (is_news) {
            news.push_back(std::move(fires[i]));
        } else if (found->second.state == RunState::skipped) {
            auto grown = grown_fires(*skipped[i], found->second.fires);
            if (grown) news.push_back(*std::move(grown));
        }
    }
    return news;
}

/// Adds to `doubled` what record() returns; of each run there is one report.
void write(MysqlConnection& connection, const NoticeDefaults& defaults,
           std::span<const RunReport> reports, std::vector<DoubledRun>& doubled)
{
    MysqlTransaction transaction(connection);
    LockedRows locked = lock_rows(connection, reports);
    std::vector<DoubledRun> unknown = keep_other_accounts(connection, reports, locked);
    transaction.commit(
        ledger_statements(connection, defaults, reports, std::move(locked), GivesWay::unsure_too));
    std::ranges::move(unknown, std::back_inserter(doubled));
}

void write_what_fits(MysqlConnection& connection, const NoticeDefaults& defaults,
                     const RunReport& report, const MysqlError& error,
                     std::vector<DoubledRun>& doubled)
{
    spdlog::error("store: the database refuses the report of {}: {}; writing what fits",
                  to_string(report.id), error.what());
    const RunReport plain = what_fits(report);
    try {
        write(connection, defaults, {&plain, 1}, doubled);
    } catch (const MysqlError& again) {
        if (!again.value_refused()) throw;
        spdlog::error("store: the report of {} ({}) is not written: {}", to_string(report.id),
                      to_string(report.state), again.what());
    }
}

/// Writes all of them, and finds those that the server refuses by halving.
void write_each(MysqlConnection& connection, const NoticeDefaults& defaults,
                std::span<const RunReport> reports, std::vector<DoubledRun>& doubled)
{
    try {
        write(connection, defaults, reports, doubled);
        return;
    } catch (const MysqlError& error) {
        if (!error.value_refused()) throw;
        if (reports.size() == 1) {
            write_what_fits(connection, defaults, reports.front(), error, doubled);
            return;
        }
    }
    const std::size_t half = reports.size() / 2;
    write_each(connection, defaults, reports.first(half), doubled);
    write_each(connection, defaults, reports.subspan(half), doubled);
}

/// How many of the first reports are of runs that differ.
std::size_t distinct(std::span<const RunReport> reports)
{
    std::unordered_set<RunId> runs;
    const auto repeated = std::ranges::find_if(
        reports, [&](const RunReport& report) { return !runs.insert(report.id).second; });
    return static_cast<std::size_t>(repeated - reports.begin());
}

void commit_step(MysqlConnection& connection, const NoticeDefaults& defaults, Epoch epoch,
                 const PlanStep& step)
{
    // Put together beforehand: the guard locks the row that another dispatcher may wait for.
    std::vector<std::string> statements;
    append(statements, move_statements(connection, step.moved, step.epoch, step.dispatch_server));
    append(statements, plan_statements(connection, step.runs, step.epoch, step.dispatch_server));
    std::ranges::move(notice_statements(step.runs), std::back_inserter(statements));
    std::string guard = fmt::format(
        "UPDATE term SET planned_through = GREATEST(COALESCE(planned_through, {0}), {0}),"
        " step_epoch = {1}, step_number = {2} WHERE id = 1 AND epoch = {3}",
        to_unix_millis(step.planned_through), step.epoch, step.number, epoch);

    bool deposed = false;
    {
        MysqlTransaction transaction(connection, MysqlTransaction::Reads::latest, std::move(guard));
        deposed = transaction.first_matched() == 0;
        if (!deposed) {
            std::vector<EndedFire> skipped = skipped_fires(connection, step);
            std::vector<std::string> all;
            if (!step.ended.empty() || !skipped.empty()) {
                all = ledger_statements(connection, defaults, step.ended,
                                        lock_rows(connection, step.ended), GivesWay::only_open,
                                        std::move(skipped));
            }
            std::ranges::move(statements, std::back_inserter(all));
            transaction.commit(std::move(all));
        }
    }
    if (deposed) throw_deposed(connection, epoch);
}

PlanStep with_plain_texts(PlanStep step)
{
    for (auto* runs : {&step.runs, &step.moved}) {
        for (PlannedRun& run : *runs) {
            run.reason.detail = plain_ascii(run.reason.detail);
            run.run_server = plain_ascii(run.run_server);
            run.requested_by = plain_ascii(run.requested_by);
        }
    }
    for (RunReport& report : step.ended) report = what_fits(report);
    return step;
}

std::vector<std::pair<JobId, std::int64_t>> read_run_numbers(MysqlConnection& connection)
{
    std::vector<std::pair<JobId, std::int64_t>> numbers;
    MysqlRows rows = connection.query(
        "SELECT id, run_num FROM cron JOIN cron_counter ON cron_id = id WHERE run_limit > 0");
    while (rows.next()) numbers.emplace_back(rows.integer(0), rows.integer(1));
    return numbers;
}

}  // namespace

Epoch MysqlStore::newest_epoch()
{
    const auto work = [](MysqlConnection& connection) {
        MysqlRows rows = connection.query("SELECT epoch FROM term WHERE id = 1");
        return rows.next() ? rows.natural(0) : Epoch{0};
    };
    return session_.run("read the newest epoch", Repeat::safe, work);
}

TermStart MysqlStore::begin_term(Epoch epoch, const NodeName& dispatcher)
{
    const auto work = [&](MysqlConnection& connection) {
        // One statement, so that it holds no lock when it is done. An older dispatcher's step that
        // is under way ends before it, and is seen by the queries that follow.
        const std::string name = connection.quote(dispatcher);
        const std::uint64_t matched = connection.execute(
            fmt::format("UPDATE term SET epoch = {0}, dispatcher = {1} WHERE id = 1"
                        " AND (epoch < {0} OR (epoch = {0} AND dispatcher = {1}))",
                        epoch, name));
        if (matched == 0) throw_deposed(connection, epoch);
        connection.execute(
            fmt::format("INSERT INTO begun_term (epoch, dispatcher, at) VALUES ({}, {},"
                        " TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000)"
                        " ON DUPLICATE KEY UPDATE epoch = VALUES(epoch)",
                        epoch, name));
        TermStart start;
        // One snapshot, so that the numbers of runs belong to the open runs.
        MysqlTransaction snapshot(connection, MysqlTransaction::Reads::snapshot);
        {
            MysqlRows rows = connection.query(
                fmt::format("SELECT planned_through, step_epoch, step_number, (SELECT"
                            " MAX(planned_through) FROM clock_step WHERE at >"
                            " term.planned_through - {}) FROM term WHERE id = 1",
                            remembered_step.count()));
            if (rows.next()) {
                start.planned_through = time_or_null(rows, 0);
                start.last_step = {rows.natural(1), rows.natural(2)};
                start.set_back_from = time_or_null(rows, 3);
            }
        }
        read_open_runs(connection, start);
        if (start.planned_through) {
            const WallTime since = *start.planned_through - lately;
            start.ended_lately = read_ended_lately(connection, since);
            start.skipped_lately = PauseTables(MysqlTables(connection)).skipped_spans(since);
            // Of the newest ones: there is no index by time.
            start.changes = read_revisions(
                connection,
                fmt::format("WHERE id > (SELECT COALESCE(MAX(id), 0) - 10000 FROM cron_revision)"
                            " AND effective_from > {} ORDER BY id",
                            to_unix_millis(changes_wanted_after(start))));
        }
        start.run_numbers = read_run_numbers(connection);
        snapshot.commit({});
        return start;
    };
    return session_.run(fmt::format("begin the term of epoch {}", epoch), Repeat::safe, work);
}

void MysqlStore::commit_as(Epoch epoch, const PlanStep& step)
{
    const auto work = [&](MysqlConnection& connection) {
        try {
            commit_step(connection, inherited_, epoch, step);
        } catch (const MysqlError& error) {
            if (!error.value_refused()) throw;
            spdlog::error("store: the database refuses a text of a step: {}; writing plain texts",
                          error.what());
            commit_step(connection, inherited_, epoch, with_plain_texts(step));
        }
    };
    session_.run(fmt::format("commit a step of {} runs", step.runs.size()), Repeat::safe, work);
}

std::size_t MysqlStore::delete_expired(std::chrono::seconds keep, WallTime now, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        const std::string before =
            fmt::format("LEAST({}, UNIX_TIMESTAMP() - {})", to_unix_seconds(now - keep), keep / 1s);
        connection.execute(fmt::format(
            "UPDATE term SET expired_through = GREATEST(COALESCE(expired_through, 0), {} * 1000)"
            " WHERE id = 1",
            before));
        connection.execute(fmt::format("DELETE FROM run_tally WHERE at <= {} - {}", before,
                                       RunTally::length.count()));
        connection.execute(fmt::format("DELETE FROM begun_term WHERE at < {} * 1000", before));
        std::vector<std::int64_t> ids;
        {
            // Found without locks, so that the deletion locks nothing but them.
            MysqlRows rows = connection.query(
                fmt::format("SELECT id FROM log FORCE INDEX (by_time) WHERE time < {}"
                            " AND state NOT IN ('planned', 'running') ORDER BY time, id LIMIT {}",
                            before, limit));
            while (rows.next()) ids.push_back(rows.integer(0));
        }
        if (ids.empty()) return std::size_t{0};
        const std::string which = fmt::format("({})", fmt::join(ids, ","));
        MysqlTransaction transaction(connection);
        transaction.commit({"DELETE FROM doubled_run WHERE log_id IN " + which,
                            "DELETE FROM unusual_run WHERE log_id IN " + which,
                            "DELETE FROM log WHERE id IN " + which});
        return ids.size();
    };
    return session_.run("delete expired rows of the ledger", Repeat::safe, work);
}

std::vector<RunId> MysqlStore::runs_to_repeat(WallTime since)
{
    const auto work = [&](MysqlConnection& connection) {
        // From the jobs to their rows, by their index: there may be millions of rows.
        MysqlRows rows = connection.query(fmt::format(
            "SELECT STRAIGHT_JOIN run.cron_id, run.scheduled_at, run.attempt, run.part, run.parts,"
            " run.for_node FROM cron"
            " JOIN log AS run FORCE INDEX (by_run)"
            " ON run.cron_id = cron.id AND run.scheduled_at >= {}"
            " WHERE cron.delivery = 'at_least_once' AND cron.stop = 0"
            " AND (run.state IN ('lost', 'fenced')"
            " OR (run.state = 'killed' AND run.cause = '{}'))"
            " AND NOT EXISTS (SELECT 1 FROM log AS next WHERE next.cron_id = run.cron_id"
            " AND next.scheduled_at = run.scheduled_at AND next.attempt = run.attempt + 1"
            " AND next.part = run.part)",
            to_unix_millis(since), to_string(Cause::node_stopped)));
        std::vector<RunId> runs;
        while (rows.next()) {
            runs.push_back(read_run_id(rows));
            runs.back().node = rows.text(5);
        }
        return runs;
    };
    return session_.run("find what has to run again", Repeat::safe, work);
}

std::vector<FailedRun> MysqlStore::runs_to_retry(WallTime since)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlRows rows = connection.query(
            fmt::format("SELECT STRAIGHT_JOIN {} FROM cron JOIN log AS run FORCE INDEX (by_run)"
                        " ON run.cron_id = cron.id AND run.scheduled_at >= {}{}",
                        failed_run_columns, to_unix_millis(since), is_to_retry));
        std::vector<FailedRun> runs;
        while (rows.next()) runs.push_back(read_failed_run(rows));
        return runs;
    };
    return session_.run("find what has to be tried again", Repeat::safe, work);
}

std::vector<DaemonStart> MysqlStore::daemon_starts(std::span<const JobId> jobs)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<DaemonStart> starts;
        for (const JobId job : jobs) {
            MysqlRows rows = connection.query(
                fmt::format("SELECT {}FROM log FORCE INDEX (by_run) WHERE cron_id = {}"
                            " AND scheduled_at IS NOT NULL AND state <> 'revoked'"
                            " ORDER BY scheduled_at DESC, attempt DESC LIMIT {}",
                            daemon_start_columns, job, most_daemon_starts));
            while (rows.next()) starts.push_back(read_daemon_start(rows));
        }
        std::ranges::sort(starts, {}, &DaemonStart::id);
        return starts;
    };
    return session_.run("read the newest starts of daemons", Repeat::safe, work);
}

std::vector<ChainRow> MysqlStore::chain_rows(std::span<const ChainEdge> edges, WallTime since)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<ChainRow> found;
        for (const ChainEdge& edge : edges) {
            MysqlRows rows = connection.query(fmt::format(
                "SELECT {0} FROM log AS run FORCE INDEX (by_run) WHERE cron_id = {1}"
                " AND scheduled_at >= COALESCE((SELECT newest.scheduled_at FROM log AS newest"
                " FORCE INDEX (by_run) WHERE newest.cron_id = {1} AND newest.scheduled_at >= {2}"
                " AND newest.part = 0 ORDER BY newest.scheduled_at DESC, newest.attempt DESC"
                " LIMIT 1 OFFSET {3}), {2})"
                " AND state <> 'revoked' AND NOT EXISTS (SELECT 1 FROM log AS child"
                " FORCE INDEX (by_run) WHERE child.cron_id = {4}"
                " AND child.scheduled_at = run.scheduled_at)"
                " ORDER BY scheduled_at, attempt, part",
                chain_row_columns, edge.parent, to_unix_millis(since), most_chain_rows - 1,
                edge.child));
            while (rows.next()) found.push_back(read_chain_row(rows, edge));
        }
        return found;
    };
    return session_.run("read which fires of chains are owed", Repeat::safe, work);
}

std::vector<DoubledRun> MysqlStore::record(std::span<const RunReport> reports)
{
    std::vector<DoubledRun> doubled;
    const auto work = [&](MysqlConnection& connection) {
        for (std::span<const RunReport> rest = reports; !rest.empty();) {
            const std::size_t count = distinct(rest);
            write_each(connection, inherited_, rest.first(count), doubled);
            rest = rest.subspan(count);
        }
    };
    session_.run(fmt::format("record {} runs", reports.size()), Repeat::safe, work);
    return doubled;
}

std::vector<DoubledRun> MysqlStore::find_doubled(const DoubledQuery& query)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<DoubledRun> found;
        MysqlRows rows = connection.query(select_doubled(query));
        while (rows.next()) found.push_back(read_doubled(rows));
        return found;
    };
    return session_.run("read which runs have two accounts", Repeat::safe, work);
}

}  // namespace peercron
