#pragma once

#include "model/run.hpp"
#include "wire/message.hpp"

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

namespace peercron {

/// A message on its way to a node.
struct Outgoing {
    NodeName node;
    Message message;
};

/// What nodes are to be told: the orders of each node together, in messages of bounded size, and
/// revocations, which need not wait for any commit. Plain memory; one thread.
class Outbox {
public:
    /// A message of orders is closed when their commands are longer than this in all.
    static constexpr std::size_t longest_batch = 1U << 20U;

    void order(const NodeName& node, const RunOrder& order);
    /// The node holds what has ended, or is elsewhere.
    void revoke(const NodeName& node, const RunId& id);

    /// In the order in which they were asked for.
    std::vector<Outgoing> take_revocations() { return std::exchange(revocations_, {}); }
    /// Every node's orders in the order in which they were given.
    std::vector<Outgoing> take_orders();

private:
    struct Batch {
        RunOrders message;
        std::size_t bytes = 0;
    };
    std::map<NodeName, Batch> batches_;
    std::vector<Outgoing> full_;
    std::vector<Outgoing> revocations_;
};

}  // namespace peercron
