#include "dispatch/open_runs.hpp"

#include "model/counted_part.hpp"

#include <algorithm>
#include <utility>

namespace peercron {

OpenRuns::Place OpenRuns::open(RunOrder order)
{
    of_job_[order.id.job].insert(order.id);
    const auto place = runs_.try_emplace(order.id).first;
    place->second.order = std::move(order);
    return place;
}

void OpenRuns::assign(Place run, const NodeName& node)
{
    Share& share = shares_[node];
    TrackedRun& state = run->second;
    state.node_ = node;
    state.slots_ = state.order.fields.job().weight;
    state.requirement = Requirement::noted;
    ++share.open;
    share.slots += state.slots_;
    share.turn = ++turns_;
    note_locks(run);
}

void OpenRuns::unassign(Place run)
{
    NodeName& node = run->second.node_;
    if (node.empty()) return;
    Share& share = shares_.at(node);
    --share.open;
    share.slots -= run->second.slots_;
    forget_locks(run);
    node.clear();
}

void OpenRuns::note_locks(Place run)
{
    forget_locks(run);
    TrackedRun& state = run->second;
    if (state.node_.empty()) return;
    if (state.may_hold_any_lock) state.locks_.emplace_back();
    for (OrderedLock& lock : locks_of(state.order)) {
        state.locks_.push_back(std::move(lock.claim.name));
    }
    for (const std::string& lock : state.locks_) holders_[lock][state.node_].insert(run->first);
}

void OpenRuns::forget_locks(Place run)
{
    TrackedRun& state = run->second;
    for (const std::string& lock : state.locks_) {
        auto& nodes = holders_.at(lock);
        auto& runs = nodes.at(state.node_);
        runs.erase(run->first);
        if (runs.empty()) nodes.erase(state.node_);
        if (nodes.empty()) holders_.erase(lock);
    }
    state.locks_.clear();
}

void OpenRuns::close(Place run)
{
    unassign(run);
    const auto of_job = of_job_.find(run->first.job);
    of_job->second.erase(run->first);
    if (of_job->second.empty()) of_job_.erase(of_job);
    runs_.erase(run);
}

const std::set<RunId>& OpenRuns::of_job(JobId job) const
{
    static const std::set<RunId> none;
    const auto found = of_job_.find(job);
    return found == of_job_.end() ? none : found->second;
}

std::size_t OpenRuns::fires_of(JobId job) const
{
    const std::set<RunId>& runs = of_job(job);
    return static_cast<std::size_t>(std::ranges::count_if(runs, [this](const RunId& id) {
        return stands_for_fire(id) && !runs_.at(id).order.rehearsal;
    }));
}

std::vector<RunId> OpenRuns::of_node(const NodeName& node) const
{
    std::vector<RunId> runs;
    for (const auto& [id, run] : runs_) {
        if (run.node_ == node) runs.push_back(id);
    }
    return runs;
}

std::vector<NodeName> OpenRuns::busy_nodes() const
{
    std::vector<NodeName> busy;
    for (const auto& [node, share] : shares_) {
        if (share.open > 0) busy.push_back(node);
    }
    return busy;
}

std::vector<OpenRuns::Holder> OpenRuns::runs_of(JobId job, std::int32_t part) const
{
    std::vector<Holder> holders;
    for (const RunId& id : of_job(job)) {
        if (counted_part(id) != part) continue;
        const NodeName& node = runs_.at(id).node_;
        const bool is_new = std::ranges::find(holders, node, &Holder::node) == holders.end();
        if (!node.empty() && is_new) holders.push_back({node, id, {}});
    }
    return holders;
}

std::vector<OpenRuns::Holder> OpenRuns::holders_of(const std::set<std::string>& locks) const
{
    std::vector<Holder> holders;
    const auto add = [&](const std::string& lock) {
        const auto nodes = holders_.find(lock);
        if (nodes == holders_.end()) return;
        for (const auto& [node, runs] : nodes->second) {
            const bool is_new = std::ranges::find(holders, node, &Holder::node) == holders.end();
            if (is_new) holders.push_back({node, *runs.begin(), lock});
        }
    };
    for (const std::string& lock : locks) add(lock);
    if (!locks.empty()) add("");
    return holders;
}

bool OpenRuns::is_behind_another(const RunId& id) const
{
    const WallTime start = runs_.at(id).order.start_at;
    for (const RunId& other : of_job(id.job)) {
        if (!(other < id)) break;
        const bool is_its =
            id.node.empty() ? counted_part(other) == id.part : other.node == id.node;
        if (!is_its) continue;
        const TrackedRun& earlier = runs_.at(other);
        // With jitter it may be due later.
        const bool starts_later = earlier.retry_at && *earlier.retry_at > start;
        const bool waits = earlier.requirement == Requirement::waits;
        if (earlier.node_.empty() && !starts_later && !waits) return true;
    }
    return false;
}

}  // namespace peercron
