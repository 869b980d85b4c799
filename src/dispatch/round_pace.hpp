#pragma once

#include "base/clock.hpp"
#include "base/shared_pause.hpp"
#include "dispatch/dispatch_settings.hpp"

#include <algorithm>
#include <chrono>

namespace peercron {

// When the dispatch loop does something though nothing has happened.

/// The longest time between two rounds.
inline SteadyTime::duration longest_round_pause(const DispatchSettings& settings)
{
    return settings.lookahead / 4;
}

/// The same while a node that is alone is at rest (TermRules::is_at_rest()) until that is over.
/// What happens meanwhile wakes it.
inline SteadyTime::duration longest_rest(const DispatchSettings& settings)
{
    using std::chrono::milliseconds;
    const SteadyTime::duration usual = longest_round_pause(settings);
    if (!settings.is_alone) return usual;
    constexpr milliseconds most{1000};
    const SteadyTime::duration rest =
        std::min({most, settings.longest_plan_pause / 2, settings.silence_limit / 3});
    return std::max(usual, rest);
}

/// And between two of its beats: a node that has not heard of its dispatcher for silence_limit gets
/// no runs.
inline SteadyTime::duration longest_beat_rest(const DispatchSettings& settings)
{
    return std::min<SteadyTime::duration>(longest_rest(settings), settings.silence_limit / 3);
}

/// Whether a round commits a step that only moves planned-through, so long after the last commit.
/// The rounds of a node that is alone come at shared moments, and what was sent a little after one
/// of them is not a whole pause old at another one: it would be older than that at the next.
inline bool is_commit_due(const DispatchSettings& settings, SteadyTime::duration since_commit)
{
    const SteadyTime::duration early =
        settings.is_alone ? shared_moments_apart / 2 : SteadyTime::duration::zero();
    return since_commit >= settings.longest_plan_pause - early;
}

}  // namespace peercron
