#include "dispatch/run_doubts.hpp"

namespace peercron {

void RunDoubts::node_died(const NodeName& node, WallTime since)
{
    open_.dead[node] = since;
    told_since_.erase(node);
}

void RunDoubts::node_told_end(const NodeName& node, const RunId& id)
{
    if (open_.dead.contains(node)) told_since_[node].insert(id);
}

/// A node tells this dispatcher of an end at once and the store a little later. When it dies in
/// between, the run is closed here and its row is open.
std::vector<const OpenRun*> RunDoubts::settle_deaths(
    const TermStart& found, const std::map<NodeName, WallTime>& dead,
    const std::function<bool(const RunId&)>& is_known)
{
    if (dead.empty()) return {};
    for (const auto& [node, since] : dead) {
        const auto died = open_.dead.find(node);
        if (died != open_.dead.end() && died->second == since) open_.dead.erase(died);
    }
    const auto has_told = [this](const NodeName& node, const RunId& id) {
        const auto told = told_since_.find(node);
        return told != told_since_.end() && told->second.contains(id);
    };
    std::vector<const OpenRun*> orphans;
    for (const OpenRun& row : found.open_runs) {
        const NodeName& node = row.planned.run_server;
        const RunId& id = row.planned.id;
        if (dead.contains(node) && !is_known(id) && !has_told(node, id)) orphans.push_back(&row);
    }
    std::erase_if(told_since_,
                  [this](const auto& told) { return !open_.dead.contains(told.first); });
    return orphans;
}

}  // namespace peercron
