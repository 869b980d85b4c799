#pragma once

#include "base/clock.hpp"
#include "store/mysql/mysql_connection.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// A statement with several rows.
struct RowStatement {
    std::string sql;
    std::size_t rows = 0;
};

/// Combines rows into statements of a good length; a longer row gets a statement of its own.
class RowStatements {
public:
    /// `head` comes before the rows ("INSERT … VALUES "), `tail` after them; both outlive this.
    RowStatements(const MysqlConnection& connection, std::string_view head, std::string_view tail);

    /// Adds a row: "(…)".
    void add(std::string_view row);

    std::vector<RowStatement> take();

private:
    void finish();

    std::string_view head_;
    std::string_view tail_;
    std::size_t limit_;
    RowStatement current_;
    std::vector<RowStatement> done_;
};

/// The statements alone.
std::vector<std::string> texts(std::vector<RowStatement> statements);

// Literals: a number or NULL.
std::string nullable(std::optional<int> value);
std::string nullable(std::optional<WallTime> value);

}  // namespace peercron
