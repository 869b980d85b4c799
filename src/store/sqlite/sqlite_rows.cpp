#include "store/sqlite/sqlite_rows.hpp"

#include "base/overloaded.hpp"

#include <spdlog/fmt/fmt.h>

#include <variant>

namespace peercron {
std::string select_jobs(std::string_view condition)
{
    return fmt::format(
        "SELECT {}effective_from FROM cron LEFT JOIN cron_counter ON cron_id = id {}",
        job_columns(), condition);
}

std::vector<Job> read_jobs(SqliteStatement& rows)
{
    std::vector<Job> jobs;
    while (rows.next()) jobs.push_back(read_job(rows));
    rows.reset();
    return jobs;
}

std::string select_rows(std::string_view condition, std::size_t most_output)
{
    if (most_output == 0) return fmt::format("SELECT {}FROM log {}", log_columns, condition);
    // As bytes: a text with a NUL would end there.
    const std::string columns =
        log_excerpt_columns(fmt::format("substr(CAST(output AS BLOB), 1, {})", most_output),
                            "length(CAST(output AS BLOB))");
    return fmt::format("SELECT {} FROM log {}", columns, condition);
}

std::vector<LogRow> read_log_rows(SqliteStatement& rows, std::size_t most_output)
{
    std::vector<LogRow> found;
    while (rows.next()) {
        found.push_back(most_output == 0 ? read_log_row(rows)
                                         : read_log_excerpt(rows, most_output));
    }
    rows.reset();
    return found;
}

std::string select_rows_without_output(std::string_view condition)
{
    return fmt::format("SELECT {} FROM log {}", log_excerpt_columns("''", "output_bytes"),
                       condition);
}

std::vector<LogRow> read_log_rows_without_output(SqliteStatement& rows)
{
    std::vector<LogRow> found;
    while (rows.next()) found.push_back(read_log_excerpt(rows, 0));
    rows.reset();
    return found;
}

std::string select_blocks(std::string_view table, std::string_view condition, std::int64_t end)
{
    return fmt::format(
        "SELECT id / {} AS block, COUNT(*) FROM {} WHERE {} GROUP BY block ORDER BY block",
        block_size(end), table, condition);
}

IdBlocks read_blocks(SqliteStatement& rows, std::int64_t end)
{
    IdBlocks found;
    found.end = end;
    while (rows.next()) {
        found.blocks.push_back({block_begin(rows.integer(0), end), rows.integer(1)});
    }
    rows.reset();
    return found;
}

std::string select_revisions(std::string_view condition)
{
    return fmt::format("SELECT {}FROM cron_revision {}", revision_columns, condition);
}

std::vector<Revision> read_revisions(SqliteStatement& rows)
{
    std::vector<Revision> found;
    while (rows.next()) found.push_back(read_revision(rows));
    rows.reset();
    return found;
}

std::vector<ClockStep> read_clock_steps(SqliteConnection& connection)
{
    std::vector<ClockStep> steps;
    SqliteStatement rows = connection.prepare(
        "SELECT at, planned_through, moved FROM"
        " (SELECT * FROM clock_step ORDER BY at DESC LIMIT 100) ORDER BY at");
    while (rows.next()) {
        steps.push_back({from_unix_millis(rows.integer(0)), from_unix_millis(rows.integer(1)),
                         rows.integer(2)});
    }
    return steps;
}

std::optional<Revision> newest_revision(SqliteConnection& connection, JobId job)
{
    SqliteStatement& rows =
        connection.cached(select_revisions("WHERE cron_id = ? ORDER BY id DESC LIMIT 1")).bind(job);
    std::vector<Revision> found = read_revisions(rows);
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

void append(SqliteConnection& connection, const Revision& revision)
{
    const auto definition = [](const std::optional<Job>& job) -> std::optional<std::string> {
        if (!job) return std::nullopt;
        return definition_text(*job);
    };
    std::optional<std::int64_t> id;
    if (revision.id != 0) id = revision.id;
    connection
        .cached(
            "INSERT INTO cron_revision (id, cron_id, effective_from, author, origin,"
            " definition_before, definition_after, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(id)
        .bind(revision.job)
        .bind(to_unix_millis(revision.effective_from))
        .bind(revision.by.who)
        .bind(revision.by.from)
        .bind(definition(revision.before))
        .bind(definition(revision.after))
        .bind(revision.by.why)
        .execute();
}

SqliteStatement& bind_end(SqliteStatement& statement, const RunReport& report)
{
    return statement.bind(millis(report.ended_at))
        .bind(report.use_time.count())
        .bind(report.exit_code)
        .bind(report.term_signal)
        .bind(report.cpu_time.count())
        .bind(report.max_rss)
        .bind(report.output_bytes)
        .bind(report.http_status);
}

void append(SqliteConnection& connection, const OtherAccount& account)
{
    std::optional<std::int64_t> id;
    if (account.id != 0) id = account.id;
    const RunReport& run = account.report;
    SqliteStatement& statement =
        connection.cached(fmt::format("INSERT INTO doubled_run ({})"
                                      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                      doubled_run_columns));
    statement.bind(id)
        .bind(account.log_id)
        .bind(run.run_server)
        .bind(to_unix_millis(run.started_at.value_or(WallTime())))
        .bind(to_string(run.state))
        .bind(to_string(run.reason))
        .bind(run.dispatch_server)
        .bind(static_cast<std::int64_t>(run.epoch));
    bind_end(statement, run).bind(run.output).execute();
}

void throw_deposed(SqliteConnection& connection, Epoch epoch)
{
    SqliteStatement term = connection.prepare("SELECT epoch, dispatcher FROM term WHERE id = 1");
    if (!term.next()) {
        throw Deposed(fmt::format("epoch {} is not the store's: table term is empty", epoch));
    }
    const auto newest = term.natural(0);
    throw Deposed(
        fmt::format("epoch {} is over: the store has epoch {} of {}", epoch, newest, term.text(1)),
        newest);
}

// Source: https://www.sqlite.org/lang_expr.html, literal values. What stands behind a NUL would be
// lost.
std::string text_literal(std::string_view text)
{
    std::string literal = "'";
    for (const char c : text) {
        if (c == '\0') continue;
        if (c == '\'') literal += c;
        literal += c;
    }
    return literal + "'";
}

std::string tag_terms(const std::vector<std::string>& any_tag)
{
    if (any_tag.empty()) return "";
    std::vector<std::string> terms;
    for (const std::string& tag : any_tag) {
        terms.push_back(fmt::format("INSTR(',' || tags || ',', {}) > 0",
                                    text_literal(fmt::format(",{},", tag))));
    }
    return fmt::format(" AND ({})", fmt::join(terms, " OR "));
}

std::optional<std::int64_t> millis(const std::optional<WallTime>& time)
{
    if (!time) return std::nullopt;
    return to_unix_millis(*time);
}

const std::string& field_marks()
{
    static const std::string marks =
        fmt::format("{}", fmt::join(std::vector<std::string_view>(job_fields.size(), "?"), ", "));
    return marks;
}

const std::string& field_assignments()
{
    static const std::string assignments = [] {
        std::string all;
        for (const JobField& field : job_fields) {
            all += fmt::format("{}{} = ?", all.empty() ? "" : ", ", field.name);
        }
        return all;
    }();
    return assignments;
}

SqliteStatement& bind_definition(SqliteStatement& statement, const Job& job)
{
    for (const JobField& field : job_fields) {
        const bool is_name = std::holds_alternative<kind::Name>(field.kind);
        const auto bind = Overloaded{
            [&](std::monostate) { statement.bind_null(); },
            [&](bool flag) { statement.bind(std::int64_t{flag}); },
            [&](std::int64_t number) { statement.bind(number); },
            [&](const std::string& text) {
                if (is_name && text.empty()) {
                    statement.bind_null();
                } else {
                    statement.bind(text);
                }
            },
            [&](const std::vector<std::string>& list) { statement.bind(join_list(field, list)); },
        };
        std::visit(bind, stored_value(field, job));
    }
    return statement.bind(to_unix_millis(job.effective_from));
}

}  // namespace peercron
