#pragma once

#include "base/clock.hpp"
#include "model/goal_record.hpp"
#include "model/job_statistics.hpp"
#include "model/notice_defaults.hpp"
#include "model/run.hpp"
#include "model/unusual.hpp"
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

/// A row of the ledger that becomes final, and that is no rehearsal's.
struct EndedFire {
    JobId job = 0;
    NodeName run_server;
    EndedRun run;
    Oddities oddities;  ///< found by add()
};

/// What is kept of the past of a job in table cron_counter, and what the job says about that.
struct KeptPast {
    JobStatistics statistics;
    GoalRecord goal;
    Oddities oddities;                       ///< of the run that ended last
    std::chrono::milliseconds late_goal{0};  ///< as run_limits() has it; so is the next one
    std::chrono::seconds slow_after{0};
    bool is_daemon = false;
    /// The statistics were made from the ledger just now, which has the fires that come already.
    bool is_made = false;
};

/// The columns of read_kept_past(), of table cron_counter.
inline constexpr std::string_view kept_past_columns = "statistics, goal, oddities";

/// From column `first` of a row on; without what the job says. nullopt: no statistics are kept.
template <class Row>
std::optional<KeptPast> read_kept_past(const Row& row, int first)
{
    auto statistics = JobStatistics::parse(row.text(first));
    if (!statistics) return std::nullopt;
    KeptPast past;
    past.statistics = *std::move(statistics);
    past.goal = GoalRecord::parse(row.text(first + 1));
    past.oddities = parse_oddities(row.text(first + 2));
    return past;
}

/// Sets what the job says, and what it inherits.
/// @param tags as column cron.tags has them.
void set_job_rules(KeptPast& past, const NoticeDefaults& defaults, const RunLimits& own,
                   bool is_daemon, std::string_view tags);

/// What only its row says of a run.
struct FireOrigin {
    std::optional<WallTime> retry_at;  ///< see PlannedRun
    bool of_backfill = false;
};

/// What the report makes of its row, which says `before` until now; nullopt: nothing that counts.
std::optional<EndedFire> ended_fire(const RunReport& report, RunState before, GivesWay rule,
                                    const FireOrigin& origin = {});

/// A fire that is skipped as soon as it is planned; nullopt: it is not.
std::optional<EndedFire> ended_fire(const PlannedRun& run);

/// What a row of skipped fires that goes on adds to the `before` that it stood for; nullopt:
/// nothing, the step was stored before.
std::optional<EndedFire> grown_fires(const PlannedRun& run, std::int64_t before);

/// A final row, as it stands there; nullopt for a rehearsal's, too.
std::optional<EndedFire> ended_fire(const LogRow& row);

/// Made from a job's rows, newest first.
JobStatistics statistics_of(std::span<const LogRow> rows);

/// How many of a job's newest rows that takes, unless its fires have many parts.
inline constexpr std::size_t rows_of_statistics = 100;

/// How many it takes of a job of which these are the newest rows: some whole fires, at least.
std::size_t rows_for_statistics(std::span<const LogRow> newest);

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

/// Adds the fires, and says of each in what it is unusual; what is not in the maps is left out (a
/// deleted job).
void add(std::span<EndedFire> fires, std::map<JobId, KeptPast>& pasts,
         std::map<TallyKey, RunTally>& tallies);

/// What table cron_counter says of them.
struct StatisticsColumns {
    std::string statistics;
    std::optional<std::string_view> last_state;
    std::optional<std::int64_t> usual_time;
    std::optional<std::int64_t> late_p99;
    std::optional<std::string> goal;
    std::optional<std::string> oddities;
};
StatisticsColumns columns_of(const KeptPast& past);

}  // namespace peercron
