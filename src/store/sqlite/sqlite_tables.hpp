#pragma once

#include "store/notice_tables.hpp"
#include "store/sqlite/sqlite_rows.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace peercron {

/// The tables of a SQLite database, as NoticeTables and the like use them.
class SqliteTables {
public:
    explicit SqliteTables(SqliteConnection& connection) : connection_(connection) {}

    SqliteStatement query(const std::string& sql) { return connection_.prepare(sql); }
    std::int64_t execute(const std::string& sql) { return connection_.prepare(sql).execute(); }
    std::int64_t last_insert_id() const { return connection_.last_insert_id(); }
    static std::string quote(std::string_view text) { return text_literal(text); }
    /// Whether a job, a row of table cron, has the tag.
    static std::string has_tag(std::string_view tag)
    {
        return fmt::format("INSTR(',' || cron.tags || ',', {}) > 0",
                           quote(fmt::format(",{},", tag)));
    }
    static constexpr std::string_view effective_from = "cron.effective_from";
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
