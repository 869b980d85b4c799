#pragma once

#include "model/job_statistics.hpp"
#include "model/notice_defaults.hpp"
#include "store/ended_fires.hpp"
#include "store/mysql/mysql_connection.hpp"
#include "store/mysql/row_statements.hpp"

#include <array>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// The ledger in short: column statistics of table cron_counter, and table run_tally.

struct LockedStatistics {
    std::map<JobId, KeptPast> kept;
    std::vector<JobId> not_kept;  ///< more than one transaction makes
};

/// Those of these jobs that exist, locked until the transaction ends; made from the ledger where
/// they were not kept.
LockedStatistics lock_statistics(MysqlConnection& connection, const NoticeDefaults& defaults,
                                 const std::set<JobId>& jobs);

/// The same of tallies; those that are missing are made.
std::map<TallyKey, RunTally> lock_tallies(MysqlConnection& connection,
                                          const std::set<TallyKey>& keys);

/// Writes tallies that are locked.
std::vector<RowStatement> tally_statements(const MysqlConnection& connection,
                                           const std::map<TallyKey, RunTally>& tallies);

/// The columns of table cron_counter that have the past in short.
inline constexpr std::array<std::string_view, 6> statistics_columns{
    "statistics", "last_state", "usual_time", "late_p99", "goal", "oddities"};
/// Their literals, with commas between.
std::string statistics_literals(const KeptPast& past);
/// Those of a job for which none are kept.
inline constexpr std::string_view no_statistics_literals = "NULL,NULL,NULL,NULL,NULL,NULL";

/// The statements that say in table unusual_run which of the fires are unusual: to be carried out
/// after those that write the rows, in the same transaction.
std::vector<std::string> oddity_statements(std::span<const EndedFire> fires);

/// The job's newest rows that are final and count, without their outputs.
std::vector<LogRow> read_newest_ends(MysqlConnection& connection, JobId job);

}  // namespace peercron
