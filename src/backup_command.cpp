#include "backup_command.hpp"

#include "base/counted.hpp"
#include "store/sqlite/sqlite_backup.hpp"
#include "store/store.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <iostream>
#include <string>
#include <string_view>

namespace peercron {
namespace {

/// The database of a node that is alone.
SqliteSettings database_of(const Config& config, std::string_view doing, std::string_view instead)
{
    if (config.mode == Config::Mode::solo) {
        return {std::filesystem::path(config.data_dir) / "peercron.db"};
    }
    throw StoreError(fmt::format(
        "cannot {}: the data of a cluster is in MySQL, database {} at {}:{}, which has "
        "its own tools for that. {}; docs/install.md, \"Back up and restore\", has the steps",
        doing, config.mysql.database, config.mysql.host, config.mysql.port, instead));
}

std::string size_text(std::uintmax_t bytes)
{
    constexpr double kilo = 1000;
    const auto size = static_cast<double>(bytes);
    if (size < kilo * kilo) return fmt::format("{:.0f} kB", size / kilo);
    if (size < kilo * kilo * kilo) return fmt::format("{:.1f} MB", size / kilo / kilo);
    return fmt::format("{:.1f} GB", size / kilo / kilo / kilo);
}

std::string contents_text(const BackupContents& contents)
{
    return fmt::format("{}, {}, {} of the ledger", size_text(contents.bytes),
                       counted(contents.jobs, "job"), counted(contents.rows, "row"));
}

}  // namespace

int back_up_database(const Config& config, const std::filesystem::path& file, bool force)
{
    const SqliteSettings database = database_of(
        config, "back up",
        fmt::format("mysqldump --single-transaction {} makes a backup", config.mysql.database));
    const BackupContents contents =
        back_up(database, file, force ? Existing::is_replaced : Existing::is_an_error);
    std::cout << fmt::format("{} backed up into {}: {}\n", database.path.string(), file.string(),
                             contents_text(contents));
    return 0;
}

int restore_database(const Config& config, const std::filesystem::path& file)
{
    const SqliteSettings database =
        database_of(config, "restore", "Stop all nodes, then let the mysql client read the dump");
    const Restored restored =
        restore(database, file,
                std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now()));
    std::cout << fmt::format("{} restored from {}: {}\n", database.path.string(), file.string(),
                             contents_text(restored.contents));
    if (!restored.kept.empty()) {
        std::cout << fmt::format("the old database is kept as {}\n", restored.kept.string());
    }
    if (restored.contents.planned_through) {
        const auto through =
            std::chrono::floor<std::chrono::seconds>(*restored.contents.planned_through);
        std::cout << fmt::format(
            "its plan ends at {:%Y-%m-%dT%H:%M:%SZ}: fires that were due since then count as "
            "missed at the next start, and follow each job's misfire policy\n",
            fmt::gmtime(std::chrono::system_clock::to_time_t(through)));
    }
    return 0;
}

}  // namespace peercron
