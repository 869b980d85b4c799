#include "store/step_back.hpp"

#include "store/mysql/mysql_rows.hpp"
#include "store/mysql/mysql_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

// Attempts of one run stay together: none is moved while another is open, and further ones go
// along.
constexpr std::string_view is_early =
    "state NOT IN ('planned', 'running') AND (state <> 'revoked' OR attempt > 1)"
    " AND NOT EXISTS (SELECT 1 FROM log AS other"
    " WHERE other.cron_id = log.cron_id AND other.scheduled_at = log.scheduled_at"
    " AND other.state IN ('planned', 'running'))";

/// The clocks last: what is found is older than what they say.
StepBackFacts find_early(MysqlConnection& connection, const StepBack& order)
{
    StepBackFacts facts;
    const WallTime usual = order.own_clock() + order.margin;
    const std::string where =
        fmt::format("log FORCE INDEX (by_time) WHERE time >= {} AND scheduled_at > {} AND {}",
                    to_unix_seconds(usual), to_unix_millis(usual), is_early);
    {
        MysqlRows rows = connection.query("SELECT planned_through FROM term WHERE id = 1");
        if (rows.next()) facts.planned_through = time_or_null(rows, 0);
    }
    {
        MysqlRows rows = connection.query(
            fmt::format("SELECT cron_id, scheduled_at, attempt, part, parts, id FROM {}"
                        " ORDER BY time, id LIMIT {}",
                        where, order.limit));
        while (rows.next()) facts.early.push_back({rows.integer(5), read_run_id(rows)});
    }
    if (!facts.early.empty()) {
        MysqlRows rows = connection.query("SELECT MAX(scheduled_at) FROM " + where);
        if (rows.next()) facts.newest = time_or_null(rows, 0);
    }
    facts.now = std::max(read_clock(connection), order.own_clock());
    return facts;
}

std::vector<std::string> move_back_statements(const StepBackPlan& plan)
{
    const std::int64_t ahead = plan.ahead.count();
    std::vector<std::string> statements;
    for (const StepBackPlan::Move& move : plan.moves) {
        // Another row may stand there: then this one stays, and the next step tries again.
        statements.push_back(fmt::format(
            "UPDATE IGNORE log SET time = {0}, scheduled_at = {1}, gap_end = gap_end - {2},"
            " requested_by = IF(requested_by = '', '{3}', requested_by),"
            " retry_at = IF(retry_at > {4}, retry_at - {2}, retry_at),"
            " started_at = IF(started_at > {4}, started_at - {2}, started_at),"
            " ended_at = IF(ended_at > {4}, ended_at - {2}, ended_at) WHERE id = {5}",
            to_unix_seconds(move.to), to_unix_millis(move.to), ahead, clock_was_ahead,
            to_unix_millis(plan.step->at), move.row.id));
    }
    return statements;
}

std::vector<RunId> moved_runs(MysqlConnection& connection, const StepBackPlan& plan)
{
    std::vector<RunId> moved;
    if (plan.moves.empty()) return moved;
    std::vector<std::int64_t> ids;
    for (const StepBackPlan::Move& move : plan.moves) ids.push_back(move.row.id);
    std::unordered_set<std::int64_t> stayed;
    MysqlRows rows =
        connection.query(fmt::format("SELECT id FROM log WHERE id IN ({}) AND scheduled_at > {}",
                                     fmt::join(ids, ","), to_unix_millis(plan.step->at)));
    while (rows.next()) stayed.insert(rows.integer(0));
    for (const StepBackPlan::Move& move : plan.moves) {
        if (!stayed.contains(move.row.id)) moved.push_back(move.row.run);
    }
    return moved;
}

std::vector<std::string> step_statements(const ClockStep& step, bool sets_plan)
{
    const std::int64_t at = to_unix_millis(step.at);
    std::vector<std::string> statements;
    statements.push_back(
        fmt::format("INSERT INTO clock_step (at, planned_through, moved) VALUES ({0}, {1}, {2})"
                    " ON DUPLICATE KEY UPDATE moved = moved + {2}",
                    at, to_unix_millis(step.from), step.moved));
    if (!sets_plan) return statements;
    statements.push_back(
        fmt::format("UPDATE log SET fires = GREATEST(2, ROUND(fires * ({0} - scheduled_at)"
                    " / (gap_end - scheduled_at))), gap_end = {0}"
                    " WHERE state = 'skipped' AND gap_end > {0} AND scheduled_at <= {0}",
                    at));
    statements.push_back(
        fmt::format("UPDATE cron SET effective_from = {0}, effective_set_at = CURRENT_TIMESTAMP(6),"
                    " changed_at = CURRENT_TIMESTAMP(6)"
                    " WHERE effective_from > {0} AND effective_set_at = changed_at",
                    at));
    statements.push_back(fmt::format(
        "UPDATE cron_revision SET effective_from = {0} WHERE effective_from > {0}", at));
    statements.push_back(
        fmt::format("UPDATE cron_counter SET last_run_at = {0} WHERE last_run_at > {0}", at));
    statements.push_back(fmt::format("UPDATE term SET planned_through = {} WHERE id = 1", at));
    return statements;
}

}  // namespace

std::optional<WallTime> MysqlStore::clock()
{
    return session_.run("read the database's clock", Repeat::safe, read_clock);
}

SteppedBack MysqlStore::step_back(Epoch epoch, const StepBack& order)
{
    const auto work = [&](MysqlConnection& connection) {
        SteppedBack done;
        bool deposed = false;
        {
            std::string guard =
                fmt::format("UPDATE term SET epoch = {0} WHERE id = 1 AND epoch = {0}", epoch);
            MysqlTransaction transaction(connection, MysqlTransaction::Reads::latest,
                                         std::move(guard));
            deposed = transaction.first_matched() == 0;
            if (!deposed) {
                const StepBackFacts facts = find_early(connection, order);
                const StepBackPlan plan = plan_step_back(order, facts);
                if (plan.step) {
                    connection.execute_all(move_back_statements(plan));
                    done.step = plan.step;
                    done.moved = moved_runs(connection, plan);
                    done.step->moved = static_cast<std::int64_t>(done.moved.size());
                    transaction.commit(step_statements(*done.step, plan.sets_plan));
                }
            }
        }
        if (deposed) throw_deposed(connection, epoch);
        return done;
    };
    return session_.run("set the plan back", Repeat::safe, work);
}

}  // namespace peercron
