#pragma once

#include "base/result.hpp"
#include "wire/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>

namespace peercron {

namespace asio = boost::asio;

/// How a conversation ended, for people. It never says whether the other side is alive.
struct ChannelEnd {
    std::string why;
};

/// One side of a conversation between a dispatcher and a node: over TCP, or inside one process
/// when the dispatcher talks to its own node. Lives on the I/O thread.
class Channel {
public:
    virtual ~Channel() = default;

    /// Queues `message`. Never blocks; after the end it does nothing.
    virtual void send(const Message& message) = 0;

    /// Carries the conversation: passes the peer's messages to `on_message`, in order, until either
    /// side ends it. Throws only when cancelled.
    virtual asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) = 0;

    /// Ends it from this side.
    virtual void close() = 0;
};

/// Opens a channel to a node, or to the warden of one that has died; bounded in time.
using Connect = std::function<asio::awaitable<Result<std::unique_ptr<Channel>>>(NodeName)>;

}  // namespace peercron
