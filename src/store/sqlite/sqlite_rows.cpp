#include "store/sqlite/sqlite_rows.hpp"

#include "store/store.hpp"

#include <utility>

namespace peercron {
namespace {

constexpr std::string_view select_job =
    "SELECT id, cron_set, command, remark, stop, is_mutex, start_time, end_time, time_zone, "
    "timeout,"
    " effective_from, name, run_limit, misfire_window, run_num, last_run_at"
    " FROM cron LEFT JOIN cron_counter ON cron_id = id ";

constexpr std::string_view select_log =
    "SELECT id, cron_id, time, dispatch_time, scheduled_at, attempt, state, reason, run_server,"
    " dispatch_server, epoch, started_at, ended_at, use_time, exit_code, term_signal, cpu_time,"
    " max_rss, output_bytes, output, fires, gap_end, requested_by FROM log ";

std::optional<int> int_or_null(const SqliteStatement& row, int column)
{
    if (row.is_null(column)) return std::nullopt;
    return static_cast<int>(row.integer(column));
}

Job read_job(const SqliteStatement& row)
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
    job.counters.last_run_at = time_or_null(row, 15);
    return job;
}

}  // namespace

std::string select_jobs(std::string_view condition)
{
    return std::string(select_job).append(condition);
}

std::vector<Job> read_jobs(SqliteStatement& rows)
{
    std::vector<Job> jobs;
    while (rows.next()) jobs.push_back(read_job(rows));
    rows.reset();
    return jobs;
}

std::string select_rows(std::string_view condition)
{
    return std::string(select_log).append(condition);
}

LogRow read_log_row(const SqliteStatement& row)
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
    run.epoch = static_cast<Epoch>(row.integer(10));
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

std::vector<LogRow> read_log_rows(SqliteStatement& rows)
{
    std::vector<LogRow> found;
    while (rows.next()) found.push_back(read_log_row(rows));
    rows.reset();
    return found;
}

RunState read_state(const std::string& text)
{
    if (const auto state = parse_run_state(text)) return *state;
    throw StoreError("table log has a state that this program does not know: " + text);
}

std::optional<WallTime> time_or_null(const SqliteStatement& row, int column)
{
    if (row.is_null(column)) return std::nullopt;
    return from_unix_millis(row.integer(column));
}

std::optional<std::int64_t> millis(const std::optional<WallTime>& time)
{
    if (!time) return std::nullopt;
    return to_unix_millis(*time);
}

std::optional<std::string_view> name_or_null(const std::string& name)
{
    if (name.empty()) return std::nullopt;
    return name;
}

std::optional<std::int64_t> count_of(const std::optional<std::chrono::seconds>& window)
{
    if (!window) return std::nullopt;
    return window->count();
}

}  // namespace peercron
