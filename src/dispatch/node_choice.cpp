#include "dispatch/node_choice.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

/// As many different run_on are remembered: each may name hundreds of nodes.
constexpr std::size_t most_remembered = 10'000;

std::int64_t slots_of(const NodeState& node)
{
    return std::max<std::int64_t>(node.load.slots, 1);
}

bool knows_all(const NodeState& node, const std::vector<std::string>& needs)
{
    return std::ranges::all_of(
        needs, [&node](const std::string& name) { return node.known_fields.contains(name); });
}

bool has_slots(const NodeState& node, const RunOrder& order)
{
    return order.fields.job().weight <= slots_of(node);
}

/// Whether `node` has less to do for its slots than `other`, or as much and was not chosen later.
bool is_less_loaded(const NodeState& node, const NodeState& other)
{
    const std::int64_t mine = node.runs.slots * slots_of(other);
    const std::int64_t theirs = other.runs.slots * slots_of(node);
    return mine < theirs || (mine == theirs && node.runs.turn <= other.runs.turn);
}

std::string run_on_text(const std::vector<std::string>& run_on)
{
    return fmt::format("run_on {}", fmt::join(run_on, ", "));
}

}  // namespace

std::optional<NodeName> NodeChoice::choose(const RunOrder& order, SteadyTime now) const
{
    const PlannedJob* const planned = jobs_.find(order.id.job);
    const bool is_sticky = planned != nullptr && planned->job.spread == Spread::sticky;
    const std::vector<std::string> needs = needs_of(order);
    const Node* best = nullptr;
    std::uint64_t best_rank = 0;
    for (const Node* node : fitting(run_on_of(order))) {
        if (!can_take(*node, order, needs, now)) continue;
        const std::uint64_t rank = is_sticky ? sticky_rank(order.id.job, node->first) : 0;
        const bool is_better = best == nullptr || rank > best_rank ||
                               (!is_sticky && is_less_loaded(node->second, best->second));
        if (!is_better) continue;
        best = node;
        best_rank = rank;
    }
    if (best == nullptr) return std::nullopt;
    return best->first;
}

std::vector<NodeName> NodeChoice::all_for(const RunOrder& order, SteadyTime now) const
{
    const std::vector<std::string> needs = needs_of(order);
    std::vector<NodeName> nodes;
    for (const Node* node : fitting(run_on_of(order))) {
        if (can_take(*node, order, needs, now)) nodes.push_back(node->first);
    }
    return nodes;
}

bool NodeChoice::can_take(const Node& node, const RunOrder& order,
                          const std::vector<std::string>& needs, SteadyTime now) const
{
    const auto& [name, state] = node;
    const bool may_be_its = order.id.node.empty() || order.id.node == name;
    return may_be_its && nodes_.is_available(state, now) && knows_all(state, needs) &&
           has_slots(state, order);
}

std::string NodeChoice::why_not(const NodeName& node, const RunOrder& order) const
{
    const NodeState& state = nodes_.at(node);
    const std::vector<std::string> needs = needs_of(order);
    const bool may_be_its = order.id.node.empty() || order.id.node == node;
    if (!may_be_its) return fmt::format("is not its node {}", order.id.node);
    if (!knows_all(state, needs)) {
        return fmt::format("is of a version that does not know {}", fmt::join(needs, ", "));
    }
    const std::vector<std::string>& run_on = run_on_of(order);
    if (!may_run_on(run_on, state.labels)) {
        return fmt::format("does not fit {}", run_on_text(run_on));
    }
    if (!has_slots(state, order)) {
        return fmt::format("has {} slots, and it takes {}", slots_of(state),
                           order.fields.job().weight);
    }
    return {};
}

bool NodeChoice::may_run(const NodeName& node, const Job& job) const
{
    return may_run_on(job.run_on, nodes_.at(node).labels);
}

std::string NodeChoice::why_none(const RunOrder& order) const
{
    if (!order.id.node.empty()) {
        return fmt::format("its node {} could not take it", order.id.node);
    }
    const std::vector<std::string>& run_on = run_on_of(order);
    const auto fits = [&run_on](std::string_view others) {
        return run_on.empty() ? std::string(others)
                              : fmt::format("{} that fits {}", others, run_on_text(run_on));
    };
    const std::vector<const Node*>& nodes = fitting(run_on);
    if (nodes.empty() && !run_on.empty()) {
        return fmt::format("no node fitted {}", run_on_text(run_on));
    }
    const std::vector<std::string> needs = needs_of(order);
    const auto knows = [&needs](const Node* node) { return knows_all(node->second, needs); };
    const auto is_large = [&order](const Node* node) { return has_slots(node->second, order); };
    const bool is_any_connected =
        std::ranges::any_of(nodes, [](const Node* node) { return node->second.connected; });
    if (is_any_connected && std::ranges::none_of(nodes, knows)) {
        return fmt::format("{} of a version that knows {} could take it", fits("no node"),
                           fmt::join(needs, ", "));
    }
    if (is_any_connected && std::ranges::none_of(nodes, is_large)) {
        return fmt::format("{} had the {} slots that it takes", fits("no node"),
                           order.fields.job().weight);
    }
    return fmt::format("{} could take it", fits("no node"));
}

const std::vector<std::string>& NodeChoice::run_on_of(const RunOrder& order) const
{
    static const std::vector<std::string> any;
    const PlannedJob* const planned = jobs_.find(order.id.job);
    return planned == nullptr ? any : planned->job.run_on.get();
}

const std::vector<const NodeChoice::Node*>& NodeChoice::fitting(
    const std::vector<std::string>& run_on) const
{
    if (fitting_as_of_ != nodes_.label_changes() || fitting_.size() >= most_remembered) {
        fitting_.clear();
        fitting_as_of_ = nodes_.label_changes();
    }
    const auto [found, is_new] = fitting_.try_emplace(run_on);
    if (is_new) {
        for (const Node& node : nodes_.all()) {
            if (may_run_on(run_on, node.second.labels)) found->second.push_back(&node);
        }
    }
    return found->second;
}

}  // namespace peercron
