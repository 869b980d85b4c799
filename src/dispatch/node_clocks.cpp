#include "dispatch/node_clocks.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How wrong a measured difference of two clocks may be beside half of the round trip, …
constexpr auto clock_error = 20ms;
/// … and one that another dispatcher has measured some time ago.
constexpr auto told_clock_error = 50ms;

}  // namespace

NodeClocks::NodeClocks(NodeName self, const DispatchSettings& settings)
    : self_(std::move(self)), settings_(settings)
{}

/// Offsets are measured by this node's clock: when that is set, they are others until the next
/// beat, which a node that is dead does not send.
void NodeClocks::follow_own_clock(Moment now)
{
    const auto steady =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.steady.time_since_epoch());
    const std::chrono::milliseconds clock = now.wall.time_since_epoch() - steady;
    const auto set_by = clock - std::exchange(own_clock_, clock).value_or(clock);
    if (set_by == 0ms) return;
    for (auto& [node, other] : clocks_) {
        if (node != self_) other.offset -= set_by;
    }
}

std::vector<NodeName> NodeClocks::learn(const Roster& told, Moment now)
{
    follow_own_clock(now);
    const std::vector<NodeLoad>& roster = told.nodes;
    const auto is_self = [this](const NodeLoad& load) { return load.node == self_; };
    const auto self = std::find_if(roster.begin(), roster.end(), is_self);
    if (self == roster.end() || !self->clock_known) return {};
    // Its clock was set ahead since it was measured, or this one back: whose is not known.
    auto set_since = 0ms;
    for (const NodeLoad& load : roster) {
        if (load.node != told.by || !load.clock_known) continue;
        set_since = std::max(told.ahead - (load.clock_offset - self->clock_offset), 0ms);
    }
    std::vector<NodeName> known;
    for (const NodeLoad& load : roster) {
        if (!load.clock_known) continue;
        NodeClock& clock = clocks_[load.node];
        clock.offset = load.clock_offset - self->clock_offset;
        if (load.node != self_) clock.offset += set_since;
        clock.doubt = told_clock_error;
        clock.is_known = true;
        clock.is_measured = false;
        known.push_back(load.node);
    }
    return known;
}

void NodeClocks::measure(const NodeName& node, WallTime asked, WallTime answered, Moment now)
{
    follow_own_clock(now);
    NodeClock& clock = clocks_[node];
    // Half of the round trip, as in NTP: the node read its clock between the two moments. Which of
    // the two ways took longer is not known; nor whether a negative one is a clock that was set.
    const auto round_trip = now.wall - asked;
    clock.offset = answered - (asked + round_trip / 2);
    clock.doubt = std::chrono::abs(round_trip) / 2 + clock_error;
    clock.is_known = true;
    clock.is_measured = true;
    // The wall clock may have been set meanwhile; then this says nothing, and the next one will.
    if (round_trip >= 0ms) judge(node, clock, round_trip / 2);
}

std::chrono::milliseconds NodeClocks::most_ahead(const NodeClock& clock) const
{
    const auto doubt = clock.is_known ? clock.doubt : settings_.lookahead;
    const auto ahead = std::max(clock.offset + doubt, 0ms);
    if (clock.is_measured || own_ahead_ == 0ms) return ahead;
    return std::max(ahead, own_ahead_ + told_clock_error);
}

/// `error`: by how much the measured offset may be wrong at most.
void NodeClocks::judge(const NodeName& node, NodeClock& clock,
                       std::chrono::milliseconds error) const
{
    const auto at_least = std::chrono::abs(clock.offset) - error;
    const auto at_most = std::chrono::abs(clock.offset) + error;
    NodeClock::State judged = clock.state;
    if (at_least > settings_.lookahead) {
        judged = NodeClock::State::unusable;
    } else if (at_least > settings_.clock_warning && at_most <= settings_.lookahead) {
        judged = NodeClock::State::off;
    } else if (at_most < settings_.clock_warning) {
        judged = NodeClock::State::good;
    }
    if (judged == std::exchange(clock.state, judged)) return;
    const std::string_view which = clock.offset > 0ms ? "ahead of" : "behind";
    switch (judged) {
        case NodeClock::State::good:
            spdlog::info("dispatch: the clock of {} agrees with this node's again", node);
            break;
        case NodeClock::State::off:
            spdlog::warn(
                "dispatch: the clock of {} is {} ms {} this node's; its runs start that much early "
                "or late. Is the time synchronised on both?",
                node, std::chrono::abs(clock.offset).count(), which);
            break;
        case NodeClock::State::unusable:
            spdlog::error(
                "dispatch: the clock of {} is {} ms {} this node's, more than the lookahead of {} "
                "ms: it gets no runs until its clock is corrected",
                node, std::chrono::abs(clock.offset).count(), which, settings_.lookahead.count());
            break;
    }
}

}  // namespace peercron
