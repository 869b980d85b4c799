#pragma once

#include "base/clock.hpp"
#include "base/task_group.hpp"
#include "cluster/coordinator.hpp"
#include "dispatch/dispatcher.hpp"
#include "simulated_node.hpp"
#include "store/store_pool.hpp"
#include "wire/connection.hpp"

#include <prometheus/registry.h>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace peercron::bench {

struct ClusterSettings {
    std::size_t nodes = 1;         ///< in this process; the first is the dispatcher's own
    std::vector<NodeName> others;  ///< in other processes, reached over TCP
    bool recording = false;        ///< each writes what ended into the store, as a real one does
    StorePool::Open open;
};

/// What nodes of a benchmark greet each other with.
PeerSettings peer_settings(const NodeName& name);

/// The real Dispatcher, with a real store and nodes that are simulated, in one process and one I/O
/// thread. It has the lock when it is told so.
class SimulatedCluster {
public:
    SimulatedCluster(asio::io_context& io, ClusterSettings settings);
    ~SimulatedCluster();

    /// Begins to follow the jobs, without the lock.
    void start();
    void stop() { tasks_.cancel(); }
    asio::awaitable<void> join() { return tasks_.join(); }

    void win_lock();
    /// Until the dispatcher knows this many jobs.
    asio::awaitable<void> jobs_known(std::size_t count);
    /// Until the dispatcher has committed a step.
    asio::awaitable<void> committed();
    /// Until a new dispatcher has compared all jobs with their histories.
    asio::awaitable<void> history_complete();
    /// Runs that have ended at the nodes of this process, and …
    std::size_t ended() const { return ended_; }
    /// … those of them that are not recorded yet.
    std::size_t waiting() const;

    Dispatcher& dispatcher() { return dispatcher_; }
    SimulatedNode& node(std::size_t i) { return *nodes_[i]; }
    /// For what the API does.
    StorePool& api_store() { return api_store_; }
    /// The sum of a metric's values; of a histogram, how many there are.
    double metric(const std::string& name) const;

private:
    class Lock;
    struct Recording;
    asio::awaitable<Result<std::unique_ptr<Channel>>> connect(NodeName name);
    Dispatcher::Parts parts();

    asio::io_context& io_;
    ClusterSettings settings_;
    SystemClock clock_;
    prometheus::Registry metrics_;
    TaskGroup tasks_;
    std::unique_ptr<Lock> lock_;
    StorePool plan_store_;
    StorePool history_store_;
    StorePool api_store_;
    std::size_t history_calls_ = 0;
    std::size_t ended_ = 0;
    std::vector<std::unique_ptr<Recording>> recordings_;
    std::vector<std::unique_ptr<SimulatedNode>> nodes_;
    Dispatcher dispatcher_;
};

}  // namespace peercron::bench
