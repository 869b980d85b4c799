#include "store/mysql/ledger_rows.hpp"

#include "base/in_pieces.hpp"
#include "base/utf8.hpp"
#include "model/backfill.hpp"
#include "model/run_request.hpp"
#include "store/doubled_run.hpp"
#include "store/mysql/mysql_rows.hpp"
#include "store/mysql/statistics_rows.hpp"
#include "store/notice_tables.hpp"
#include "store/read_rows.hpp"
#include "store/row_order.hpp"
#include "store/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace peercron {
namespace {

// Widths of columns, in characters.
constexpr std::size_t reason_width = 255;
constexpr std::size_t server_width = 255;

// Bytes of a row besides its output: more than it can have.
constexpr std::size_t other_columns = 4096;

// Rows that one condition names: more would take the optimizers of MySQL and MariaDB to a scan.
constexpr std::size_t rows_of_a_condition = 500;

/// An output as a literal, cut in its middle when the server would not take the statement that has
/// it and `others` more bytes.
std::string output_literal(const MysqlConnection& connection, const std::string& output,
                           std::size_t others)
{
    const std::size_t longest = connection.max_statement();
    const std::size_t room = longest > others ? longest - others : 0;
    std::string literal = connection.quote(output);
    // Escaped, a text is at most twice as long.
    if (literal.size() > room) literal = connection.quote(cut_middle(output, room / 2));
    return literal;
}

/// Of the index by_run.
std::string key_of(const RunId& run)
{
    return fmt::format("({},{},{},{})", run.job, to_unix_millis(run.scheduled_at), run.attempt,
                       run.part);
}

std::vector<RowStatement> planned_statements(const MysqlConnection& connection,
                                             std::span<const PlannedRun> runs, Epoch epoch,
                                             const NodeName& dispatch_server, std::string_view tail)
{
    constexpr std::string_view head =
        "INSERT INTO log (cron_id, scheduled_at, attempt, part, parts, for_node, time, state,"
        " reason, run_server,"
        " dispatch_server, dispatch_time, epoch, fires, gap_end, requested_by, retry_at, output,"
        " use_time)"
        " VALUES ";
    const std::string dispatcher =
        connection.quote(first_characters(dispatch_server, server_width));
    RowStatements rows(connection, head, tail);
    for (const PlannedRun* run : in_order(runs)) {
        const bool gap = run->fires > 1;
        rows.add(fmt::format(
            "({},{},{},{},{},{},{},'{}',{},{},{},{},{},{},{},{},{},'',0)", run->id.job,
            to_unix_millis(run->id.scheduled_at), run->id.attempt, run->id.part, run->id.parts,
            connection.quote(first_characters(run->id.node, server_width)),
            to_unix_seconds(run->id.scheduled_at), to_string(run->state),
            connection.quote(first_characters(to_string(run->reason), reason_width)),
            connection.quote(first_characters(run->run_server, server_width)), dispatcher,
            to_unix_seconds(run->dispatched_at), epoch, run->fires,
            nullable(gap ? std::optional(run->gap_end) : std::nullopt),
            connection.quote(first_characters(run->requested_by, server_width)),
            nullable(run->retry_at)));
    }
    return rows.take();
}

/// A row of table doubled_run.
std::string account_row(const MysqlConnection& connection, const OtherAccount& account)
{
    const RunReport& run = account.report;
    return fmt::format("({},{},{},{},'{}',{},{},{},{},{},{},{},{},{},{},{},{})",
                       account.id == 0 ? "NULL" : std::to_string(account.id), account.log_id,
                       connection.quote(first_characters(run.run_server, server_width)),
                       to_unix_millis(run.started_at.value_or(WallTime())), to_string(run.state),
                       connection.quote(first_characters(to_string(run.reason), reason_width)),
                       connection.quote(first_characters(run.dispatch_server, server_width)),
                       run.epoch, nullable(run.ended_at), run.use_time.count(),
                       nullable(run.exit_code), nullable(run.term_signal), run.cpu_time.count(),
                       run.max_rss, run.output_bytes, nullable(run.http_status),
                       output_literal(connection, run.output, other_columns));
}

std::string account_head()
{
    return fmt::format("INSERT INTO doubled_run ({}) VALUES ", doubled_run_columns);
}

/// The condition for the row of table doubled_run that has this account.
std::string is_account(const MysqlConnection& connection, std::int64_t log_id,
                       const RunReport& report)
{
    return fmt::format("log_id = {} AND run_server = {} AND started_at = {}", log_id,
                       connection.quote(first_characters(report.run_server, server_width)),
                       to_unix_millis(report.started_at.value_or(WallTime())));
}

/// Says whether it was not known.
bool keep(MysqlConnection& connection, const OtherAccount& account)
{
    const std::string which = is_account(connection, account.log_id, account.report);
    std::optional<RunState> known;
    {
        MysqlRows rows = connection.query("SELECT state FROM doubled_run WHERE " + which);
        if (rows.next()) known = read_state(rows.text(0));
    }
    if (known && (is_final(*known) || !is_final(account.report.state))) return false;
    if (known) connection.execute("DELETE FROM doubled_run WHERE " + which);
    connection.execute(account_head() + account_row(connection, account));
    return !known;
}

std::string name_of(MysqlConnection& connection, JobId job)
{
    MysqlRows rows = connection.query(fmt::format("SELECT name FROM cron WHERE id = {}", job));
    return rows.next() ? std::string(rows.text(0)) : std::string();
}

std::vector<std::string> statements_of_ends(std::span<const RunId> ended)
{
    std::vector<std::string> statements;
    in_pieces(ended, rows_of_a_condition, [&](std::span<const RunId> some) {
        std::string runs;
        for (const RunId& run : some) {
            runs += fmt::format("{}{}", runs.empty() ? "" : ",", key_of(run));
        }
        statements.push_back(
            fmt::format("INSERT INTO notice_end (log_id) SELECT log.id FROM log"
                        " FORCE INDEX (by_run) JOIN cron ON cron.id = log.cron_id"
                        " WHERE (log.cron_id, log.scheduled_at, log.attempt, log.part) IN ({})"
                        " AND {}",
                        runs, wants_notices));
    });
    return statements;
}

}  // namespace

std::vector<DoubledRun> keep_other_accounts(MysqlConnection& connection,
                                            std::span<const RunReport> reports,
                                            const LockedRows& locked)
{
    std::vector<DoubledRun> unknown;
    for (const RunReport* report : in_order(reports)) {
        const auto found = locked.find(report->id);
        if (found == locked.end()) continue;
        const LockedRow& row = found->second;
        if (!contradicts({row.state, row.run_server, row.started_at, row.epoch}, *report)) continue;
        std::vector<LogRow> stored =
            read_log_rows(connection, fmt::format("WHERE id = {}", row.id));
        if (stored.empty()) continue;
        DoubledRun doubled;
        doubled.other.log_id = row.id;
        doubled.row = std::move(stored.front().run);
        doubled.other.report = *report;
        if (gives_way(row.state, report->state, GivesWay::unsure_too)) {
            std::swap(doubled.row, doubled.other.report);
            connection.execute("DELETE FROM doubled_run WHERE " +
                               is_account(connection, row.id, *report));
        }
        if (!keep(connection, doubled.other)) continue;
        doubled.job_name = name_of(connection, report->id.job);
        unknown.push_back(std::move(doubled));
    }
    return unknown;
}

std::vector<RowStatement> copy_statements(const MysqlConnection& connection,
                                          std::span<const OtherAccount> accounts)
{
    const std::string head = account_head();
    RowStatements rows(connection, head, "");
    for (const OtherAccount& account : accounts) rows.add(account_row(connection, account));
    return rows.take();
}

LockedRows lock_rows(MysqlConnection& connection, std::span<const RunReport> reports)
{
    LockedRows locked;
    const std::vector<const RunReport*> sorted = in_order(reports);
    const std::span<const RunReport* const> all = sorted;
    in_pieces(all, rows_of_a_condition, [&](std::span<const RunReport* const> some) {
        // For the same as terms joined by OR the server takes half as long again, or twice as long.
        std::string runs;
        for (const RunReport* report : some) {
            runs += fmt::format("{}{}", runs.empty() ? "" : ",", key_of(report->id));
        }
        MysqlRows rows = connection.query(
            fmt::format("SELECT cron_id, scheduled_at, attempt, part, id, state,"
                        " (SELECT 1 + {} FROM cron WHERE cron.id = log.cron_id),"
                        " run_server, started_at, retry_at, fires, epoch, requested_by"
                        " FROM log FORCE INDEX (by_run)"
                        " WHERE (cron_id, scheduled_at, attempt, part) IN ({}) FOR UPDATE",
                        wants_notices, runs));
        while (rows.next()) {
            const FireOrigin origin{time_or_null(rows, 9), is_of_backfill(rows.text(12))};
            locked.emplace(
                read_run_id(rows),
                LockedRow{rows.integer(4), read_state(rows.text(5)), rows.integer(6) > 0,
                          rows.integer(6) > 1, NodeName(rows.text(7)), time_or_null(rows, 8),
                          origin, rows.integer(10), rows.natural(11), is_rehearsal(rows.text(12))});
        }
    });
    return locked;
}

std::vector<RowStatement> plan_statements(const MysqlConnection& connection,
                                          std::span<const PlannedRun> runs, Epoch epoch,
                                          const NodeName& dispatch_server)
{
    // Assignments are made from left to right, so the state, which all of them ask, comes last.
    // A row that its node reported first, while the store was away, lacks what only the step knows.
    constexpr std::string_view tail =
        " ON DUPLICATE KEY UPDATE"
        " parts = IF(state = 'revoked' OR dispatch_time = 0, VALUES(parts), parts),"
        " for_node = IF(state = 'revoked' OR dispatch_time = 0, VALUES(for_node), for_node),"
        " dispatch_time = IF(state = 'revoked' OR dispatch_time = 0, VALUES(dispatch_time),"
        " dispatch_time),"
        " requested_by = IF(requested_by = '', VALUES(requested_by), requested_by),"
        " retry_at = IF(state = 'revoked' OR retry_at IS NULL, VALUES(retry_at), retry_at),"
        " reason = IF(state = 'revoked', VALUES(reason), reason),"
        " run_server = IF(state = 'revoked', VALUES(run_server), run_server),"
        " dispatch_server = IF(state = 'revoked', VALUES(dispatch_server), dispatch_server),"
        " epoch = IF(state = 'revoked', VALUES(epoch), epoch),"
        " gap_end = IF(state = 'revoked' OR (state = 'skipped' AND VALUES(state) = 'skipped' AND"
        " VALUES(fires) > fires), VALUES(gap_end), gap_end),"
        " fires = IF(state = 'revoked' OR (state = 'skipped' AND VALUES(state) = 'skipped' AND"
        " VALUES(fires) > fires), VALUES(fires), fires),"
        " started_at = IF(state = 'revoked', NULL, started_at),"
        " ended_at = IF(state = 'revoked', NULL, ended_at),"
        " use_time = IF(state = 'revoked', 0, use_time),"
        " state = IF(state = 'revoked', VALUES(state), state)";
    return planned_statements(connection, runs, epoch, dispatch_server, tail);
}

std::vector<RowStatement> move_statements(const MysqlConnection& connection,
                                          std::span<const PlannedRun> runs, Epoch epoch,
                                          const NodeName& dispatch_server)
{
    constexpr std::string_view tail =
        " ON DUPLICATE KEY UPDATE"
        " parts = IF(state = 'planned', VALUES(parts), parts),"
        " for_node = IF(state = 'planned', VALUES(for_node), for_node),"
        " dispatch_time = IF(state = 'planned', VALUES(dispatch_time), dispatch_time),"
        " reason = IF(state = 'planned', VALUES(reason), reason),"
        " run_server = IF(state = 'planned', VALUES(run_server), run_server),"
        " dispatch_server = IF(state = 'planned', VALUES(dispatch_server), dispatch_server),"
        " epoch = IF(state = 'planned', VALUES(epoch), epoch),"
        " retry_at = IF(state = 'planned', COALESCE(VALUES(retry_at), retry_at), retry_at)";
    return planned_statements(connection, runs, epoch, dispatch_server, tail);
}

std::vector<RowStatement> report_statements(const MysqlConnection& connection,
                                            std::span<const RunReport> reports,
                                            const LockedRows& locked, GivesWay rule)
{
    // Found by its id, a row that is there costs half: it is not inserted first, and then taken out
    // again because another key has it already.
    constexpr std::string_view head =
        "INSERT INTO log (id, cron_id, scheduled_at, attempt, part, parts, for_node, time, state,"
        " reason, run_server,"
        " dispatch_server, epoch, started_at, ended_at, use_time, exit_code, term_signal, cpu_time,"
        " max_rss, output_bytes, http_status, output) VALUES ";
    // See gives_way() and completes().
    std::string applies = "state IN ('planned', 'running')";
    if (rule == GivesWay::unsure_too) {
        applies += fmt::format(
            " OR (state IN ('lost', 'revoked') AND VALUES(state) <> 'running')"
            " OR (state = VALUES(state) AND output = '{}' AND run_server = VALUES(run_server)"
            " AND started_at <=> VALUES(started_at))",
            output_to_come);
    }
    // As above, the state comes last, and the output before it. What a report does not say stays.
    std::string tail = " ON DUPLICATE KEY UPDATE";
    for (const std::string_view column : {"run_server", "dispatch_server"}) {
        tail += fmt::format(" {0} = IF(({1}) AND VALUES({0}) <> '', VALUES({0}), {0}),", column,
                            applies);
    }
    tail += fmt::format(" epoch = IF(({0}) AND VALUES(epoch) > 0, VALUES(epoch), epoch),", applies);
    for (const std::string_view column : {"started_at", "ended_at"}) {
        tail += fmt::format(" {0} = IF({1}, COALESCE(VALUES({0}), {0}), {0}),", column, applies);
    }
    for (const std::string_view column :
         {"reason", "use_time", "exit_code", "term_signal", "cpu_time", "max_rss", "output_bytes",
          "http_status", "output"}) {
        tail += fmt::format(" {0} = IF({1}, VALUES({0}), {0}),", column, applies);
    }
    tail += fmt::format(" state = IF({}, VALUES(state), state)", applies);

    const std::size_t others = tail.size() + head.size() + other_columns;
    RowStatements rows(connection, head, tail);
    for (const RunReport* report : in_order(reports)) {
        const std::string output = output_literal(connection, report->output, others);
        const auto row = locked.find(report->id);
        const std::string id = row == locked.end() ? "NULL" : std::to_string(row->second.id);
        rows.add(
            fmt::format("({},{},{},{},{},{},{},{},'{}',{},{},{},{},{},{},{},{},{},{},{},{},{},{})",
                        id, report->id.job, to_unix_millis(report->id.scheduled_at),
                        report->id.attempt, report->id.part, report->id.parts,
                        connection.quote(first_characters(report->id.node, server_width)),
                        to_unix_seconds(report->id.scheduled_at), to_string(report->state),
                        connection.quote(first_characters(to_string(report->reason), reason_width)),
                        connection.quote(first_characters(report->run_server, server_width)),
                        connection.quote(first_characters(report->dispatch_server, server_width)),
                        report->epoch, nullable(report->started_at), nullable(report->ended_at),
                        report->use_time.count(), nullable(report->exit_code),
                        nullable(report->term_signal), report->cpu_time.count(), report->max_rss,
                        report->output_bytes, nullable(report->http_status), output));
    }
    return rows.take();
}

std::vector<RowStatement> copy_statements(const MysqlConnection& connection,
                                          std::span<const LogRow> log)
{
    constexpr std::string_view head =
        "INSERT INTO log (id, cron_id, scheduled_at, attempt, part, parts, for_node, time, state,"
        " reason, run_server,"
        " dispatch_server, dispatch_time, epoch, requested_by, started_at, ended_at, use_time,"
        " exit_code, term_signal, cpu_time, max_rss, output_bytes, http_status, fires, gap_end,"
        " retry_at, output) VALUES ";
    const std::size_t others = head.size() + other_columns;
    RowStatements rows(connection, head, "");
    for (const LogRow& row : log) {
        const RunReport& run = row.run;
        const auto scheduled_at = row.legacy ? std::nullopt : std::optional(run.id.scheduled_at);
        rows.add(fmt::format(
            "({},{},{},{},{},{},{},{},'{}',{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}"
            ")",
            row.id, run.id.job, nullable(scheduled_at), run.id.attempt, run.id.part, run.id.parts,
            connection.quote(first_characters(run.id.node, server_width)), row.time,
            to_string(run.state),
            connection.quote(first_characters(to_string(run.reason), reason_width)),
            connection.quote(first_characters(run.run_server, server_width)),
            connection.quote(first_characters(run.dispatch_server, server_width)),
            row.dispatch_time, run.epoch,
            connection.quote(first_characters(row.requested_by, server_width)),
            nullable(run.started_at), nullable(run.ended_at), run.use_time.count(),
            nullable(run.exit_code), nullable(run.term_signal), run.cpu_time.count(), run.max_rss,
            run.output_bytes, nullable(run.http_status), row.fires, nullable(row.gap_end),
            nullable(row.retry_at), output_literal(connection, run.output, others)));
    }
    return rows.take();
}

std::vector<std::string> copied_oddities(const MysqlConnection& connection,
                                         std::span<const LogRow> log)
{
    RowStatements rows(connection, "INSERT INTO unusual_run (log_id, oddities) VALUES ", "");
    for (const LogRow& row : log) {
        if (row.oddities.any()) rows.add(fmt::format("({},'{}')", row.id, to_string(row.oddities)));
    }
    return texts(rows.take());
}

std::vector<EndedFire> ended_fires(std::span<const RunReport> reports, const LockedRows& locked,
                                   GivesWay rule)
{
    std::vector<EndedFire> fires;
    for (const RunReport& report : reports) {
        const auto found = locked.find(report.id);
        const LockedRow row = found == locked.end() ? LockedRow() : found->second;
        if (row.is_rehearsal) continue;
        auto fire = ended_fire(report, row.state, rule, row.origin);
        if (fire) fires.push_back(*std::move(fire));
    }
    return fires;
}

std::vector<RowStatement> counter_statements(const MysqlConnection& connection,
                                             std::span<const RunReport> reports, LockedRows locked,
                                             GivesWay rule, const LockedStatistics& statistics)
{
    std::map<JobId, JobCounters> jobs;  // in order, as every statement that locks several rows
    for (const RunReport& report : reports) {
        if (!stands_for_fire(report.id) || !is_final(report.state)) continue;
        LockedRow& row = locked.try_emplace(report.id).first->second;
        if (!row.has_job || row.is_rehearsal || report.rehearsal) continue;
        RunState& state = row.state;
        const RunState before = std::exchange(state, report.state);
        const bool applies = gives_way(before, report.state, rule);
        if (applies && has_run(report.state) && before != RunState::lost) {
            JobCounters& job = jobs[report.id.job];
            const WallTime ran_at = report.started_at.value_or(report.id.scheduled_at);
            job.last_run_at = std::max(job.last_run_at.value_or(ran_at), ran_at);
            ++job.run_num;
        } else if (applies && report.state == RunState::skipped && before == RunState::lost) {
            --jobs[report.id.job].run_num;  // it was taken to have run, and had not
        } else if (!applies) {
            state = before;
        }
    }
    const std::string head =
        fmt::format("INSERT INTO cron_counter (cron_id, run_num, last_run_at, {}) VALUES ",
                    fmt::join(statistics_columns, ", "));
    std::string tail =
        " ON DUPLICATE KEY UPDATE run_num = run_num + VALUES(run_num),"
        " last_run_at = COALESCE(GREATEST(last_run_at, VALUES(last_run_at)),"
        " last_run_at, VALUES(last_run_at))";
    for (const std::string_view column : statistics_columns) {
        tail += fmt::format(", {0} = VALUES({0})", column);
    }
    RowStatements rows(connection, head, tail);
    const auto add = [&](JobId id, std::string_view literals) {
        const JobCounters& counted = jobs[id];
        rows.add(fmt::format("({},{},{},{})", id, counted.run_num, nullable(counted.last_run_at),
                             literals));
    };
    for (const auto& [id, of_job] : statistics.kept) add(id, statistics_literals(of_job));
    for (const JobId id : statistics.not_kept) add(id, no_statistics_literals);
    return rows.take();
}

std::vector<std::string> notice_statements(std::span<const RunReport> reports,
                                           const LockedRows& locked, GivesWay rule)
{
    std::vector<RunId> ended;
    for (const RunReport& report : reports) {
        if (report.rehearsal || !is_told_of(report.state, report.reason.cause)) continue;
        const auto row = locked.find(report.id);
        if (row != locked.end()) {
            if (!row->second.wants_notices || row->second.is_rehearsal) continue;
            if (!gives_way(row->second.state, report.state, rule)) continue;
        }
        ended.push_back(report.id);
    }
    return statements_of_ends(ended);
}

std::vector<std::string> notice_statements(std::span<const PlannedRun> runs)
{
    std::vector<RunId> ended;
    for (const PlannedRun& run : runs) {
        const bool is_told = is_told_of(run.state, run.reason.cause);
        if (is_told && !is_rehearsal(run.requested_by)) ended.push_back(run.id);
    }
    return statements_of_ends(ended);
}

}  // namespace peercron
