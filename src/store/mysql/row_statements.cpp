#include "store/mysql/row_statements.hpp"

#include <utility>

namespace peercron {

RowStatements::RowStatements(const MysqlConnection& connection, std::string_view head,
                             std::string_view tail)
    : head_(head), tail_(tail), limit_(connection.good_statement())
{}

void RowStatements::add(std::string_view row)
{
    const std::size_t length = current_.sql.size() + row.size() + tail_.size() + 1;
    if (current_.rows > 0 && length > limit_) finish();
    current_.sql += current_.rows == 0 ? head_ : ",";
    current_.sql += row;
    ++current_.rows;
}

std::vector<RowStatement> RowStatements::take()
{
    if (current_.rows > 0) finish();
    return std::move(done_);
}

void RowStatements::finish()
{
    current_.sql += tail_;
    done_.push_back(std::exchange(current_, {}));
}

std::vector<std::string> texts(std::vector<RowStatement> statements)
{
    std::vector<std::string> sql;
    for (RowStatement& statement : statements) sql.push_back(std::move(statement.sql));
    return sql;
}

std::string nullable(std::optional<int> value)
{
    return value ? std::to_string(*value) : "NULL";
}

std::string nullable(std::optional<WallTime> value)
{
    return value ? std::to_string(to_unix_millis(*value)) : "NULL";
}

}  // namespace peercron
