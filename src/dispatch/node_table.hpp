#pragma once

#include "base/clock.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "dispatch/node_clocks.hpp"
#include "dispatch/open_runs.hpp"
#include "model/labels.hpp"
#include "model/node_load.hpp"
#include "wire/message.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace peercron {

/// What the warden of a node has reported about its death (NodeDied), by this dispatcher's steady
/// clock.
struct Death {
    std::uint64_t incarnation = 0;  ///< of the process that died
    SteadyTime listened_from{};     ///< from when it was alone at the node's port …
    SteadyTime at{};                ///< … until it was dead, at the latest
};

/// One node, as a dispatcher knows it.
struct NodeState {
    NodeState(const NodeClock& its_clock, const OpenRuns::Share& its_runs)
        : clock(its_clock), runs(its_runs)
    {}

    const NodeClock& clock;
    const OpenRuns::Share& runs;
    bool connected = false;
    std::optional<SteadyTime> failing_since;  ///< in the registry, as far as is known
    bool draining = false;
    bool given_up = false;  ///< and not heard of since
    std::uint64_t incarnation = 0;
    WallTime process_started{};  ///< by the dispatcher's clock
    Epoch first_epoch = 0;       ///< of the first dispatcher that the process heard
    std::set<std::string, std::less<>> known_fields;  ///< see Account
    Labels labels;                                    ///< of the process that gave it
    /// Until this moment, by the node's clock, its earlier process may have started runs.
    WallTime earlier_until{};
    SteadyTime heard{};
    NodeLoad load;            ///< as its last beat says
    std::uint64_t stops = 0;  ///< the same
};

/// The nodes that a dispatcher has heard of, and what they, their wardens and the registry say
/// about them: which are connected, silent, dead or gone (see TermRules), and which can be given
/// runs. No node is ever taken out. Pure; no clock of its own. One thread.
class NodeTable {
public:
    /// `self` is the dispatcher's node; `runs` are the open ones, which outlive this.
    NodeTable(NodeName self, const DispatchSettings& settings, OpenRuns& runs);

    /// The node is in the table from now on.
    void add(const NodeName& node, Moment now) { known(node, now); }
    const NodeState& at(const NodeName& node) const { return nodes_.at(node); }

    // What is said.

    /// Its account has come. Says whether the process that is known was an earlier one, which has
    /// died before this one was started.
    bool take_account(const NodeName& node, const Account& account, Moment now);
    void take_beat(const NodeName& node, const NodeBeat& beat, Moment now);
    /// It said something.
    void note_heard(const NodeName& node, Moment now) { known(node, now).heard = now.steady; }
    void note_disconnected(const NodeName& node, Moment now) { known(node, now).connected = false; }
    /// Its warden reports its death. Returns when, by this clock, it was dead at the latest.
    WallTime take_death(const NodeName& node, const Death& death, Moment now);
    /// The nodes whose checks pass.
    void take_registry(const std::set<NodeName>& passing, Moment now);
    /// When the registry last answered: what it said was true until then.
    void note_registry_seen(SteadyTime at) { registry_seen_ = at; }
    /// Its runs are given up. Says whether it was not given up before; an account revives it.
    bool give_up(const NodeName& node);
    void revive(const NodeName& node) { nodes_.at(node).given_up = false; }

    // Clocks: see NodeClocks.

    void learn_clocks(const Roster& told, Moment now);
    void own_clock_ahead(std::chrono::milliseconds by) { clocks_.own_clock_ahead(by); }
    void follow_own_clock(Moment now) { clocks_.follow_own_clock(now); }
    std::chrono::milliseconds most_ahead(const NodeName& node) const;
    /// By how much clocks of other nodes are ahead of the moments that are handed in: of those that
    /// are connected, and were measured on this connection or an earlier one of this term.
    std::vector<std::chrono::milliseconds> measured_clocks(Moment now) const;

    // What follows.

    /// It has given its account on the present connection.
    bool has_account(const NodeName& node) const;
    std::set<NodeName> with_accounts() const;
    /// It was heard well within the lease's margin.
    bool hears(const NodeName& node, Moment now) const;
    /// NodeBeat::stops of its last beat after its account on the present connection; 0: none came.
    std::uint64_t stops(const NodeName& node) const;
    /// It can be given runs.
    bool is_available(const NodeName& node, SteadyTime now) const;
    bool is_available(const NodeState& node, SteadyTime now) const;
    const std::map<NodeName, NodeState>& all() const { return nodes_; }
    /// Counts the changes of which nodes there are, and of their labels.
    std::uint64_t label_changes() const { return label_changes_; }
    /// Silent, and failing in the registry, for longer than lease and margin; and there is
    /// something to be given up.
    std::vector<NodeName> gone(Moment now) const;
    std::vector<NodeLoad> loads(Moment now) const;

private:
    NodeState& known(const NodeName& node, Moment now);
    bool is_silent(const NodeState& node, SteadyTime now) const;

    const NodeName self_;
    const DispatchSettings& settings_;
    OpenRuns& runs_;
    NodeClocks clocks_;
    std::map<NodeName, NodeState> nodes_;
    std::uint64_t label_changes_ = 0;
    SteadyTime registry_seen_ = SteadyTime::max();
};

}  // namespace peercron
