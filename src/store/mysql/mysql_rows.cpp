#include "store/mysql/mysql_rows.hpp"

#include <string>

namespace peercron {
namespace {

// A row that was changed by hand since effective_from was written is effective from that change.
constexpr std::string_view select_job =
    "SELECT id, cron_set, command, remark, stop, is_mutex, start_time, end_time, time_zone, "
    "timeout,"
    " IF(effective_set_at = changed_at, effective_from, FLOOR(UNIX_TIMESTAMP(changed_at) * 1000)),"
    " name, run_limit, misfire_window, run_num, last_run_at"
    " FROM cron LEFT JOIN cron_counter ON cron_id = id ";

constexpr std::string_view select_log =
    "SELECT id, cron_id, time, dispatch_time, scheduled_at, attempt, state, reason,"
    " run_server, dispatch_server, epoch, started_at, ended_at, use_time, exit_code,"
    " term_signal, cpu_time, max_rss, output_bytes, output, fires, gap_end, requested_by"
    " FROM log ";

std::optional<int> int_or_null(const MysqlRows& row, unsigned column)
{
    if (row.is_null(column)) return std::nullopt;
    return static_cast<int>(row.integer(column));
}

Job read_job(const MysqlRows& row)
{
    Job job;
    job.id = row.integer(0);
    job.cron_set = row.text(1);
    job.command = row.text(2);
    job.remark = row.text(3);
    job.stop = row.integer(4) != 0;
    job.is_mutex = row.integer(5) != 0;
    job.start_time = row.integer(6);
    job.end_time = row.integer(7);
    job.time_zone = row.text(8);
    job.timeout = std::chrono::seconds(row.integer(9));
    job.effective_from = from_unix_millis(row.integer(10));
    job.name = row.text(11);
    job.run_limit = row.integer(12);
    if (!row.is_null(13)) job.misfire_window = std::chrono::seconds(row.integer(13));
    job.counters.run_num = row.integer(14);
    if (!row.is_null(15)) job.counters.last_run_at = from_unix_millis(row.integer(15));
    return job;
}

LogRow read_log_row(const MysqlRows& row)
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
    run.reason = row.text(7);
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
    return log;
}

}  // namespace

void read_jobs(MysqlConnection& connection, std::string_view condition, std::vector<Job>& jobs)
{
    MysqlRows rows = connection.query(std::string(select_job).append(condition));
    while (rows.next()) jobs.push_back(read_job(rows));
}

std::vector<LogRow> read_log_rows(MysqlConnection& connection, std::string_view condition)
{
    std::vector<LogRow> found;
    MysqlRows rows = connection.query(std::string(select_log).append(condition));
    while (rows.next()) found.push_back(read_log_row(rows));
    return found;
}

RunState read_state(std::string_view text)
{
    if (const auto state = parse_run_state(text)) return *state;
    throw StoreError("table log has a state that this program does not know: " + std::string(text));
}

std::optional<WallTime> time_or_null(const MysqlRows& row, unsigned column)
{
    if (row.is_null(column)) return std::nullopt;
    return from_unix_millis(row.integer(column));
}

std::string name_literal(const MysqlConnection& connection, const std::string& name)
{
    return name.empty() ? "NULL" : connection.quote(name);
}

std::string window_literal(const std::optional<std::chrono::seconds>& window)
{
    return window ? std::to_string(window->count()) : "NULL";
}

}  // namespace peercron
