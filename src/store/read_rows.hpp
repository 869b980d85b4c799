#pragma once

#include "base/clock.hpp"
#include "base/overloaded.hpp"
#include "base/utf8.hpp"
#include "model/backfill.hpp"
#include "model/job_fields.hpp"
#include "model/revision.hpp"
#include "model/run.hpp"
#include "model/run_request.hpp"
#include "model/unusual.hpp"
#include "store/definition_text.hpp"
#include "store/policy_text.hpp"
#include "store/store.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {

// How the rows of our tables are read. The same for every database: a Row has is_null(column),
// integer(column), natural(column) and text(column), as MysqlRows and SqliteStatement do.

/// "cron_set, command, …": the columns of table cron that a person decides (model/job_fields.hpp).
const std::string& field_columns();

/// The columns of read_job(), but for `effective_from`, which the databases keep differently.
const std::string& job_columns();

/// The columns of read_log_row().
inline constexpr std::string_view log_columns =
    "id, cron_id, time, dispatch_time, scheduled_at, attempt, state, reason, run_server,"
    " dispatch_server, epoch, started_at, ended_at, use_time, exit_code, term_signal, cpu_time,"
    " max_rss, output_bytes, output, fires, gap_end, requested_by, retry_at, http_status,"
    " (SELECT oddities FROM unusual_run WHERE unusual_run.log_id = log.id), part, parts,"
    " for_node ";

/// The same with the beginning of the output, and how many bytes it has as the last column, by
/// these expressions: for read_log_excerpt().
std::string log_excerpt_columns(std::string_view beginning, std::string_view bytes);

/// The query for read_open_run(): all rows of runs that are open; of a retry with the end of the
/// attempt before it, whose row may have been deleted by its age.
inline constexpr std::string_view select_open_runs =
    "SELECT cron_id, scheduled_at, attempt, part, parts, state, reason, run_server, dispatch_time, "
    "fires,"
    " gap_end, epoch, requested_by,"
    " EXISTS (SELECT 1 FROM log AS next WHERE next.cron_id = log.cron_id"
    " AND next.scheduled_at = log.scheduled_at AND next.attempt = log.attempt + 1"
    " AND next.part = log.part), retry_at,"
    " CASE WHEN retry_at IS NOT NULL THEN COALESCE((SELECT earlier.ended_at FROM log AS earlier"
    " WHERE earlier.cron_id = log.cron_id AND earlier.scheduled_at = log.scheduled_at"
    " AND earlier.attempt = log.attempt - 1 AND earlier.part = log.part), dispatch_time * 1000) "
    "END,"
    " for_node"
    " FROM log WHERE state IN ('planned', 'running') AND scheduled_at IS NOT NULL ORDER BY id";

/// The columns of read_revision().
inline constexpr std::string_view revision_columns =
    "id, cron_id, effective_from, author, origin, definition_before, definition_after, reason ";

/// The columns of read_past_revision().
inline constexpr std::string_view past_columns =
    "id, cron_id, effective_from, author, definition_after ";

/// The columns of read_other_account(), of table doubled_run AS d.
inline constexpr std::string_view other_account_columns =
    "d.id, d.log_id, d.run_server, d.started_at, d.state, d.reason, d.dispatch_server, d.epoch,"
    " d.ended_at, d.use_time, d.exit_code, d.term_signal, d.cpu_time, d.max_rss, d.output_bytes,"
    " d.http_status, d.output ";

/// The columns of table doubled_run in their order there.
inline constexpr std::string_view doubled_run_columns =
    "id, log_id, run_server, started_at, state, reason, dispatch_server, epoch, ended_at, use_time,"
    " exit_code, term_signal, cpu_time, max_rss, output_bytes, http_status, output";

/// Sets column last_state of table cron_counter by the ledger, where it is not set.
inline constexpr std::string_view fill_last_states =
    "UPDATE cron_counter SET last_state = (SELECT CASE WHEN log.state = 'skipped' AND log.cause IN"
    " ('misfire', 'no-node', 'overload', 'owner-unreachable', 'node-isolated') THEN 'missed'"
    " ELSE log.state END FROM log WHERE log.cron_id = cron_counter.cron_id"
    " AND log.scheduled_at IS NOT NULL AND log.state NOT IN ('planned', 'running', 'revoked')"
    " AND log.requested_by NOT LIKE '% (rehearsal)%'"
    " ORDER BY log.scheduled_at DESC, log.attempt DESC LIMIT 1) WHERE last_state IS NULL";

/// The query for read_doubled().
std::string select_doubled(const DoubledQuery& query);

/// The columns of read_daemon_start().
inline constexpr std::string_view daemon_start_columns =
    "cron_id, scheduled_at, attempt, part, parts, state, reason, requested_by <> '', started_at, "
    "ended_at,"
    " run_server ";

/// The columns of read_entry().
inline constexpr std::string_view entry_columns =
    "cron_id, scheduled_at, attempt, part, parts, state, reason, requested_by, dispatch_time, "
    "started_at,"
    " fires, gap_end, exit_code, ended_at, retry_at ";

/// Throws StoreError.
RunState read_state(std::string_view text);

template <class Row>
std::optional<WallTime> time_or_null(const Row& row, int column)
{
    if (row.is_null(column)) return std::nullopt;
    return from_unix_millis(row.integer(column));
}

template <class Row>
std::optional<int> int_or_null(const Row& row, int column)
{
    if (row.is_null(column)) return std::nullopt;
    return static_cast<int>(row.integer(column));
}

/// Columns cron_id, scheduled_at, attempt, part and parts, in that order from `first` on.
template <class Row>
RunId read_run_id(const Row& row, int first = 0)
{
    return {row.integer(first), from_unix_millis(row.integer(first + 1)),
            static_cast<std::int32_t>(row.integer(first + 2)),
            static_cast<std::int32_t>(row.integer(first + 3)),
            static_cast<std::int32_t>(row.integer(first + 4))};
}

/// Sets a field of a job, which has its id, to what its column has.
template <class Row>
void read_field(const Row& row, int column, const JobField& field, Job& job)
{
    const auto set = [&](FieldValue value) { assign(field, job, std::move(value)); };
    const auto set_number = [&] { set(std::int64_t{row.integer(column)}); };
    std::visit(Overloaded{
                   [&](const kind::Flag&) { set(row.integer(column) != 0); },
                   [&](const kind::Count&) { set_number(); },
                   [&](const kind::Number&) { set_number(); },
                   [&](const kind::Size&) { set_number(); },
                   [&](const kind::Moment&) { set_number(); },
                   [&](const kind::Duration&) { set_number(); },
                   [&](const kind::Millis&) { set_number(); },
                   [&](const kind::Window&) {
                       if (!row.is_null(column)) set_number();
                   },
                   [&](const kind::Choice&) { read_choice(field, job, row.text(column)); },
                   [&](const kind::Words&) { set(split_words(row.text(column))); },
                   [&](const kind::Lines&) { set(split_lines(row.text(column))); },
                   [&](const auto&) { set(std::string(row.text(column))); },
               },
               field.kind);
}

/// The row of a query for job_columns() and effective_from.
template <class Row>
Job read_job(const Row& row)
{
    Job job;
    int column = 0;
    job.id = row.integer(column++);
    for (const JobField& field : job_fields) read_field(row, column++, field, job);
    job.counters.run_num = row.integer(column++);
    job.counters.last_run_at = time_or_null(row, column++);
    job.effective_from = from_unix_millis(row.integer(column));
    return job;
}

/// The row of a query for revision_columns. Throws StoreError for a definition that it cannot read.
template <class Row>
Revision read_revision(const Row& row)
{
    Revision revision;
    revision.id = row.integer(0);
    revision.job = row.integer(1);
    revision.effective_from = from_unix_millis(row.integer(2));
    revision.by.who = row.text(3);
    revision.by.from = row.text(4);
    if (!row.is_null(5)) revision.before = read_definition(revision.job, row.text(5));
    if (!row.is_null(6)) revision.after = read_definition(revision.job, row.text(6));
    revision.by.why = row.text(7);
    return revision;
}

/// The row of a query for past_columns: a revision as JobPast has it. Throws StoreError for a
/// definition that it cannot read.
template <class Row>
Revision read_past_revision(const Row& row)
{
    Revision revision;
    revision.id = row.integer(0);
    revision.job = row.integer(1);
    revision.effective_from = from_unix_millis(row.integer(2));
    revision.by.who = row.text(3);
    if (!row.is_null(4)) {
        Job job = read_definition(revision.job, row.text(4));
        job.name = {};
        job.command = {};
        job.remark = {};
        revision.after = std::move(job);
    }
    return revision;
}

/// A row of select_open_runs, for where it belongs. Throws StoreError for a state that is not
/// known.
template <class Row>
void read_open_run(const Row& row, TermStart& start)
{
    OpenRun run;
    run.planned.id = read_run_id(row);
    run.planned.state = read_state(row.text(5));
    run.planned.reason = parse_reason(row.text(6));
    run.planned.run_server = row.text(7);
    run.planned.dispatched_at = from_unix_seconds(row.integer(8));
    run.planned.fires = row.integer(9);
    run.planned.gap_end = from_unix_millis(row.integer(10));
    run.epoch = row.natural(11);
    run.planned.requested_by = row.text(12);
    run.superseded = row.integer(13) != 0;
    run.planned.retry_at = time_or_null(row, 14);
    run.failed_at = time_or_null(row, 15);
    run.planned.id.node = row.text(16);
    const bool is_retry = run.planned.retry_at && run.planned.id.attempt > 1;
    const bool waits =
        is_retry && run.planned.state == RunState::planned && run.planned.run_server.empty();
    if (!waits) {
        start.open_runs.push_back(std::move(run));
        return;
    }
    start.waiting.push_back({run.planned.id, *run.planned.retry_at, *run.failed_at,
                             std::move(run.planned.requested_by)});
}

/// The columns of read_failed_run(), of table log AS run.
inline constexpr std::string_view failed_run_columns =
    "run.cron_id, run.scheduled_at, run.attempt, run.part, run.parts, run.state, run.exit_code, "
    "run.ended_at,"
    " run.requested_by, run.for_node";

/// Of the runs of table log AS run and their jobs, those of Store::runs_to_retry(): no more than
/// some fires of each job, found from the newest of them on.
inline constexpr std::string_view is_to_retry =
    " WHERE cron.retries > 0 AND cron.stop = 0 AND run.attempt <= cron.retries"
    " AND run.state IN ('failed', 'timeout') AND run.ended_at IS NOT NULL"
    " AND run.scheduled_at >= COALESCE((SELECT newest.scheduled_at FROM log AS newest"
    " WHERE newest.cron_id = cron.id AND newest.part = 0"
    " ORDER BY newest.scheduled_at DESC LIMIT 1 OFFSET 19), 0)"
    " AND NOT EXISTS (SELECT 1 FROM log AS next WHERE next.cron_id = run.cron_id"
    " AND next.scheduled_at = run.scheduled_at AND next.attempt = run.attempt + 1"
    " AND next.part = run.part)";

/// The row of a query for failed_run_columns. Throws StoreError for a state that is not known.
template <class Row>
FailedRun read_failed_run(const Row& row)
{
    FailedRun run;
    run.id = read_run_id(row);
    run.state = read_state(row.text(5));
    run.exit_code = int_or_null(row, 6);
    run.ended_at = from_unix_millis(row.integer(7));
    run.requested_by = row.text(8);
    run.id.node = row.text(9);
    return run;
}

/// The columns of read_chain_row().
inline constexpr std::string_view chain_row_columns =
    "cron_id, scheduled_at, attempt, part, parts, state, reason, exit_code, ended_at, "
    "requested_by, fires,"
    " gap_end";

/// Store::chain_rows() looks at a parent's newest fires, as many as have this many rows of first
/// parts.
inline constexpr int most_chain_rows = 300;

/// The row of a query for chain_row_columns. Throws StoreError for a state that is not known.
template <class Row>
ChainRow read_chain_row(const Row& row, const ChainEdge& edge)
{
    ChainRow fire;
    fire.edge = edge;
    fire.id = read_run_id(row);
    fire.state = read_state(row.text(5));
    fire.cause = parse_reason(row.text(6)).cause;
    fire.exit_code = int_or_null(row, 7);
    fire.ended_at = time_or_null(row, 8);
    fire.requested_by = row.text(9);
    fire.fires = row.integer(10);
    fire.gap_end = time_or_null(row, 11);
    return fire;
}

/// The row of a query for daemon_start_columns. Throws StoreError for a state that is not known.
template <class Row>
DaemonStart read_daemon_start(const Row& row)
{
    DaemonStart start;
    start.id = read_run_id(row);
    start.state = read_state(row.text(5));
    start.cause = parse_reason(row.text(6)).cause;
    start.requested = row.integer(7) != 0;
    start.started_at = time_or_null(row, 8);
    start.ended_at = time_or_null(row, 9);
    start.node = row.text(10);
    return start;
}

/// The row of a query for entry_columns. Throws StoreError for a state that is not known.
template <class Row>
LedgerEntry read_entry(const Row& row)
{
    LedgerEntry entry;
    entry.id = read_run_id(row);
    entry.state = read_state(row.text(5));
    entry.reason = parse_reason(row.text(6));
    const std::string requested_by(row.text(7));
    entry.requested = !requested_by.empty();
    entry.rehearsal = is_rehearsal(requested_by);
    entry.of_backfill = is_of_backfill(requested_by);
    entry.dispatched_at = from_unix_seconds(row.integer(8));
    entry.started_at = time_or_null(row, 9);
    entry.fires = row.integer(10);
    entry.gap_end = time_or_null(row, 11);
    entry.exit_code = int_or_null(row, 12);
    entry.ended_at = time_or_null(row, 13);
    entry.retry_at = time_or_null(row, 14);
    return entry;
}

/// The row of a query for other_account_columns; the run's id is in the ledger. Throws StoreError
/// for a state that is not known.
template <class Row>
OtherAccount read_other_account(const Row& row)
{
    OtherAccount other;
    other.id = row.integer(0);
    other.log_id = row.integer(1);
    RunReport& run = other.report;
    run.run_server = row.text(2);
    if (row.integer(3) != 0) run.started_at = time_or_null(row, 3);
    run.state = read_state(row.text(4));
    run.reason = parse_reason(row.text(5));
    run.dispatch_server = row.text(6);
    run.epoch = row.natural(7);
    run.ended_at = time_or_null(row, 8);
    run.use_time = std::chrono::milliseconds(row.integer(9));
    run.exit_code = int_or_null(row, 10);
    run.term_signal = int_or_null(row, 11);
    run.cpu_time = std::chrono::milliseconds(row.integer(12));
    run.max_rss = row.integer(13);
    run.output_bytes = row.integer(14);
    run.http_status = int_or_null(row, 15);
    run.output = row.text(16);
    return other;
}

/// The row of select_doubled(). Throws StoreError for a state that is not known.
template <class Row>
DoubledRun read_doubled(const Row& row)
{
    DoubledRun doubled;
    doubled.other = read_other_account(row);
    RunReport& run = doubled.row;
    run.id = read_run_id(row, 17);
    run.state = read_state(row.text(22));
    run.run_server = row.text(23);
    run.started_at = time_or_null(row, 24);
    run.ended_at = time_or_null(row, 25);
    doubled.job_name = row.text(26);
    doubled.other.report.id = run.id;
    return doubled;
}

/// The pasts that a page of revisions, by job and in the order in which they were made, comes to;
/// `jobs` are those of the page, by id. When there were `most` of them or more, the last job of
/// which one was read may have others: it is left for the next page, or, the first, not whole.
std::vector<JobPast> pasts_of(std::span<const JobId> jobs, std::vector<Revision> revisions,
                              std::size_t most);

/// The row of a query for log_columns. Throws StoreError for a state that is not known.
template <class Row>
LogRow read_log_row(const Row& row)
{
    LogRow log;
    log.id = row.integer(0);
    log.time = row.integer(2);
    log.dispatch_time = row.integer(3);
    log.legacy = row.is_null(4);
    RunReport& run = log.run;
    run.id.job = row.integer(1);
    run.id.scheduled_at = time_or_null(row, 4).value_or(from_unix_seconds(log.time));
    run.id.attempt = static_cast<std::int32_t>(row.integer(5));
    run.state = read_state(row.text(6));
    run.reason = parse_reason(row.text(7));
    run.run_server = row.text(8);
    run.dispatch_server = row.text(9);
    run.epoch = row.natural(10);
    run.started_at = time_or_null(row, 11);
    run.ended_at = time_or_null(row, 12);
    run.use_time = std::chrono::milliseconds(row.integer(13));
    run.exit_code = int_or_null(row, 14);
    run.term_signal = int_or_null(row, 15);
    run.cpu_time = std::chrono::milliseconds(row.integer(16));
    run.max_rss = row.integer(17);
    run.output_bytes = row.integer(18);
    run.output = row.text(19);
    log.fires = row.integer(20);
    log.gap_end = time_or_null(row, 21);
    log.requested_by = row.text(22);
    log.retry_at = time_or_null(row, 23);
    run.http_status = int_or_null(row, 24);
    log.oddities = parse_oddities(row.text(25));
    run.id.part = static_cast<std::int32_t>(row.integer(26));
    run.id.parts = static_cast<std::int32_t>(row.integer(27));
    run.id.node = row.text(28);
    run.rehearsal = is_rehearsal(log.requested_by);
    return log;
}

/// The row of a query for log_excerpt_columns: with at most `most` bytes of the output, whole
/// characters.
template <class Row>
LogRow read_log_excerpt(const Row& row, std::size_t most)
{
    LogRow log = read_log_row(row);
    std::string& output = log.run.output;
    cut_utf8(output, most);
    log.output_cut = output.size() < static_cast<std::size_t>(row.integer(29));
    return log;
}

}  // namespace peercron
