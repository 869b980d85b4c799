#pragma once

#include "base/clock.hpp"
#include "model/distribution.hpp"
#include "model/run.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

struct LedgerEntry;

/// What is wrong between the fires that were due and the ledger.
enum class FindingKind : std::uint8_t {
    missing,      ///< a fire was due and has no row
    extra,        ///< a row that no schedule of its job asked for
    doubled,      ///< a fire that may start once was started twice, or has two rows
    late,         ///< started later than the bound
    never_ended,  ///< a row that should have its final state by now
    missed,       ///< did not run for a reason that its owner did not ask for (model/missed.hpp)
    clock_ahead,  ///< fires were planned by a clock that was ahead, and not when they were due
};

inline constexpr std::array<std::string_view, 7> finding_names{
    "missing", "extra", "doubled", "late", "never_ended", "missed", "clock_ahead"};

constexpr std::string_view to_string(FindingKind kind)
{
    return finding_names[static_cast<std::size_t>(kind)];
}

/// One thing that is wrong. Missing fires that follow on one another are one finding.
struct Finding {
    FindingKind kind = FindingKind::missing;
    RunId run;                      ///< of missing fires the first; job 0: of no one job
    WallTime until{};               ///< the last of them, or of a row; otherwise run.scheduled_at
    std::int64_t fires = 1;         ///< how many
    std::optional<RunState> state;  ///< of the row, if there is one
    std::optional<WallTime> started_at;
    std::string what;  ///< in words: "started 4.2 s late"

    friend bool operator==(const Finding&, const Finding&) = default;
};

/// One about that run.
/// @param row the run's; nullptr: it has none.
Finding finding_of(FindingKind kind, const RunId& run, const LedgerEntry* row, std::string what);

/// "job 12 at 2026-11-21T00:00:00Z: missing: no row", for a log.
std::string to_string(const Finding& finding);

/// "2026-11-21T00:00:00Z".
std::string time_text(WallTime time);

/// From the first moment on and before the second.
struct AuditRange {
    WallTime from{};
    WallTime to{};

    friend bool operator==(const AuditRange&, const AuditRange&) = default;
};

/// The result of an audit.
struct AuditReport {
    AuditRange asked;
    AuditRange judged;  ///< as much of it as the ledger covers; empty when from >= to
    std::optional<WallTime> planned_through;  ///< as TermStart has it
    /// No node has planned since planned_through although the requested time is longer: fires due
    /// after it are not in the ledger yet.
    bool unplanned = false;

    std::int64_t jobs = 0;          ///< judged
    std::int64_t unknown_jobs = 0;  ///< have rows, but no history that says what was due
    std::int64_t due = 0;           ///< fires that were due, the missing ones too
    std::int64_t rows = 0;
    std::int64_t requested = 0;   ///< rows of runs that somebody asked for by hand
    std::int64_t rehearsals = 0;  ///< those of them that were rehearsals: their ends count nowhere

    std::array<std::int64_t, finding_names.size()> found{};  ///< fires, by FindingKind

    // What cannot be judged: of unknown jobs, around a change of the job, at its limit of runs.
    std::int64_t unjudged_fires = 0;
    std::int64_t unjudged_rows = 0;

    /// By how much fires of schedules, and their further attempts, started after their time, in ms.
    Distribution lateness = Distribution();

    /// How many fires ended (or stand) so, by state and cause: why fires did not run.
    std::map<std::pair<RunState, Cause>, std::int64_t> outcomes;

    std::int64_t found_of(FindingKind kind) const { return found[static_cast<std::size_t>(kind)]; }

    /// Nothing is wrong in the time that was judged, and all of the time asked for is planned.
    bool clean() const;

    friend bool operator==(const AuditReport&, const AuditReport&) = default;
};

}  // namespace peercron
