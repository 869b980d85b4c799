#include "dispatch/placement.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace peercron {

using namespace std::chrono_literals;

namespace {

const std::string any_lock;  // of a run of which nobody has said what it holds

/// It would wait for ever.
std::optional<Reason> too_large(const RunOrder& order)
{
    for (const OrderedLock& lock : locks_of(order)) {
        if (lock.claim.weight <= lock.limit) continue;
        return Reason{Cause::lock, fmt::format("it takes {} of the lock {}, whose limit is {}",
                                               lock.claim.weight, lock.claim.name, lock.limit)};
    }
    return std::nullopt;
}

std::string holder_text(const OpenRuns::Holder& holder)
{
    if (holder.lock.empty()) return to_string(holder.run);
    return fmt::format("{} with the lock {}", to_string(holder.run), holder.lock);
}

}  // namespace

Placement::Decision Placement::decide(const TrackedRun& run, Moment now) const
{
    if (auto why = too_large(run.order)) return {Decision::Action::skip, {}, *std::move(why)};
    if (is_limited(run.order)) {
        if (const Orphans* orphans = orphans_of(run.order, now.steady)) {
            Reason why{
                Cause::owner_unreachable,
                fmt::format("{} has just died, and its run of this job{} may take a moment to end",
                            orphans->node, run.order.lock_limits.empty() ? "" : " or its locks")};
            return wait_or_skip(run, std::move(why), now);
        }
        const std::vector<OpenRuns::Holder> homes = homes_of(run.order);
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

/// The nodes with runs beside which this one has to be: of its job, or with one of its locks. When
/// there are none, one with runs of the group of its locks, so that a job that has several of them
/// finds all at one node.
std::vector<OpenRuns::Holder> Placement::homes_of(const RunOrder& order) const
{
    std::set<std::string> names;
    for (OrderedLock& lock : locks_of(order)) names.insert(std::move(lock.claim.name));
    std::vector<OpenRuns::Holder> homes = runs_.holders_of(names);
    if (order.concurrency.limit > 0 && order.id.node.empty()) {
        for (OpenRuns::Holder& holder : runs_.runs_of(order.id.job, order.id.part)) {
            const bool is_new =
                std::ranges::find(homes, holder.node, &OpenRuns::Holder::node) == homes.end();
            if (is_new) homes.push_back(std::move(holder));
        }
    }
    if (!homes.empty() || names.empty()) return homes;
    homes = runs_.holders_of(locks_.group_of(names));
    std::erase_if(
        homes, [&](const OpenRuns::Holder& holder) { return !choice_.suits(holder.node, order); });
    if (homes.size() > 1) homes.resize(1);
    return homes;
}

/// Runs are open beside which it has to be.
Placement::Decision Placement::decide_at_home(const TrackedRun& run,
                                              const std::vector<OpenRuns::Holder>& homes,
                                              Moment now) const
{
    const NodeName& home = homes.front().node;
    const bool is_of_job = homes.front().run.job == run.order.id.job;
    const Cause cause = is_of_job ? Cause::mutex : Cause::lock;
    if (homes.size() > 1) {
        const bool all_of_job = std::ranges::all_of(homes, [&run](const OpenRuns::Holder& holder) {
            return holder.run.job == run.order.id.job;
        });
        Reason why{Cause::mutex,
                   fmt::format("runs of this job are open on {} and {}", home, homes[1].node)};
        if (!all_of_job) {
            why = Reason{
                Cause::lock,
                fmt::format("runs with its locks are open on two nodes: {} on {}, {} on {}",
                            holder_text(homes[0]), home, holder_text(homes[1]), homes[1].node)};
        }
        return wait_or_skip(run, std::move(why), now);
    }
    const std::string why_not = choice_.why_not(home, run.order);
    const bool is_available = nodes_.is_available(home, now.steady);
    if (why_not.empty() && is_available) return {Decision::Action::put, home, {}};
    const NodeState& owner = nodes_.at(home);
    const std::string what = is_of_job ? std::string("this job") : holder_text(homes.front());
    Reason why{Cause::owner_unreachable,
               fmt::format("{} may still run {} and cannot be asked", home, what)};
    if (!why_not.empty()) {
        why = Reason{is_available ? cause : Cause::owner_unreachable,
                     fmt::format("{} may still run {}, and {}", home, what, why_not)};
    } else if (owner.draining && owner.connected) {
        why = Reason{cause, fmt::format("{} is still alive on {}, which drains",
                                        is_of_job ? "a run of this job" : what, home)};
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
    std::vector<Shared> shared = shared_by(run.order);
    // Of a job's fires some may have parts that belong to nodes, and others not.
    const RunId& id = run.order.id;
    const bool is_limited_job = run.order.concurrency.limit > 0;
    if (is_limited_job && id.node.empty()) shared.emplace_back(NodeOfJob(id.job, run.node()));
    if (is_limited_job && !id.node.empty()) shared.emplace_back(PartOfJob(id.job, 0));
    if (run.may_hold_any_lock) shared.emplace_back(any_lock);
    note(shared, Orphans{run.node(), until});
}

void Placement::note_unknown_orphan(const TrackedRun& run)
{
    note(shared_by(run.order), Orphans{"the node of an earlier run", unknown_until_});
}

std::vector<Placement::Shared> Placement::shared_by(const RunOrder& order)
{
    std::vector<Shared> shared;
    const RunId& id = order.id;
    const bool is_limited_job = order.concurrency.limit > 0;
    if (is_limited_job && id.node.empty()) shared.emplace_back(PartOfJob(id.job, id.part));
    if (is_limited_job && !id.node.empty()) shared.emplace_back(NodeOfJob(id.job, id.node));
    for (OrderedLock& lock : locks_of(order)) shared.emplace_back(std::move(lock.claim.name));
    return shared;
}

void Placement::note(std::span<const Shared> all, const Orphans& orphans)
{
    for (const Shared& shared : all) {
        const auto [known, is_first] = orphans_.try_emplace(shared, orphans);
        if (!is_first && known->second.until < orphans.until) known->second = orphans;
    }
}

void Placement::forget_gone_orphans(SteadyTime now)
{
    std::erase_if(orphans_, [&](const auto& orphans) { return orphans.second.until <= now; });
}

const Placement::Orphans* Placement::orphans_of(const RunOrder& order, SteadyTime now) const
{
    if (orphans_.empty()) return nullptr;
    std::vector<Shared> all = shared_by(order);
    if (!order.lock_limits.empty()) all.emplace_back(any_lock);
    for (const Shared& shared : all) {
        const auto found = orphans_.find(shared);
        if (found != orphans_.end() && now < found->second.until) return &found->second;
    }
    return nullptr;
}

}  // namespace peercron
