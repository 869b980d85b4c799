#include "store/mysql/mysql_rows.hpp"

#include "base/overloaded.hpp"

#include <spdlog/fmt/fmt.h>

#include <string>
#include <variant>

namespace peercron {

void for_each_job(MysqlConnection& connection, std::string_view condition,
                  const std::function<void(Job)>& visit)
{
    MysqlRows rows = connection.query(
        fmt::format("SELECT {}{} FROM cron LEFT JOIN cron_counter ON cron_id = id {}",
                    job_columns(), effective_from_of_row, condition));
    while (rows.next()) visit(read_job(rows));
}

void read_jobs(MysqlConnection& connection, std::string_view condition, std::vector<Job>& jobs)
{
    for_each_job(connection, condition, [&](Job job) { jobs.push_back(std::move(job)); });
}

std::vector<LogRow> read_log_rows(MysqlConnection& connection, std::string_view condition)
{
    std::vector<LogRow> found;
    MysqlRows rows = connection.query(fmt::format("SELECT {}FROM log {}", log_columns, condition));
    while (rows.next()) found.push_back(read_log_row(rows));
    return found;
}

std::vector<LogRow> read_log_rows(MysqlConnection& connection, std::string_view condition,
                                  std::size_t most_output)
{
    if (most_output == 0) return read_log_rows(connection, condition);
    std::vector<LogRow> found;
    // LEFT() counts characters: up to four bytes each.
    MysqlRows rows = connection.query(fmt::format(
        "SELECT {} FROM log {}",
        log_excerpt_columns(fmt::format("LEFT(output, {})", most_output), "LENGTH(output)"),
        condition));
    while (rows.next()) found.push_back(read_log_excerpt(rows, most_output));
    return found;
}

std::vector<LogRow> read_log_rows_without_output(MysqlConnection& connection,
                                                 std::string_view condition)
{
    std::vector<LogRow> found;
    MysqlRows rows = connection.query(
        fmt::format("SELECT {} FROM log {}", log_excerpt_columns("''", "output_bytes"), condition));
    while (rows.next()) found.push_back(read_log_excerpt(rows, 0));
    return found;
}

IdBlocks read_blocks(MysqlConnection& connection, std::string_view rows, std::int64_t end)
{
    IdBlocks found;
    found.end = end;
    const std::int64_t size = block_size(end);
    MysqlRows counts = connection.query(fmt::format(
        "SELECT id DIV {} AS block, COUNT(*) FROM {} GROUP BY block ORDER BY block", size, rows));
    while (counts.next()) {
        found.blocks.push_back({block_begin(counts.integer(0), end), counts.integer(1)});
    }
    return found;
}

std::vector<ClockStep> read_clock_steps(MysqlConnection& connection)
{
    std::vector<ClockStep> steps;
    MysqlRows rows = connection.query(
        "SELECT at, planned_through, moved FROM"
        " (SELECT * FROM clock_step ORDER BY at DESC LIMIT 100) AS newest ORDER BY at");
    while (rows.next()) {
        steps.push_back({from_unix_millis(rows.integer(0)), from_unix_millis(rows.integer(1)),
                         rows.integer(2)});
    }
    return steps;
}

WallTime read_clock(MysqlConnection& connection)
{
    // In UTC: a local time comes twice when the clocks of its zone are set back.
    MysqlRows rows = connection.query(
        "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000");
    rows.next();
    return from_unix_millis(rows.integer(0));
}

void throw_deposed(MysqlConnection& connection, Epoch epoch)
{
    MysqlRows rows = connection.query("SELECT epoch, dispatcher FROM term WHERE id = 1");
    if (!rows.next()) {
        throw Deposed(fmt::format("epoch {} is not the store's: table term is empty", epoch));
    }
    const Epoch newest = rows.natural(0);
    throw Deposed(
        fmt::format("epoch {} is over: the store has epoch {} of {}", epoch, newest, rows.text(1)),
        newest);
}

std::string literal(const MysqlConnection& connection, const JobField& field, const Job& job)
{
    const bool is_name = std::holds_alternative<kind::Name>(field.kind);
    return std::visit(Overloaded{
                          [](std::monostate) { return std::string("NULL"); },
                          [](bool flag) { return std::string(flag ? "1" : "0"); },
                          [](std::int64_t number) { return std::to_string(number); },
                          [&](const std::string& text) {
                              return is_name && text.empty() ? "NULL" : connection.quote(text);
                          },
                          [&](const std::vector<std::string>& list) {
                              return connection.quote(join_list(field, list));
                          },
                      },
                      stored_value(field, job));
}

std::string tag_terms(const MysqlConnection& connection, const std::vector<std::string>& any_tag)
{
    if (any_tag.empty()) return "";
    std::vector<std::string> terms;
    for (const std::string& tag : any_tag) {
        terms.push_back(fmt::format("FIND_IN_SET({}, tags)", connection.quote(tag)));
    }
    return fmt::format(" AND ({})", fmt::join(terms, " OR "));
}

std::string field_literals(const MysqlConnection& connection, const Job& job)
{
    std::string literals;
    for (const JobField& field : job_fields) {
        literals +=
            fmt::format("{}{}", literals.empty() ? "" : ", ", literal(connection, field, job));
    }
    return literals;
}

}  // namespace peercron
