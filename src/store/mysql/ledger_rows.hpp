#pragma once

#include "model/run.hpp"
#include "store/doubled_run.hpp"
#include "store/ended_fires.hpp"
#include "store/mysql/mysql_connection.hpp"
#include "store/mysql/row_statements.hpp"
#include "store/mysql/statistics_rows.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace peercron {

// The statements that write table log. All are INSERT … ON DUPLICATE KEY UPDATE over many rows: a
// row that is missing is inserted, and for one that is there the statement says when it gives way.
// Measured with MariaDB 10.11, that is as fast as an UPDATE joined with a list of rows, twice as
// fast as one UPDATE per row, and twice as fast again where the ids of the rows are known.

/// New rows; one that stands as revoked is opened again, one of skipped fires goes on where there
/// are more of them now, and another one stays as it is.
std::vector<RowStatement> plan_statements(const MysqlConnection& connection,
                                          std::span<const PlannedRun> runs, Epoch epoch,
                                          const NodeName& dispatch_server);

/// Another node for rows that are still planned.
std::vector<RowStatement> move_statements(const MysqlConnection& connection,
                                          std::span<const PlannedRun> runs, Epoch epoch,
                                          const NodeName& dispatch_server);

/// A row that is there, and what it says.
struct LockedRow {
    std::int64_t id = 0;
    RunState state = RunState::planned;
    bool has_job = true;  ///< false: deleted, and its counters with it
    bool wants_notices = true;
    NodeName run_server;
    std::optional<WallTime> started_at;
    FireOrigin origin;
    std::int64_t fires = 1;
    Epoch epoch = 0;
    bool is_rehearsal = false;
};
using LockedRows = std::unordered_map<RunId, LockedRow>;

/// The rows of `reports`, locked until the transaction ends. No job is locked: a change of a job
/// delays no result.
LockedRows lock_rows(MysqlConnection& connection, std::span<const RunReport> reports);

/// The reports of runs. `running` changes only open rows. Texts are cut to what the server takes.
/// `locked`: see lock_rows().
std::vector<RowStatement> report_statements(const MysqlConnection& connection,
                                            std::span<const RunReport> reports,
                                            const LockedRows& locked, GivesWay rule);

/// Keeps the accounts that the reports, or the rows that give way to them, contradict: in the
/// transaction that locked the rows and is about to write the reports, of each run one. Returns
/// those that were not known.
std::vector<DoubledRun> keep_other_accounts(MysqlConnection& connection,
                                            std::span<const RunReport> reports,
                                            const LockedRows& locked);

/// Other accounts as they are in another database, ids included.
std::vector<RowStatement> copy_statements(const MysqlConnection& connection,
                                          std::span<const OtherAccount> accounts);

/// Rows as they are in another ledger, ids included. Texts are cut to what the server takes.
std::vector<RowStatement> copy_statements(const MysqlConnection& connection,
                                          std::span<const LogRow> log);

/// In what they are unusual.
std::vector<std::string> copied_oddities(const MysqlConnection& connection,
                                         std::span<const LogRow> log);

/// Which of `reports` make their rows final; without rehearsals.
std::vector<EndedFire> ended_fires(std::span<const RunReport> reports, const LockedRows& locked,
                                   GivesWay rule);

/// The statements that write `statistics` to table cron_counter, and count there those of `reports`
/// with which a fire has run (runs that stand for theirs, and end an open row): to be carried out
/// in the transaction that locked them all and writes the rows.
std::vector<RowStatement> counter_statements(const MysqlConnection& connection,
                                             std::span<const RunReport> reports, LockedRows locked,
                                             GivesWay rule, const LockedStatistics& statistics);

/// The statements that note the ends of runs in table notice_end, of the jobs that want notices: to
/// be carried out after those that write the rows, in the same transaction.
std::vector<std::string> notice_statements(std::span<const RunReport> reports,
                                           const LockedRows& locked, GivesWay rule);
std::vector<std::string> notice_statements(std::span<const PlannedRun> runs);

}  // namespace peercron
