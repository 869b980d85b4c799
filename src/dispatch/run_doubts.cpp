#include "dispatch/run_doubts.hpp"

namespace peercron {

void RunDoubts::node_died(const NodeName& node, WallTime since)
{
    open_.dead[node] = since;
    no_orphans_.erase(node);
}

void RunDoubts::note_no_orphan(const NodeName& node, const RunId& id)
{
    if (open_.dead.contains(node)) no_orphans_[node].insert(id);
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
    const auto is_no_orphan = [this](const NodeName& node, const RunId& id) {
        const auto runs = no_orphans_.find(node);
        return runs != no_orphans_.end() && runs->second.contains(id);
    };
    std::vector<const OpenRun*> orphans;
    for (const OpenRun& row : found.open_runs) {
        const NodeName& node = row.planned.run_server;
        const RunId& id = row.planned.id;
        if (dead.contains(node) && !is_known(id) && !is_no_orphan(node, id))
            orphans.push_back(&row);
    }
    std::erase_if(no_orphans_,
                  [this](const auto& runs) { return !open_.dead.contains(runs.first); });
    return orphans;
}

}  // namespace peercron
