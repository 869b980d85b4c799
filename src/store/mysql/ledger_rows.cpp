#include "store/mysql/ledger_rows.hpp"

#include "store/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace peercron {
namespace {

// Widths of columns, in characters.
constexpr std::size_t reason_width = 255;
constexpr std::size_t server_width = 255;

// Rows that one condition names: more would take the optimizers of MySQL and MariaDB to a scan.
constexpr std::size_t rows_of_a_condition = 500;

/// Puts rows together to statements of a good length; a row that is longer gets its own.
class Rows {
public:
    Rows(const MysqlConnection& connection, std::string_view head, std::string_view tail)
        : head_(head), tail_(tail), limit_(connection.good_statement())
    {}

    void add(std::string_view row)
    {
        const std::size_t length = current_.sql.size() + row.size() + tail_.size() + 1;
        if (current_.rows > 0 && length > limit_) finish();
        current_.sql += current_.rows == 0 ? head_ : ",";
        current_.sql += row;
        ++current_.rows;
    }

    std::vector<LedgerStatement> take()
    {
        if (current_.rows > 0) finish();
        return std::move(done_);
    }

private:
    void finish()
    {
        current_.sql += tail_;
        done_.push_back(std::exchange(current_, {}));
    }

    std::string_view head_;
    std::string_view tail_;
    std::size_t limit_;
    LedgerStatement current_;
    std::vector<LedgerStatement> done_;
};

/// A number or NULL.
template <class Number>
std::string nullable(std::optional<Number> value)
{
    return value ? std::to_string(*value) : "NULL";
}

std::string nullable(std::optional<WallTime> value)
{
    return value ? std::to_string(to_unix_millis(*value)) : "NULL";
}

std::int64_t unix_seconds(WallTime time)
{
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

/// The rows by time and job. Statements that lock the same rows in the same order do not deadlock,
/// and new rows get their ids in the order of their times. Reports of one run stay in their order.
template <class Row>
std::vector<const Row*> in_order(std::span<const Row> rows)
{
    std::vector<const Row*> sorted;
    sorted.reserve(rows.size());
    std::ranges::transform(rows, std::back_inserter(sorted), [](const Row& row) { return &row; });
    const auto key = [](const Row* row) {
        return std::tuple(row->id.scheduled_at, row->id.job, row->id.attempt);
    };
    std::ranges::stable_sort(sorted, {}, key);
    return sorted;
}

std::vector<LedgerStatement> planned_statements(const MysqlConnection& connection,
                                                std::span<const PlannedRun> runs, Epoch epoch,
                                                const NodeName& dispatch_server,
                                                std::string_view tail)
{
    constexpr std::string_view head =
        "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, reason, run_server,"
        " dispatch_server, dispatch_time, epoch, fires, gap_end, requested_by, output, use_time)"
        " VALUES ";
    const std::string dispatcher =
        connection.quote(first_characters(dispatch_server, server_width));
    Rows rows(connection, head, tail);
    for (const PlannedRun* run : in_order(runs)) {
        const bool gap = run->fires > 1;
        rows.add(fmt::format("({},{},{},{},'{}',{},{},{},{},{},{},{},{},'',0)", run->id.job,
                             to_unix_millis(run->id.scheduled_at), run->id.attempt,
                             unix_seconds(run->id.scheduled_at), to_string(run->state),
                             connection.quote(first_characters(run->reason, reason_width)),
                             connection.quote(first_characters(run->run_server, server_width)),
                             dispatcher, unix_seconds(run->dispatched_at), epoch, run->fires,
                             nullable(gap ? std::optional(run->gap_end) : std::nullopt),
                             connection.quote(first_characters(run->requested_by, server_width))));
    }
    return rows.take();
}

/// The runs among `runs` whose rows are final. Locks the rows of all of them.
std::unordered_set<RunId> lock_and_find_final(MysqlConnection& connection,
                                              std::span<const RunId> runs)
{
    std::unordered_set<RunId> ended;
    while (!runs.empty()) {
        const auto some = runs.first(std::min(runs.size(), rows_of_a_condition));
        runs = runs.subspan(some.size());
        std::string condition;
        for (const RunId& run : some) {
            condition += fmt::format("{}(cron_id = {} AND scheduled_at = {} AND attempt = {})",
                                     condition.empty() ? "" : " OR ", run.job,
                                     to_unix_millis(run.scheduled_at), run.attempt);
        }
        MysqlRows rows = connection.query(
            "SELECT cron_id, scheduled_at, attempt, state IN ('planned', 'running')"
            " FROM log FORCE INDEX (by_run) WHERE " +
            condition + " FOR UPDATE");
        while (rows.next()) {
            if (rows.integer(3) != 0) continue;
            ended.insert({rows.integer(0), from_unix_millis(rows.integer(1)),
                          static_cast<std::int32_t>(rows.integer(2))});
        }
    }
    return ended;
}

}  // namespace

std::vector<LedgerStatement> plan_statements(const MysqlConnection& connection,
                                             std::span<const PlannedRun> runs, Epoch epoch,
                                             const NodeName& dispatch_server)
{
    // Assignments are made from left to right, so the state, which all of them ask, comes last.
    // A row that its node reported first, while the store was away, lacks the dispatch time.
    constexpr std::string_view tail =
        " ON DUPLICATE KEY UPDATE"
        " dispatch_time = IF(state = 'revoked' OR dispatch_time = 0, VALUES(dispatch_time),"
        " dispatch_time),"
        " reason = IF(state = 'revoked', VALUES(reason), reason),"
        " run_server = IF(state = 'revoked', VALUES(run_server), run_server),"
        " dispatch_server = IF(state = 'revoked', VALUES(dispatch_server), dispatch_server),"
        " epoch = IF(state = 'revoked', VALUES(epoch), epoch),"
        " fires = IF(state = 'revoked', VALUES(fires), fires),"
        " gap_end = IF(state = 'revoked', VALUES(gap_end), gap_end),"
        " started_at = IF(state = 'revoked', NULL, started_at),"
        " ended_at = IF(state = 'revoked', NULL, ended_at),"
        " use_time = IF(state = 'revoked', 0, use_time),"
        " state = IF(state = 'revoked', VALUES(state), state)";
    return planned_statements(connection, runs, epoch, dispatch_server, tail);
}

std::vector<LedgerStatement> move_statements(const MysqlConnection& connection,
                                             std::span<const PlannedRun> runs, Epoch epoch,
                                             const NodeName& dispatch_server)
{
    constexpr std::string_view tail =
        " ON DUPLICATE KEY UPDATE"
        " dispatch_time = IF(state = 'planned', VALUES(dispatch_time), dispatch_time),"
        " run_server = IF(state = 'planned', VALUES(run_server), run_server),"
        " dispatch_server = IF(state = 'planned', VALUES(dispatch_server), dispatch_server),"
        " epoch = IF(state = 'planned', VALUES(epoch), epoch)";
    return planned_statements(connection, runs, epoch, dispatch_server, tail);
}

std::vector<LedgerStatement> report_statements(const MysqlConnection& connection,
                                               std::span<const RunReport> reports, GivesWay rule)
{
    constexpr std::string_view head =
        "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, reason, run_server,"
        " dispatch_server, epoch, started_at, ended_at, use_time, exit_code, term_signal, cpu_time,"
        " max_rss, output_bytes, output) VALUES ";
    const std::string_view applies =
        rule == GivesWay::lost_too
            ? "state IN ('planned', 'running') OR (state = 'lost' AND VALUES(state) <> 'running')"
            : "state IN ('planned', 'running')";
    // As above, the state comes last. What a report does not say stays.
    std::string tail = " ON DUPLICATE KEY UPDATE";
    for (const std::string_view column : {"run_server", "dispatch_server"}) {
        tail += fmt::format(" {0} = IF(({1}) AND VALUES({0}) <> '', VALUES({0}), {0}),", column,
                            applies);
    }
    tail += fmt::format(" epoch = IF(({0}) AND VALUES(epoch) > 0, VALUES(epoch), epoch),", applies);
    for (const std::string_view column : {"started_at", "ended_at"}) {
        tail += fmt::format(" {0} = IF({1}, COALESCE(VALUES({0}), {0}), {0}),", column, applies);
    }
    for (const std::string_view column : {"reason", "use_time", "exit_code", "term_signal",
                                          "cpu_time", "max_rss", "output_bytes", "output"}) {
        tail += fmt::format(" {0} = IF({1}, VALUES({0}), {0}),", column, applies);
    }
    tail += fmt::format(" state = IF({}, VALUES(state), state)", applies);

    // Escaped, a text is at most twice as long; a little is left for the other columns.
    const std::size_t longest = connection.max_statement();
    const std::size_t others = tail.size() + head.size() + 4096;
    const std::size_t room = longest > others ? longest - others : 0;

    Rows rows(connection, head, tail);
    for (const RunReport* report : in_order(reports)) {
        std::string output = connection.quote(report->output);
        if (output.size() > room) output = connection.quote(cut_middle(report->output, room / 2));
        rows.add(fmt::format(
            "({},{},{},{},'{}',{},{},{},{},{},{},{},{},{},{},{},{},{})", report->id.job,
            to_unix_millis(report->id.scheduled_at), report->id.attempt,
            unix_seconds(report->id.scheduled_at), to_string(report->state),
            connection.quote(first_characters(report->reason, reason_width)),
            connection.quote(first_characters(report->run_server, server_width)),
            connection.quote(first_characters(report->dispatch_server, server_width)),
            report->epoch, nullable(report->started_at), nullable(report->ended_at),
            report->use_time.count(), nullable(report->exit_code), nullable(report->term_signal),
            report->cpu_time.count(), report->max_rss, report->output_bytes, output));
    }
    return rows.take();
}

std::vector<std::string> counter_statements(MysqlConnection& connection,
                                            std::span<const RunReport> reports)
{
    std::vector<RunId> runs;
    for (const RunReport* report : in_order(reports)) {
        if (has_run(report->state) && report->id.attempt == 1) runs.push_back(report->id);
    }
    if (runs.empty()) return {};
    std::unordered_set<RunId> counted = lock_and_find_final(connection, runs);

    std::map<JobId, JobCounters> jobs;  // in order, as every statement that locks several rows
    for (const RunReport& report : reports) {
        if (!has_run(report.state) || report.id.attempt != 1) continue;
        if (!counted.insert(report.id).second) continue;
        JobCounters& job = jobs[report.id.job];
        const WallTime ran_at = report.started_at.value_or(report.id.scheduled_at);
        job.last_run_at = std::max(job.last_run_at.value_or(ran_at), ran_at);
        ++job.run_num;
    }
    Rows rows(connection, "INSERT INTO cron_counter (cron_id, run_num, last_run_at) VALUES ",
              " ON DUPLICATE KEY UPDATE run_num = run_num + VALUES(run_num),"
              " last_run_at = GREATEST(COALESCE(last_run_at, 0), VALUES(last_run_at))");
    for (const auto& [id, job] : jobs) {
        rows.add(fmt::format("({},{},{})", id, job.run_num, to_unix_millis(*job.last_run_at)));
    }
    std::vector<std::string> statements;
    for (LedgerStatement& statement : rows.take()) statements.push_back(std::move(statement.sql));
    return statements;
}

}  // namespace peercron
