#include "store/mysql/mysql_store.hpp"
#include "base/in_pieces.hpp"
#include "store/history.hpp"
#include "store/job_query.hpp"
#include "store/mysql/history_rows.hpp"
#include "store/mysql/mysql_rows.hpp"
#include "store/text.hpp"

#include <spdlog/fmt/fmt.h>

#include <mysqld_error.h>

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

// How long a transaction may stay open and its rows still be found by changes_since().
constexpr int overlap_seconds = 30;

// The runs that run now are few, and their index is by state.
constexpr std::string_view log_by_state = "log FORCE INDEX (by_state)";

// Ids in one statement.
constexpr std::size_t ids_at_once = 10'000;

std::optional<Job> read_one(MysqlConnection& connection, JobId id, std::string_view lock = "")
{
    std::vector<Job> jobs;
    read_jobs(connection, fmt::format("WHERE id = {}{}", id, lock), jobs);
    if (jobs.empty()) return std::nullopt;
    return std::move(jobs.front());
}

[[noreturn]] void throw_name_taken(const std::string& name)
{
    throw NameTaken("a job named '" + name + "' exists already");
}

/// The assignments of `patch`, each followed by a comma.
std::string assignments(const MysqlConnection& connection, const JobPatch& patch)
{
    std::string sql;
    for (const JobField* field : fields_of(patch.given)) {
        sql += fmt::format("{} = {}, ", field->name, literal(connection, *field, patch.values));
    }
    return sql;
}

/// Write the assignments, each followed by a comma, and from when on the jobs are what they are.
std::vector<std::string> update_statements(std::string_view assignments, std::span<const Job> jobs)
{
    std::map<WallTime, std::vector<JobId>> effective;
    for (const Job& job : jobs) effective[job.effective_from].push_back(job.id);
    std::vector<std::string> statements;
    for (const auto& [from, ids] : effective) {
        statements.push_back(fmt::format(
            "UPDATE cron SET {}effective_from = {}, effective_set_at = CURRENT_TIMESTAMP(6),"
            " changed_at = CURRENT_TIMESTAMP(6) WHERE id IN ({})",
            assignments, to_unix_millis(from), fmt::join(ids, ",")));
    }
    return statements;
}

/// The statements, and what adds the revisions to the history.
std::vector<std::string> with_history(const MysqlConnection& connection,
                                      std::vector<std::string> statements,
                                      std::span<const Revision> revisions)
{
    for (std::string& sql : texts(history_statements(connection, revisions))) {
        statements.push_back(std::move(sql));
    }
    return statements;
}

/// When the edit counts from: not later than now by the database's clock, but for what clocks
/// differ by otherwise. A node whose clock is ahead must not put off what a person asked for: until
/// then no fire would follow it.
WallTime counts_from(MysqlConnection& connection, const Edit& edit)
{
    constexpr std::chrono::seconds usual{1};
    const WallTime now = read_clock(connection);
    const WallTime at = edit.at();
    return at > now + usual ? now : at;
}

/// The condition of a query of table cron.
std::string condition(const MysqlConnection& connection, const JobFilter& filter)
{
    std::string sql = "TRUE";
    if (filter.search) {
        // Names are compared by bytes, searched like the others.
        sql += fmt::format(
            " AND (command LIKE {0} ESCAPE '|' OR remark LIKE {0} ESCAPE '|' OR CONVERT(name"
            " USING utf8mb4) COLLATE utf8mb4_unicode_520_ci LIKE {0} ESCAPE '|')",
            connection.quote(like_pattern(*filter.search)));
    }
    if (filter.name) sql += " AND name = " + connection.quote(*filter.name);
    for (const auto& [field, word] : filter.words) {
        sql += fmt::format(" AND FIND_IN_SET({}, {})", connection.quote(word), field->name);
    }
    sql += tag_terms(connection, filter.any_tag);
    if (filter.state) sql += state_terms(*filter.state, log_by_state);
    return sql;
}

/// The jobs of a page that is not in the order of their ids.
std::vector<Job> ordered_page(MysqlConnection& connection, const JobFilter& filter,
                              const Slice& slice)
{
    std::vector<JobId> ids;
    {
        MysqlRows rows = connection.query(
            fmt::format("SELECT id FROM cron LEFT JOIN cron_counter ON cron_id = id WHERE {}{}"
                        " LIMIT {} OFFSET {}",
                        condition(connection, filter), order_terms(filter, log_by_state),
                        slice.limit, slice.offset));
        while (rows.next()) ids.push_back(rows.integer(0));
    }
    if (ids.empty()) return {};
    std::vector<Job> jobs;
    read_jobs(connection,
              fmt::format("WHERE id IN ({0}) ORDER BY FIELD(id, {0})", fmt::join(ids, ",")), jobs);
    return jobs;
}

/// Behind the largest id.
std::int64_t next_id(MysqlConnection& connection)
{
    MysqlRows rows = connection.query("SELECT COALESCE(MAX(id), 0) + 1 FROM cron");
    return rows.next() ? rows.integer(0) : 0;
}

JobChanges read_changes(MysqlConnection& connection, const JobCursor& cursor)
{
    JobChanges changes;
    // The server's clock may have been set back since the cursor was made.
    std::string condition;
    if (!cursor.changed_at.empty()) {
        condition = fmt::format(
            "WHERE changed_at >= LEAST(CAST({} AS DATETIME(6)), NOW(6)) - INTERVAL {} SECOND",
            connection.quote(cursor.changed_at), overlap_seconds);
    }
    for_each_job(connection, condition,
                 [&](Job job) { changes.changed.push_back(std::move(job)); });
    MysqlRows rows = connection.query("SELECT NOW(6), COUNT(*), SUM(id) FROM cron");
    rows.next();
    changes.next.changed_at = rows.text(0);
    changes.count = rows.integer(1);
    changes.id_sum = rows.integer(2);
    return changes;
}

}  // namespace

void MysqlStore::ping()
{
    const auto work = [](MysqlConnection& connection) { connection.execute("DO 0"); };
    session_.run("reach the database", Repeat::safe, work);
}

std::vector<Job> MysqlStore::job_page(const JobFilter& filter, const Slice& slice,
                                      const PageHint& hint)
{
    const auto work = [&](MysqlConnection& connection) {
        if (!filter.is_by_id()) return ordered_page(connection, filter, slice);
        PagePlace place{std::nullopt, std::nullopt, slice.offset};
        if (hint.list && !filter.state) place = place_ascending(*hint.list, slice.offset);
        std::string rows = "WHERE " + condition(connection, filter);
        if (place.from_id) rows += fmt::format(" AND id >= {}", *place.from_id);
        rows += fmt::format(" ORDER BY id LIMIT {}", slice.limit);
        if (place.offset > 0) {
            // The ids first: nothing else is read of the jobs that are passed over.
            rows = fmt::format(
                "JOIN (SELECT id AS listed FROM cron {} OFFSET {}) AS page"
                " ON listed = id ORDER BY id",
                rows, place.offset);
        }
        std::vector<Job> jobs;
        read_jobs(connection, rows, jobs);
        return jobs;
    };
    return session_.run("list the jobs", Repeat::safe, work);
}

ListCount MysqlStore::count_jobs(const JobFilter& filter)
{
    const auto work = [&](MysqlConnection& connection) {
        const std::int64_t end = next_id(connection);
        ListCount count;
        count.blocks = read_blocks(
            connection,
            fmt::format("cron WHERE {} AND id < {}", condition(connection, filter), end), end);
        count.rows = count.blocks.rows();
        return count;
    };
    return session_.run("count the jobs of a list", Repeat::safe, work);
}

std::vector<Job> MysqlStore::jobs_after(JobId after, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<Job> jobs;
        read_jobs(connection, fmt::format("WHERE id > {} ORDER BY id LIMIT {}", after, limit),
                  jobs);
        return jobs;
    };
    return session_.run("read the jobs", Repeat::safe, work);
}

std::optional<Job> MysqlStore::find_job(JobId id)
{
    const auto work = [&](MysqlConnection& connection) { return read_one(connection, id); };
    return session_.run(fmt::format("read job {}", id), Repeat::safe, work);
}

std::vector<Job> MysqlStore::find_jobs_by_id(std::span<const JobId> ids)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<Job> jobs;
        in_pieces(ids, ids_at_once, [&](std::span<const JobId> some) {
            read_jobs(connection, fmt::format("WHERE id IN ({})", fmt::join(some, ", ")), jobs);
        });
        return jobs;
    };
    return session_.run("read the jobs", Repeat::safe, work);
}

std::optional<Job> MysqlStore::find_job_by_name(const std::string& name)
{
    const auto work = [&](MysqlConnection& connection) -> std::optional<Job> {
        std::vector<Job> jobs;
        read_jobs(connection, "WHERE name = " + connection.quote(name), jobs);
        if (jobs.empty()) return std::nullopt;
        return std::move(jobs.front());
    };
    return session_.run("read a job by its name", Repeat::safe, work);
}

JobCounts MysqlStore::job_counts()
{
    const auto work = [](MysqlConnection& connection) {
        MysqlRows rows = connection.query("SELECT COUNT(*), SUM(stop <> 0) FROM cron");
        rows.next();
        return JobCounts{rows.integer(0), rows.integer(1)};
    };
    return session_.run("count the jobs", Repeat::safe, work);
}

Job MysqlStore::add_job(const Job& draft, const Edit& edit)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        try {
            connection.execute(fmt::format("INSERT INTO cron ({}) VALUES ({})", field_columns(),
                                           field_literals(connection, draft)));
        } catch (const MysqlError& error) {
            if (error.code() == ER_DUP_ENTRY) throw_name_taken(draft.name);
            throw;
        }
        Job job = draft;
        job.id = connection.last_insert_id();
        job.counters = {};
        job.effective_from = counts_from(connection, edit);
        const Revision revision = make_revision(std::nullopt, job, job.effective_from, edit.by);
        transaction.commit(
            with_history(connection, update_statements("", {&job, 1}), {&revision, 1}));
        return job;
    };
    return session_.run("add the job", Repeat::unsafe, work);
}

std::vector<Job> MysqlStore::update_jobs(std::span<const JobId> ids, const JobPatch& patch,
                                         const Edit& edit)
{
    if (ids.empty()) return {};
    const auto work = [&](MysqlConnection& connection) {
        const std::set<JobId> each(ids.begin(), ids.end());
        MysqlTransaction transaction(connection);
        std::vector<Revision> revisions;
        const auto found =
            lock_and_note(connection, each, counts_from(connection, edit), revisions);
        std::vector<Job> changed;
        if (found.empty()) return changed;
        const WallTime at = counts_from(connection, edit);
        for (const auto& [id, before] : found) {
            Job job = apply(before, patch);
            revisions.push_back(make_revision(before, job, at, edit.by));
            job.effective_from = revisions.back().effective_from;
            changed.push_back(std::move(job));
        }
        std::vector<std::string> updates =
            update_statements(assignments(connection, patch), changed);
        try {
            transaction.commit(with_history(connection, std::move(updates), revisions));
        } catch (const MysqlError& error) {
            if (error.code() == ER_DUP_ENTRY) throw_name_taken(patch.values.name);
            throw;
        }
        return changed;
    };
    const std::string what = ids.size() == 1 ? fmt::format("change job {}", ids.front())
                                             : fmt::format("change {} jobs", ids.size());
    return session_.run(what, Repeat::safe, work);
}

std::optional<Job> MysqlStore::delete_job(JobId id, const Edit& edit)
{
    const auto work = [&](MysqlConnection& connection) -> std::optional<Job> {
        MysqlTransaction transaction(connection);
        std::vector<Revision> revisions;
        const std::optional<Job> job =
            lock_and_note(connection, id, counts_from(connection, edit), revisions);
        if (!job) return std::nullopt;
        revisions.push_back(
            make_revision(job, std::nullopt, counts_from(connection, edit), edit.by));
        std::vector<std::string> statements = texts(history_statements(connection, revisions));
        statements.push_back(fmt::format("DELETE FROM cron WHERE id = {}", id));
        statements.push_back(fmt::format("DELETE FROM cron_counter WHERE cron_id = {}", id));
        transaction.commit(std::move(statements));
        return job;
    };
    return session_.run(fmt::format("delete job {}", id), Repeat::unsafe, work);
}

std::int64_t MysqlStore::delete_jobs(std::span<const JobId> ids, const Edit& edit)
{
    if (ids.empty()) return 0;
    const auto work = [&](MysqlConnection& connection) {
        const std::set<JobId> each(ids.begin(), ids.end());
        const std::string list = fmt::format("{}", fmt::join(each, ", "));
        MysqlTransaction transaction(connection);
        std::vector<Revision> revisions;
        const auto jobs = lock_and_note(connection, each, counts_from(connection, edit), revisions);
        const WallTime at = counts_from(connection, edit);
        for (const auto& [id, job] : jobs) {
            revisions.push_back(make_revision(job, std::nullopt, at, edit.by));
        }
        std::vector<std::string> statements = texts(history_statements(connection, revisions));
        statements.push_back(fmt::format("DELETE FROM cron WHERE id IN ({})", list));
        statements.push_back(fmt::format("DELETE FROM cron_counter WHERE cron_id IN ({})", list));
        transaction.commit(std::move(statements));
        return std::ssize(jobs);
    };
    return session_.run(fmt::format("delete {} jobs", ids.size()), Repeat::safe, work);
}

JobChanges MysqlStore::changes_since(const JobCursor& cursor)
{
    const auto work = [&](MysqlConnection& connection) {
        // One snapshot, so that rows, count and sum belong together.
        MysqlTransaction transaction(connection, MysqlTransaction::Reads::snapshot);
        JobChanges changes = read_changes(connection, cursor);
        transaction.commit({});
        return changes;
    };
    return session_.run("read the changes of the jobs", Repeat::safe, work);
}

std::vector<JobId> MysqlStore::job_ids()
{
    const auto work = [](MysqlConnection& connection) {
        std::vector<JobId> ids;
        MysqlRows rows = connection.query("SELECT id FROM cron ORDER BY id");
        while (rows.next()) ids.push_back(rows.integer(0));
        return ids;
    };
    return session_.run("read the ids of the jobs", Repeat::safe, work);
}

}  // namespace peercron
