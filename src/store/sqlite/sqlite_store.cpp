#include "store/sqlite/sqlite_store.hpp"
#include "store/sqlite/sqlite_rows.hpp"
#include "store/text.hpp"

#include <charconv>
#include <string>

namespace peercron {
namespace {

std::optional<Job> read_one(SqliteConnection& connection, JobId id)
{
    std::vector<Job> jobs =
        read_jobs(connection.cached(select_jobs("WHERE id = ?")).bind(std::int64_t{id}));
    if (jobs.empty()) return std::nullopt;
    return std::move(jobs.front());
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

bool remove_job(SqliteConnection& connection, JobId id)
{
    connection.cached("DELETE FROM cron_counter WHERE cron_id = ?").bind(id).execute();
    return connection.cached("DELETE FROM cron WHERE id = ?").bind(id).execute() != 0;
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

JobPage SqliteStore::find_jobs(const JobQuery& query)
{
    const auto work = [&](SqliteConnection& connection) {
        std::string condition = "WHERE TRUE";
        if (query.search) {
            condition +=
                " AND (command LIKE ?1 ESCAPE '|' OR remark LIKE ?1 ESCAPE '|' OR name LIKE ?1 "
                "ESCAPE '|')";
        }
        if (query.name) condition += query.search ? " AND name = ?2" : " AND name = ?1";
        const auto bind = [&](SqliteStatement& statement) -> SqliteStatement& {
            if (query.search) statement.bind(like_pattern(*query.search));
            if (query.name) statement.bind(*query.name);
            return statement;
        };
        JobPage page;
        const Snapshot snapshot(connection);
        SqliteStatement rows = connection.prepare(select_jobs(fmt::format(
            "{} ORDER BY id LIMIT {} OFFSET {}", condition, query.limit, query.offset)));
        page.jobs = read_jobs(bind(rows));
        SqliteStatement total = connection.prepare("SELECT COUNT(*) FROM cron " + condition);
        bind(total).next();
        page.total = total.integer(0);
        total.reset();
        return page;
    };
    return session_.run("list the jobs", work);
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

JobCount SqliteStore::count_jobs()
{
    const auto work = [](SqliteConnection& connection) {
        SqliteStatement& rows = connection.cached("SELECT COUNT(*), SUM(stop <> 0) FROM cron");
        rows.next();
        const JobCount count{rows.integer(0), rows.integer(1)};
        rows.reset();
        return count;
    };
    return session_.run("count the jobs", work);
}

Job SqliteStore::add_job(const Job& draft, WallTime now)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        Job job = draft;
        job.effective_from = now;
        job.counters = {};
        SqliteStatement& insert = connection.cached(
            "INSERT INTO cron (name, cron_set, command, remark, stop, is_mutex, start_time,"
            " end_time, time_zone, timeout, run_limit, misfire_window, effective_from,"
            " api_change) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)");
        execute_with_name(bind_definition(insert, job), job.name);
        job.id = connection.last_insert_id();
        transaction.commit();
        return job;
    };
    return session_.run("add the job", work);
}

std::optional<Job> SqliteStore::update_job(JobId id, const JobPatch& patch, WallTime now)
{
    const auto work = [&](SqliteConnection& connection) -> std::optional<Job> {
        SqliteTransaction transaction(connection);
        const std::optional<Job> before = read_one(connection, id);
        if (!before) return std::nullopt;
        Job job = apply(*before, patch);
        job.effective_from = now;
        SqliteStatement& update = connection.cached(
            "UPDATE cron SET name = ?, cron_set = ?, command = ?, remark = ?, stop = ?,"
            " is_mutex = ?, start_time = ?, end_time = ?, time_zone = ?, timeout = ?,"
            " run_limit = ?, misfire_window = ?, effective_from = ?,"
            " api_change = api_change + 1 WHERE id = ?");
        execute_with_name(bind_definition(update, job).bind(id), job.name);
        transaction.commit();
        return job;
    };
    return session_.run(fmt::format("change job {}", id), work);
}

std::optional<Job> SqliteStore::delete_job(JobId id)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        std::optional<Job> job = read_one(connection, id);
        if (job) remove_job(connection, id);
        transaction.commit();
        return job;
    };
    return session_.run(fmt::format("delete job {}", id), work);
}

std::int64_t SqliteStore::delete_jobs(std::span<const JobId> ids)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        std::int64_t deleted = 0;
        for (const JobId id : ids) {
            if (remove_job(connection, id)) ++deleted;
        }
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
        changes.changed = read_jobs(
            connection.cached(select_jobs("WHERE change > ? ORDER BY change")).bind(seen));
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
