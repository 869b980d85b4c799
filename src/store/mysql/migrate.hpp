#pragma once

#include "store/migration.hpp"
#include "store/mysql/mysql_connection.hpp"

#include <string>
#include <vector>

namespace peercron {

/// Brings the database to the form this program needs: creates it when it is missing, and applies
/// the migrations that are not in its table schema_migration yet. Returns their names.
///
/// Several nodes may do so at once: one does it, the others wait for it, for up to an hour. Run
/// again after a crash in its middle, it completes. settings.timeout does not count here: a table
/// of millions of rows is copied.
///
/// Throws StoreError when the database does not answer, does not permit it, or is newer than this
/// program.
std::vector<std::string> migrate(const MysqlSettings& settings);

/// Carries out one step, unless its condition says that it is done.
void apply(MysqlConnection& connection, const MigrationStep& step);

}  // namespace peercron
