#pragma once

#include "api/run_output.hpp"
#include "base/result.hpp"
#include "base/task_group.hpp"
#include "cluster/coordinator.hpp"
#include "dispatch/channel.hpp"
#include "exec/output_desk.hpp"
#include "node/agent.hpp"
#include "wire/connection.hpp"
#include "wire/listener.hpp"

#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace peercron {

/// This node's connections with the nodes of the cluster, itself among them: its peer port, and the
/// ways from its dispatcher and its readers of outputs to the others. Lives on the I/O thread;
/// outlives every call.
class Peers {
public:
    struct Parts {
        Agent& agent;
        OutputDesk& outputs;
        const Coordinator& coordinator;
        TaskGroup& conversations;
        TaskGroup& readers;  ///< of outputs
        prometheus::Registry& metrics;
        NodeName self;
        PeerSettings settings;
        std::chrono::milliseconds connect_limit;
        /// Starts a conversation with this node's side of it, among `conversations`.
        std::function<void(std::string name, asio::awaitable<void> task)> start;
    };

    Peers(asio::any_io_executor executor, Parts parts);

    /// Listens at the address from here on. Throws what PeerListener does, PortInUse among it.
    void listen(const std::string& address);
    bool is_listening() const { return listener_.has_value(); }
    /// The listening socket.
    int descriptor() { return listener_->descriptor(); }
    /// Takes connections of other nodes; ends only by cancellation. To be called when it listens.
    asio::awaitable<void> accept() { return listener_->run(); }

    /// A conversation as dispatcher.
    asio::awaitable<Result<std::unique_ptr<Channel>>> connect(NodeName node);

    std::unique_ptr<RunOutput> output_at(const NodeName& node);

private:
    ListenerSettings listener_settings() const;
    void converse(std::unique_ptr<PeerConnection> peer);
    asio::awaitable<Result<std::unique_ptr<Channel>>> connect_to_self();
    void note(const PeerConnection& peer);

    const asio::any_io_executor io_;
    const Parts parts_;
    prometheus::Counter* by_certificates_ = nullptr;  ///< connections that were accepted
    prometheus::Counter* encrypted_ = nullptr;        ///< … and others
    prometheus::Counter* unencrypted_ = nullptr;
    std::optional<PeerListener> listener_;
};

}  // namespace peercron
