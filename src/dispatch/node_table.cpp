#include "dispatch/node_table.hpp"

#include <algorithm>
#include <utility>

namespace peercron {

using namespace std::chrono_literals;

NodeTable::NodeTable(NodeName self, const DispatchSettings& settings, OpenRuns& runs)
    : self_(std::move(self)), settings_(settings), runs_(runs), clocks_(self_, settings)
{}

NodeState& NodeTable::known(const NodeName& node, Moment now)
{
    const auto found = nodes_.find(node);
    if (found != nodes_.end()) return found->second;
    NodeState fresh(clocks_.of(node), runs_.share_of(node));
    fresh.heard = now.steady;
    fresh.labels = labels_of(node, {});
    ++label_changes_;
    return nodes_.emplace(node, std::move(fresh)).first->second;
}

bool NodeTable::take_account(const NodeName& node, const Account& account, Moment now)
{
    clocks_.follow_own_clock(now);
    NodeState& state = known(node, now);
    state.connected = true;
    state.heard = now.steady;
    state.draining = account.draining;
    // By this clock: the node's may have been set since the process before it died.
    state.process_started = now.wall - account.uptime;
    state.first_epoch = account.first_epoch;
    state.load.slots = account.slots;
    state.stops = 0;
    Labels labels = labels_of(node, account.labels);
    if (labels != state.labels) ++label_changes_;
    state.labels = std::move(labels);
    state.known_fields = {account.known_fields.begin(), account.known_fields.end()};
    const std::uint64_t before = std::exchange(state.incarnation, account.incarnation);
    if (before == account.incarnation) return false;
    state.earlier_until = state.process_started + clocks_.most_ahead(state.clock);
    return before != 0;
}

void NodeTable::take_beat(const NodeName& node, const NodeBeat& beat, Moment now)
{
    NodeState& state = known(node, now);
    state.heard = now.steady;
    state.draining = beat.load.draining;
    state.load = beat.load;
    state.stops = beat.stops;
    clocks_.measure(node, beat.echo, beat.sent_at, now);
}

WallTime NodeTable::take_death(const NodeName& node, const Death& death, Moment now)
{
    clocks_.follow_own_clock(now);
    NodeState& state = known(node, now);
    SteadyTime at = death.at;
    if (state.incarnation == death.incarnation) {
        at = std::max(at, state.heard);
    } else if (state.incarnation != 0) {
        // What is known was given to a process before that one.
        at = death.listened_from;
    }
    state.incarnation = death.incarnation;
    // By this clock as it is now: it may have been set since.
    const auto ago = std::chrono::floor<std::chrono::milliseconds>(now.steady - at);
    return now.wall - std::max(ago, 0ms);
}

void NodeTable::take_registry(const std::set<NodeName>& passing, Moment now)
{
    for (const NodeName& node : passing) known(node, now);
    for (auto& [name, node] : nodes_) {
        if (passing.contains(name)) {
            node.failing_since.reset();
        } else if (!node.failing_since) {
            node.failing_since = now.steady;
        }
    }
}

bool NodeTable::give_up(const NodeName& node)
{
    return !std::exchange(nodes_.at(node).given_up, true);
}

void NodeTable::learn_clocks(const Roster& told, Moment now)
{
    for (const NodeName& node : clocks_.learn(told, now)) known(node, now);
}

std::chrono::milliseconds NodeTable::most_ahead(const NodeName& node) const
{
    return clocks_.most_ahead(nodes_.at(node).clock);
}

std::vector<std::chrono::milliseconds> NodeTable::measured_clocks(Moment now) const
{
    std::vector<std::chrono::milliseconds> clocks;
    for (const auto& [name, node] : nodes_) {
        const bool is_heard = node.connected && !is_silent(node, now.steady);
        if (name != self_ && is_heard && node.clock.is_measured) {
            clocks.push_back(node.clock.offset);
        }
    }
    return clocks;
}

bool NodeTable::has_account(const NodeName& node) const
{
    const auto found = nodes_.find(node);
    return found != nodes_.end() && found->second.connected;
}

std::set<NodeName> NodeTable::with_accounts() const
{
    std::set<NodeName> nodes;
    for (const auto& [name, node] : nodes_) {
        if (node.connected) nodes.insert(name);
    }
    return nodes;
}

bool NodeTable::hears(const NodeName& node, Moment now) const
{
    const auto found = nodes_.find(node);
    return found != nodes_.end() && found->second.connected &&
           now.steady - found->second.heard <= settings_.silence_limit / 2;
}

std::uint64_t NodeTable::stops(const NodeName& node) const
{
    const auto found = nodes_.find(node);
    return found != nodes_.end() && found->second.connected ? found->second.stops : 0;
}

bool NodeTable::is_available(const NodeName& node, SteadyTime now) const
{
    const auto found = nodes_.find(node);
    return found != nodes_.end() && is_available(found->second, now);
}

std::vector<NodeName> NodeTable::gone(Moment now) const
{
    const auto time = settings_.lease + settings_.lease_margin;
    const SteadyTime latest = now.steady - time;
    // What the registry said last: an old list does not say that the node fails still.
    const SteadyTime seen = std::min(std::max(registry_seen_, SteadyTime(time)), now.steady) - time;
    std::vector<NodeName> gone;
    for (const auto& [name, node] : nodes_) {
        const bool fails = node.failing_since && *node.failing_since < seen;
        const bool is_gone = node.heard < latest && fails;
        if (is_gone && (node.runs.open > 0 || !node.given_up)) gone.push_back(name);
    }
    return gone;
}

std::vector<NodeLoad> NodeTable::loads(Moment now) const
{
    std::vector<NodeLoad> loads;
    for (const auto& [name, node] : nodes_) {
        // Known by what an earlier dispatcher told of its clock alone.
        if (node.incarnation == 0 && node.failing_since && node.runs.open == 0) continue;
        NodeLoad load = node.load;
        load.node = name;
        load.clock_offset = node.clock.offset;
        load.clock_known = node.clock.is_known;
        load.connected = node.connected && !is_silent(node, now.steady);
        load.draining = node.draining;
        loads.push_back(std::move(load));
    }
    return loads;
}

bool NodeTable::is_silent(const NodeState& node, SteadyTime now) const
{
    return now - node.heard > settings_.silence_limit;
}

bool NodeTable::is_available(const NodeState& node, SteadyTime now) const
{
    return node.connected && !node.draining && node.clock.is_usable() && !is_silent(node, now);
}

}  // namespace peercron
