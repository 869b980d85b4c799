#include "store/migration.hpp"

#include <stdexcept>
#include <utility>

namespace peercron {
namespace {

constexpr std::string_view condition_mark = "-- unless ";

std::string_view without_trailing_space(std::string_view line)
{
    const auto last = line.find_last_not_of(" \t\r");
    return last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
}

MigrationStep::Column parse_condition(std::string_view line)
{
    constexpr std::string_view kind = "column ";
    std::string_view text = line.substr(condition_mark.size());
    const auto dot = text.find('.');
    if (!text.starts_with(kind) || dot == std::string_view::npos || dot + 1 == text.size()) {
        throw std::invalid_argument("a condition reads \"-- unless column TABLE.COLUMN\", not: " +
                                    std::string(line));
    }
    return {std::string(text.substr(kind.size(), dot - kind.size())),
            std::string(text.substr(dot + 1))};
}

}  // namespace

std::vector<MigrationStep> split_migration(std::string_view sql)
{
    std::vector<MigrationStep> steps;
    MigrationStep step;
    while (!sql.empty()) {
        const auto end = sql.find('\n');
        const std::string_view line = without_trailing_space(sql.substr(0, end));
        sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 1);

        if (line.starts_with(condition_mark)) {
            step.unless = parse_condition(line);
        } else if (line.ends_with(';') && !line.starts_with("--")) {
            step.statement += line.substr(0, line.size() - 1);
            steps.push_back(std::exchange(step, {}));
        } else if (!line.empty() && !line.starts_with("--")) {
            step.statement += line;
            step.statement += '\n';
        }
    }
    if (step.unless || !step.statement.empty()) {
        throw std::invalid_argument("the last statement has no end: " + step.statement);
    }
    return steps;
}

}  // namespace peercron
