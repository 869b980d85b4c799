#pragma once

#include "base/clock.hpp"
#include "model/run.hpp"

#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace peercron {

/// Fires that have rows and are at no node yet, because they start some time after they were due
/// (Job::jitter). They are open runs like others; here is only when they are next looked at, so
/// that one that has ended meanwhile, or has another time, may be here still. Plain memory; one
/// thread.
class DelayedRuns {
public:
    void add(WallTime start, const RunId& run) { runs_.emplace(start, run); }

    std::optional<WallTime> next_due() const
    {
        if (runs_.empty()) return std::nullopt;
        return runs_.begin()->first;
    }

    /// Takes out those that start by then.
    std::vector<RunId> take_due(WallTime until)
    {
        std::vector<RunId> due;
        while (!runs_.empty() && runs_.begin()->first <= until) {
            due.push_back(runs_.begin()->second);
            runs_.erase(runs_.begin());
        }
        return due;
    }

    std::vector<RunId> all() const
    {
        std::vector<RunId> runs;
        for (const auto& [start, run] : runs_) runs.push_back(run);
        return runs;
    }

private:
    std::set<std::pair<WallTime, RunId>> runs_;
};

}  // namespace peercron
