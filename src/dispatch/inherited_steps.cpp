#include "dispatch/inherited_steps.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How long a new dispatcher waits for the nodes' accounts before it plans without them.
constexpr auto account_deadline = 700ms;
/// Between the clocks of two nodes, to be on the safe side.
constexpr auto clock_difference = 500ms;

}  // namespace

InheritedSteps::InheritedSteps(const PlanClock& clock, NodeLinks& links, StorePool& store,
                               const StoreCalls& calls, const TermLock& lock, NodeName self,
                               const DispatchSettings& settings, SteadyTime registry_complete_from)
    : clock_(clock),
      links_(links),
      store_(store),
      calls_(calls),
      lock_(lock),
      self_(std::move(self)),
      settings_(settings),
      registry_complete_from_(registry_complete_from)
{}

void InheritedSteps::begin(const TermStart& before, bool was_told)
{
    lock_.check_unused(before.last_step.epoch);
    last_stored_ = before.last_step;
    planned_before_ = before.planned_through;
    was_told_ = was_told;
}

void InheritedSteps::take_account(const NodeName& node, const Account& account)
{
    Witness witness;
    witness.accounted = true;
    // A process may have waited for the store before any dispatcher knew of it.
    witness.is_fresh = !was_there(account) || (node == self_ && !was_told_);
    witness.remembers = account.has_journal || !witness.is_fresh;
    witnesses_[node] = witness;
}

/// Whether the node's process has been there since before the first step that the store may lack.
bool InheritedSteps::was_there(const Account& account) const
{
    if (!planned_before_) return false;
    const WallTime first_lacking = *planned_before_ - settings_.lookahead;
    return clock_.now().wall - account.uptime < first_lacking - clock_difference;
}

void InheritedSteps::take_copy(PlanStep step)
{
    const StepId id = step.id();
    steps_.emplace(id, std::move(step));
}

asio::awaitable<void> InheritedSteps::await_accounts()
{
    const auto begun = clock_.now().steady;
    const auto deadline = begun + account_deadline;
    while (!links_.have_all_answered()) {
        const bool notified = co_await links_.answered().wait_until(deadline);
        if (!notified) break;
    }
    if (may_lack_steps()) {
        spdlog::warn(
            "dispatch: the ledger may lack runs that an earlier dispatcher handed out; waiting for "
            "{} nodes to report what they have of them",
            links_.size() - links_.size() / 2);
    }
    const auto latest = begun + settings_.lease + settings_.lease_margin;
    while (may_lack_steps() && clock_.now().steady < latest) {
        co_await links_.answered().wait_for(100ms);
        lock_.check();
        lock_.check_newest();
    }
    if (!steps_.empty()) lock_.check_unused(steps_.rbegin()->first.epoch);
}

/// Whether steps may be missing that were handed out by copies alone.
bool InheritedSteps::may_lack_steps() const
{
    const bool has_lagged = has_more();
    const Moment now = clock_.now();
    Witnesses witnesses;
    for (const NodeName& node : links_.nodes()) {
        const auto witness = witnesses_.find(node);
        witnesses.nodes.push_back(witness == witnesses_.end() ? Witness() : witness->second);
    }
    witnesses.is_complete =
        links_.find_member(self_) != nullptr && now.steady >= registry_complete_from_;
    witnesses.ledger_reaches_ahead = !has_lagged && planned_before_ && *planned_before_ >= now.wall;
    return peercron::may_lack_steps(witnesses);
}

WallTime InheritedSteps::reach(WallTime known) const
{
    for (const auto& [id, step] : steps_) known = std::max(known, step.planned_through);
    return known;
}

asio::awaitable<void> InheritedSteps::store_all()
{
    std::size_t count = 0;
    for (const auto& [id, step] : std::exchange(steps_, {})) {
        if (id <= last_stored_ || id.epoch >= lock_.epoch()) continue;
        const auto write = [&step, epoch = lock_.epoch()](Store& store) {
            store.commit_as(epoch, step);
        };
        const auto attempt = [&] { return store_.call(write); };
        std::string trouble =
            fmt::format("dispatch: the store does not take a step of epoch {}", id.epoch);
        co_await calls_.until_it_works(std::move(trouble), attempt);
        last_stored_ = id;
        ++count;
    }
    if (count > 0) {
        spdlog::info("dispatch: stored {} steps that an earlier dispatcher left at the nodes",
                     count);
    }
}

bool InheritedSteps::has_more() const
{
    return !steps_.empty() && last_stored_ < steps_.rbegin()->first;
}

}  // namespace peercron
