#pragma once

#include <optional>
#include <span>
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
/// from its beginning. So each statement must do no harm when it was done already, or say by which
/// column that is seen.
struct MigrationStep {
    struct Column {
        std::string table;
        std::string name;
        friend bool operator==(const Column&, const Column&) = default;
    };
    std::optional<Column> unless;  ///< to be left out when this column is there
    std::string statement;         ///< without the semicolon

    friend bool operator==(const MigrationStep&, const MigrationStep&) = default;
};

/// Takes the text of a migration apart. A statement ends with a semicolon at the end of a line;
/// a line that begins with "--" is a comment, and "-- unless column TABLE.COLUMN" is a condition
/// for the statement that follows.
///
/// Throws std::invalid_argument for a condition of another form, one without a statement, or a
/// statement without its end.
std::vector<MigrationStep> split_migration(std::string_view sql);

}  // namespace peercron
