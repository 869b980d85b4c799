#pragma once

#include "model/plan_step.hpp"
#include "model/run.hpp"
#include "store/doubled_run.hpp"
#include "store/ended_fires.hpp"
#include "store/sqlite/sqlite_connection.hpp"
#include "store/store.hpp"

#include <optional>
#include <vector>

namespace peercron {

// What writes the rows of table log, one by one, in a transaction of the caller.

/// The report of a run, as Store::record() says; counts the run if it has ended it. Returns what
/// was not known: another account of the run.
/// @param ended gets what the statistics need to know.
std::optional<DoubledRun> write_report(SqliteConnection& connection, const RunReport& report,
                                       GivesWay rule, std::vector<EndedFire>& ended);

/// A new row; one that stands as revoked is opened again, another one stays as it is.
/// @param ended gets a fire that is skipped.
void write_planned(SqliteConnection& connection, const PlannedRun& run, const PlanStep& step,
                   std::vector<EndedFire>& ended);

/// Another node for a row that is still planned.
void write_moved(SqliteConnection& connection, const PlannedRun& run, const PlanStep& step);

}  // namespace peercron
