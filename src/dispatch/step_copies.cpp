#include "dispatch/step_copies.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// A step that waits for copies for longer is worth a message.
constexpr auto copy_warning = 2s;

}  // namespace

StepCopies::StepCopies(const PlanClock& clock, StepWriter& writer, NodeLinks& links,
                       const TermLock& lock, NodeName self)
    : clock_(clock), writer_(writer), links_(links), lock_(lock), self_(std::move(self))
{}

void StepCopies::add_node(const NodeName& node)
{
    copies_[node] = Copies();
}

void StepCopies::note_kept(const NodeName& node, const StepKept& kept)
{
    const auto copies = copies_.find(node);
    if (copies == copies_.end() || kept.step.epoch != lock_.epoch()) return;
    copies->second.kept = std::max(copies->second.kept, kept.step.number);
    copies->second.durable = kept.durable;
    writer_.changed().notify();
}

asio::awaitable<void> StepCopies::copy(std::uint64_t step)
{
    const SteadyTime begun = clock_.now().steady;
    bool warned = false;
    for (;;) {
        send();
        const std::set<NodeName> without = lacking(step);
        if (without.empty() || writer_.stored() >= step) break;
        if (!warned && clock_.now().steady - begun > copy_warning) {
            warned = true;
            spdlog::error(
                "dispatch: nothing new is handed out: the ledger cannot be written, and there is "
                "no copy of the plan at {}",
                fmt::join(without, ", "));
        }
        co_await writer_.changed().wait_for(100ms);
        lock_.check();
        lock_.check_newest();
    }
    if (warned) spdlog::info("dispatch: handing out again");
}

void StepCopies::send()
{
    for (auto& [node, copies] : copies_) {
        for (const PlanStep& step : writer_.waiting()) {
            if (step.number <= copies.sent) continue;
            links_.send(node, StepCopy{step});
            copies.sent = step.number;
            have_some_ = true;
        }
    }
}

/// The nodes whose copies are wanting before the step may be handed out; none = it may.
std::set<NodeName> StepCopies::lacking(std::uint64_t step) const
{
    // The registered nodes, and those that Consul has forgotten and that are connected still.
    std::set<NodeName> without;
    bool durable = false;
    for (const NodeName& node : links_.nodes()) {
        const auto copies = copies_.find(node);
        if (copies == copies_.end() || copies->second.kept < step) {
            without.insert(node);
        } else {
            durable = durable || copies->second.durable;
        }
    }
    // One that is dead may be back and elected while this one is cut off: it has to meet a copy.
    const std::size_t all = links_.size();
    const bool by_most = without.size() < all - all / 2;
    const bool outlives = durable || all - without.size() > 1;
    if (by_most && outlives) {
        std::erase_if(without,
                      [this](const NodeName& node) { return !links_.may_be_elected(node); });
    } else if (without.empty()) {
        without.insert(self_);
    }
    return without;
}

StepsStored StepCopies::stored() const
{
    return StepsStored{StepId{lock_.epoch(), writer_.stored()}};
}

void StepCopies::drop_stored()
{
    for (const auto& [node, copies] : copies_) links_.send(node, stored());
    have_some_ = false;
}

void StepCopies::drop_when_stored()
{
    if (have_some_ && writer_.waiting().empty()) drop_stored();
}

}  // namespace peercron
