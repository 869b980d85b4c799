#pragma once

#include "api/api.hpp"
#include "base/clock.hpp"
#include "base/disk_journal.hpp"
#include "cluster/coordinator.hpp"
#include "dispatch/dispatcher.hpp"
#include "model/node_load.hpp"
#include "node/agent.hpp"
#include "node/certificate.hpp"
#include "node/store_readiness.hpp"
#include "notify/cluster_rules.hpp"
#include "store/store_pool.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// What this node knows of itself and of the cluster, put together from its parts, for the API and
/// for notices. Lives on the I/O thread.
class NodeFacts {
public:
    struct Parts {
        const Clock& clock;
        const Agent& agent;
        const Dispatcher& dispatcher;
        const Coordinator& coordinator;
        const DiskJournal& journal;
        const Certificate& certificate;
        const Certificate& peer_certificate;
        const StoreReadiness& readiness;
        const StorePool& plan_store;
        const StorePool& record_store;
        NodeName self;
        bool has_peers = false;
        std::function<bool()> is_stopping;
    };

    /// The parts may be made later; they outlive every call.
    explicit NodeFacts(Parts parts) : parts_(std::move(parts)) {}

    OwnFacts own() const;
    /// When the first of its certificates expires; nullopt: it has none.
    std::optional<WallTime> certificate_expiry() const;
    ClusterFacts cluster() const;

    /// The changes of the jobs after that one.
    JobNews job_news(std::uint64_t after) const;

    /// What the last dispatcher told of all nodes; of this one what it knows itself, since nobody
    /// may dispatch any more.
    std::vector<NodeLoad> loads() const;

    /// Of the older of the pools whose calls fail.
    std::optional<StorePool::Trouble> store_trouble() const;

    /// Why no calls should be sent to this node now, for people; "" = they may be sent.
    std::string not_ready() const;

private:
    const Parts parts_;
};

}  // namespace peercron
