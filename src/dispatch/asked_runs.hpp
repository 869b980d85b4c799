#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <optional>
#include <string>

namespace peercron {

/// The runs that people ask for, beside what schedules say. Their rows are in the next step. Pure;
/// no clock of its own. One thread.
class AskedRuns {
public:
    AskedRuns(TermBook& book, RunLife& life) : book_(book), life_(life) {}

    /// Plans a run of the job for now, whatever its schedule, window and stop flag say; its mutex
    /// counts. Where fires have several parts it is all of them, and the first is returned. A
    /// daemon is only started when it is down, and could be up. A rehearsal needs nodes that all
    /// know what that is. The error: why not.
    Result<RunId> run_now(JobId job, std::string requested_by, Moment now);
    /// Tries a fire again now: the attempt that waits for its time, or, if none does, the one after
    /// `newest`, whatever the job's retries say. The error: why not.
    /// @param newest the row of the fire's newest attempt, as the store has just said.
    Result<RunId> retry_now(const LogRow& newest, std::string requested_by, Moment now);
    /// Runs a fire of the past, as its next attempt, whatever became of it; its first one if it has
    /// no row. Not while it, or as many runs of its job as there may be, are under way. The error:
    /// why not now.
    /// @param newest the row of the fire's newest attempt, as the store has just said.
    Result<RunId> run_again(const RunId& fire, const std::optional<LogRow>& newest,
                            std::string requested_by, Moment now);

private:
    std::optional<std::string> why_no_rehearsal(const PlannedJob& planned) const;

    TermBook& book_;
    RunLife& life_;
};

}  // namespace peercron
