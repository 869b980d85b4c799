#pragma once

#include "store/sqlite/sqlite_settings.hpp"

#include <string>
#include <vector>

namespace peercron {

/// Makes the database if it is missing, and brings its tables to this version; returns the names of
/// the migrations that were applied. Each is one transaction: a crash leaves none half done.
///
/// Throws StoreError, also when the database is newer than this program or is no database.
std::vector<std::string> migrate(const SqliteSettings& settings);

}  // namespace peercron
