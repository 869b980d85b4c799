#pragma once

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/node_table.hpp"
#include "wire/message.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// Which node a run can go to, by what its job asks of a node as the job is now:
///  - the node's labels fit the job's run_on;
///  - it is of a version that knows all fields of the job on which a node acts;
///  - it has as many slots as the run takes, free or not;
///  - it can be given runs (NodeTable::is_available()).
/// Of these the job's spread says which: the one with the fewest slots taken by open runs, for the
/// slots that it has (of equal ones that which has waited longest); or of a sticky job always the
/// one with the greatest sticky_rank(). A part that belongs to a node (RunId::node) goes to that
/// one alone.
///
/// Pure; one thread.
class NodeChoice {
public:
    NodeChoice(const NodeTable& nodes, const JobTable& jobs) : nodes_(nodes), jobs_(jobs) {}

    std::optional<NodeName> choose(const RunOrder& order, SteadyTime now) const;
    /// All that choose() may name, in the order of their names.
    std::vector<NodeName> all_for(const RunOrder& order, SteadyTime now) const;

    /// Whether a node that can be given runs could take it.
    bool suits(const NodeName& node, const RunOrder& order) const
    {
        return why_not(node, order).empty();
    }
    /// Why it could not: "does not fit run_on db"; empty: it could.
    std::string why_not(const NodeName& node, const RunOrder& order) const;

    /// Whether its labels fit the job's run_on.
    bool may_run(const NodeName& node, const Job& job) const;

    /// Why choose() finds none, in the past tense: "no node fitted run_on db".
    std::string why_none(const RunOrder& order) const;

private:
    using Node = std::map<NodeName, NodeState>::value_type;

    const std::vector<const Node*>& fitting(const std::vector<std::string>& run_on) const;
    /// One of the nodes that fit.
    bool can_take(const Node& node, const RunOrder& order, const std::vector<std::string>& needs,
                  SteadyTime now) const;
    const std::vector<std::string>& run_on_of(const RunOrder& order) const;

    const NodeTable& nodes_;
    const JobTable& jobs_;
    /// The nodes that fit a run_on, so that not each fire looks at all labels of all nodes …
    mutable std::map<std::vector<std::string>, std::vector<const Node*>> fitting_;
    /// … as of this NodeTable::label_changes().
    mutable std::uint64_t fitting_as_of_ = 0;
};

}  // namespace peercron
