#pragma once

#include "store/mysql/mysql_rows.hpp"
#include "store/notice_tables.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace peercron {

/// The tables of a MySQL database, as NoticeTables and the like use them.
class MysqlTables {
public:
    explicit MysqlTables(MysqlConnection& connection) : connection_(connection) {}

    MysqlRows query(const std::string& sql) { return connection_.query(sql); }
    std::uint64_t execute(const std::string& sql) { return connection_.execute(sql); }
    std::int64_t last_insert_id() const { return connection_.last_insert_id(); }
    std::string quote(std::string_view text) const { return connection_.quote(text); }
    /// Whether a job, a row of table cron, has the tag.
    std::string has_tag(std::string_view tag) const
    {
        return fmt::format("FIND_IN_SET({}, cron.tags)", quote(tag));
    }
    static constexpr std::string_view effective_from = effective_from_of_row;
    static constexpr std::string_view log_by_run = "log FORCE INDEX (by_run)";
    static constexpr std::string_view log_by_time = "log FORCE INDEX (by_time)";
    static std::string log_columns()
    {
        return log_excerpt_columns(fmt::format("RIGHT(output, {})", output_of_notice),
                                   "LENGTH(output)");
    }

private:
    MysqlConnection& connection_;
};

}  // namespace peercron
