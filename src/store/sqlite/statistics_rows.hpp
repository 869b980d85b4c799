#pragma once

#include "model/notice_defaults.hpp"
#include "store/ended_fires.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/store.hpp"

#include <span>
#include <vector>

namespace peercron {

// The ledger in short: column statistics of table cron_counter, and table run_tally.

/// Adds them, in the caller's transaction, to the statistics of the jobs that exist, and says in
/// table unusual_run which of them are unusual.
void add_to_statistics(SqliteConnection& connection, const NoticeDefaults& defaults,
                       std::span<EndedFire> fires);

/// The job's newest rows that are final and count, without their outputs.
std::vector<LogRow> read_newest_ends(SqliteConnection& connection, JobId job);

}  // namespace peercron
