#include "dispatch/required_fires.hpp"

#include <algorithm>
#include <utility>

namespace peercron {

void RequiredFires::plan(Moment now)
{
    for (Requirements::Decided& decided : book_.requirements.take_decided()) {
        const auto run = book_.runs.find(decided.fire);
        if (run == book_.runs.end() || run->second.requirement != Requirement::waits) continue;
        if (decided.verdict.answer == RequiredAnswer::skipped) {
            life_.end_here(run, RunState::skipped, std::move(decided.verdict.why), now.wall);
        } else {
            let_go(run, decided, now);
        }
    }
}

/// One that had to wait is not late by that.
void RequiredFires::let_go(RunLife::Place run, const Requirements::Decided& decided, Moment now)
{
    TrackedRun& state = run->second;
    state.requirement = Requirement::met;
    if (decided.verdict.ready > decided.times.due) {
        state.retry_at = std::max(std::min(now.wall, decided.times.end), decided.times.due);
        book_.writer.set_times(state.order, now.wall, state.retry_at);
    }
    book_.unplaced.insert(run->first);
}

}  // namespace peercron
