#pragma once

#include "base/clock.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "model/node_load.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace peercron {

/// What a dispatcher told of all nodes.
struct Roster {
    std::vector<NodeLoad> nodes;
    NodeName by;  ///< who told it
    /// At least this much its clock is ahead of this node's, as its last message shows.
    std::chrono::milliseconds ahead{0};
};

/// What is known of the clock of one node.
struct NodeClock {
    /// How it agrees with the dispatcher's.
    enum class State : std::uint8_t {
        good,
        off,       ///< by more than clock_warning
        unusable,  ///< by more than the lookahead: it would start fires at wrong times
    };
    State state = State::good;
    std::chrono::milliseconds offset{0};  ///< this clock minus the dispatcher's
    std::chrono::milliseconds doubt{0};   ///< how wrong that may be
    bool is_known = false;                ///< measured, or told by an earlier dispatcher
    bool is_measured = false;             ///< by this dispatcher, and not told since

    bool is_usable() const { return state != State::unusable; }
};

/// The clocks of the nodes, compared with the dispatcher's own. Says which of them are too far off
/// to start fires, with a line in the log about each change, and how far one may be ahead: a node
/// that has died may have started what was due by its own clock.
///
/// Offsets are measured with every beat, as in NTP. When the dispatcher's own clock is set, all of
/// them change by as much at once. Pure; no clock of its own. One thread.
class NodeClocks {
public:
    /// `self` is the dispatcher's node.
    NodeClocks(NodeName self, const DispatchSettings& settings);

    /// The clock of this node, which may be a new one. Valid as long as this object.
    const NodeClock& of(const NodeName& node) { return clocks_[node]; }

    /// To be called before offsets are used: the own clock may have been set.
    void follow_own_clock(Moment now);

    /// The own clock is ahead, by so much, of the moments that are handed in: it is not planned by.
    /// Clocks that were not measured yet may be ahead as far.
    void own_clock_ahead(std::chrono::milliseconds by) { own_ahead_ = by; }

    /// What an earlier dispatcher told. Returns the nodes whose clocks it had measured; none when
    /// it did not know this one's.
    std::vector<NodeName> learn(const Roster& told, Moment now);

    /// The node read `answered` from its clock after the dispatcher had read `asked` from its own,
    /// and before `now`.
    void measure(const NodeName& node, WallTime asked, WallTime answered, Moment now);

    /// By how much the clock may be ahead. Of one that nobody knows, the worst is assumed: lost is
    /// better than twice.
    std::chrono::milliseconds most_ahead(const NodeClock& clock) const;

private:
    void judge(const NodeName& node, NodeClock& clock, std::chrono::milliseconds error) const;

    const NodeName self_;
    const DispatchSettings& settings_;
    std::map<NodeName, NodeClock> clocks_;
    std::optional<std::chrono::milliseconds> own_clock_;  ///< wall minus steady
    std::chrono::milliseconds own_ahead_{0};
};

}  // namespace peercron
