#include "store/step_back.hpp"

#include "store/sqlite/sqlite_rows.hpp"
#include "store/sqlite/sqlite_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <string>
#include <string_view>
#include <vector>

namespace peercron {
namespace {

// Attempts of one run stay together: none is moved while another is open, and further ones go
// along.
constexpr std::string_view early_rows =
    "FROM log INDEXED BY log_by_time WHERE time >= ? AND scheduled_at > ?"
    " AND state NOT IN ('planned', 'running') AND (state <> 'revoked' OR attempt > 1)"
    " AND NOT EXISTS (SELECT 1 FROM log AS other"
    " WHERE other.cron_id = log.cron_id AND other.scheduled_at = log.scheduled_at"
    " AND other.state IN ('planned', 'running'))";

/// The clock last: what is found is older than what it says.
void find_early(SqliteConnection& connection, const StepBack& order, StepBackFacts& facts)
{
    const WallTime usual = order.own_clock() + order.margin;
    SqliteStatement& rows =
        connection
            .cached(fmt::format("SELECT id, cron_id, scheduled_at, attempt, part, parts {}"
                                " ORDER BY time, id LIMIT ?",
                                early_rows))
            .bind(to_unix_seconds(usual))
            .bind(to_unix_millis(usual))
            .bind(static_cast<std::int64_t>(order.limit));
    while (rows.next()) {
        facts.early.push_back({rows.integer(0), read_run_id(rows, 1)});
    }
    rows.reset();
    if (!facts.early.empty()) {
        SqliteStatement& newest =
            connection.cached(fmt::format("SELECT MAX(scheduled_at) {}", early_rows))
                .bind(to_unix_seconds(usual))
                .bind(to_unix_millis(usual));
        if (newest.next()) facts.newest = time_or_null(newest, 0);
        newest.reset();
    }
    facts.now = order.own_clock();
}

/// Where another row stands already a row stays, and the next step tries again.
std::vector<RunId> move_back(SqliteConnection& connection, const StepBackPlan& plan)
{
    std::vector<RunId> moved;
    for (const StepBackPlan::Move& move : plan.moves) {
        const std::int64_t rows =
            connection
                .cached(
                    "UPDATE OR IGNORE log SET time = ?1, scheduled_at = ?2, gap_end = gap_end - ?3,"
                    " requested_by = CASE requested_by WHEN '' THEN ?4 ELSE requested_by END,"
                    " retry_at = retry_at - CASE WHEN retry_at > ?5 THEN ?3 ELSE 0 END,"
                    " started_at = started_at - CASE WHEN started_at > ?5 THEN ?3 ELSE 0 END,"
                    " ended_at = ended_at - CASE WHEN ended_at > ?5 THEN ?3 ELSE 0 END"
                    " WHERE id = ?6")
                .bind(to_unix_seconds(move.to))
                .bind(to_unix_millis(move.to))
                .bind(static_cast<std::int64_t>(plan.ahead.count()))
                .bind(std::string(clock_was_ahead))
                .bind(to_unix_millis(plan.step->at))
                .bind(move.row.id)
                .execute();
        if (rows > 0) moved.push_back(move.row.run);
    }
    return moved;
}

void note_step(SqliteConnection& connection, const ClockStep& step)
{
    connection
        .cached(
            "INSERT INTO clock_step (at, planned_through, moved) VALUES (?, ?, ?)"
            " ON CONFLICT (at) DO UPDATE SET moved = moved + excluded.moved")
        .bind(to_unix_millis(step.at))
        .bind(to_unix_millis(step.from))
        .bind(step.moved)
        .execute();
}

void set_plan_back(SqliteConnection& connection, std::int64_t at)
{
    constexpr std::string_view statements[] = {
        "UPDATE log SET fires = MAX(2, fires * (?1 - scheduled_at) / (gap_end - scheduled_at)),"
        " gap_end = ?1 WHERE state = 'skipped' AND gap_end > ?1 AND scheduled_at <= ?1",
        "UPDATE cron SET effective_from = ?1, api_change = api_change + 1"
        " WHERE effective_from > ?1",
        "UPDATE cron_revision SET effective_from = ?1 WHERE effective_from > ?1",
        "UPDATE cron_counter SET last_run_at = ?1 WHERE last_run_at > ?1",
        "UPDATE term SET planned_through = ?1 WHERE id = 1",
    };
    for (const std::string_view sql : statements) connection.cached(sql).bind(at).execute();
}

}  // namespace

std::optional<WallTime> SqliteStore::clock()
{
    return std::nullopt;
}

SteppedBack SqliteStore::step_back(Epoch epoch, const StepBack& order)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        SqliteStatement& term =
            connection.cached("SELECT planned_through FROM term WHERE id = 1 AND epoch = ?")
                .bind(static_cast<std::int64_t>(epoch));
        const bool is_ours = term.next();
        StepBackFacts facts;
        if (is_ours) facts.planned_through = time_or_null(term, 0);
        term.reset();
        if (!is_ours) throw_deposed(connection, epoch);
        find_early(connection, order, facts);
        const StepBackPlan plan = plan_step_back(order, facts);
        SteppedBack done;
        if (!plan.step) return done;
        done.step = plan.step;
        done.moved = move_back(connection, plan);
        done.step->moved = static_cast<std::int64_t>(done.moved.size());
        note_step(connection, *done.step);
        if (plan.sets_plan) set_plan_back(connection, to_unix_millis(done.step->at));
        transaction.commit();
        return done;
    };
    return session_.run("set the plan back", work);
}

}  // namespace peercron
