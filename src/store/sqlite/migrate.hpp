#pragma once

#include "store/migration.hpp"
#include "store/sqlite/sqlite_settings.hpp"

#include <string>
#include <vector>

namespace peercron {

/// Makes the database if it is missing, and brings its tables to this version; returns the names of
/// the migrations that were applied. All of them are one transaction: a crash, a full disk or
/// watch.stop leaves the database as it was.
///
/// Meanwhile the new index of a large table needs room in the write-ahead log, and where SQLite
/// sorts (https://www.sqlite.org/tempfiles.html, 5).
///
/// Throws StoreError, also when the database is newer than this program or is no database.
std::vector<std::string> migrate(const SqliteSettings& settings, const MigrationWatch& watch = {});

}  // namespace peercron
