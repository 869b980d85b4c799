#pragma once

#include "base/event.hpp"
#include "model/run.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <vector>

namespace peercron {

/// A node as the registry knows it.
struct Member {
    NodeName name;             ///< its peer address, "127.0.0.1:9991"
    std::string http_address;  ///< where its API answers
    std::string version;
    bool passing = false;             ///< all its health checks pass
    std::vector<std::string> labels;  ///< that it tells, see model/labels.hpp

    friend bool operator==(const Member&, const Member&) = default;
};

/// Which nodes there are and which of them dispatches. Consul in a cluster, a trivial one in a
/// single node.
///
/// Lives on the I/O thread. All answers show the last known state, which may be old: safety comes
/// from the store's epoch, never from here.
class Coordinator {
public:
    virtual ~Coordinator() = default;

    /// Registers this node, campaigns for the lock and follows the members, for as long as it
    /// runs; survives any absence of the service. Ends only by cancellation, after this node has
    /// given up the lock and its registration.
    virtual asio::awaitable<void> run() = 0;

    /// The epoch of this node's own term; 0 while it does not hold the lock.
    virtual Epoch epoch() const = 0;

    /// The name of the node that holds the lock, "" while nobody does.
    virtual const NodeName& dispatcher() const = 0;

    /// All registered nodes, this one included once it is registered, ordered by name.
    virtual const std::vector<Member>& members() const = 0;

    /// When the service last confirmed this node's session (the local clock before the request
    /// was sent); min() when never.
    virtual SteadyTime session_confirmed() const = 0;

    /// When the service was last found to have forgotten this node's registration or session, as it
    /// does when it has lost its data: members() may lack other nodes that are about to register
    /// again. min() when never.
    virtual SteadyTime forgotten() const { return SteadyTime::min(); }

    /// Gives the lock up at once so that another node takes it, and does not campaign again.
    /// Part of a graceful stop: the node goes on running its commands.
    virtual asio::awaitable<void> resign() = 0;

    /// The node stays registered when run() ends, like one that has died: others may have to wait
    /// for it.
    virtual void keep_registration() {}

    /// The store has seen the epoch `used`, and this node's is not greater: the service has
    /// forgotten what the store remembers. epoch() becomes 0 and comes back greater than `used`,
    /// if this node still holds the lock.
    virtual void raise_epoch(Epoch used) = 0;

    /// Notified when epoch(), dispatcher() or members() changed.
    virtual Event& changed() = 0;
};

}  // namespace peercron
