#pragma once

#include "audit/finding.hpp"
#include "audit/pause_history.hpp"
#include "model/daemon.hpp"
#include "store/store.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace peercron {

/// The audit of the starts of one daemon, by scheduled time: whether one followed when it was due
/// by model/daemon.hpp, and never while the one before it was alive. Pure.
///
/// A row may have been replaced by what a node that had been taken for lost told later. So a start
/// that came sooner than its row allows is judged only where it followed at once, and a start after
/// an end that should have been the last is not judged.
class DaemonAudit {
public:
    struct Verdict {
        FindingKind kind = FindingKind::missing;
        std::string what;
    };
    struct Tolerance {
        std::chrono::milliseconds clocks{0};  ///< by how much those of nodes may differ
        std::chrono::milliseconds settle{0};  ///< how long a start may take to have its row
    };
    /// @param from rows before it are not known.
    /// @param pauses must outlive this.
    DaemonAudit(Tolerance tolerance, WallTime from, const PauseHistory& pauses)
        : tolerance_(tolerance), from_(from), pauses_(pauses)
    {}

    /// The next row, not revoked. `job` is the definition by which it was to start, `at_end` the
    /// one that was valid when it ended, each with its effective_from; nullopt: nothing is wrong.
    std::optional<Verdict> take(const LedgerEntry& row, const Job& job, const Job& at_end);

    /// All rows up to `until` were taken, and `job` is the definition of then; nullptr: it is not
    /// to be up.
    std::optional<Verdict> finish(const Job* job, WallTime until) const;

    /// The newest row that was taken.
    const std::optional<LedgerEntry>& last() const { return last_; }
    /// When the start that finish() misses was due.
    WallTime due(const Job& job) const { return pauses_.over_from(job, course_.next(job).at); }

private:
    bool knows_what_was_before(const Job& job) const;
    std::optional<Verdict> judge(const LedgerEntry& row, const Job& job) const;

    const Tolerance tolerance_;
    const WallTime from_;
    const PauseHistory& pauses_;
    DaemonCourse course_;
    std::optional<LedgerEntry> last_;
};

}  // namespace peercron
