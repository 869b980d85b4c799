#include "store/mysql/history_rows.hpp"

#include "base/utf8.hpp"
#include "store/definition_text.hpp"
#include "store/history.hpp"
#include "store/mysql/mysql_rows.hpp"
#include "store/read_rows.hpp"
#include "store/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace peercron {
namespace {

constexpr std::size_t author_width = 255;  // characters, as in the table

std::string definition_literal(const MysqlConnection& connection, const std::optional<Job>& job)
{
    return job ? connection.quote(definition_text(*job)) : "NULL";
}

template <class Value>
std::optional<Value> value_of(const std::map<JobId, Value>& values, JobId id)
{
    const auto found = values.find(id);
    if (found == values.end()) return std::nullopt;
    return found->second;
}

/// The newest revision of each of these jobs that has any.
std::map<JobId, Revision> newest_revisions(MysqlConnection& connection, const std::set<JobId>& ids)
{
    std::map<JobId, Revision> newest;
    const std::string condition = fmt::format(
        "JOIN (SELECT MAX(id) AS id FROM cron_revision WHERE cron_id IN ({}) GROUP BY cron_id)"
        " AS newest USING (id)",
        fmt::join(ids, ","));
    for (Revision& revision : read_revisions(connection, condition)) {
        const JobId job = revision.job;
        newest.emplace(job, std::move(revision));
    }
    return newest;
}

}  // namespace

std::vector<RowStatement> history_statements(const MysqlConnection& connection,
                                             std::span<const Revision> revisions)
{
    RowStatements rows(connection,
                       "INSERT INTO cron_revision (id, cron_id, effective_from, author, origin,"
                       " definition_before, definition_after, reason) VALUES ",
                       "");
    for (const Revision& revision : revisions) {
        rows.add(fmt::format("({},{},{},{},{},{},{},{})",
                             revision.id == 0 ? "NULL" : std::to_string(revision.id), revision.job,
                             to_unix_millis(revision.effective_from),
                             connection.quote(first_characters(revision.by.who, author_width)),
                             connection.quote(first_characters(revision.by.from, author_width)),
                             definition_literal(connection, revision.before),
                             definition_literal(connection, revision.after),
                             connection.quote(first_characters(revision.by.why, author_width))));
    }
    return rows.take();
}

std::vector<Revision> read_revisions(MysqlConnection& connection, std::string_view condition)
{
    std::vector<Revision> found;
    MysqlRows rows = connection.query(
        fmt::format("SELECT {}FROM cron_revision {}", revision_columns, condition));
    while (rows.next()) found.push_back(read_revision(rows));
    return found;
}

std::map<JobId, Job> read_and_note(MysqlConnection& connection, const std::set<JobId>& ids,
                                   WallTime now, std::vector<Revision>& missing)
{
    std::map<JobId, Job> jobs;
    if (ids.empty()) return jobs;
    std::vector<Job> rows;
    read_jobs(connection, fmt::format("WHERE id IN ({})", fmt::join(ids, ",")), rows);
    for (Job& row : rows) {
        const JobId id = row.id;
        jobs.emplace(id, std::move(row));
    }
    const std::map<JobId, Revision> newest = newest_revisions(connection, ids);
    for (const JobId id : ids) {
        auto revision = missing_revision(id, value_of(newest, id), value_of(jobs, id), now);
        if (revision) missing.push_back(*std::move(revision));
    }
    return jobs;
}

std::map<JobId, Job> lock_and_note(MysqlConnection& connection, const std::set<JobId>& ids,
                                   WallTime now, std::vector<Revision>& missing)
{
    if (ids.empty()) return {};
    {
        // Not with the counters: the ledger changes those all the time. In the order of the ids, so
        // that two who want some of the same rows do not wait for each other.
        MysqlRows lock = connection.query(fmt::format(
            "SELECT 1 FROM cron WHERE id IN ({}) ORDER BY id FOR UPDATE", fmt::join(ids, ",")));
        while (lock.next()) {
        }
    }
    return read_and_note(connection, ids, now, missing);
}

std::optional<Job> lock_and_note(MysqlConnection& connection, JobId id, WallTime now,
                                 std::vector<Revision>& missing)
{
    return value_of(lock_and_note(connection, std::set{id}, now, missing), id);
}

}  // namespace peercron
