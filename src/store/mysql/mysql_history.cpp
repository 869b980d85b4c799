#include "base/in_pieces.hpp"
#include "store/definition_text.hpp"
#include "store/history.hpp"
#include "store/mysql/history_rows.hpp"
#include "store/mysql/mysql_rows.hpp"
#include "store/mysql/mysql_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <set>
#include <span>
#include <vector>

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

// Jobs that are looked at with one statement, and those that are locked at a time: whoever changes
// one of these waits.
constexpr std::size_t looked_at_once = 1000;
constexpr std::size_t locked_at_once = 200;

std::set<JobId> set_of(std::span<const JobId> ids)
{
    return {ids.begin(), ids.end()};
}

}  // namespace

RevisionPage MysqlStore::find_revisions(const RevisionQuery& query)
{
    const auto work = [&](MysqlConnection& connection) {
        std::string where = fmt::format("WHERE cron_id = {}", query.job);
        if (query.deleted_name) {
            const std::string beginning = definition_beginning(*query.deleted_name);
            // By bytes: the column's collation takes "É" for "e".
            where = fmt::format(
                "WHERE definition_after IS NULL AND"
                " LEFT(CAST(definition_before AS BINARY), {}) = CAST({} AS BINARY)",
                beginning.size(), connection.quote(beginning));
        }
        RevisionPage page;
        page.revisions =
            read_revisions(connection, fmt::format("{} ORDER BY id DESC LIMIT {} OFFSET {}", where,
                                                   query.limit, query.offset));
        MysqlRows total = connection.query("SELECT COUNT(*) FROM cron_revision " + where);
        total.next();
        page.total = total.integer(0);
        return page;
    };
    const std::string what = query.deleted_name
                                 ? std::string("find deleted jobs")
                                 : fmt::format("read the history of job {}", query.job);
    return session_.run(what, Repeat::safe, work);
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
        // Most often there is nothing to write, and nobody has to wait for it.
        std::vector<JobId> incomplete;
        in_pieces(ids, looked_at_once, [&](std::span<const JobId> some) {
            std::vector<Revision> missing;
            read_and_note(connection, set_of(some), now, missing);
            for (const Revision& revision : missing) incomplete.push_back(revision.job);
        });
        std::size_t noted = 0;
        in_pieces(std::span<const JobId>(incomplete), locked_at_once, [&](auto some) {
            std::vector<Revision> missing;
            MysqlTransaction transaction(connection);
            lock_and_note(connection, set_of(some), now, missing);
            transaction.commit(texts(history_statements(connection, missing)));
            noted += missing.size();
        });
        return noted;
    };
    return session_.run("complete the history of the jobs", Repeat::safe, work);
}

}  // namespace peercron
