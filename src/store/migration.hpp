#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// One file of sql/mysql/ or sql/sqlite/: a step of the schema, applied once and in order.
struct Migration {
    int number = 0;
    std::string_view name;  ///< the file's, without its suffix: "0001_reference"
    std::string_view sql;
};

/// All of them by number, from 1 without a gap; compiled in (embed_migrations.cmake).
std::span<const Migration> mysql_migrations();
std::span<const Migration> sqlite_migrations();

/// One statement of a migration.
///
/// DDL is not transactional in MySQL: a crash leaves a migration half done, and it is run again
/// from its beginning. So each statement must be harmless if it was already carried out, or name
/// the column that shows it.
struct MigrationStep {
    struct Column {
        std::string table;
        std::string name;
        std::string index = {};  ///< which has the column; "" = the table itself
        friend bool operator==(const Column&, const Column&) = default;
    };
    std::optional<Column> unless;  ///< to be left out when this column is there
    std::string statement;         ///< without the semicolon

    friend bool operator==(const MigrationStep&, const MigrationStep&) = default;
};

/// Takes the text of a migration apart. A statement ends with a semicolon at the end of a line;
/// a line that begins with "--" is a comment, and "-- unless column TABLE.COLUMN", or "-- unless
/// column TABLE.COLUMN of index INDEX", is a condition for the statement that follows.
///
/// Throws std::invalid_argument for a condition of another form, one without a statement, or a
/// statement without its end.
std::vector<MigrationStep> split_migration(std::string_view sql);

/// What a migration says that changes a table of maybe millions of rows, in a line of its own:
/// "-- alters TABLE: WHAT IS CHANGED".
struct LongChange {
    std::string table;
    std::string what;
};
std::optional<LongChange> long_change(std::string_view sql);

/// How its caller watches a migration that takes long.
struct MigrationWatch {
    /// Ends it with a StoreError as soon as the database can.
    std::stop_token stop = {};
    /// Between two lines of the log.
    std::chrono::milliseconds interval = std::chrono::seconds(10);
    /// Called when a long change, or waiting for another process's, begins, and once per interval
    /// while it goes on; maybe from another thread.
    std::function<void()> alive = [] {};
};

/// Counts the time of something that takes long, and the intervals of its lines in the log.
class Stopwatch {
public:
    explicit Stopwatch(const MigrationWatch& watch) : watch_(watch) { watch_.alive(); }

    /// True once for each interval.
    bool rings();
    std::chrono::seconds elapsed() const;

private:
    const MigrationWatch& watch_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point last_ = begin_;
};

/// The lines of the log about one long change.
class ChangeNews {
public:
    /// @param rows of the table, about.
    ChangeNews(const LongChange& change, std::int64_t rows, const MigrationWatch& watch);

    /// Says how long it has taken, and `more`, if it is time for that.
    void tell(const std::function<std::string()>& more);
    /// It is done, and committed.
    void end() const;

private:
    std::string table_;
    Stopwatch stopwatch_;
};

}  // namespace peercron
