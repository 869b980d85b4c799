#include "store/sqlite/sqlite_store.hpp"
#include "store/definition_text.hpp"
#include "store/history.hpp"
#include "store/job_query.hpp"
#include "store/sqlite/sqlite_rows.hpp"
#include "store/text.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <string>

namespace peercron {
namespace {

// The runs that run now are few, and their index is by state.
constexpr std::string_view log_by_state = "log INDEXED BY log_by_state";

std::optional<Job> read_one(SqliteConnection& connection, JobId id)
{
    std::vector<Job> jobs =
        read_jobs(connection.cached(select_jobs("WHERE id = ?")).bind(std::int64_t{id}));
    if (jobs.empty()) return std::nullopt;
    return std::move(jobs.front());
}

/// Behind the largest id.
std::int64_t next_id(SqliteConnection& connection)
{
    SqliteStatement rows = connection.prepare("SELECT COALESCE(MAX(id), 0) + 1 FROM cron");
    rows.next();
    return rows.integer(0);
}

/// The condition of a query of table cron, and the values for it.
struct JobCondition {
    std::string sql = "TRUE";
    std::vector<std::string> values;

    /// @param term has the value's mark where {0} is.
    void add(std::string_view term, std::string value)
    {
        values.push_back(std::move(value));
        sql += fmt::format(fmt::runtime(term), fmt::format("?{}", values.size()));
    }
    SqliteStatement& bind_to(SqliteStatement& statement) const
    {
        for (const std::string& value : values) statement.bind(value);
        return statement;
    }
};

JobCondition condition(const JobFilter& filter)
{
    JobCondition where;
    if (filter.search) {
        where.add(
            " AND (command LIKE {0} ESCAPE '|' OR remark LIKE {0} ESCAPE '|'"
            " OR name LIKE {0} ESCAPE '|')",
            like_pattern(*filter.search));
    }
    if (filter.name) where.add(" AND name = {0}", *filter.name);
    for (const auto& [field, word] : filter.words) {
        where.add(fmt::format(" AND INSTR(',' || {} || ',', {{0}}) > 0", field->name),
                  fmt::format(",{},", word));
    }
    where.sql += tag_terms(filter.any_tag);
    if (filter.state) where.sql += state_terms(*filter.state, log_by_state);
    return where;
}

/// The jobs of a page that is not in the order of their ids.
std::vector<Job> ordered_page(SqliteConnection& connection, const JobFilter& filter,
                              const Slice& slice)
{
    const JobCondition where = condition(filter);
    SqliteStatement rows = connection.prepare(
        select_jobs(fmt::format("WHERE {}{} LIMIT {} OFFSET {}", where.sql,
                                order_terms(filter, log_by_state), slice.limit, slice.offset)));
    return read_jobs(where.bind_to(rows));
}

/// Adds the revision that the history of a job lacks; says whether there was one.
bool note(SqliteConnection& connection, JobId id, const std::optional<Job>& job, WallTime now)
{
    const auto missing = missing_revision(id, newest_revision(connection, id), job, now);
    if (missing) append(connection, *missing);
    return missing.has_value();
}

/// Carries out a change of table cron that may run into the index of the names.
std::int64_t execute_with_name(SqliteStatement& statement, const std::string& name)
{
    try {
        return statement.execute();
    } catch (const SqliteError& error) {
        if (error.code() != SQLITE_CONSTRAINT_UNIQUE) throw;
        throw NameTaken("a job named '" + name + "' exists already");
    }
}

/// The job as it is then.
std::optional<Job> change_job(SqliteConnection& connection, JobId id, const JobPatch& patch,
                              WallTime at, const Author& by)
{
    const std::optional<Job> before = read_one(connection, id);
    if (!before) return std::nullopt;
    note(connection, id, before, at);
    Job job = apply(*before, patch);
    const Revision revision = make_revision(before, job, at, by);
    job.effective_from = revision.effective_from;
    SqliteStatement& update = connection.cached(
        fmt::format("UPDATE cron SET {}, effective_from = ?, api_change = api_change + 1"
                    " WHERE id = ?",
                    field_assignments()));
    execute_with_name(bind_definition(update, job).bind(id), job.name);
    append(connection, revision);
    return job;
}

/// The job that was there.
std::optional<Job> remove_job(SqliteConnection& connection, JobId id, WallTime at, const Author& by)
{
    std::optional<Job> job = read_one(connection, id);
    if (!job) return std::nullopt;
    note(connection, id, job, at);
    connection.cached("DELETE FROM cron_counter WHERE cron_id = ?").bind(id).execute();
    connection.cached("DELETE FROM cron WHERE id = ?").bind(id).execute();
    append(connection, make_revision(job, std::nullopt, at, by));
    return job;
}

/// A reading transaction: what is read in it belongs together.
class Snapshot {
public:
    explicit Snapshot(SqliteConnection& connection) : connection_(connection)
    {
        connection_.execute("BEGIN");
    }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    ~Snapshot()
    {
        try {
            connection_.execute("ROLLBACK");
        } catch (const SqliteError&) {
            // Nothing was written; the next call says what is wrong.
        }
    }

private:
    SqliteConnection& connection_;
};

}  // namespace

void SqliteStore::ping()
{
    const auto work = [](SqliteConnection& connection) {
        connection.cached("SELECT id FROM term").execute();
    };
    session_.run("reach the database", work);
}

std::vector<Job> SqliteStore::job_page(const JobFilter& filter, const Slice& slice,
                                       const PageHint& hint)
{
    const auto work = [&](SqliteConnection& connection) {
        if (!filter.is_by_id()) return ordered_page(connection, filter, slice);
        PagePlace place{std::nullopt, std::nullopt, slice.offset};
        if (hint.list && !filter.state) place = place_ascending(*hint.list, slice.offset);
        const std::string from = place.from_id ? fmt::format(" AND id >= {}", *place.from_id) : "";
        const JobCondition where = condition(filter);
        // The ids first: nothing else is read of the jobs that a far page passes over.
        SqliteStatement rows = connection.prepare(select_jobs(fmt::format(
            "WHERE id IN (SELECT id FROM cron WHERE {}{} ORDER BY id LIMIT {} OFFSET {})"
            " ORDER BY id",
            where.sql, from, slice.limit, place.offset)));
        return read_jobs(where.bind_to(rows));
    };
    return session_.run("list the jobs", work);
}

ListCount SqliteStore::count_jobs(const JobFilter& filter)
{
    const auto work = [&](SqliteConnection& connection) {
        const JobCondition where = condition(filter);
        const Snapshot snapshot(connection);
        const std::int64_t end = next_id(connection);
        SqliteStatement rows = connection.prepare(select_blocks("cron", where.sql, end));
        ListCount count;
        count.blocks = read_blocks(where.bind_to(rows), end);
        count.rows = count.blocks.rows();
        return count;
    };
    return session_.run("count the jobs of a list", work);
}

std::vector<Job> SqliteStore::jobs_after(JobId after, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return read_jobs(connection.cached(select_jobs("WHERE id > ? ORDER BY id LIMIT ?"))
                             .bind(after)
                             .bind(static_cast<std::int64_t>(limit)));
    };
    return session_.run("read the jobs", work);
}

std::optional<Job> SqliteStore::find_job(JobId id)
{
    const auto work = [&](SqliteConnection& connection) { return read_one(connection, id); };
    return session_.run(fmt::format("read job {}", id), work);
}

std::vector<Job> SqliteStore::find_jobs_by_id(std::span<const JobId> ids)
{
    const auto work = [&](SqliteConnection& connection) {
        const Snapshot snapshot(connection);
        std::vector<Job> jobs;
        for (const JobId id : ids) {
            if (auto job = read_one(connection, id)) jobs.push_back(*std::move(job));
        }
        return jobs;
    };
    return session_.run("read the jobs", work);
}

std::optional<Job> SqliteStore::find_job_by_name(const std::string& name)
{
    const auto work = [&](SqliteConnection& connection) -> std::optional<Job> {
        std::vector<Job> jobs =
            read_jobs(connection.cached(select_jobs("WHERE name = ?")).bind(name));
        if (jobs.empty()) return std::nullopt;
        return std::move(jobs.front());
    };
    return session_.run("read a job by its name", work);
}

JobCounts SqliteStore::job_counts()
{
    const auto work = [](SqliteConnection& connection) {
        SqliteStatement& rows = connection.cached("SELECT COUNT(*), SUM(stop <> 0) FROM cron");
        rows.next();
        const JobCounts count{rows.integer(0), rows.integer(1)};
        rows.reset();
        return count;
    };
    return session_.run("count the jobs", work);
}

Job SqliteStore::add_job(const Job& draft, const Edit& edit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        Job job = draft;
        job.effective_from = edit.at();
        job.counters = {};
        SqliteStatement& insert = connection.cached(
            fmt::format("INSERT INTO cron ({}, effective_from, api_change) VALUES ({}, ?, 1)",
                        field_columns(), field_marks()));
        execute_with_name(bind_definition(insert, job), job.name);
        job.id = connection.last_insert_id();
        append(connection, make_revision(std::nullopt, job, job.effective_from, edit.by));
        transaction.commit();
        return job;
    };
    return session_.run("add the job", work);
}

std::vector<Job> SqliteStore::update_jobs(std::span<const JobId> ids, const JobPatch& patch,
                                          const Edit& edit)
{
    if (ids.empty()) return {};
    const auto work = [&](SqliteConnection& connection) {
        const std::set<JobId> each(ids.begin(), ids.end());
        SqliteTransaction transaction(connection);
        const WallTime at = edit.at();
        std::vector<Job> changed;
        for (const JobId id : each) {
            if (auto job = change_job(connection, id, patch, at, edit.by)) {
                changed.push_back(*std::move(job));
            }
        }
        transaction.commit();
        return changed;
    };
    const std::string what = ids.size() == 1 ? fmt::format("change job {}", ids.front())
                                             : fmt::format("change {} jobs", ids.size());
    return session_.run(what, work);
}

std::optional<Job> SqliteStore::delete_job(JobId id, const Edit& edit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        std::optional<Job> job = remove_job(connection, id, edit.at(), edit.by);
        transaction.commit();
        return job;
    };
    return session_.run(fmt::format("delete job {}", id), work);
}

std::int64_t SqliteStore::delete_jobs(std::span<const JobId> ids, const Edit& edit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const WallTime at = edit.at();
        const std::int64_t deleted = std::ranges::count_if(
            ids, [&](JobId id) { return remove_job(connection, id, at, edit.by).has_value(); });
        transaction.commit();
        return deleted;
    };
    return session_.run(fmt::format("delete {} jobs", ids.size()), work);
}

/// Changes are numbered in the order of their commits, so nothing is passed over.
JobChanges SqliteStore::changes_since(const JobCursor& cursor)
{
    const auto work = [&](SqliteConnection& connection) {
        std::int64_t seen = 0;
        const std::string& text = cursor.changed_at;
        std::from_chars(text.data(), text.data() + text.size(), seen);
        JobChanges changes;
        const Snapshot snapshot(connection);
        SqliteStatement& rows =
            connection.cached(select_jobs("WHERE change > ? ORDER BY change")).bind(seen);
        while (rows.next()) changes.changed.push_back(read_job(rows));
        rows.reset();
        SqliteStatement& numbers = connection.cached(
            "SELECT (SELECT number FROM last_change), COUNT(*), SUM(id) FROM cron");
        numbers.next();
        changes.next.changed_at = numbers.text(0);
        changes.count = numbers.integer(1);
        changes.id_sum = numbers.integer(2);
        numbers.reset();
        return changes;
    };
    return session_.run("read the changes of the jobs", work);
}

RevisionPage SqliteStore::find_revisions(const RevisionQuery& query)
{
    const auto work = [&](SqliteConnection& connection) {
        RevisionPage page;
        const Snapshot snapshot(connection);
        const std::string where = query.deleted_name
                                      ? "WHERE definition_after IS NULL AND"
                                        " SUBSTR(definition_before, 1, LENGTH(?1)) = ?1 "
                                      : "WHERE cron_id = ?1 ";
        const auto bind = [&query](SqliteStatement& statement) -> SqliteStatement& {
            if (query.deleted_name)
                return statement.bind(definition_beginning(*query.deleted_name));
            return statement.bind(query.job);
        };
        SqliteStatement& rows =
            bind(connection.cached(select_revisions(where + "ORDER BY id DESC LIMIT ? OFFSET ?")))
                .bind(static_cast<std::int64_t>(query.limit))
                .bind(static_cast<std::int64_t>(query.offset));
        page.revisions = read_revisions(rows);
        SqliteStatement& total =
            bind(connection.cached("SELECT COUNT(*) FROM cron_revision " + where));
        total.next();
        page.total = total.integer(0);
        total.reset();
        return page;
    };
    const std::string what = query.deleted_name
                                 ? std::string("find deleted jobs")
                                 : fmt::format("read the history of job {}", query.job);
    return session_.run(what, work);
}

std::vector<JobId> SqliteStore::known_jobs()
{
    const auto work = [](SqliteConnection& connection) {
        std::vector<JobId> ids;
        SqliteStatement& rows = connection.cached(
            "SELECT id FROM cron UNION SELECT cron_id FROM cron_revision WHERE id IN"
            " (SELECT MAX(id) FROM cron_revision GROUP BY cron_id)"
            " AND definition_after IS NOT NULL");
        while (rows.next()) ids.push_back(rows.integer(0));
        rows.reset();
        return ids;
    };
    return session_.run("read which jobs are known", work);
}

std::size_t SqliteStore::note_changes(std::span<const JobId> ids, WallTime now)
{
    const auto work = [&](SqliteConnection& connection) {
        const auto is_incomplete = [&](JobId id) {
            const auto job = read_one(connection, id);
            return missing_revision(id, newest_revision(connection, id), job, now).has_value();
        };
        // Most often there is nothing to write, and nobody has to wait for it.
        std::vector<JobId> incomplete;
        std::ranges::copy_if(ids, std::back_inserter(incomplete), is_incomplete);
        if (incomplete.empty()) return std::size_t{0};
        SqliteTransaction transaction(connection);
        const auto noted = std::ranges::count_if(incomplete, [&](JobId id) {
            return note(connection, id, read_one(connection, id), now);
        });
        transaction.commit();
        return static_cast<std::size_t>(noted);
    };
    return session_.run("complete the history of the jobs", work);
}

std::vector<JobId> SqliteStore::job_ids()
{
    const auto work = [](SqliteConnection& connection) {
        std::vector<JobId> ids;
        SqliteStatement& rows = connection.cached("SELECT id FROM cron ORDER BY id");
        while (rows.next()) ids.push_back(rows.integer(0));
        rows.reset();
        return ids;
    };
    return session_.run("read the ids of the jobs", work);
}

}  // namespace peercron
