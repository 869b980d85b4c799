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

}  // namespace

std::vector<RowStatement> history_statements(const MysqlConnection& connection,
                                             std::span<const Revision> revisions)
{
    RowStatements rows(connection,
                       "INSERT INTO cron_revision (id, cron_id, effective_from, author, origin,"
                       " definition_before, definition_after) VALUES ",
                       "");
    for (const Revision& revision : revisions) {
        rows.add(fmt::format("({},{},{},{},{},{},{})",
                             revision.id == 0 ? "NULL" : std::to_string(revision.id), revision.job,
                             to_unix_millis(revision.effective_from),
                             connection.quote(first_characters(revision.by.who, author_width)),
                             connection.quote(first_characters(revision.by.from, author_width)),
                             definition_literal(connection, revision.before),
                             definition_literal(connection, revision.after)));
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

std::map<JobId, Revision> newest_revisions(MysqlConnection& connection, std::span<const JobId> ids)
{
    std::map<JobId, Revision> newest;
    if (ids.empty()) return newest;
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

std::optional<Job> lock_and_note(MysqlConnection& connection, JobId id, WallTime now,
                                 std::vector<Revision>& missing)
{
    {
        // Not with the counters: the ledger changes those all the time.
        MysqlRows lock =
            connection.query(fmt::format("SELECT 1 FROM cron WHERE id = {} FOR UPDATE", id));
        lock.next();
    }
    std::vector<Job> rows;
    read_jobs(connection, fmt::format("WHERE id = {}", id), rows);
    std::optional<Job> job;
    if (!rows.empty()) job = std::move(rows.front());
    std::optional<Revision> newest;
    for (auto& [known, revision] : newest_revisions(connection, std::span(&id, 1))) {
        newest = std::move(revision);
    }
    if (auto revision = missing_revision(id, newest, job, now)) {
        missing.push_back(*std::move(revision));
    }
    return job;
}

}  // namespace peercron
