#include "store/sqlite/ledger_rows.hpp"

#include "model/backfill.hpp"
#include "model/run_request.hpp"
#include "store/notice_tables.hpp"
#include "store/sqlite/sqlite_rows.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// What a report may change with more trouble than the rest.
struct StoredRow {
    std::int64_t id = 0;
    RunState state = RunState::planned;
    std::string run_server;
    std::string dispatch_server;
    std::optional<WallTime> started_at;
    FireOrigin origin;
    Epoch epoch = 0;
    bool is_rehearsal = false;
    bool lacks_output = false;  // it is output_to_come

    StoredAccount account() const { return {state, run_server, started_at, epoch}; }
};

SqliteStatement& bind(SqliteStatement& statement, const RunId& run)
{
    return statement.bind(run.job)
        .bind(to_unix_millis(run.scheduled_at))
        .bind(run.attempt)
        .bind(run.part);
}

/// With the columns that no condition asks for.
SqliteStatement& bind_new(SqliteStatement& statement, const RunId& run)
{
    return bind(statement, run).bind(run.parts).bind(run.node);
}

void insert_report(SqliteConnection& connection, const RunReport& report)
{
    SqliteStatement& statement = connection.cached(
        "INSERT INTO log (cron_id, scheduled_at, attempt, part, parts, for_node, time, state,"
        " reason, run_server,"
        " dispatch_server, epoch, started_at, ended_at, use_time, exit_code, term_signal, cpu_time,"
        " max_rss, output_bytes, http_status, output)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_new(statement, report.id)
        .bind(to_unix_seconds(report.id.scheduled_at))
        .bind(to_string(report.state))
        .bind(to_string(report.reason))
        .bind(report.run_server)
        .bind(report.dispatch_server)
        .bind(static_cast<std::int64_t>(report.epoch))
        .bind(millis(report.started_at));
    bind_end(statement, report).bind(report.output).execute();
}

/// Whether the report names another server than the row: "" says nothing.
bool is_news(const std::string& reported, const std::string& stored)
{
    return !reported.empty() && reported != stored;
}

/// What a report does not say stays. The columns with an index of their own are written only when
/// they change: SQLite rewrites the index entry even if the value is the same.
void update_by_report(SqliteConnection& connection, const StoredRow& row, const RunReport& report)
{
    if (is_news(report.run_server, row.run_server) ||
        is_news(report.dispatch_server, row.dispatch_server)) {
        connection
            .cached(
                "UPDATE log SET run_server = COALESCE(?, run_server),"
                " dispatch_server = COALESCE(?, dispatch_server) WHERE id = ?")
            .bind(report.run_server.empty() ? std::optional<std::string>() : report.run_server)
            .bind(report.dispatch_server.empty() ? std::optional<std::string>()
                                                 : report.dispatch_server)
            .bind(row.id)
            .execute();
    }
    SqliteStatement& statement = connection.cached(
        "UPDATE log SET state = ?, reason = ?, epoch = COALESCE(?, epoch),"
        " started_at = COALESCE(?, started_at), ended_at = COALESCE(?, ended_at), use_time = ?,"
        " exit_code = ?, term_signal = ?, cpu_time = ?, max_rss = ?, output_bytes = ?,"
        " http_status = ?, output = ? WHERE id = ?");
    statement.bind(to_string(report.state))
        .bind(to_string(report.reason))
        .bind(report.epoch == 0 ? std::optional<std::int64_t>()
                                : static_cast<std::int64_t>(report.epoch))
        .bind(millis(report.started_at));
    bind_end(statement, report).bind(report.output).bind(row.id).execute();
}

/// The run has ended an open row, or had none: see has_run(). A deleted job's counters went with
/// it.
void count(SqliteConnection& connection, const RunReport& report)
{
    if (report.rehearsal || !has_run(report.state) || !stands_for_fire(report.id)) return;
    connection
        .cached(
            "INSERT INTO cron_counter (cron_id, run_num, last_run_at)"
            " SELECT id, 1, ? FROM cron WHERE id = ?"
            " ON CONFLICT DO UPDATE SET run_num = run_num + 1,"
            " last_run_at = MAX(COALESCE(last_run_at, 0), excluded.last_run_at)")
        .bind(to_unix_millis(report.started_at.value_or(report.id.scheduled_at)))
        .bind(report.id.job)
        .execute();
}

/// It was taken to have run, and had not.
void uncount(SqliteConnection& connection, const RunReport& report)
{
    if (!stands_for_fire(report.id)) return;
    connection.cached("UPDATE cron_counter SET run_num = run_num - 1 WHERE cron_id = ?")
        .bind(report.id.job)
        .execute();
}

/// For notices: see NoticeStore.
void note_end(SqliteConnection& connection, std::int64_t log_id, const RunReport& report)
{
    if (report.rehearsal || !is_told_of(report.state, report.reason.cause)) return;
    static const std::string sql =
        fmt::format("INSERT INTO notice_end (log_id) SELECT ? FROM cron WHERE cron.id = ? AND {}",
                    wants_notices);
    connection.cached(sql).bind(log_id).bind(report.id.job).execute();
}
void note_end(SqliteConnection& connection, const RunId& run)
{
    static const std::string sql = fmt::format(
        "INSERT INTO notice_end (log_id) SELECT log.id FROM log JOIN cron ON cron.id = log.cron_id"
        " WHERE log.cron_id = ? AND log.scheduled_at = ? AND log.attempt = ? AND part = ? AND {}",
        wants_notices);
    bind(connection.cached(sql), run).execute();
}

SqliteStatement& bind_account(SqliteStatement& statement, std::int64_t log_id,
                              const RunReport& report)
{
    return statement.bind(log_id)
        .bind(report.run_server)
        .bind(to_unix_millis(report.started_at.value_or(WallTime())));
}

void forget(SqliteConnection& connection, std::int64_t log_id, const RunReport& report)
{
    bind_account(connection.cached("DELETE FROM doubled_run WHERE log_id = ? AND run_server = ?"
                                   " AND started_at = ?"),
                 log_id, report)
        .execute();
}

/// Says whether it was not known.
bool keep(SqliteConnection& connection, const OtherAccount& account)
{
    SqliteStatement& find = connection.cached(
        "SELECT state FROM doubled_run WHERE log_id = ? AND run_server = ? AND started_at = ?");
    std::optional<RunState> known;
    if (bind_account(find, account.log_id, account.report).next()) known = read_state(find.text(0));
    find.reset();
    if (known && (is_final(*known) || !is_final(account.report.state))) return false;
    if (known) forget(connection, account.log_id, account.report);
    append(connection, account);
    return !known;
}

/// Keeps the report, or what gives way to it, beside the row: see Store::record().
std::optional<DoubledRun> keep_other_account(SqliteConnection& connection, const StoredRow& row,
                                             const RunReport& report)
{
    if (!contradicts(row.account(), report)) return std::nullopt;
    std::vector<LogRow> stored =
        read_log_rows(connection.cached(select_rows("WHERE id = ?")).bind(row.id));
    DoubledRun doubled;
    doubled.other.log_id = row.id;
    doubled.row = std::move(stored.front().run);
    doubled.other.report = report;
    if (gives_way(row.state, report.state, GivesWay::unsure_too)) {
        std::swap(doubled.row, doubled.other.report);
        forget(connection, row.id, report);
    }
    if (!keep(connection, doubled.other)) return std::nullopt;
    SqliteStatement& name =
        connection.cached("SELECT name FROM cron WHERE id = ?").bind(report.id.job);
    if (name.next()) doubled.job_name = name.text(0);
    name.reset();
    return doubled;
}

/// A row that is there already gives way when it stands as revoked (then this says so); one that
/// its node reported first, while the store was away, lacks the dispatch time.
bool reopen_planned(SqliteConnection& connection, const PlannedRun& run, const PlanStep& step,
                    const std::optional<WallTime>& gap_end)
{
    SqliteStatement& complete = connection.cached(
        "UPDATE log SET dispatch_time = ?, parts = ?, for_node = ?,"
        " requested_by = CASE requested_by WHEN '' THEN ? ELSE requested_by END, retry_at = ?"
        " WHERE cron_id = ? AND scheduled_at = ? AND attempt = ? AND part = ?"
        " AND (state = 'revoked' OR dispatch_time = 0)");
    complete.bind(to_unix_seconds(run.dispatched_at))
        .bind(run.id.parts)
        .bind(run.id.node)
        .bind(run.requested_by)
        .bind(millis(run.retry_at));
    if (bind(complete, run.id).execute() == 0) return false;
    SqliteStatement& reopen = connection.cached(
        "UPDATE log SET state = ?, reason = ?, run_server = ?, dispatch_server = ?, epoch = ?,"
        " fires = ?, gap_end = ?, started_at = NULL, ended_at = NULL, use_time = 0"
        " WHERE cron_id = ? AND scheduled_at = ? AND attempt = ? AND part = ? AND state = "
        "'revoked'");
    reopen.bind(to_string(run.state))
        .bind(to_string(run.reason))
        .bind(run.run_server)
        .bind(step.dispatch_server)
        .bind(static_cast<std::int64_t>(step.epoch))
        .bind(run.fires)
        .bind(millis(gap_end));
    return bind(reopen, run.id).execute() > 0;
}

/// A row of skipped fires goes on, if it stands for fewer.
std::optional<EndedFire> grow(SqliteConnection& connection, const PlannedRun& run)
{
    SqliteStatement& find = connection.cached(
        "SELECT fires FROM log WHERE cron_id = ? AND scheduled_at = ? AND attempt = ?"
        " AND part = ? AND state = 'skipped'");
    std::optional<std::int64_t> before;
    if (bind(find, run.id).next()) before = find.integer(0);
    find.reset();
    if (!before || run.fires <= *before) return std::nullopt;
    SqliteStatement& update = connection.cached(
        "UPDATE log SET fires = ?, gap_end = ?"
        " WHERE cron_id = ? AND scheduled_at = ? AND attempt = ? AND part = ?");
    bind(update.bind(run.fires).bind(millis(run.gap_end)), run.id).execute();
    return grown_fires(run, *before);
}

void note(std::optional<EndedFire> fire, std::vector<EndedFire>& ended)
{
    if (fire) ended.push_back(*std::move(fire));
}

}  // namespace

std::optional<DoubledRun> write_report(SqliteConnection& connection, const RunReport& report,
                                       GivesWay rule, std::vector<EndedFire>& ended)
{
    static const std::string sql = fmt::format(
        "SELECT id, state, run_server, dispatch_server, started_at, retry_at, epoch, output = '{}',"
        " requested_by"
        " FROM log WHERE cron_id = ? AND scheduled_at = ? AND attempt = ? AND part = ?",
        output_to_come);
    SqliteStatement& find = connection.cached(sql);
    if (!bind(find, report.id).next()) {
        find.reset();
        insert_report(connection, report);
        note_end(connection, connection.last_insert_id(), report);
        count(connection, report);
        note(ended_fire(report, RunState::planned, rule), ended);
        return std::nullopt;
    }
    const FireOrigin origin{time_or_null(find, 5), is_of_backfill(find.text(8))};
    const StoredRow row{find.integer(0), read_state(find.text(1)),   find.text(2),
                        find.text(3),    time_or_null(find, 4),      origin,
                        find.natural(6), is_rehearsal(find.text(8)), find.integer(7) != 0};
    const RunState before = row.state;
    find.reset();
    std::optional<DoubledRun> doubled;
    if (rule == GivesWay::unsure_too) doubled = keep_other_account(connection, row, report);
    if (!gives_way(before, report.state, rule)) {
        if (row.lacks_output && completes(row.account(), report)) {
            update_by_report(connection, row, report);
        }
        return doubled;
    }
    update_by_report(connection, row, report);
    if (row.is_rehearsal) return doubled;
    note(ended_fire(report, before, rule, row.origin), ended);
    note_end(connection, row.id, report);
    if (before != RunState::lost) count(connection, report);
    if (before == RunState::lost && report.state == RunState::skipped) uncount(connection, report);
    return doubled;
}

void write_planned(SqliteConnection& connection, const PlannedRun& run, const PlanStep& step,
                   std::vector<EndedFire>& ended)
{
    std::optional<WallTime> gap_end;
    if (run.fires > 1) gap_end = run.gap_end;
    SqliteStatement& insert = connection.cached(
        "INSERT INTO log (cron_id, scheduled_at, attempt, part, parts, for_node, time, state,"
        " reason, run_server,"
        " dispatch_server, dispatch_time, epoch, fires, gap_end, requested_by, retry_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    const std::int64_t inserted = bind_new(insert, run.id)
                                      .bind(to_unix_seconds(run.id.scheduled_at))
                                      .bind(to_string(run.state))
                                      .bind(to_string(run.reason))
                                      .bind(run.run_server)
                                      .bind(step.dispatch_server)
                                      .bind(to_unix_seconds(run.dispatched_at))
                                      .bind(static_cast<std::int64_t>(step.epoch))
                                      .bind(run.fires)
                                      .bind(millis(gap_end))
                                      .bind(run.requested_by)
                                      .bind(millis(run.retry_at))
                                      .execute();
    const bool is_news = inserted > 0 || reopen_planned(connection, run, step, gap_end);
    if (is_news) {
        note(ended_fire(run), ended);
    } else if (run.fires > 1) {
        note(grow(connection, run), ended);
    }
    const bool is_told = is_told_of(run.state, run.reason.cause);
    if (is_told && !is_rehearsal(run.requested_by)) note_end(connection, run.id);
}

void write_moved(SqliteConnection& connection, const PlannedRun& run, const PlanStep& step)
{
    SqliteStatement& insert = connection.cached(
        "INSERT INTO log (cron_id, scheduled_at, attempt, part, parts, for_node, time, state, "
        "reason,"
        " run_server, dispatch_server, dispatch_time, epoch, retry_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'planned', ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (cron_id, scheduled_at, attempt, part) DO UPDATE SET"
        " parts = excluded.parts, for_node = excluded.for_node,"
        " dispatch_time = excluded.dispatch_time,"
        " reason = excluded.reason, run_server = excluded.run_server,"
        " dispatch_server = excluded.dispatch_server, epoch = excluded.epoch,"
        " retry_at = COALESCE(excluded.retry_at, retry_at)"
        " WHERE state = 'planned'");
    bind_new(insert, run.id)
        .bind(to_unix_seconds(run.id.scheduled_at))
        .bind(to_string(run.reason))
        .bind(run.run_server)
        .bind(step.dispatch_server)
        .bind(to_unix_seconds(run.dispatched_at))
        .bind(static_cast<std::int64_t>(step.epoch))
        .bind(millis(run.retry_at))
        .execute();
}

}  // namespace peercron
