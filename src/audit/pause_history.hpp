#pragma once

#include "base/clock.hpp"
#include "model/pause.hpp"

#include <chrono>
#include <utility>
#include <vector>

namespace peercron {

/// The pauses that there were, as an audit looks at them. Pure.
class PauseHistory {
public:
    PauseHistory() = default;
    explicit PauseHistory(std::vector<Pause> pauses) : pauses_(std::move(pauses)) {}

    /// Whether the job, as it was then, was paused at `time`, or within `near` of it.
    bool may_cover(const Job& job, WallTime time, std::chrono::milliseconds near) const;
    /// The pause in which `time` is, and longer than `inside` after its beginning and before its
    /// end; nullptr: none.
    const Pause* find(const Job& job, WallTime time, std::chrono::milliseconds inside) const;
    /// From when on, at or after `time`, the job was not paused; WallTime::max(): it still is.
    WallTime over_from(const Job& job, WallTime time) const;

private:
    std::vector<Pause> pauses_;
};

}  // namespace peercron
