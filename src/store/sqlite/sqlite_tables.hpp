#pragma once

#include "store/notice_tables.hpp"
#include "store/sqlite/sqlite_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace peercron {

/// What NoticeTables and PauseTables ask of a connection.
class SqliteTables {
public:
    explicit SqliteTables(SqliteConnection& connection) : connection_(connection) {}

    SqliteStatement query(const std::string& sql) { return connection_.prepare(sql); }
    std::int64_t execute(const std::string& sql) { return connection_.prepare(sql).execute(); }
    std::int64_t last_insert_id() const { return connection_.last_insert_id(); }
    /// Source: https://www.sqlite.org/lang_expr.html, literal values. What stands behind a NUL
    /// would be lost.
    static std::string quote(std::string_view text)
    {
        std::string literal = "'";
        for (const char c : text) {
            if (c == '\0') continue;
            if (c == '\'') literal += c;
            literal += c;
        }
        return literal + "'";
    }
    static constexpr std::string_view log_by_run = "log INDEXED BY log_by_run";
    static constexpr std::string_view log_by_time = "log INDEXED BY log_by_time";
    static std::string log_columns()
    {
        return log_excerpt_columns(fmt::format("substr(output, -{})", output_of_notice),
                                   "length(CAST(output AS BLOB))");
    }

private:
    SqliteConnection& connection_;
};

}  // namespace peercron
