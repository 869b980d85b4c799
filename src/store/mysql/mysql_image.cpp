#include "store/mysql/mysql_image.hpp"

#include "store/mysql/history_rows.hpp"
#include "store/mysql/ledger_rows.hpp"
#include "store/mysql/migrate.hpp"
#include "store/mysql/mysql_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <iterator>
#include <string>
#include <utility>

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

constexpr std::int64_t output_at_once = std::int64_t{8} << 20U;

const MysqlSettings& migrated(const MysqlSettings& settings)
{
    migrate(settings);
    return settings;
}

/// The last id of the rows to read, so that their outputs are not more than output_at_once.
std::int64_t last_to_read(MysqlConnection& connection, std::int64_t after, std::size_t limit)
{
    MysqlRows rows = connection.query(fmt::format(
        "SELECT id, LENGTH(output) FROM log WHERE id > {} ORDER BY id LIMIT {}", after, limit));
    std::int64_t last = after;
    std::int64_t bytes = 0;
    while (rows.next()) {
        if (bytes >= output_at_once) continue;
        last = rows.integer(0);
        bytes += rows.integer(1);
    }
    return last;
}

std::vector<std::string> job_statements(const MysqlConnection& connection,
                                        std::span<const Job> jobs)
{
    const std::string head = fmt::format(
        "INSERT INTO cron (id, {}, effective_from, effective_set_at) VALUES ", field_columns());
    RowStatements rows(connection, head, "");
    RowStatements counters(connection,
                           "INSERT INTO cron_counter (cron_id, run_num, last_run_at) VALUES ", "");
    for (const Job& job : jobs) {
        rows.add(fmt::format("({}, {}, {}, CURRENT_TIMESTAMP(6))", job.id,
                             field_literals(connection, job), to_unix_millis(job.effective_from)));
        if (job.counters == JobCounters{}) continue;
        counters.add(fmt::format("({},{},{})", job.id, job.counters.run_num,
                                 nullable(job.counters.last_run_at)));
    }
    std::vector<std::string> statements = texts(rows.take());
    std::ranges::move(texts(counters.take()), std::back_inserter(statements));
    return statements;
}

}  // namespace

MysqlImage::MysqlImage(const MysqlSettings& settings) : session_(migrated(settings)) {}

StoreTotals MysqlImage::totals()
{
    const auto work = [](MysqlConnection& connection) {
        StoreTotals totals;
        {
            MysqlRows jobs = connection.query(
                "SELECT COUNT(*), MAX(id), SUM(id), SUM(run_num)"
                " FROM cron LEFT JOIN cron_counter ON cron_id = id");
            jobs.next();
            totals.jobs = jobs.integer(0);
            totals.last_job = jobs.integer(1);
            totals.job_id_sum = jobs.integer(2);
            totals.runs_counted = jobs.integer(3);
        }
        {
            MysqlRows states = connection.query("SELECT state, COUNT(*) FROM log GROUP BY state");
            while (states.next()) {
                totals.rows_by_state.emplace(states.text(0), states.integer(1));
            }
        }
        {
            MysqlRows revisions = connection.query("SELECT COUNT(*), MAX(id) FROM cron_revision");
            revisions.next();
            totals.revisions = revisions.integer(0);
            totals.last_revision = revisions.integer(1);
        }
        {
            MysqlRows others = connection.query("SELECT COUNT(*), MAX(id) FROM doubled_run");
            others.next();
            totals.other_accounts = others.integer(0);
            totals.last_other_account = others.integer(1);
        }
        MysqlRows rows = connection.query("SELECT MAX(id), SUM(id) FROM log");
        rows.next();
        totals.last_row = rows.integer(0);
        totals.row_id_sum = rows.integer(1);
        return totals;
    };
    return session_.run("count what is there", Repeat::safe, work);
}

std::vector<Job> MysqlImage::jobs_after(JobId after, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<Job> jobs;
        read_jobs(connection, fmt::format("WHERE id > {} ORDER BY id LIMIT {}", after, limit),
                  jobs);
        return jobs;
    };
    return session_.run("read the jobs", Repeat::safe, work);
}

std::vector<LogRow> MysqlImage::rows_after(std::int64_t after, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        const std::int64_t last = last_to_read(connection, after, limit);
        return read_log_rows(connection,
                             fmt::format("WHERE id > {} AND id <= {} ORDER BY id", after, last));
    };
    return session_.run("read the ledger", Repeat::safe, work);
}

std::vector<Revision> MysqlImage::revisions_after(std::int64_t after, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return read_revisions(connection,
                              fmt::format("WHERE id > {} ORDER BY id LIMIT {}", after, limit));
    };
    return session_.run("read the history of the jobs", Repeat::safe, work);
}

std::vector<OtherAccount> MysqlImage::other_accounts_after(std::int64_t after, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        std::vector<OtherAccount> found;
        MysqlRows rows = connection.query(
            fmt::format("SELECT {}FROM doubled_run AS d WHERE d.id > {} ORDER BY d.id LIMIT {}",
                        other_account_columns, after, limit));
        while (rows.next()) found.push_back(read_other_account(rows));
        return found;
    };
    return session_.run("read the second reports of runs", Repeat::safe, work);
}

StoredTerm MysqlImage::term()
{
    const auto work = [](MysqlConnection& connection) {
        StoredTerm term;
        term.clock_steps = read_clock_steps(connection);
        MysqlRows rows = connection.query(
            "SELECT epoch, planned_through, expired_through FROM term WHERE id = 1");
        if (!rows.next()) return term;
        term.epoch = rows.natural(0);
        term.planned_through = time_or_null(rows, 1);
        term.expired_through = time_or_null(rows, 2);
        return term;
    };
    return session_.run("read the term", Repeat::safe, work);
}

void MysqlImage::append_jobs(std::span<const Job> jobs)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        transaction.commit(job_statements(connection, jobs));
    };
    session_.run(fmt::format("write {} jobs", jobs.size()), Repeat::unsafe, work);
}

void MysqlImage::append_revisions(std::span<const Revision> revisions)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        transaction.commit(texts(history_statements(connection, revisions)));
    };
    session_.run(fmt::format("write {} revisions", revisions.size()), Repeat::unsafe, work);
}

void MysqlImage::append_rows(std::span<const LogRow> rows)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        std::vector<std::string> statements = texts(copy_statements(connection, rows));
        std::ranges::move(copied_oddities(connection, rows), std::back_inserter(statements));
        transaction.commit(std::move(statements));
    };
    session_.run(fmt::format("write {} rows of the ledger", rows.size()), Repeat::unsafe, work);
}

void MysqlImage::append_other_accounts(std::span<const OtherAccount> accounts)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        transaction.commit(texts(copy_statements(connection, accounts)));
    };
    session_.run(fmt::format("write {} second reports of runs", accounts.size()), Repeat::unsafe,
                 work);
}

void MysqlImage::finish(const StoredTerm& term)
{
    const auto work = [&](MysqlConnection& connection) {
        connection.execute(fmt::format(
            "UPDATE term SET epoch = GREATEST(epoch, {}), planned_through = {},"
            " expired_through = {} WHERE id = 1",
            term.epoch, nullable(term.planned_through), nullable(term.expired_through)));
        for (const ClockStep& step : term.clock_steps) {
            connection.execute(fmt::format(
                "REPLACE INTO clock_step (at, planned_through, moved) VALUES ({}, {}, {})",
                to_unix_millis(step.at), to_unix_millis(step.from), step.moved));
        }
        connection.execute(fill_last_states);
        std::int64_t known = 0;
        {
            MysqlRows rows = connection.query(
                "SELECT GREATEST(COALESCE((SELECT MAX(cron_id) FROM log), 0),"
                " COALESCE((SELECT MAX(cron_id) FROM cron_revision), 0))");
            rows.next();
            known = rows.integer(0);
        }
        // InnoDB takes the greatest id that is there, when that is more.
        connection.execute(fmt::format("ALTER TABLE cron AUTO_INCREMENT = {}", known + 1));
    };
    session_.run("write the term", Repeat::safe, work);
}

}  // namespace peercron
