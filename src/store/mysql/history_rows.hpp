#pragma once

#include "model/revision.hpp"
#include "store/mysql/mysql_connection.hpp"
#include "store/mysql/row_statements.hpp"

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

namespace peercron {

/// New rows of table cron_revision; a revision without an id gets the next one.
std::vector<RowStatement> history_statements(const MysqlConnection& connection,
                                             std::span<const Revision> revisions);

/// The revisions of `condition` ("WHERE …").
std::vector<Revision> read_revisions(MysqlConnection& connection, std::string_view condition);

/// The rows of these jobs. Adds the revisions that their histories lack to `missing`.
/// @param now when a job that is gone is taken to be deleted.
std::map<JobId, Job> read_and_note(MysqlConnection& connection, const std::set<JobId>& ids,
                                   WallTime now, std::vector<Revision>& missing);

/// The same, and the rows are locked until the transaction ends.
std::map<JobId, Job> lock_and_note(MysqlConnection& connection, const std::set<JobId>& ids,
                                   WallTime now, std::vector<Revision>& missing);
std::optional<Job> lock_and_note(MysqlConnection& connection, JobId id, WallTime now,
                                 std::vector<Revision>& missing);

}  // namespace peercron
