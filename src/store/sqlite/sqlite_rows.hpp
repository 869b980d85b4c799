#pragma once

#include "base/clock.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/store.hpp"

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

/// The statement for read_log_row().
std::string select_rows(std::string_view condition);
/// The current row. Throws StoreError for a state that is not known.
LogRow read_log_row(const SqliteStatement& row);
/// To the last row; the statement is reset.
std::vector<LogRow> read_log_rows(SqliteStatement& rows);

/// Throws StoreError.
RunState read_state(const std::string& text);

std::optional<WallTime> time_or_null(const SqliteStatement& row, int column);

std::optional<std::int64_t> millis(const std::optional<WallTime>& time);
std::optional<std::string_view> name_or_null(const std::string& name);
std::optional<std::int64_t> count_of(const std::optional<std::chrono::seconds>& window);

}  // namespace peercron
