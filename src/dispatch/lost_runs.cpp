#include "dispatch/lost_runs.hpp"

#include "model/run_request.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>

namespace peercron {

using namespace std::chrono_literals;

void LostRuns::bury(const NodeName& node, std::optional<WallTime> since, std::string_view how,
                    Moment now)
{
    // The node's clock may be ahead of ours, so that it started a run "after" it died.
    const auto ahead = book_.nodes.most_ahead(node);
    if (book_.nodes.give_up(node)) {
        book_.doubts.node_died(node, since.value_or(now.wall) + ahead);
    }
    const auto dead_for = std::clamp<std::chrono::milliseconds>(
        now.wall - since.value_or(now.wall - orphan_time), 0ms, orphan_time);
    std::size_t lost = 0;
    std::size_t moved = 0;
    for (const RunId& id : book_.runs.of_node(node)) {
        const auto run = book_.runs.find(id);
        const bool unsent = run->second.phase == RunPhase::placed;
        const bool not_due = since && run->second.phase == RunPhase::handed &&
                             !run->second.running_in_store &&
                             run->second.start_from > *since + ahead;
        if (unsent || not_due) {
            // An earlier dispatcher may have seen it die, and ended there what had started.
            if (run->second.row_step == 0) book_.placement.note_unknown_orphan(run->second);
            life_.release(run);
            ++moved;
            continue;
        }
        const Reason why =
            since ? Reason{Cause::node_died, fmt::format("{} {}", node, how)}
                  : Reason{Cause::node_died,
                           fmt::format("{} {} and cannot be asked how the run ended", node, how)};
        book_.placement.note_orphan(run->second, now.steady + (orphan_time - dead_for));
        // It may stand still, with the order in the buffer of a connection that is there yet.
        const bool may_come_back = !since && run->second.phase == RunPhase::handed;
        if (may_come_back) book_.outbox.revoke(node, id);
        life_.note_hidden_end(run->first);
        life_.end_here(run, RunState::lost, why, now.wall);
        ++lost;
    }
    for (const RunId& id : book_.unplaced) book_.doubts.note_no_orphan(node, id);
    for (const auto& [id, run] : book_.taken_back) book_.doubts.note_no_orphan(node, id);
    if (lost + moved > 0) {
        spdlog::warn("dispatch: {} {}: {} of its runs are lost, {} go to other nodes", node, how,
                     lost, moved);
    }
}

void LostRuns::resolve_doubts(const TermStart& found, RunDoubts::Open doubts, Moment now,
                              std::span<const RunId> to_repeat)
{
    book_.learn_quotas(found);
    end_orphans(found, doubts.dead, now.wall);
    std::unordered_map<RunId, const OpenRun*> open;
    for (const OpenRun& row : found.open_runs) open.emplace(row.planned.id, &row);
    for (const RunId& id : doubts.runs) {
        const auto run = book_.runs.find(id);
        if (!book_.doubts.settle(id) || run == book_.runs.end()) continue;
        const auto row = open.find(id);
        if (row == open.end()) {
            // Its node may have ended it and told the store alone.
            const auto told = std::find(to_repeat.begin(), to_repeat.end(), id);
            const bool is_last = !run->second.superseded;
            if (is_last && told != to_repeat.end()) {
                book_.redelivery.add(id, run->second.requested_by);
            }
            life_.note_hidden_end(id);
            book_.ended_lately.add(id);
            life_.close(run);
            life_.unpark(id.job);
            continue;
        }
        if (may_have_started(run->second, *row->second)) {
            const Reason why{
                Cause::node_died,
                fmt::format("{} was restarted or lost track of the run", run->second.node())};
            book_.placement.note_orphan(run->second, now.steady + orphan_time);
            life_.note_hidden_end(id);
            life_.end_here(run, RunState::lost, why, now.wall);
        } else {
            life_.release(run);  // it never got there
        }
    }
}

/// Whether a process of its node that is gone may have started it: its node does not know it.
bool LostRuns::may_have_started(const TrackedRun& run, const OpenRun& row) const
{
    if (row.planned.state == RunState::running || run.phase == RunPhase::running) return true;
    const NodeState& node = book_.nodes.at(run.node());
    const bool other_process =
        row.epoch < node.first_epoch || node.process_started > run.dispatched_at;
    if (!other_process) return false;
    WallTime until = node.earlier_until;
    if (run.node() == book_.self) {
        // This clock may have been set since, and the plan tells what it was.
        const WallTime planned_at = book_.planned_before - book_.settings.lookahead;
        until = std::max(node.process_started, planned_at + book_.settings.longest_plan_pause);
        // It was set back, and nobody knows how long the process before lived on after that plan.
        if (planned_at > node.process_started) until = std::max(until, book_.planned_before);
    }
    return due_of(row) <= until;
}

/// Ends the open rows of nodes that died before they had written how those runs ended.
void LostRuns::end_orphans(const TermStart& found, const std::map<NodeName, WallTime>& dead,
                           WallTime now)
{
    const auto is_known = [&](const RunId& id) {
        return book_.runs.contains(id) || book_.taken_back.contains(id) ||
               book_.draft.ended().contains(id);
    };
    for (const OpenRun* row : book_.doubts.settle_deaths(found, dead, is_known)) {
        const NodeName& node = row->planned.run_server;
        const Reason why{Cause::node_died,
                         fmt::format("{} died before it had recorded how the run ended", node)};
        book_.told_ends.forget(row->planned.id);
        book_.draft.end(row->planned.id, node, RunState::lost, why, now,
                        is_rehearsal(row->planned.requested_by));
        if (!row->superseded) book_.redelivery.add(row->planned.id, row->planned.requested_by);
        book_.daemons.given_up(row->planned.id, now);
        life_.note_hidden_end(row->planned.id);
        book_.chains.ended({row->planned.id, RunState::lost, Cause::node_died, {}, now});
    }
}

}  // namespace peercron
