#pragma once

#include "store/migration.hpp"
#include "store/mysql/mysql_connection.hpp"

#include <string>
#include <vector>

namespace peercron {

/// Brings the database to the form this program needs: creates it when it is missing, and applies
/// the migrations that are not in its table schema_migration yet. Returns their names.
///
/// Several nodes may do so at once: one does it, the others wait for it, and say so. Run again
/// after a crash in its middle, it completes. settings.timeout does not count here: a table of
/// millions of rows may be copied.
///
/// Throws StoreError when the database does not answer, does not permit it, or is newer than this
/// program, and when `watch` tells it to stop: then the server ends the statement that it works on,
/// and undoes it.
std::vector<std::string> migrate(const MysqlSettings& settings, const MigrationWatch& watch = {});

/// Carries out one step, unless its condition says that it is done. A step that the server refuses
/// because others write meanwhile is carried out again while they wait.
void apply(MysqlConnection& connection, const MigrationStep& step);

}  // namespace peercron
