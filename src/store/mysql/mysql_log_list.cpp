#include "store/log_query.hpp"
#include "store/mysql/mysql_rows.hpp"
#include "store/mysql/mysql_store.hpp"
#include "store/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

// The lists of the log: a page of millions of rows, and how many there are, each within
// milliseconds. What matters is which index is read, and how little of it.

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

/// Whether rows that are planned have to be left out where the filter does not ask for them.
enum class Planned : std::uint8_t { left_out, none_there };

/// The condition of a query of table log.
std::string condition(const MysqlConnection& connection, const LogFilter& filter,
                      const PageHint& hint, Planned planned = Planned::left_out)
{
    const bool any = filter.is_by_id() || planned == Planned::none_there;
    std::string sql = filter.state    ? fmt::format("state = '{}'", to_string(*filter.state))
                      : filter.missed ? std::string("state IN ('skipped', 'lost')")
                      : any           ? std::string("TRUE")
                                      : std::string("state <> 'planned'");
    if (filter.missed) sql += missed_terms();
    sql += oddity_terms(filter);
    if (filter.after_id) sql += fmt::format(" AND id > {}", *filter.after_id);
    if (!filter.ids.empty()) sql += fmt::format(" AND id IN ({})", fmt::join(filter.ids, ","));
    if (filter.cron_id) sql += fmt::format(" AND cron_id = {}", *filter.cron_id);
    if (filter.run_server) sql += " AND run_server = " + connection.quote(*filter.run_server);
    if (filter.dispatch_server) {
        sql += " AND dispatch_server = " + connection.quote(*filter.dispatch_server);
    }
    if (filter.has_tags()) {
        std::string terms = tag_terms(connection, filter.any_tag);
        if (filter.tag) terms += tag_terms(connection, {*filter.tag});
        sql += fmt::format(" AND cron_id IN (SELECT id FROM cron WHERE TRUE{})", terms);
    }
    sql += time_terms(filter.from, filter.to);
    if (hint.time) sql += id_terms(*hint.time);
    if (filter.search) {
        sql += " AND output LIKE " + connection.quote(like_pattern(*filter.search)) + " ESCAPE '|'";
    }
    return sql;
}

constexpr std::string_view by_id = "FORCE INDEX (PRIMARY)";
constexpr std::string_view by_time = "FORCE INDEX (by_time)";

/// Whether the rows of the filter's time are known to be close together, as they mostly are.
bool knows_ids_of_time(const PageHint& hint)
{
    return hint.time && hint.time->is_compact();
}

/// Which index to take where the server's own choice is bad: it trusts LIMIT to end the reading
/// soon, or intersects two indices and sorts all that is left.
std::string_view index_hint(const LogFilter& filter, const PageHint& hint)
{
    if (filter.is_by_id() || filter.unusual) return "";
    const bool narrow = filter.cron_id || filter.state || filter.missed || filter.run_server ||
                        filter.dispatch_server;
    if (filter.has_time() && !knows_ids_of_time(hint)) {
        // A time long ago: only its rows, instead of all those that are newer.
        return !narrow && filter.to ? by_time : "";
    }
    // Nearly all rows match: the newest ones, instead of an index of all of them, to be sorted.
    if (!narrow) return by_id;
    // Of several the one that is most likely to have few rows; each is in the order of the list.
    if (filter.cron_id) return "FORCE INDEX (by_job)";
    const bool has_few = filter.state && *filter.state != RunState::success;
    if (has_few || filter.missed) return "FORCE INDEX (by_state)";
    if (filter.run_server) return "FORCE INDEX (by_run_server)";
    if (filter.dispatch_server) return "FORCE INDEX (by_dispatch_server)";
    return "";
}

std::string_view index_of(const LogFilter& filter, const PageHint& hint, PageSource::Order order)
{
    if (order == PageSource::Order::of_filter) return index_hint(filter, hint);
    return order == PageSource::Order::by_id ? by_id : by_time;
}

/// What a query of table log reads from: where only unusual runs are wanted, from these on, of
/// which there are few.
std::string source_table(const LogFilter& filter, std::string_view index)
{
    if (filter.unusual) return "unusual_run STRAIGHT_JOIN log ON log.id = unusual_run.log_id";
    return fmt::format("log {}", index);
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

/// Where a count begins that leaves out the ids that have no rows of the filter's time.
CountRest count_begin(MysqlConnection& connection, const PageHint& hint)
{
    CountRest rest = all_settled(connection);
    if (!hint.time) return rest;
    const IdBlocks& known = *hint.time;
    rest.end = std::min(rest.end, known.end);
    rest.top = rest.before = std::min(rest.end, known.last_end());
    if (!known.blocks.empty()) rest.first = std::max(rest.first, known.blocks.front().first);
    return rest;
}

/// The rows of a list to be counted ("TABLE WHERE …"), from an index alone where one has all that
/// is asked.
std::string rows_to_count(const MysqlConnection& connection, const LogFilter& filter,
                          const PageHint& hint, Planned planned = Planned::left_out)
{
    const bool others = filter.cron_id || filter.run_server || filter.dispatch_server ||
                        filter.has_time() || filter.search || filter.missed || filter.unusual ||
                        filter.has_tags();
    if (others) {
        // Of rows that are newer than some id only, the index by time may be the longer way.
        const bool chooses = filter.is_time_only() && planned == Planned::left_out;
        return fmt::format("{} WHERE {}",
                           source_table(filter, chooses ? "" : index_hint(filter, hint)),
                           condition(connection, filter, hint, planned));
    }
    // All states by name, so that of each the ids are one range of the index.
    return "log FORCE INDEX (by_state) WHERE state " +
           (filter.state ? fmt::format("= '{}'", to_string(*filter.state))
                         : "IN ('running', 'success', 'failed', 'timeout', 'killed', 'lost',"
                           " 'fenced', 'skipped', 'revoked')");
}

/// Those with an id of `end` or above.
std::int64_t count_newer(MysqlConnection& connection, const LogFilter& filter, const PageHint& hint,
                         std::int64_t end)
{
    return read_number(connection, fmt::format("SELECT COUNT(*) FROM {} AND id >= {}",
                                               rows_to_count(connection, filter, hint), end));
}

/// Counts a range of ids that is short enough for one quick statement.
ListCount count_part(MysqlConnection& connection, const LogFilter& filter, const PageHint& hint,
                     const std::optional<CountRest>& from)
{
    ListCount part;
    CountRest rest = from ? *from : count_begin(connection, hint);
    if (!from) part.rows = count_newer(connection, filter, hint, rest.end);
    // In the index by time the ids of a part are not together.
    const bool in_parts = !filter.has_time() || knows_ids_of_time(hint);
    const std::int64_t size = block_size(rest.end);
    const std::int64_t first = in_parts ? (rest.before - rest.ids) / size * size : rest.first;
    IdBlocks blocks =
        read_blocks(connection,
                    fmt::format("{} AND id >= {} AND id < {}",
                                rows_to_count(connection, filter, hint, Planned::none_there), first,
                                rest.before),
                    rest.end);
    const std::int64_t found = blocks.rows();
    part.rows += found;
    if (!is_left_by_rows(filter)) part.blocks = std::move(blocks);
    if (first <= rest.first) return part;
    rest.ids = next_part(rest.before - first, found);
    rest.before = first;
    part.rest = rest;
    return part;
}

std::optional<LogRow> read_one_row(MysqlConnection& connection, std::string_view condition)
{
    std::vector<LogRow> rows = read_log_rows(connection, condition);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
}

}  // namespace

std::vector<LogRow> MysqlStore::log_page(const LogFilter& filter, const Slice& slice,
                                         const PageHint& hint, std::size_t most_output)
{
    const auto work = [&](MysqlConnection& connection) {
        const auto newer = [&](std::int64_t end) {
            return count_newer(connection, filter, hint, end);
        };
        const auto [place, way] = source_of(filter, slice, hint, newer);
        const std::string_view index = index_of(filter, hint, way);
        std::string where = condition(connection, filter, hint);
        if (place.from_id) where += fmt::format(" AND id >= {}", *place.from_id);
        if (place.before_id) where += fmt::format(" AND id < {}", *place.before_id);
        const std::string_view order = filter.after_id ? "ASC" : "DESC";
        const std::string limit = fmt::format("ORDER BY id {} LIMIT {}", order, slice.limit);
        const bool begins_there =
            place.offset == 0 && !index.empty() && index != by_time && !filter.unusual;
        // The ids first, else: of the rows that are passed over, or sorted, only those are read.
        const std::string rows =
            begins_there ? fmt::format("{} WHERE {} {}", index, where, limit)
                         : fmt::format(
                               "JOIN (SELECT id FROM {} WHERE {} {} OFFSET {}) AS page"
                               " USING (id) ORDER BY id {}",
                               source_table(filter, index), where, limit, place.offset, order);
        return read_log_rows(connection, rows, most_output);
    };
    return session_.run("list the log", Repeat::safe, work);
}

ListCount MysqlStore::count_log(const LogFilter& filter, const PageHint& hint,
                                const std::optional<CountRest>& from)
{
    const auto work = [&](MysqlConnection& connection) {
        if (!filter.is_by_id()) return count_part(connection, filter, hint, from);
        ListCount all;
        all.rows = read_number(
            connection, fmt::format("SELECT COUNT(*) FROM {} WHERE {}", source_table(filter, ""),
                                    condition(connection, filter, hint)));
        return all;
    };
    return session_.run("count rows of the log", Repeat::safe, work);
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
        return read_one_row(
            connection,
            fmt::format("WHERE cron_id = {} AND scheduled_at = {} AND attempt = {}"
                        " AND part = {}",
                        run.job, to_unix_millis(run.scheduled_at), run.attempt, run.part));
    };
    return session_.run("read the ledger row of " + to_string(run), Repeat::safe, work);
}

std::optional<LogRow> MysqlStore::find_newest_attempt(const RunId& run)
{
    const auto work = [&](MysqlConnection& connection) {
        return read_one_row(connection,
                            fmt::format("WHERE cron_id = {} AND scheduled_at = {}"
                                        " AND part = {} ORDER BY attempt DESC LIMIT 1",
                                        run.job, to_unix_millis(run.scheduled_at), run.part));
    };
    return session_.run("read the newest attempt of " + to_string(run), Repeat::safe, work);
}

}  // namespace peercron
