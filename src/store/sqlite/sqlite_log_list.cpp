#include "store/log_query.hpp"
#include "store/sqlite/sqlite_rows.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The lists of the log: a page of millions of rows, and how many there are, each within
// milliseconds. What matters is which index is read, and how little of it.

namespace peercron {
namespace {

std::optional<LogRow> only(std::vector<LogRow> rows)
{
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
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

/// Whether rows that are planned have to be left out where the filter does not ask for them.
enum class Planned : std::uint8_t { left_out, none_there };

Condition condition(const LogFilter& filter, const PageHint& hint,
                    Planned planned = Planned::left_out)
{
    const bool any = filter.is_by_id() || planned == Planned::none_there;
    // Of several the index of what is most likely to have few rows; "+" leaves a column's alone.
    const bool by_job = filter.cron_id.has_value();
    const bool by_server = !by_job && (filter.run_server || filter.dispatch_server) &&
                           filter.state.value_or(RunState::success) == RunState::success &&
                           !filter.missed;
    const std::string_view server = by_server ? "" : "+";
    Condition where;
    if (filter.state) {
        where.add(by_job || by_server ? "+state = ?" : "state = ?",
                  std::string(to_string(*filter.state)));
    } else if (filter.missed) {
        where.sql = by_job ? "+state IN ('skipped', 'lost')" : "state IN ('skipped', 'lost')";
    } else {
        where.sql = any ? "TRUE" : "+state <> 'planned'";
    }
    if (filter.missed) where.sql += missed_terms();
    if (filter.unusual) {
        where.sql += fmt::format(" AND id IN (SELECT log_id FROM unusual_run WHERE TRUE{})",
                                 oddity_terms(filter));
    }
    if (filter.after_id) where.add(" AND id > ?", *filter.after_id);
    if (!filter.ids.empty()) {
        where.sql += fmt::format(" AND id IN ({})", fmt::join(filter.ids, ","));
    }
    if (filter.cron_id) where.add(" AND cron_id = ?", *filter.cron_id);
    if (filter.run_server)
        where.add(fmt::format(" AND {}run_server = ?", server), *filter.run_server);
    if (filter.dispatch_server) {
        where.add(fmt::format(" AND {}dispatch_server = ?", server), *filter.dispatch_server);
    }
    if (filter.has_tags()) {
        std::string terms = tag_terms(filter.any_tag);
        if (filter.tag) terms += tag_terms({*filter.tag});
        where.sql += fmt::format(" AND cron_id IN (SELECT id FROM cron WHERE TRUE{})", terms);
    }
    where.sql += time_terms(filter.from, filter.to);
    if (hint.time) where.sql += id_terms(*hint.time);
    if (filter.search) where.add(" AND output LIKE ? ESCAPE '|'", like_pattern(*filter.search));
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
std::int64_t count_newer(SqliteConnection& connection, const LogFilter& filter,
                         const PageHint& hint, std::int64_t end)
{
    Condition newer = condition(filter, hint);
    newer.add(" AND id >= ?", end);
    return count(connection, newer, filter.is_time_only() ? by_id : "log");
}

/// How many there are, and where.
ListCount count_in_blocks(SqliteConnection& connection, const LogFilter& filter,
                          const PageHint& hint)
{
    const std::int64_t end = settled_end(connection);
    Condition settled = condition(filter, hint, Planned::none_there);
    settled.add(" AND id < ?", end);
    const std::string_view table = filter.is_time_only() ? by_time : "log";
    SqliteStatement rows = connection.prepare(select_blocks(table, settled.sql, end));
    ListCount found;
    found.blocks = read_blocks(settled.bind_to(rows), end);
    found.rows = found.blocks.rows() + count_newer(connection, filter, hint, end);
    return found;
}

std::string_view table_in(PageSource::Order order)
{
    if (order == PageSource::Order::of_filter) return "log";
    return order == PageSource::Order::by_id ? by_id : by_time;
}

}  // namespace

std::vector<LogRow> SqliteStore::log_page(const LogFilter& filter, const Slice& slice,
                                          const PageHint& hint, std::size_t most_output)
{
    const auto work = [&](SqliteConnection& connection) {
        const auto newer = [&](std::int64_t end) {
            return count_newer(connection, filter, hint, end);
        };
        const auto [place, order] = source_of(filter, slice, hint, newer);
        Condition where = condition(filter, hint);
        if (place.from_id) where.add(" AND id >= ?", *place.from_id);
        if (place.before_id) where.add(" AND id < ?", *place.before_id);
        // The ids first: of the rows that a deep page passes over, only the index is read.
        const std::string_view way = filter.after_id ? "ASC" : "DESC";
        const std::string ids = fmt::format(
            "WHERE id IN (SELECT id FROM {} WHERE {} ORDER BY id {} LIMIT {} OFFSET {})"
            " ORDER BY id {}",
            table_in(order), where.sql, way, slice.limit, place.offset, way);
        SqliteStatement rows = connection.prepare(select_rows(ids, most_output));
        return read_log_rows(where.bind_to(rows), most_output);
    };
    return session_.run("list the log", work);
}

/// Always all at once: a file on this machine is counted fast enough, and nothing limits the time
/// of a statement.
ListCount SqliteStore::count_log(const LogFilter& filter, const PageHint& hint,
                                 const std::optional<CountRest>&)
{
    const auto work = [&](SqliteConnection& connection) {
        if (!filter.is_by_id() && !is_left_by_rows(filter)) {
            return count_in_blocks(connection, filter, hint);
        }
        ListCount all;
        all.rows = count(connection, condition(filter, hint));
        return all;
    };
    return session_.run("count rows of the log", work);
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
            select_rows("WHERE cron_id = ? AND scheduled_at = ? AND attempt = ? AND part = ?"));
        rows.bind(run.job).bind(to_unix_millis(run.scheduled_at)).bind(run.attempt).bind(run.part);
        return only(read_log_rows(rows));
    };
    return session_.run("read the ledger row of " + to_string(run), work);
}

std::optional<LogRow> SqliteStore::find_newest_attempt(const RunId& run)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteStatement& rows =
            connection.cached(select_rows("WHERE cron_id = ? AND scheduled_at = ? AND part = ?"
                                          " ORDER BY attempt DESC LIMIT 1"));
        rows.bind(run.job).bind(to_unix_millis(run.scheduled_at)).bind(run.part);
        return only(read_log_rows(rows));
    };
    return session_.run("read the newest attempt of " + to_string(run), work);
}

}  // namespace peercron
