#include "dispatch/step_draft.hpp"

#include "model/output_to_come.hpp"

namespace peercron {

void StepDraft::add(PlannedRun row)
{
    added_.insert_or_assign(row.id, step_.runs.size());
    step_.runs.push_back(std::move(row));
}

/// nullptr: it has its row already.
PlannedRun* StepDraft::find_added(const RunId& id)
{
    const auto found = added_.find(id);
    return found == added_.end() ? nullptr : &step_.runs[found->second];
}

void StepDraft::add_gap(const RunId& first, WallTime last, std::int64_t fires, Reason why,
                        WallTime at)
{
    PlannedRun row;
    row.id = first;
    row.state = RunState::skipped;
    row.reason = std::move(why);
    row.dispatched_at = at;
    row.fires = fires;
    row.gap_end = last;
    told_.push_back({row.id, row.state, row.reason, row.fires, row.gap_end});
    step_.runs.push_back(std::move(row));
}

void StepDraft::move(const RunId& id, const NodeName& node, WallTime at,
                     std::optional<WallTime> retry_at, Reason why)
{
    if (PlannedRun* const added = find_added(id)) {
        added->run_server = node;
        added->dispatched_at = at;
        added->reason = std::move(why);
        if (retry_at) added->retry_at = retry_at;
        return;
    }
    PlannedRun row;
    row.id = id;
    row.run_server = node;
    row.dispatched_at = at;
    row.retry_at = retry_at;
    row.reason = std::move(why);
    step_.moved.push_back(std::move(row));
}

void StepDraft::end(const RunId& id, const NodeName& node, RunState state, Reason why, WallTime at,
                    bool rehearsal)
{
    if (!rehearsal) told_.push_back({id, state, why, 1, id.scheduled_at});
    if (PlannedRun* const added = find_added(id)) {
        added->state = state;
        added->reason = std::move(why);
        added_.erase(id);  // it may be planned again, with a row behind this one
        return;
    }
    RunReport row;
    row.id = id;
    row.state = state;
    row.reason = std::move(why);
    row.run_server = node;
    row.dispatch_server = self_;
    row.epoch = epoch_;
    row.ended_at = at;
    row.rehearsal = rehearsal;
    ended_.insert(id);
    step_.ended.push_back(std::move(row));
}

void StepDraft::note_told_end(RunReport end)
{
    if (!ended_.insert(end.id).second) return;
    end.output = output_to_come;
    step_.ended.push_back(std::move(end));
}

void StepDraft::add_ended(PlannedRun row)
{
    row.state = step_.ended.back().state;
    row.reason = std::move(step_.ended.back().reason);
    ended_.erase(row.id);
    step_.ended.pop_back();
    step_.runs.push_back(std::move(row));
}

PlanStep StepDraft::take(WallTime planned_through)
{
    ++number_;
    added_.clear();
    ended_.clear();
    step_.epoch = epoch_;
    step_.dispatch_server = self_;
    step_.planned_through = planned_through;
    return std::exchange(step_, {});
}

}  // namespace peercron
