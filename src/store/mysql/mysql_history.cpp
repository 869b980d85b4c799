#include "store/history.hpp"
#include "store/mysql/history_rows.hpp"
#include "store/mysql/mysql_rows.hpp"
#include "store/mysql/mysql_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <utility>

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

// Ids in one statement.
constexpr std::size_t ids_at_once = 1000;

template <class Value>
std::optional<Value> value_of(const std::map<JobId, Value>& values, JobId id)
{
    const auto found = values.find(id);
    if (found == values.end()) return std::nullopt;
    return found->second;
}

/// Those of `ids` whose history lacks something, as far as a look without locks tells.
std::vector<JobId> incomplete(MysqlConnection& connection, std::span<const JobId> ids, WallTime now)
{
    std::map<JobId, Job> jobs;
    std::vector<Job> rows;
    read_jobs(connection, fmt::format("WHERE id IN ({})", fmt::join(ids, ",")), rows);
    for (Job& row : rows) {
        const JobId id = row.id;
        jobs.emplace(id, std::move(row));
    }
    const std::map<JobId, Revision> newest = newest_revisions(connection, ids);
    std::vector<JobId> found;
    std::ranges::copy_if(ids, std::back_inserter(found), [&](JobId id) {
        return missing_revision(id, value_of(newest, id), value_of(jobs, id), now).has_value();
    });
    return found;
}

}  // namespace

RevisionPage MysqlStore::find_revisions(const RevisionQuery& query)
{
    const auto work = [&](MysqlConnection& connection) {
        const std::string where = fmt::format("WHERE cron_id = {}", query.job);
        RevisionPage page;
        page.revisions =
            read_revisions(connection, fmt::format("{} ORDER BY id DESC LIMIT {} OFFSET {}", where,
                                                   query.limit, query.offset));
        MysqlRows total = connection.query("SELECT COUNT(*) FROM cron_revision " + where);
        total.next();
        page.total = total.integer(0);
        return page;
    };
    return session_.run(fmt::format("read the history of job {}", query.job), Repeat::safe, work);
}

std::vector<JobId> MysqlStore::known_jobs()
{
    const auto work = [](MysqlConnection& connection) {
        std::vector<JobId> ids;
        MysqlRows rows = connection.query(
            "SELECT id FROM cron UNION SELECT cron_id FROM cron_revision"
            " JOIN (SELECT MAX(id) AS id FROM cron_revision GROUP BY cron_id) AS newest USING (id)"
            " WHERE definition_after IS NOT NULL");
        while (rows.next()) ids.push_back(rows.integer(0));
        return ids;
    };
    return session_.run("read which jobs are known", Repeat::safe, work);
}

std::size_t MysqlStore::note_changes(std::span<const JobId> ids, WallTime now)
{
    const auto work = [&](MysqlConnection& connection) {
        std::size_t noted = 0;
        for (auto rest = ids; !rest.empty();) {
            const auto some = rest.first(std::min(rest.size(), ids_at_once));
            rest = rest.subspan(some.size());
            for (const JobId id : incomplete(connection, some, now)) {
                std::vector<Revision> missing;
                MysqlTransaction transaction(connection);
                lock_and_note(connection, id, now, missing);
                transaction.commit(texts(history_statements(connection, missing)));
                noted += missing.size();
            }
        }
        return noted;
    };
    return session_.run("complete the history of the jobs", Repeat::safe, work);
}

}  // namespace peercron
