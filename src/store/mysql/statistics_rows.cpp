#include "store/mysql/statistics_rows.hpp"

#include "store/mysql/mysql_rows.hpp"
#include "store/read_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

// Of a condition; see rows_of_a_condition in ledger_rows.cpp.
constexpr std::size_t keys_of_a_condition = 500;

/// Calls `use` with some of the elements of `all` each time, in order.
template <class Key, class Use>
void by_some(const std::set<Key>& all, const Use& use)
{
    std::vector<Key> some;
    for (const Key& key : all) {
        some.push_back(key);
        if (some.size() < keys_of_a_condition) continue;
        use(some);
        some.clear();
    }
    if (!some.empty()) use(some);
}

struct Counter {
    std::optional<KeptPast> past;
    KeptPast none;  // with what the job says
};
using ByJob = std::map<JobId, Counter>;

/// What jobs say about their past, as one text, so that it is looked up once: three numbers and
/// the tags.
constexpr std::string_view job_rules =
    "(SELECT CONCAT_WS(' ', late_goal, slow_after, kind = 'daemon', tags) FROM cron"
    " WHERE cron.id = cron_counter.cron_id)";

void read_job_rules(std::string_view text, const NoticeDefaults& defaults, KeptPast& past)
{
    std::array<std::int64_t, 3> numbers{};
    const char* at = text.data();
    const char* const end = text.data() + text.size();
    for (std::int64_t& number : numbers) {
        at = std::from_chars(at, end, number).ptr;
        if (at != end) ++at;
    }
    const RunLimits own{.slow_after = std::chrono::seconds(numbers[1]),
                        .late_goal = std::chrono::milliseconds(numbers[0])};
    set_job_rules(past, defaults, own, numbers[2] != 0, {at, end});
}

/// Locks the rows, each of which may be without statistics; no job is locked.
void lock_counters(MysqlConnection& connection, const NoticeDefaults& defaults,
                   const std::set<JobId>& jobs, ByJob& found)
{
    by_some(jobs, [&](const std::vector<JobId>& some) {
        MysqlRows rows =
            connection.query(fmt::format("SELECT cron_id, {}, {} FROM cron_counter FORCE INDEX "
                                         "(PRIMARY) WHERE cron_id IN ({})"
                                         " ORDER BY cron_id FOR UPDATE",
                                         job_rules, kept_past_columns, fmt::join(some, ",")));
        while (rows.next()) {
            Counter& counter = found[rows.integer(0)];
            counter.past = read_kept_past(rows, 2);
            read_job_rules(rows.text(1), defaults, counter.past ? *counter.past : counter.none);
        }
    });
}

std::string literal(const MysqlConnection& connection, const TallyKey& key)
{
    return fmt::format("({},{})", key.at.time_since_epoch().count(),
                       connection.quote(key.run_server));
}

void lock_known(MysqlConnection& connection, const std::set<TallyKey>& keys,
                std::map<TallyKey, RunTally>& found)
{
    by_some(keys, [&](const std::vector<TallyKey>& some) {
        std::string list;
        for (const TallyKey& key : some) {
            list += fmt::format("{}{}", list.empty() ? "" : ",", literal(connection, key));
        }
        MysqlRows rows =
            connection.query(fmt::format("SELECT at, run_server, tally FROM run_tally FORCE INDEX "
                                         "(PRIMARY) WHERE (at, run_server) IN ({})"
                                         " ORDER BY at, run_server FOR UPDATE",
                                         list));
        while (rows.next()) {
            const std::chrono::sys_seconds at{std::chrono::seconds(rows.integer(0))};
            found.emplace(TallyKey{at, NodeName(rows.text(1))},
                          RunTally::parse(rows.text(2)).value_or(RunTally()));
        }
    });
}

}  // namespace

LockedStatistics lock_statistics(MysqlConnection& connection, const NoticeDefaults& defaults,
                                 const std::set<JobId>& jobs)
{
    ByJob found;
    lock_counters(connection, defaults, jobs, found);
    std::set<JobId> missing;
    for (const JobId job : jobs) {
        if (!found.contains(job)) missing.insert(job);
    }
    if (!missing.empty()) {
        // Their first end. A row of theirs is made before it is locked, so that another session
        // that does the same waits, and adds to what this one has added.
        ByJob made;
        connection.execute(
            fmt::format("INSERT INTO cron_counter (cron_id) SELECT id FROM cron WHERE id IN ({})"
                        " ORDER BY id ON DUPLICATE KEY UPDATE cron_id = VALUES(cron_id)",
                        fmt::join(missing, ",")));
        lock_counters(connection, defaults, missing, made);
        for (auto& [job, counter] : made) {
            if (!counter.past) counter.past = std::move(counter.none);
            found.emplace(job, std::move(counter));
        }
    }
    LockedStatistics locked;
    std::size_t rows_read = 0;
    for (auto& [job, counter] : found) {
        if (counter.past) {
            locked.kept.emplace(job, *std::move(counter.past));
        } else if (rows_read < rows_of_statistics_at_once) {
            const std::vector<LogRow> ends = read_newest_ends(connection, job);
            rows_read += ends.size();
            counter.none.statistics = statistics_of(ends);
            locked.kept.emplace(job, std::move(counter.none));
        } else {
            locked.not_kept.push_back(job);
        }
    }
    return locked;
}

std::map<TallyKey, RunTally> lock_tallies(MysqlConnection& connection,
                                          const std::set<TallyKey>& keys)
{
    std::map<TallyKey, RunTally> found;
    lock_known(connection, keys, found);
    if (found.size() == keys.size()) return found;
    RowStatements rows(connection, "INSERT INTO run_tally (at, run_server, tally) VALUES ",
                       " ON DUPLICATE KEY UPDATE at = VALUES(at)");
    std::set<TallyKey> missing;
    for (const TallyKey& key : keys) {
        if (found.contains(key)) continue;
        missing.insert(key);
        rows.add(fmt::format("({},{},'')", key.at.time_since_epoch().count(),
                             connection.quote(key.run_server)));
    }
    connection.execute_all(texts(rows.take()));
    lock_known(connection, missing, found);
    return found;
}

std::vector<RowStatement> tally_statements(const MysqlConnection& connection,
                                           const std::map<TallyKey, RunTally>& tallies)
{
    RowStatements rows(connection, "INSERT INTO run_tally (at, run_server, tally) VALUES ",
                       " ON DUPLICATE KEY UPDATE tally = VALUES(tally)");
    for (const auto& [key, tally] : tallies) {
        rows.add(fmt::format("({},{},'{}')", key.at.time_since_epoch().count(),
                             connection.quote(key.run_server), tally.to_text()));
    }
    return rows.take();
}

std::string statistics_literals(const KeptPast& past)
{
    const StatisticsColumns columns = columns_of(past);
    const auto number = [](const std::optional<std::int64_t>& value) {
        return value ? std::to_string(*value) : std::string("NULL");
    };
    const auto text = [](const auto& value) {
        return value ? fmt::format("'{}'", *value) : std::string("NULL");
    };
    return fmt::format("'{}',{},{},{},{},{}", columns.statistics, text(columns.last_state),
                       number(columns.usual_time), number(columns.late_p99), text(columns.goal),
                       text(columns.oddities));
}

std::vector<std::string> oddity_statements(std::span<const EndedFire> fires)
{
    std::vector<std::string> statements;
    for (const EndedFire& fire : fires) {
        if (fire.oddities.none()) continue;
        statements.push_back(fmt::format(
            "INSERT INTO unusual_run (log_id, oddities) SELECT id, '{}' FROM log"
            " FORCE INDEX (by_run) WHERE cron_id = {} AND scheduled_at = {} AND attempt = {}"
            " AND part = {} ON DUPLICATE KEY UPDATE oddities = VALUES(oddities)",
            to_string(fire.oddities), fire.job, to_unix_millis(fire.run.scheduled_at),
            fire.run.attempt, fire.run.part));
    }
    return statements;
}

std::vector<LogRow> read_newest_ends(MysqlConnection& connection, JobId job)
{
    const auto read = [&](std::size_t most) {
        return read_log_rows_without_output(
            connection,
            fmt::format("FORCE INDEX (by_run) WHERE cron_id = {} AND scheduled_at IS NOT NULL"
                        " AND state NOT IN ('planned', 'running', 'revoked')"
                        " ORDER BY scheduled_at DESC, attempt DESC LIMIT {}",
                        job, most));
    };
    std::vector<LogRow> ends = read(rows_of_statistics);
    const std::size_t most = rows_for_statistics(ends);
    if (ends.size() == rows_of_statistics && most > ends.size()) ends = read(most);
    return ends;
}

}  // namespace peercron
