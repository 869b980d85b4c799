#pragma once

#include "base/clock.hpp"
#include "dispatch/run_doubts.hpp"
#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <map>
#include <optional>
#include <span>
#include <string_view>

namespace peercron {

/// What becomes of runs whose node is dead, is gone, or has lost track of them: those that it
/// cannot have started go to others, and the others end as `lost`. Pure; no clock of its own. One
/// thread.
class LostRuns {
public:
    LostRuns(TermBook& book, RunLife& life) : book_(book), life_(life) {}

    /// The node's process is no more.
    /// @param since when it was dead at the latest; not set: it is gone, and may live.
    /// @param how "died", for reasons and the log.
    void bury(const NodeName& node, std::optional<WallTime> since, std::string_view how,
              Moment now);
    /// See TermRules::resolve_doubts().
    void resolve_doubts(const TermStart& found, RunDoubts::Open doubts, Moment now,
                        std::span<const RunId> to_repeat);

private:
    bool may_have_started(const TrackedRun& run, const OpenRun& row) const;
    void end_orphans(const TermStart& found, const std::map<NodeName, WallTime>& dead,
                     WallTime now);

    TermBook& book_;
    RunLife& life_;
};

}  // namespace peercron
