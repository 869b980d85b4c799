#pragma once

#include "model/revision.hpp"
#include "store/mysql/mysql_connection.hpp"
#include "store/mysql/row_statements.hpp"

#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace peercron {

/// New rows of table cron_revision; a revision without an id gets the next one.
std::vector<RowStatement> history_statements(const MysqlConnection& connection,
                                             std::span<const Revision> revisions);

/// The revisions of `condition` ("WHERE …").
std::vector<Revision> read_revisions(MysqlConnection& connection, std::string_view condition);

/// The newest revision of each of these jobs that has any.
std::map<JobId, Revision> newest_revisions(MysqlConnection& connection, std::span<const JobId> ids);

/// Locks the row of a job until the transaction ends, and returns it. Adds the revision that its
/// history lacks, if any, to `missing`.
/// @param now when a job that is gone is taken to be deleted.
std::optional<Job> lock_and_note(MysqlConnection& connection, JobId id, WallTime now,
                                 std::vector<Revision>& missing);

}  // namespace peercron
