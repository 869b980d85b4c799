#include "store/migration.hpp"

#include <spdlog/spdlog.h>

#include <stdexcept>
#include <utility>

namespace peercron {
namespace {

constexpr std::string_view condition_mark = "-- unless ";
constexpr std::string_view change_mark = "-- alters ";

std::string_view without_trailing_space(std::string_view line)
{
    const auto last = line.find_last_not_of(" \t\r");
    return last == std::string_view::npos ? std::string_view() : line.substr(0, last + 1);
}

MigrationStep::Column parse_condition(std::string_view line)
{
    constexpr std::string_view kind = "column ";
    constexpr std::string_view of_index = " of index ";
    std::string_view text = line.substr(condition_mark.size());
    const auto dot = text.find('.');
    if (!text.starts_with(kind) || dot == std::string_view::npos || dot + 1 == text.size()) {
        throw std::invalid_argument(
            "a condition reads \"-- unless column TABLE.COLUMN [of index INDEX]\", not: " +
            std::string(line));
    }
    MigrationStep::Column column;
    column.table = text.substr(kind.size(), dot - kind.size());
    column.name = text.substr(dot + 1);
    if (const auto index = column.name.find(of_index); index != std::string::npos) {
        column.index = column.name.substr(index + of_index.size());
        column.name.resize(index);
    }
    return column;
}

/// 5000000 as "5,000,000".
std::string with_commas(std::int64_t number)
{
    std::string text = std::to_string(number);
    for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
    return text;
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

std::optional<LongChange> long_change(std::string_view sql)
{
    const auto begin = sql.find(change_mark);
    if (begin == std::string_view::npos) return std::nullopt;
    const std::string_view line =
        without_trailing_space(sql.substr(begin, sql.find('\n', begin) - begin));
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) {
        throw std::invalid_argument("a long change reads \"-- alters TABLE: WHAT\", not: " +
                                    std::string(line));
    }
    return LongChange{std::string(line.substr(change_mark.size(), colon - change_mark.size())),
                      std::string(line.substr(colon + 2))};
}

bool Stopwatch::rings()
{
    const auto now = std::chrono::steady_clock::now();
    if (now < last_ + watch_.interval) return false;
    last_ = now;
    watch_.alive();
    return true;
}

std::chrono::seconds Stopwatch::elapsed() const
{
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                            begin_);
}

ChangeNews::ChangeNews(const LongChange& change, std::int64_t rows, const MigrationWatch& watch)
    : table_(change.table), stopwatch_(watch)
{
    spdlog::info(
        "store: altering table {}, about {} rows: {}; this is done once and can take minutes",
        table_, with_commas(rows), change.what);
}

void ChangeNews::tell(const std::function<std::string()>& more)
{
    if (!stopwatch_.rings()) return;
    spdlog::info("store: altering table {} for {} s{}", table_, stopwatch_.elapsed().count(),
                 more());
}

void ChangeNews::end() const
{
    spdlog::info("store: table {} is altered; it took {} s", table_, stopwatch_.elapsed().count());
}

}  // namespace peercron
