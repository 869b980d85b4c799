#pragma once

#include "base/result.hpp"
#include "wire/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>

namespace peercron {

namespace asio = boost::asio;

/// How a conversation ended.
struct ChannelEnd {
    bool by_peer = false;  ///< the other side closed it, as its kernel does when it dies
    std::string why;
};

/// One side of a conversation between a dispatcher and a node: over TCP, or inside one process
/// when the dispatcher talks to its own node. Lives on the I/O thread.
class Channel {
public:
    virtual ~Channel() = default;

    /// Queues `message`. Never blocks; after the end it does nothing.
    virtual void send(const Message& message) = 0;

    /// Carries the conversation: hands what the peer says to `on_message`, in order, until either
    /// side ends it. Throws only when cancelled.
    virtual asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) = 0;

    /// Ends it from this side.
    virtual void close() = 0;
};

/// Why there is no channel.
struct ConnectFailure {
    bool refused = false;  ///< nothing listens there: the process is dead
    std::string why;
};

/// Opens a channel to a node; bounded in time.
using Connect =
    std::function<asio::awaitable<Result<std::unique_ptr<Channel>, ConnectFailure>>(NodeName)>;

}  // namespace peercron
