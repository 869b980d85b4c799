#pragma once

#include "store/read_rows.hpp"
#include "store/sqlite/sqlite_connection.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// How the rows of our tables are read, and what in them may be NULL.

/// The statement for read_jobs().
std::string select_jobs(std::string_view condition);
/// To the last row; the statement is reset.
std::vector<Job> read_jobs(SqliteStatement& rows);

/// The statement for read_log_rows() with the same `most_output`: at most so many bytes of each
/// output; 0 = all.
std::string select_rows(std::string_view condition, std::size_t most_output = 0);
/// To the last row; the statement is reset. Throws StoreError for a state that is not known.
std::vector<LogRow> read_log_rows(SqliteStatement& rows, std::size_t most_output = 0);

/// As select_rows() and read_log_rows(), without the outputs: `output_cut` says whether there is
/// one.
std::string select_rows_without_output(std::string_view condition);
std::vector<LogRow> read_log_rows_without_output(SqliteStatement& rows);

/// A query for how many rows of a table meet a condition, by their ids, all below `end`.
std::string select_blocks(std::string_view table, std::string_view condition, std::int64_t end);
IdBlocks read_blocks(SqliteStatement& rows, std::int64_t end);

/// The statement for read_revisions().
std::string select_revisions(std::string_view condition);
/// To the last row; the statement is reset. Throws StoreError.
std::vector<Revision> read_revisions(SqliteStatement& rows);
std::optional<Revision> newest_revision(SqliteConnection& connection, JobId job);

/// Writes a revision; one without an id gets the next one.
void append(SqliteConnection& connection, const Revision& revision);

/// Writes another account; one without an id gets the next one.
void append(SqliteConnection& connection, const OtherAccount& account);

/// ended_at, use_time, exit_code, term_signal, cpu_time, max_rss, output_bytes and http_status, in
/// this order.
SqliteStatement& bind_end(SqliteStatement& statement, const RunReport& report);

/// The newest hundred, the oldest of them first.
std::vector<ClockStep> read_clock_steps(SqliteConnection& connection);

/// For a statement under `epoch` that has found another one in table term. Throws Deposed.
[[noreturn]] void throw_deposed(SqliteConnection& connection, Epoch epoch);

/// A text as a literal.
std::string text_literal(std::string_view text);

/// The term " AND …" for a condition on table cron that leaves jobs with one of these tags; "" when
/// there are none.
std::string tag_terms(const std::vector<std::string>& any_tag);

std::optional<std::int64_t> millis(const std::optional<WallTime>& time);

/// A mark for each of field_columns(): "?, ?, …".
const std::string& field_marks();
/// "cron_set = ?, command = ?, …".
const std::string& field_assignments();

/// Binds them, and then from when they count.
SqliteStatement& bind_definition(SqliteStatement& statement, const Job& job);

}  // namespace peercron
