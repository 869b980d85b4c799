#include "store/doubled_run.hpp"
#include "store/history.hpp"
#include "store/row_order.hpp"
#include "store/sqlite/sqlite_rows.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/step_back.hpp"
#include "store/text.hpp"

#include <functional>
#include <string>

namespace peercron {
namespace {

// How far TermStart::ended_lately looks back.
constexpr std::chrono::seconds lately{10};
// TermStart::set_back_from.
constexpr std::chrono::milliseconds remembered_step = std::chrono::minutes(10);

/// What gives way to a final report, besides a planned or running row.
enum class GivesWay : std::uint8_t { only_open, lost_too };

/// What a report may change with more trouble than the rest.
struct StoredRow {
    std::int64_t id = 0;
    RunState state = RunState::planned;
    std::string run_server;
    std::string dispatch_server;
    std::optional<WallTime> started_at;
};

SqliteStatement& bind(SqliteStatement& statement, const RunId& run)
{
    return statement.bind(run.job).bind(to_unix_millis(run.scheduled_at)).bind(run.attempt);
}

std::optional<LogRow> only(std::vector<LogRow> rows)
{
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

[[noreturn]] void throw_deposed(SqliteConnection& connection, Epoch epoch)
{
    SqliteStatement term = connection.prepare("SELECT epoch, dispatcher FROM term WHERE id = 1");
    if (!term.next()) {
        throw Deposed(fmt::format("epoch {} is not the store's: table term is empty", epoch));
    }
    const auto newest = term.natural(0);
    throw Deposed(
        fmt::format("epoch {} is over: the store has epoch {} of {}", epoch, newest, term.text(1)),
        newest);
}

void insert_report(SqliteConnection& connection, const RunReport& report)
{
    SqliteStatement& insert = connection.cached(
        "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, reason, run_server,"
        " dispatch_server, epoch, started_at, ended_at, use_time, exit_code, term_signal, cpu_time,"
        " max_rss, output_bytes, output)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind(insert, report.id)
        .bind(to_unix_seconds(report.id.scheduled_at))
        .bind(to_string(report.state))
        .bind(to_string(report.reason))
        .bind(report.run_server)
        .bind(report.dispatch_server)
        .bind(static_cast<std::int64_t>(report.epoch))
        .bind(millis(report.started_at))
        .bind(millis(report.ended_at))
        .bind(report.use_time.count())
        .bind(report.exit_code)
        .bind(report.term_signal)
        .bind(report.cpu_time.count())
        .bind(report.max_rss)
        .bind(report.output_bytes)
        .bind(report.output)
        .execute();
}

/// Whether the report names another server than the row: "" says nothing.
bool is_news(const std::string& reported, const std::string& stored)
{
    return !reported.empty() && reported != stored;
}

/// What a report does not say stays. The columns with an index of their own are written only when
/// they change: SQLite makes an entry anew whatever its value is.
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
    connection
        .cached(
            "UPDATE log SET state = ?, reason = ?, epoch = COALESCE(?, epoch),"
            " started_at = COALESCE(?, started_at), ended_at = COALESCE(?, ended_at), use_time = ?,"
            " exit_code = ?, term_signal = ?, cpu_time = ?, max_rss = ?, output_bytes = ?,"
            " output = ? WHERE id = ?")
        .bind(to_string(report.state))
        .bind(to_string(report.reason))
        .bind(report.epoch == 0 ? std::optional<std::int64_t>()
                                : static_cast<std::int64_t>(report.epoch))
        .bind(millis(report.started_at))
        .bind(millis(report.ended_at))
        .bind(report.use_time.count())
        .bind(report.exit_code)
        .bind(report.term_signal)
        .bind(report.cpu_time.count())
        .bind(report.max_rss)
        .bind(report.output_bytes)
        .bind(report.output)
        .bind(row.id)
        .execute();
}

/// The run has ended an open row, or had none: see has_run(). A deleted job's counters went with
/// it.
void count(SqliteConnection& connection, const RunReport& report)
{
    if (!has_run(report.state) || report.id.attempt != 1) return;
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
    if (report.id.attempt != 1) return;
    connection.cached("UPDATE cron_counter SET run_num = run_num - 1 WHERE cron_id = ?")
        .bind(report.id.job)
        .execute();
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
    if (!contradicts({row.state, row.run_server, row.started_at}, report)) return std::nullopt;
    std::vector<LogRow> stored =
        read_log_rows(connection.cached(select_rows("WHERE id = ?")).bind(row.id));
    DoubledRun doubled;
    doubled.other.log_id = row.id;
    doubled.row = std::move(stored.front().run);
    doubled.other.report = report;
    if (gives_way(row.state, report.state)) {
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

std::optional<DoubledRun> write_report(SqliteConnection& connection, const RunReport& report,
                                       GivesWay rule)
{
    SqliteStatement& find = connection.cached(
        "SELECT id, state, run_server, dispatch_server, started_at FROM log"
        " WHERE cron_id = ? AND scheduled_at = ? AND attempt = ?");
    if (!bind(find, report.id).next()) {
        find.reset();
        insert_report(connection, report);
        count(connection, report);
        return std::nullopt;
    }
    const StoredRow row{find.integer(0), read_state(find.text(1)), find.text(2), find.text(3),
                        time_or_null(find, 4)};
    const RunState before = row.state;
    find.reset();
    std::optional<DoubledRun> doubled;
    if (rule == GivesWay::lost_too) doubled = keep_other_account(connection, row, report);
    const bool truth_about_lost =
        rule == GivesWay::lost_too && before == RunState::lost && report.state != RunState::running;
    if (is_final(before) && !truth_about_lost) return doubled;
    update_by_report(connection, row, report);
    if (!is_final(before)) count(connection, report);
    if (before == RunState::lost && report.state == RunState::skipped) uncount(connection, report);
    return doubled;
}

/// A row that is there already gives way when it stands as revoked; one that its node reported
/// first, while the store was away, lacks the dispatch time.
void reopen_planned(SqliteConnection& connection, const PlannedRun& run, const PlanStep& step,
                    const std::optional<WallTime>& gap_end)
{
    SqliteStatement& complete = connection.cached(
        "UPDATE log SET dispatch_time = ?,"
        " requested_by = CASE requested_by WHEN '' THEN ? ELSE requested_by END"
        " WHERE cron_id = ? AND scheduled_at = ? AND attempt = ?"
        " AND (state = 'revoked' OR dispatch_time = 0)");
    complete.bind(to_unix_seconds(run.dispatched_at)).bind(run.requested_by);
    if (bind(complete, run.id).execute() == 0) return;
    SqliteStatement& reopen = connection.cached(
        "UPDATE log SET state = ?, reason = ?, run_server = ?, dispatch_server = ?, epoch = ?,"
        " fires = ?, gap_end = ?, started_at = NULL, ended_at = NULL, use_time = 0"
        " WHERE cron_id = ? AND scheduled_at = ? AND attempt = ? AND state = 'revoked'");
    reopen.bind(to_string(run.state))
        .bind(to_string(run.reason))
        .bind(run.run_server)
        .bind(step.dispatch_server)
        .bind(static_cast<std::int64_t>(step.epoch))
        .bind(run.fires)
        .bind(millis(gap_end));
    bind(reopen, run.id).execute();
}

void write_planned(SqliteConnection& connection, const PlannedRun& run, const PlanStep& step)
{
    std::optional<WallTime> gap_end;
    if (run.fires > 1) gap_end = run.gap_end;
    SqliteStatement& insert = connection.cached(
        "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, reason, run_server,"
        " dispatch_server, dispatch_time, epoch, fires, gap_end, requested_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    const std::int64_t inserted = bind(insert, run.id)
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
                                      .execute();
    if (inserted == 0) reopen_planned(connection, run, step, gap_end);
}

void write_moved(SqliteConnection& connection, const PlannedRun& run, const PlanStep& step)
{
    SqliteStatement& insert = connection.cached(
        "INSERT INTO log (cron_id, scheduled_at, attempt, time, state, run_server,"
        " dispatch_server, dispatch_time, epoch) VALUES (?, ?, ?, ?, 'planned', ?, ?, ?, ?)"
        " ON CONFLICT (cron_id, scheduled_at, attempt, part) DO UPDATE SET"
        " dispatch_time = excluded.dispatch_time, run_server = excluded.run_server,"
        " dispatch_server = excluded.dispatch_server, epoch = excluded.epoch"
        " WHERE state = 'planned'");
    bind(insert, run.id)
        .bind(to_unix_seconds(run.id.scheduled_at))
        .bind(run.run_server)
        .bind(step.dispatch_server)
        .bind(to_unix_seconds(run.dispatched_at))
        .bind(static_cast<std::int64_t>(step.epoch))
        .execute();
}

std::vector<OpenRun> read_open_runs(SqliteConnection& connection)
{
    std::vector<OpenRun> open;
    SqliteStatement& rows = connection.cached(
        "SELECT cron_id, scheduled_at, attempt, state, reason, run_server, dispatch_time, fires,"
        " gap_end, epoch, requested_by,"
        " EXISTS (SELECT 1 FROM log AS next WHERE next.cron_id = log.cron_id"
        " AND next.scheduled_at = log.scheduled_at AND next.attempt = log.attempt + 1)"
        " FROM log WHERE state IN ('planned', 'running')"
        " AND scheduled_at IS NOT NULL ORDER BY id");
    while (rows.next()) {
        OpenRun run;
        run.planned.id = {rows.integer(0), from_unix_millis(rows.integer(1)),
                          static_cast<std::int32_t>(rows.integer(2))};
        run.planned.state = read_state(rows.text(3));
        run.planned.reason = parse_reason(rows.text(4));
        run.planned.run_server = rows.text(5);
        run.planned.dispatched_at = from_unix_seconds(rows.integer(6));
        run.planned.fires = rows.integer(7);
        run.planned.gap_end = from_unix_millis(rows.integer(8));
        run.planned.requested_by = rows.text(10);
        run.superseded = rows.integer(11) != 0;
        run.epoch = rows.natural(9);
        open.push_back(std::move(run));
    }
    rows.reset();
    return open;
}

std::vector<RunId> read_ended_lately(SqliteConnection& connection, WallTime since)
{
    std::vector<RunId> ended;
    SqliteStatement& rows = connection
                                .cached(
                                    "SELECT cron_id, scheduled_at, attempt FROM log"
                                    " WHERE time >= ? AND scheduled_at > ?"
                                    " AND +state NOT IN ('planned', 'running', 'revoked')")
                                .bind(to_unix_seconds(since))
                                .bind(to_unix_millis(since));
    while (rows.next()) {
        ended.push_back({rows.integer(0), from_unix_millis(rows.integer(1)),
                         static_cast<std::int32_t>(rows.integer(2))});
    }
    rows.reset();
    return ended;
}

TermStart read_term(SqliteConnection& connection)
{
    TermStart start;
    SqliteStatement& term =
        connection
            .cached(
                "SELECT planned_through, step_epoch, step_number, (SELECT MAX(planned_through)"
                " FROM clock_step WHERE at > term.planned_through - ?) FROM term WHERE id = 1")
            .bind(static_cast<std::int64_t>(remembered_step.count()));
    if (term.next()) {
        start.planned_through = time_or_null(term, 0);
        start.last_step = {term.natural(1), term.natural(2)};
        start.set_back_from = time_or_null(term, 3);
    }
    term.reset();
    start.open_runs = read_open_runs(connection);
    if (start.planned_through) {
        start.ended_lately = read_ended_lately(connection, *start.planned_through - lately);
        SqliteStatement& changes =
            connection
                .cached(select_revisions(
                    "WHERE id > (SELECT COALESCE(MAX(id), 0) - 10000 FROM cron_revision)"
                    " AND effective_from > ? ORDER BY id"))
                .bind(to_unix_millis(changes_wanted_after(start)));
        start.changes = read_revisions(changes);
        changes.reset();
    }
    SqliteStatement& numbers = connection.cached(
        "SELECT id, run_num FROM cron JOIN cron_counter ON cron_id = id WHERE run_limit > 0");
    while (numbers.next()) {
        start.run_numbers.emplace_back(numbers.integer(0), numbers.integer(1));
    }
    numbers.reset();
    return start;
}

/// The condition of a query of table log, and the values for it.
struct Condition {
    std::string sql;
    std::vector<std::function<void(SqliteStatement&)>> values;

    template <class Value>
    void add(std::string_view term, Value value)
    {
        sql += term;
        values.emplace_back(
            [value = std::move(value)](SqliteStatement& statement) { statement.bind(value); });
    }
    SqliteStatement& bind_to(SqliteStatement& statement) const
    {
        for (const auto& bind_value : values) bind_value(statement);
        return statement;
    }
};

/// Whether rows that are planned have to be left out where the query does not ask for them.
enum class Planned : std::uint8_t { left_out, none_there };

Condition condition(const LogQuery& query, Planned planned = Planned::left_out)
{
    const bool any = query.after_id || !query.ids.empty() || planned == Planned::none_there;
    // Of several the index of what is most likely to have few rows; "+" leaves a column's alone.
    const bool by_job = query.cron_id.has_value();
    const bool by_server = !by_job && (query.run_server || query.dispatch_server) &&
                           query.state.value_or(RunState::success) == RunState::success &&
                           !query.missed;
    const std::string_view server = by_server ? "" : "+";
    Condition where;
    if (query.state) {
        where.add(by_job || by_server ? "+state = ?" : "state = ?",
                  std::string(to_string(*query.state)));
    } else if (query.missed) {
        where.sql = by_job ? "+state IN ('skipped', 'lost')" : "state IN ('skipped', 'lost')";
    } else {
        where.sql = any ? "TRUE" : "+state <> 'planned'";
    }
    if (query.missed) where.sql += missed_terms();
    if (query.after_id) where.add(" AND id > ?", *query.after_id);
    if (!query.ids.empty()) {
        where.sql += fmt::format(" AND id IN ({})", fmt::join(query.ids, ","));
    }
    if (query.cron_id) where.add(" AND cron_id = ?", *query.cron_id);
    if (query.run_server)
        where.add(fmt::format(" AND {}run_server = ?", server), *query.run_server);
    if (query.dispatch_server) {
        where.add(fmt::format(" AND {}dispatch_server = ?", server), *query.dispatch_server);
    }
    where.sql += time_terms(query.from, query.to);
    if (query.time_blocks) where.sql += id_terms(*query.time_blocks);
    if (query.search) where.add(" AND output LIKE ? ESCAPE '|'", like_pattern(*query.search));
    return where;
}

constexpr std::string_view by_id = "log NOT INDEXED";
constexpr std::string_view by_time = "log INDEXED BY log_by_time";

std::int64_t count(SqliteConnection& connection, const Condition& where,
                   std::string_view table = "log")
{
    SqliteStatement rows =
        connection.prepare(fmt::format("SELECT COUNT(*) FROM {} WHERE {}", table, where.sql));
    where.bind_to(rows).next();
    return rows.integer(0);
}

/// Below this id no row of a list comes or goes any more, but by deletion: none is planned.
std::int64_t settled_end(SqliteConnection& connection)
{
    SqliteStatement rows = connection.prepare(
        "SELECT COALESCE((SELECT MIN(id) FROM log WHERE state = 'planned'),"
        " (SELECT MAX(id) + 1 FROM log), 0)");
    rows.next();
    return rows.integer(0);
}

/// Those with an id of `end` or above.
std::int64_t count_newer(SqliteConnection& connection, const LogQuery& query, std::int64_t end)
{
    Condition newer = condition(query);
    newer.add(" AND id >= ?", end);
    return count(connection, newer, query.is_time_only() ? by_id : "log");
}

/// The total, and where the rows are.
void count_in_blocks(SqliteConnection& connection, const LogQuery& query, LogPage& page)
{
    const std::int64_t end = settled_end(connection);
    Condition settled = condition(query, Planned::none_there);
    settled.add(" AND id < ?", end);
    const std::string_view table = query.is_time_only() ? by_time : "log";
    SqliteStatement rows = connection.prepare(select_blocks(table, settled.sql, end));
    page.blocks = read_blocks(settled.bind_to(rows), end);
    page.total = page.blocks.rows() + count_newer(connection, query, end);
}

std::string_view table_in(PageSource::Order order)
{
    if (order == PageSource::Order::of_filters) return "log";
    return order == PageSource::Order::by_id ? by_id : by_time;
}

// Store::step_back().

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
    SqliteStatement& rows = connection
                                .cached(fmt::format("SELECT id, cron_id, scheduled_at, attempt {}"
                                                    " ORDER BY time, id LIMIT ?",
                                                    early_rows))
                                .bind(to_unix_seconds(usual))
                                .bind(to_unix_millis(usual))
                                .bind(static_cast<std::int64_t>(order.limit));
    while (rows.next()) {
        const RunId run{rows.integer(1), from_unix_millis(rows.integer(2)),
                        static_cast<std::int32_t>(rows.integer(3))};
        facts.early.push_back({rows.integer(0), run});
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

Epoch SqliteStore::newest_epoch()
{
    const auto work = [](SqliteConnection& connection) {
        SqliteStatement& term = connection.cached("SELECT epoch FROM term WHERE id = 1");
        const Epoch newest = term.next() ? term.natural(0) : 0;
        term.reset();
        return newest;
    };
    return session_.run("read the newest epoch", work);
}

TermStart SqliteStore::begin_term(Epoch epoch, const NodeName& dispatcher)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const auto number = static_cast<std::int64_t>(epoch);
        const std::int64_t matched =
            connection
                .cached(
                    "UPDATE term SET epoch = ?1, dispatcher = ?2 WHERE id = 1"
                    " AND (epoch < ?1 OR (epoch = ?1 AND dispatcher = ?2))")
                .bind(number)
                .bind(dispatcher)
                .execute();
        if (matched == 0) throw_deposed(connection, epoch);
        TermStart start = read_term(connection);
        transaction.commit();
        return start;
    };
    return session_.run(fmt::format("begin the term of epoch {}", epoch), work);
}

void SqliteStore::commit_as(Epoch epoch, const PlanStep& step)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const std::int64_t matched =
            connection
                .cached(
                    "UPDATE term SET planned_through = MAX(COALESCE(planned_through, ?1), ?1),"
                    " step_epoch = ?2, step_number = ?3 WHERE id = 1 AND epoch = ?4")
                .bind(to_unix_millis(step.planned_through))
                .bind(static_cast<std::int64_t>(step.epoch))
                .bind(static_cast<std::int64_t>(step.number))
                .bind(static_cast<std::int64_t>(epoch))
                .execute();
        if (matched == 0) throw_deposed(connection, epoch);
        for (const RunReport* report : in_order(std::span(step.ended))) {
            write_report(connection, *report, GivesWay::only_open);
        }
        for (const PlannedRun* run : in_order(std::span(step.moved))) {
            write_moved(connection, *run, step);
        }
        for (const PlannedRun* run : in_order(std::span(step.runs))) {
            write_planned(connection, *run, step);
        }
        transaction.commit();
    };
    session_.run(fmt::format("commit a step of {} runs", step.runs.size()), work);
}

std::size_t SqliteStore::delete_expired(std::chrono::seconds keep, WallTime now, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        connection
            .cached(
                "UPDATE term SET expired_through = MAX(COALESCE(expired_through, 0), ?)"
                " WHERE id = 1")
            .bind(to_unix_millis(now - keep))
            .execute();
        std::int64_t deleted = 0;
        for (const std::string_view of_rows :
             {"DELETE FROM doubled_run WHERE log_id", "DELETE FROM log WHERE id"}) {
            deleted = connection
                          .cached(fmt::format(
                              "{} IN (SELECT id FROM log INDEXED BY log_by_time WHERE time < ?"
                              " AND state NOT IN ('planned', 'running') ORDER BY time, id LIMIT ?)",
                              of_rows))
                          .bind(to_unix_seconds(now - keep))
                          .bind(static_cast<std::int64_t>(limit))
                          .execute();
        }
        transaction.commit();
        return static_cast<std::size_t>(deleted);
    };
    return session_.run("delete expired rows of the ledger", work);
}

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

std::vector<RunId> SqliteStore::undelivered(WallTime since)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement& rows =
            connection
                .cached(
                    "SELECT run.cron_id, run.scheduled_at, run.attempt FROM cron CROSS JOIN log AS "
                    "run ON run.cron_id = cron.id AND run.scheduled_at >= ?1"
                    " WHERE cron.delivery = 'at_least_once' AND cron.stop = 0"
                    " AND (run.state IN ('lost', 'fenced')"
                    " OR (run.state = 'killed' AND run.cause = ?2))"
                    " AND NOT EXISTS (SELECT 1 FROM log AS next WHERE next.cron_id = run.cron_id"
                    " AND next.scheduled_at = run.scheduled_at AND next.attempt = run.attempt + 1)")
                .bind(to_unix_millis(since))
                .bind(to_string(Cause::node_stopped));
        std::vector<RunId> runs;
        while (rows.next()) {
            runs.push_back({rows.integer(0), from_unix_millis(rows.integer(1)),
                            static_cast<std::int32_t>(rows.integer(2))});
        }
        rows.reset();
        return runs;
    };
    return session_.run("find what has to run again", work);
}

std::vector<DoubledRun> SqliteStore::record(std::span<const RunReport> reports)
{
    if (reports.empty()) return {};
    const auto work = [&](SqliteConnection& connection) {
        std::vector<DoubledRun> unknown;
        SqliteTransaction transaction(connection);
        for (const RunReport* report : in_order(reports)) {
            auto doubled = write_report(connection, *report, GivesWay::lost_too);
            if (doubled) unknown.push_back(std::move(*doubled));
        }
        transaction.commit();
        return unknown;
    };
    return session_.run(fmt::format("record {} runs", reports.size()), work);
}

std::vector<DoubledRun> SqliteStore::find_doubled(const DoubledQuery& query)
{
    const auto work = [&](SqliteConnection& connection) {
        std::vector<DoubledRun> found;
        SqliteStatement rows = connection.prepare(select_doubled(query));
        while (rows.next()) found.push_back(read_doubled(rows));
        return found;
    };
    return session_.run("read which runs have two accounts", work);
}

LogPage SqliteStore::find_log(const LogQuery& query)
{
    const auto work = [&](SqliteConnection& connection) {
        Condition where = condition(query);
        LogPage page;
        if (query.with_total && query.with_blocks) {
            count_in_blocks(connection, query, page);
        } else if (query.with_total) {
            page.total = count(connection, where);
        }
        if (query.limit == 0) return page;
        const auto newer = [&](std::int64_t end) { return count_newer(connection, query, end); };
        const auto [place, order] = source_of(query, newer);
        if (place.from_id) where.add(" AND id >= ?", *place.from_id);
        if (place.before_id) where.add(" AND id < ?", *place.before_id);
        // The ids first: of the rows that a deep page passes over, only the index is read.
        const std::string_view way = query.after_id ? "ASC" : "DESC";
        const std::string ids = fmt::format(
            "WHERE id IN (SELECT id FROM {} WHERE {} ORDER BY id {} LIMIT {} OFFSET {})"
            " ORDER BY id {}",
            table_in(order), where.sql, way, query.limit, place.offset, way);
        SqliteStatement rows = connection.prepare(select_rows(ids, query.most_output));
        page.rows = read_log_rows(where.bind_to(rows), query.most_output);
        return page;
    };
    return session_.run("list the log", work);
}

std::optional<LogRow> SqliteStore::find_log_row(std::int64_t id)
{
    const auto work = [&](SqliteConnection& connection) {
        return only(read_log_rows(connection.cached(select_rows("WHERE id = ?")).bind(id)));
    };
    return session_.run(fmt::format("read ledger row {}", id), work);
}

std::optional<LogRow> SqliteStore::find_log_row(const RunId& run)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement& rows = connection.cached(
            select_rows("WHERE cron_id = ? AND scheduled_at = ? AND attempt = ?"));
        return only(read_log_rows(bind(rows, run)));
    };
    return session_.run("read the ledger row of " + to_string(run), work);
}

}  // namespace peercron
