#pragma once

#include "dispatch/channel.hpp"
#include "wire/connection.hpp"

#include <chrono>
#include <memory>

namespace peercron {

/// A conversation over an authenticated connection.
class TcpChannel final : public Channel {
public:
    explicit TcpChannel(std::unique_ptr<PeerConnection> connection);

    void send(const Message& message) override;
    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override;
    void close() override;

    /// Connects to the node of that name; an answer from another node is a failure.
    static asio::awaitable<Result<std::unique_ptr<Channel>>> connect(
        NodeName node, PeerSettings settings, std::chrono::milliseconds limit);

private:
    std::unique_ptr<PeerConnection> connection_;
};

}  // namespace peercron
