#pragma once

#include "model/job.hpp"
#include "model/run.hpp"
#include "notify/job_watch.hpp"

#include <cstdint>

namespace peercron {

// Pure: what ends of runs mean for notices.

/// What the end of a run says about its job.
enum class RunVerdict : std::uint8_t { nothing, good, bad, missed };

/// Of a run that is its whole fire, or of one part by itself. Nothing, while a further attempt
/// follows.
RunVerdict run_verdict(const Job& job, const RunReport& run);

/// What the end of one of several parts says about its fire.
struct PartEnd {
    WatchedFire* fire = nullptr;  ///< nullptr: it is not kept any more, or the part goes on
    bool is_news = false;         ///< the part had not ended so before
    bool is_last = false;         ///< no part is under way
    RunVerdict says = RunVerdict::nothing;
};

/// Notes how a part ended, whose own verdict is `of_run`. A fire says how it ended as soon as
/// outcome_of_fire() knows, and again when that gets worse, or when all parts are good after all.
PartEnd note_part(WatchedJob& watched, const Job& job, const RunReport& run, RunVerdict of_run);

/// Keeps no more fires of several parts than are needed: the oldest are forgotten, those first that
/// are good.
void forget_fires(WatchedJob& watched);

}  // namespace peercron
