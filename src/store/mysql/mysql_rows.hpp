#pragma once

#include "store/mysql/mysql_connection.hpp"
#include "store/read_rows.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// How the rows of our tables are read, and what in them may be NULL.

/// Job::effective_from of a row of table cron. One that was changed by hand since the column was
/// written is effective from that change.
inline constexpr std::string_view effective_from_of_row =
    "IF(cron.effective_set_at = cron.changed_at, cron.effective_from,"
    " FLOOR(UNIX_TIMESTAMP(cron.changed_at) * 1000))";

/// Hands over the jobs of `condition` ("WHERE …").
void for_each_job(MysqlConnection& connection, std::string_view condition,
                  const std::function<void(Job)>& visit);
/// Adds them to `jobs`.
void read_jobs(MysqlConnection& connection, std::string_view condition, std::vector<Job>& jobs);

/// The ledger's rows of `condition` ("WHERE …"). Throws StoreError for a state that is not known.
std::vector<LogRow> read_log_rows(MysqlConnection& connection, std::string_view condition);
/// With at most `most_output` bytes of each output; 0 = all.
std::vector<LogRow> read_log_rows(MysqlConnection& connection, std::string_view condition,
                                  std::size_t most_output);

/// Without their outputs: `output_cut` says whether there is one.
std::vector<LogRow> read_log_rows_without_output(MysqlConnection& connection,
                                                 std::string_view condition);

/// How many rows there are in `rows` ("TABLE WHERE …"), by their ids, all of which are below `end`.
IdBlocks read_blocks(MysqlConnection& connection, std::string_view rows, std::int64_t end);

/// The newest hundred, the oldest of them first.
std::vector<ClockStep> read_clock_steps(MysqlConnection& connection);

/// The time by the server's clock.
WallTime read_clock(MysqlConnection& connection);

/// For a statement under `epoch` that has found another one in table term. Throws Deposed.
[[noreturn]] void throw_deposed(MysqlConnection& connection, Epoch epoch);

/// The value of a field of table cron as a literal.
std::string literal(const MysqlConnection& connection, const JobField& field, const Job& job);

/// The term " AND …" for a condition on table cron that leaves jobs with one of these tags; "" when
/// there are none.
std::string tag_terms(const MysqlConnection& connection, const std::vector<std::string>& any_tag);

/// Those of all fields in the order of field_columns(), with commas between.
std::string field_literals(const MysqlConnection& connection, const Job& job);

}  // namespace peercron
