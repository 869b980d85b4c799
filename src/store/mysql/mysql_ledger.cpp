#include "store/history.hpp"
#include "store/mysql/history_rows.hpp"
#include "store/mysql/ledger_rows.hpp"
#include "store/mysql/mysql_rows.hpp"
#include "store/mysql/mysql_store.hpp"
#include "store/step_back.hpp"
#include "store/text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <limits>
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

[[noreturn]] void throw_deposed(MysqlConnection& connection, Epoch epoch)
{
    MysqlRows rows = connection.query("SELECT epoch, dispatcher FROM term WHERE id = 1");
    if (!rows.next()) {
        throw Deposed(fmt::format("epoch {} is not the store's: table term is empty", epoch));
    }
    const Epoch newest = rows.natural(0);
    throw Deposed(
        fmt::format("epoch {} is over: the store has epoch {} of {}", epoch, newest, rows.text(1)),
        newest);
}

/// Columns 0 to 2.
RunId read_id(const MysqlRows& row)
{
    return {row.integer(0), from_unix_millis(row.integer(1)),
            static_cast<std::int32_t>(row.integer(2))};
}

std::vector<OpenRun> read_open_runs(MysqlConnection& connection)
{
    std::vector<OpenRun> open;
    MysqlRows rows = connection.query(
        "SELECT cron_id, scheduled_at, attempt, state, reason, run_server, dispatch_time, fires,"
        " gap_end, epoch, requested_by,"
        " EXISTS (SELECT 1 FROM log AS next WHERE next.cron_id = log.cron_id"
        " AND next.scheduled_at = log.scheduled_at AND next.attempt = log.attempt + 1)"
        " FROM log WHERE state IN ('planned', 'running') AND scheduled_at IS NOT NULL"
        " ORDER BY id");
    while (rows.next()) {
        OpenRun run;
        run.planned.id = read_id(rows);
        run.planned.state = read_state(rows.text(3));
        run.planned.reason = parse_reason(rows.text(4));
        run.planned.run_server = rows.text(5);
        run.planned.dispatched_at = from_unix_seconds(rows.integer(6));
        run.planned.fires = rows.integer(7);
        run.planned.gap_end = from_unix_millis(rows.integer(8));
        run.epoch = rows.natural(9);
        run.planned.requested_by = rows.text(10);
        run.superseded = rows.integer(11) != 0;
        open.push_back(std::move(run));
    }
    return open;
}

std::vector<RunId> read_ended_lately(MysqlConnection& connection, WallTime since)
{
    std::vector<RunId> ended;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
    MysqlRows rows = connection.query(
        fmt::format("SELECT cron_id, scheduled_at, attempt FROM log FORCE INDEX (by_time)"
                    " WHERE time >= {} AND scheduled_at > {} AND state NOT IN ('planned', "
                    "'running', 'revoked')",
                    seconds.time_since_epoch().count(), to_unix_millis(since)));
    while (rows.next()) ended.push_back(read_id(rows));
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
std::vector<std::string> ledger_statements(MysqlConnection& connection,
                                           std::span<const RunReport> reports, LockedRows locked,
                                           GivesWay rule)
{
    std::vector<std::string> statements;
    append(statements, report_statements(connection, reports, locked, rule));
    append(statements, counter_statements(connection, reports, std::move(locked), rule));
    return statements;
}

/// Adds to `doubled` what record() returns; of each run there is one report.
void write(MysqlConnection& connection, std::span<const RunReport> reports,
           std::vector<DoubledRun>& doubled)
{
    MysqlTransaction transaction(connection);
    LockedRows locked = lock_rows(connection, reports);
    std::vector<DoubledRun> unknown = keep_other_accounts(connection, reports, locked);
    transaction.commit(
        ledger_statements(connection, reports, std::move(locked), GivesWay::lost_too));
    std::ranges::move(unknown, std::back_inserter(doubled));
}

void write_what_fits(MysqlConnection& connection, const RunReport& report, const MysqlError& error,
                     std::vector<DoubledRun>& doubled)
{
    spdlog::error("store: the database refuses the report of {}: {}; writing what fits",
                  to_string(report.id), error.what());
    const RunReport plain = what_fits(report);
    try {
        write(connection, {&plain, 1}, doubled);
    } catch (const MysqlError& again) {
        if (!again.value_refused()) throw;
        spdlog::error("store: the report of {} ({}) is not written: {}", to_string(report.id),
                      to_string(report.state), again.what());
    }
}

/// Writes all of them, and finds those that the server refuses by halving.
void write_each(MysqlConnection& connection, std::span<const RunReport> reports,
                std::vector<DoubledRun>& doubled)
{
    try {
        write(connection, reports, doubled);
        return;
    } catch (const MysqlError& error) {
        if (!error.value_refused()) throw;
        if (reports.size() == 1) {
            write_what_fits(connection, reports.front(), error, doubled);
            return;
        }
    }
    const std::size_t half = reports.size() / 2;
    write_each(connection, reports.first(half), doubled);
    write_each(connection, reports.subspan(half), doubled);
}

/// How many of the first reports are of runs that differ.
std::size_t distinct(std::span<const RunReport> reports)
{
    std::unordered_set<RunId> runs;
    const auto repeated = std::ranges::find_if(
        reports, [&](const RunReport& report) { return !runs.insert(report.id).second; });
    return static_cast<std::size_t>(repeated - reports.begin());
}

void commit_step(MysqlConnection& connection, Epoch epoch, const PlanStep& step)
{
    // Put together beforehand: the guard locks the row that another dispatcher may wait for.
    std::vector<std::string> statements;
    append(statements, move_statements(connection, step.moved, step.epoch, step.dispatch_server));
    append(statements, plan_statements(connection, step.runs, step.epoch, step.dispatch_server));
    std::string guard = fmt::format(
        "UPDATE term SET planned_through = GREATEST(COALESCE(planned_through, {0}), {0}),"
        " step_epoch = {1}, step_number = {2} WHERE id = 1 AND epoch = {3}",
        to_unix_millis(step.planned_through), step.epoch, step.number, epoch);

    bool deposed = false;
    {
        MysqlTransaction transaction(connection, MysqlTransaction::Reads::latest, std::move(guard));
        deposed = transaction.first_matched() == 0;
        if (!deposed) {
            std::vector<std::string> all;
            if (!step.ended.empty()) {
                all = ledger_statements(connection, step.ended, lock_rows(connection, step.ended),
                                        GivesWay::only_open);
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

/// Whether rows that are planned have to be left out where the query does not ask for them.
enum class Planned : std::uint8_t { left_out, none_there };

/// The condition of a query of table log.
std::string condition(const MysqlConnection& connection, const LogQuery& query,
                      Planned planned = Planned::left_out)
{
    const bool any = query.after_id || !query.ids.empty() || planned == Planned::none_there;
    std::string sql = query.state    ? fmt::format("state = '{}'", to_string(*query.state))
                      : query.missed ? std::string("state IN ('skipped', 'lost')")
                      : any          ? std::string("TRUE")
                                     : std::string("state <> 'planned'");
    if (query.missed) sql += missed_terms();
    if (query.after_id) sql += fmt::format(" AND id > {}", *query.after_id);
    if (!query.ids.empty()) sql += fmt::format(" AND id IN ({})", fmt::join(query.ids, ","));
    if (query.cron_id) sql += fmt::format(" AND cron_id = {}", *query.cron_id);
    if (query.run_server) sql += " AND run_server = " + connection.quote(*query.run_server);
    if (query.dispatch_server) {
        sql += " AND dispatch_server = " + connection.quote(*query.dispatch_server);
    }
    sql += time_terms(query.from, query.to);
    if (query.time_blocks) sql += id_terms(*query.time_blocks);
    if (query.search) {
        sql += " AND output LIKE " + connection.quote(like_pattern(*query.search)) + " ESCAPE '|'";
    }
    return sql;
}

constexpr std::string_view by_id = "FORCE INDEX (PRIMARY)";
constexpr std::string_view by_time = "FORCE INDEX (by_time)";

/// Whether the rows of the query's time are known to be close together, as they mostly are.
bool knows_ids_of_time(const LogQuery& query)
{
    return query.time_blocks && query.time_blocks->is_compact();
}

/// Which index to take where the server's own choice is bad: it trusts LIMIT to end the reading
/// soon, or intersects two indices and sorts all that is left.
std::string_view index_hint(const LogQuery& query)
{
    if (query.after_id || !query.ids.empty()) return "";
    const bool narrow =
        query.cron_id || query.state || query.missed || query.run_server || query.dispatch_server;
    if (query.has_time() && !knows_ids_of_time(query)) {
        // A time long ago: only its rows, instead of all those that are newer.
        return !narrow && query.to ? by_time : "";
    }
    // Nearly all rows match: the newest ones, instead of an index of all of them, to be sorted.
    if (!narrow) return by_id;
    // Of several the one that is most likely to have few rows; each is in the order of the list.
    if (query.cron_id) return "FORCE INDEX (by_job)";
    const bool has_few = query.state && *query.state != RunState::success;
    if (has_few || query.missed) return "FORCE INDEX (by_state)";
    if (query.run_server) return "FORCE INDEX (by_run_server)";
    if (query.dispatch_server) return "FORCE INDEX (by_dispatch_server)";
    return "";
}

std::int64_t read_number(MysqlConnection& connection, std::string_view sql)
{
    MysqlRows rows = connection.query(sql);
    return rows.next() ? rows.integer(0) : 0;
}

/// All of the ledger, up to where no row of a list comes or goes any more, but by deletion: below
/// that none is planned, and none is about to be committed.
CountRest all_settled(MysqlConnection& connection)
{
    constexpr std::int64_t newest = 100;
    MysqlRows rows = connection.query(
        fmt::format("SELECT (SELECT COALESCE(MIN(id), 0) FROM log),"
                    " LEAST((SELECT COALESCE(MAX(id), 0) FROM log) - {},"
                    " COALESCE((SELECT MIN(id) FROM log WHERE state = 'planned'), {}))",
                    newest, std::numeric_limits<std::int64_t>::max()));
    CountRest all;
    if (!rows.next()) return all;
    all.first = rows.integer(0);
    all.end = all.top = all.before = rows.integer(1);
    all.ids = first_part;
    return all;
}

/// Where a count begins that leaves out the ids that have no rows of the query's time.
CountRest count_begin(MysqlConnection& connection, const LogQuery& query)
{
    CountRest rest = all_settled(connection);
    if (!query.time_blocks) return rest;
    const IdBlocks& known = *query.time_blocks;
    rest.end = std::min(rest.end, known.end);
    rest.top = rest.before = std::min(rest.end, known.last_end());
    if (!known.blocks.empty()) rest.first = std::max(rest.first, known.blocks.front().first);
    return rest;
}

/// The rows of a query to be counted ("TABLE WHERE …"), from an index alone where one has all that
/// is asked.
std::string rows_to_count(const MysqlConnection& connection, const LogQuery& query,
                          Planned planned = Planned::left_out)
{
    const bool others = query.cron_id || query.run_server || query.dispatch_server ||
                        query.has_time() || query.search || query.missed;
    if (others) {
        // Of rows that are newer than some id only, the index by time may be the longer way.
        const bool chooses = query.is_time_only() && planned == Planned::left_out;
        return fmt::format("log {} WHERE {}", chooses ? "" : index_hint(query),
                           condition(connection, query, planned));
    }
    // All states by name, so that of each the ids are one range of the index.
    return "log FORCE INDEX (by_state) WHERE state " +
           (query.state ? fmt::format("= '{}'", to_string(*query.state))
                        : "IN ('running', 'success', 'failed', 'timeout', 'killed', 'lost',"
                          " 'fenced', 'skipped', 'revoked')");
}

/// Those with an id of `end` or above.
std::int64_t count_newer(MysqlConnection& connection, const LogQuery& query, std::int64_t end)
{
    return read_number(connection, fmt::format("SELECT COUNT(*) FROM {} AND id >= {}",
                                               rows_to_count(connection, query), end));
}

/// The total, and where the rows are; or of so many ids only that a statement counts them soon.
void count_part(MysqlConnection& connection, const LogQuery& query, LogPage& page)
{
    CountRest rest = query.count_from ? *query.count_from : count_begin(connection, query);
    if (!query.count_from) page.total = count_newer(connection, query, rest.end);
    // In the index by time the ids of a part are not together.
    const bool in_parts = !query.has_time() || knows_ids_of_time(query);
    const std::int64_t size = block_size(rest.end);
    const std::int64_t from = in_parts ? (rest.before - rest.ids) / size * size : rest.first;
    IdBlocks blocks = read_blocks(
        connection,
        fmt::format("{} AND id >= {} AND id < {}",
                    rows_to_count(connection, query, Planned::none_there), from, rest.before),
        rest.end);
    const std::int64_t found = blocks.rows();
    page.total += found;
    if (query.with_blocks) page.blocks = std::move(blocks);
    if (from <= rest.first) return;
    rest.ids = next_part(rest.before - from, found);
    rest.before = from;
    page.count_rest = rest;
}

std::string_view index_of(const LogQuery& query, PageSource::Order order)
{
    if (order == PageSource::Order::of_filters) return index_hint(query);
    return order == PageSource::Order::by_id ? by_id : by_time;
}

std::optional<LogRow> read_one_row(MysqlConnection& connection, std::string_view condition)
{
    std::vector<LogRow> rows = read_log_rows(connection, condition);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

std::vector<std::pair<JobId, std::int64_t>> read_run_numbers(MysqlConnection& connection)
{
    std::vector<std::pair<JobId, std::int64_t>> numbers;
    MysqlRows rows = connection.query(
        "SELECT id, run_num FROM cron JOIN cron_counter ON cron_id = id WHERE run_limit > 0");
    while (rows.next()) numbers.emplace_back(rows.integer(0), rows.integer(1));
    return numbers;
}

// Store::step_back().

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
        MysqlRows rows =
            connection.query(fmt::format("SELECT cron_id, scheduled_at, attempt, id FROM {}"
                                         " ORDER BY time, id LIMIT {}",
                                         where, order.limit));
        while (rows.next()) facts.early.push_back({rows.integer(3), read_id(rows)});
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
        start.open_runs = read_open_runs(connection);
        if (start.planned_through) {
            start.ended_lately = read_ended_lately(connection, *start.planned_through - lately);
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
            commit_step(connection, epoch, step);
        } catch (const MysqlError& error) {
            if (!error.value_refused()) throw;
            spdlog::error("store: the database refuses a text of a step: {}; writing plain texts",
                          error.what());
            commit_step(connection, epoch, with_plain_texts(step));
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
                            "DELETE FROM log WHERE id IN " + which});
        return ids.size();
    };
    return session_.run("delete expired rows of the ledger", Repeat::safe, work);
}

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

std::vector<RunId> MysqlStore::undelivered(WallTime since)
{
    const auto work = [&](MysqlConnection& connection) {
        // From the jobs to their rows, by their index: there may be millions of rows.
        MysqlRows rows = connection.query(fmt::format(
            "SELECT STRAIGHT_JOIN run.cron_id, run.scheduled_at, run.attempt FROM cron"
            " JOIN log AS run FORCE INDEX (by_run)"
            " ON run.cron_id = cron.id AND run.scheduled_at >= {}"
            " WHERE cron.delivery = 'at_least_once' AND cron.stop = 0"
            " AND (run.state IN ('lost', 'fenced')"
            " OR (run.state = 'killed' AND run.cause = '{}'))"
            " AND NOT EXISTS (SELECT 1 FROM log AS next WHERE next.cron_id = run.cron_id"
            " AND next.scheduled_at = run.scheduled_at AND next.attempt = run.attempt + 1)",
            to_unix_millis(since), to_string(Cause::node_stopped)));
        std::vector<RunId> runs;
        while (rows.next()) runs.push_back(read_id(rows));
        return runs;
    };
    return session_.run("find what has to run again", Repeat::safe, work);
}

std::vector<DoubledRun> MysqlStore::record(std::span<const RunReport> reports)
{
    std::vector<DoubledRun> doubled;
    const auto work = [&](MysqlConnection& connection) {
        for (std::span<const RunReport> rest = reports; !rest.empty();) {
            const std::size_t count = distinct(rest);
            write_each(connection, rest.first(count), doubled);
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

LogPage MysqlStore::find_log(const LogQuery& query)
{
    const auto work = [&](MysqlConnection& connection) {
        std::string where = condition(connection, query);
        LogPage page;
        if (query.limit == 0) {
            if (query.with_total) count_part(connection, query, page);
            return page;
        }
        if (query.with_total) {
            page.total = read_number(connection, "SELECT COUNT(*) FROM log WHERE " + where);
        }
        const auto newer = [&](std::int64_t end) { return count_newer(connection, query, end); };
        const auto [place, way] = source_of(query, newer);
        const std::string_view index = index_of(query, way);
        if (place.from_id) where += fmt::format(" AND id >= {}", *place.from_id);
        if (place.before_id) where += fmt::format(" AND id < {}", *place.before_id);
        const std::string_view order = query.after_id ? "ASC" : "DESC";
        const std::string limit = fmt::format("ORDER BY id {} LIMIT {}", order, query.limit);
        const bool begins_there = place.offset == 0 && !index.empty() && index != by_time;
        // The ids first, else: of the rows that are passed over, or sorted, only those are read.
        const std::string rows =
            begins_there ? fmt::format("{} WHERE {} {}", index, where, limit)
                         : fmt::format(
                               "JOIN (SELECT id FROM log {} WHERE {} {} OFFSET {}) AS page"
                               " USING (id) ORDER BY id {}",
                               index, where, limit, place.offset, order);
        page.rows = read_log_rows(connection, rows, query.most_output);
        return page;
    };
    return session_.run("list the log", Repeat::safe, work);
}

std::optional<LogRow> MysqlStore::find_log_row(std::int64_t id)
{
    const auto work = [&](MysqlConnection& connection) {
        return read_one_row(connection, fmt::format("WHERE id = {}", id));
    };
    return session_.run(fmt::format("read ledger row {}", id), Repeat::safe, work);
}

std::optional<LogRow> MysqlStore::find_log_row(const RunId& run)
{
    const auto work = [&](MysqlConnection& connection) {
        return read_one_row(connection,
                            fmt::format("WHERE cron_id = {} AND scheduled_at = {} AND attempt = {}",
                                        run.job, to_unix_millis(run.scheduled_at), run.attempt));
    };
    return session_.run("read the ledger row of " + to_string(run), Repeat::safe, work);
}

}  // namespace peercron
