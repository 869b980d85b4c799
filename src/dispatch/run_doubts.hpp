#pragma once

#include "base/clock.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace peercron {

/// What a dispatcher has to look up in the store: runs that a node should know of, and does not,
/// and rows whose node died before it could write what it had said of them.
///
/// A doubt is settled by what the store says after it arose, or by the word of a node. Pure. One
/// thread.
class RunDoubts {
public:
    struct Open {
        std::set<RunId> runs;
        std::map<NodeName, WallTime> dead;  ///< since when
    };

    const Open& open() const { return open_; }
    bool empty() const { return open_.runs.empty() && open_.dead.empty(); }

    void add(const RunId& id) { open_.runs.insert(id); }
    /// Says whether there was a doubt about it.
    bool settle(const RunId& id) { return open_.runs.erase(id) != 0; }
    bool contains(const RunId& id) const { return open_.runs.contains(id); }

    /// It died then, and may have taken ends of runs with it.
    void node_died(const NodeName& node, WallTime since);
    /// If the node is one of the dead ones, the run is none of its orphans, although its row may
    /// name that node until the store knows more:
    ///  - the node says that the run has ended: it lives after all, and will write that itself; or
    ///  - the step that is being made says how the run has ended, which the node had told; or
    ///  - the run has not started, and goes to another node or is taken back.
    void note_no_orphan(const NodeName& node, const RunId& id);

    /// The store was read after the nodes of `dead` had died then. Returns the open rows of those
    /// nodes whose ends nobody will write. `is_known`: of a run that is not such an orphan.
    std::vector<const OpenRun*> settle_deaths(const TermStart& found,
                                              const std::map<NodeName, WallTime>& dead,
                                              const std::function<bool(const RunId&)>& is_known);

private:
    Open open_;
    /// By node in open_.dead: see note_no_orphan().
    std::unordered_map<NodeName, std::unordered_set<RunId>> no_orphans_;
};

}  // namespace peercron
