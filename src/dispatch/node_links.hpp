#pragma once

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "cluster/coordinator.hpp"
#include "dispatch/channel.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "dispatch/node_table.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/term_rules.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace peercron {

/// The connections of a term to the nodes: one for each node that is registered, or has runs, or
/// may come back and be elected. A connection that ends is made again. Tells the rules what the
/// registry says and which connections end. Lives on the I/O thread.
class NodeLinks {
public:
    struct Listener {
        /// The first message on a connection is the node's account, or its warden's report.
        std::function<void(const NodeName&, Message)> on_message;
        /// The connection ended, which proves nothing.
        std::function<void(const NodeName&)> on_end;
    };

    NodeLinks(asio::any_io_executor executor, const PlanClock& clock, const Coordinator& registry,
              Connect connect, NodeName self, const DispatchSettings& settings, TermRules& rules,
              Listener listener);

    /// Begins to connect to a node, unless that was done.
    void add(const NodeName& node);
    /// Has a link to each node that is registered, and to this one.
    void follow_registry();

    /// Ends with the first failure, or when there are no links and none is added.
    asio::awaitable<void> join() { return tasks_.join(); }
    /// Ends all connections; join() waits for that.
    void cancel() { tasks_.cancel(); }

    bool is_connected(const NodeName& node) const;
    /// Does nothing while the node is not connected.
    void send(const NodeName& node, const Message& message);
    void send_to_all(const Message& message);

    /// All that have a link, connected or not, by name.
    std::vector<NodeName> nodes() const;
    std::vector<NodeName> connected() const;
    std::size_t size() const { return links_.size(); }
    const Member* find_member(const NodeName& node) const;

    /// Whether each node has given its account, or cannot now.
    bool have_all_answered() const;
    /// Notified when more of them have.
    Event& answered() { return answered_; }

    /// Whether the node may become dispatcher, as far as this one can rule that out.
    bool may_be_elected(const NodeName& node) const;
    /// Those whose wardens have reported that they died, and which were not heard since.
    std::map<NodeName, Death> deaths() const;

    // What was heard of a node that is connected.

    void note_account(const NodeName& node);
    void note_beat(const NodeName& node, bool is_leaving);
    /// Its warden has answered in its place, and is told that this was heard.
    Death note_death(const NodeName& node, const NodeDied& word);
    /// Whether the node can have heard of this epoch. One that has not must not depose anybody; and
    /// it is of no use, since it obeys no dispatcher that can exist: its connection ends.
    bool is_believed(const NodeName& node, Epoch named);

private:
    struct Link {
        Channel* channel = nullptr;  ///< set while connected
        bool has_answered = false;   ///< its account was taken, or it cannot be had now
        std::optional<Death> death;  ///< of its last process, as far as is known
        SteadyTime known_at{};       ///< when it was last registered or heard
        bool is_leaving = false;
        /// Why it could not be connected, as far as that was said, since it was last connected.
        std::set<std::string> told_failures;
        bool is_disbelieved = false;  ///< that was said: it names epochs that cannot be
    };

    asio::awaitable<void> link(NodeName node);
    asio::awaitable<void> converse(NodeName node, std::unique_ptr<Channel> channel);
    bool is_wanted(const NodeName& node) const;
    void not_connected(const NodeName& node, const Error& failure);
    Moment now() const { return clock_.now(); }

    const PlanClock& clock_;
    const Coordinator& registry_;
    const Connect connect_;
    const NodeName self_;
    const DispatchSettings& settings_;
    TermRules& rules_;
    const Listener listener_;
    std::map<NodeName, Link> links_;
    Event answered_;
    TaskGroup tasks_;
};

}  // namespace peercron
