#include "dispatch/placement.hpp"

#include <spdlog/fmt/fmt.h>

#include <iterator>
#include <utility>

namespace peercron {

using namespace std::chrono_literals;

Placement::Decision Placement::decide(const TrackedRun& run, Moment now) const
{
    if (run.order.concurrency.limit > 0) {
        if (const Orphans* orphans = orphans_of(run.order.id.job, now.steady)) {
            Reason why{
                Cause::owner_unreachable,
                fmt::format("{} has just died, and its run of this job may take a moment to end",
                            orphans->node)};
            return wait_or_skip(run, std::move(why), now);
        }
        const std::set<NodeName> homes = runs_.homes_of(run.order.id.job);
        if (!homes.empty()) return decide_at_home(run, homes, now);
    }
    if (auto node = choice_.choose(run.order, now.steady)) {
        return {Decision::Action::put, std::move(*node), {}};
    }
    if (now.wall <= run.order.start_by) return {Decision::Action::wait, {}, {}};
    return {Decision::Action::skip,
            {},
            Reason{Cause::no_node, fmt::format("{} within {} s", choice_.why_none(run.order),
                                               settings_.start_deadline / 1s)}};
}

/// Runs of its job are open, and there is a limit of them.
Placement::Decision Placement::decide_at_home(const TrackedRun& run,
                                              const std::set<NodeName>& homes, Moment now) const
{
    const NodeName& home = *homes.begin();
    if (homes.size() > 1) {
        Reason why{Cause::mutex, fmt::format("runs of this job are open on {} and {}", home,
                                             *std::next(homes.begin()))};
        return wait_or_skip(run, std::move(why), now);
    }
    const std::string why_not = choice_.why_not(home, run.order);
    const bool is_available = nodes_.is_available(home, now.steady);
    if (why_not.empty() && is_available) return {Decision::Action::put, home, {}};
    const NodeState& owner = nodes_.at(home);
    Reason why{Cause::owner_unreachable,
               fmt::format("{} may still run this job and cannot be asked", home)};
    if (!why_not.empty()) {
        why = Reason{is_available ? Cause::mutex : Cause::owner_unreachable,
                     fmt::format("{} may still run this job, and {}", home, why_not)};
    } else if (owner.draining && owner.connected) {
        why = Reason{Cause::mutex,
                     fmt::format("a run of this job is still alive on {}, which drains", home)};
    }
    return wait_or_skip(run, std::move(why), now);
}

Placement::Decision Placement::wait_or_skip(const TrackedRun& run, Reason why, Moment now) const
{
    const RunOrder& order = run.order;
    const bool wants_to = order.concurrency.at_limit != Overlap::skip || order.id.attempt > 1;
    const bool may_wait =
        wants_to && now.wall <= order.start_by && !runs_.is_behind_another(order.id);
    if (may_wait) return {Decision::Action::wait, {}, {}};
    return {Decision::Action::skip, {}, std::move(why)};
}

void Placement::note_orphan(const TrackedRun& run, SteadyTime until)
{
    if (run.order.concurrency.limit == 0) return;
    note(run.order.id.job, Orphans{run.node(), until});
}

void Placement::note_unknown_orphan(const TrackedRun& run)
{
    if (run.order.concurrency.limit == 0) return;
    note(run.order.id.job, Orphans{"the node of an earlier run", unknown_until_});
}

void Placement::note(JobId job, Orphans orphans)
{
    const auto [known, is_first] = orphans_.try_emplace(job, orphans);
    if (!is_first && known->second.until < orphans.until) known->second = std::move(orphans);
}

void Placement::forget_gone_orphans(SteadyTime now)
{
    std::erase_if(orphans_, [&](const auto& orphans) { return orphans.second.until <= now; });
}

const Placement::Orphans* Placement::orphans_of(JobId job, SteadyTime now) const
{
    const auto found = orphans_.find(job);
    return found != orphans_.end() && now < found->second.until ? &found->second : nullptr;
}

}  // namespace peercron
