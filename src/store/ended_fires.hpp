#pragma once

#include "base/clock.hpp"
#include "model/job_statistics.hpp"
#include "model/run.hpp"
#include "store/doubled_run.hpp"

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

// What a transaction adds to the statistics. The same for every database.

/// A row of the ledger that becomes final.
struct EndedFire {
    JobId job = 0;
    NodeName run_server;
    EndedRun run;
};

/// What the report makes of its row, which says `before` until now; nullopt: nothing that counts.
/// @param retry_at of the row, see PlannedRun.
std::optional<EndedFire> ended_fire(const RunReport& report, RunState before, GivesWay rule,
                                    std::optional<WallTime> retry_at = {});

/// A fire that is skipped as soon as it is planned; nullopt: it is not.
std::optional<EndedFire> ended_fire(const PlannedRun& run);

/// What a row of skipped fires that goes on adds to the `before` that it stood for; nullopt:
/// nothing, the step was stored before.
std::optional<EndedFire> grown_fires(const PlannedRun& run, std::int64_t before);

/// A final row, as it stands there.
std::optional<EndedFire> ended_fire(const LogRow& row);

/// Made from a job's rows, newest first.
JobStatistics statistics_of(std::span<const LogRow> rows);

/// How many of a job's newest rows that takes.
inline constexpr std::size_t rows_of_statistics = 100;

/// How many rows one transaction reads for that. Where the statistics of all jobs are to be made,
/// which is so after some upgrades, the first step would hold up planning for long. The turn of the
/// other jobs comes when they end again.
inline constexpr std::size_t rows_of_statistics_at_once = 5000;

/// A row of table run_tally.
struct TallyKey {
    std::chrono::sys_seconds at{};
    NodeName run_server;

    friend auto operator<=>(const TallyKey&, const TallyKey&) = default;
};

// By what they lock, so that two transactions lock the same rows in the same order.
std::set<JobId> jobs_of(std::span<const EndedFire> fires);
std::set<TallyKey> tallies_of(std::span<const EndedFire> fires);

/// Adds the fires; what is not in the maps is left out (a deleted job).
void add(std::span<const EndedFire> fires, std::map<JobId, JobStatistics>& statistics,
         std::map<TallyKey, RunTally>& tallies);

/// What table cron_counter says of them.
struct StatisticsColumns {
    std::string statistics;
    std::optional<std::string_view> last_state;
    std::optional<std::int64_t> usual_time;
    std::optional<std::int64_t> late_p99;
};
StatisticsColumns columns_of(const JobStatistics& statistics);

}  // namespace peercron
