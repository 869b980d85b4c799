#pragma once

#include "base/event.hpp"
#include "dispatch/channel.hpp"
#include "simulation/mutation.hpp"
#include "simulation/network.hpp"

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

namespace peercron::simulation {

class NetChannel;
/// Of one process, in the order in which they were made.
using OpenChannels = std::list<NetChannel*>;

/// A connection of the simulated network, as node/tcp_channel.cpp.
class NetChannel final : public Channel {
public:
    NetChannel(asio::any_io_executor executor, OpenChannels& open,
               std::unique_ptr<Endpoint> endpoint);
    NetChannel(const NetChannel&) = delete;
    NetChannel& operator=(const NetChannel&) = delete;
    ~NetChannel() override;

    void send(const Message& message) override { endpoint_->send(message); }
    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override;
    void close() override;

    /// See Endpoint::die().
    void die(bool silently) { endpoint_->die(silently); }

private:
    OpenChannels& open_;
    const OpenChannels::iterator place_;
    std::unique_ptr<Endpoint> endpoint_;
    std::optional<ChannelEnd> end_;
    Event ended_;
};

/// A connection that was answered by the warden of a process that has died, as exec/herald.cpp. It
/// ends when the word was heard.
class WardenChannel final : public Channel {
public:
    /// `on_heard`: the dispatcher confirms the word.
    WardenChannel(const asio::any_io_executor& executor, NodeDied word,
                  std::function<void()> on_heard);

    void send(const Message& message) override;
    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override;
    void close() override;

private:
    const NodeDied word_;
    const std::function<void()> on_heard_;
    bool is_over_ = false;
    Event over_;
};

/// A channel of a process that has a mistake in what it says or hears; see Mutation.
class MistakenChannel final : public Channel {
public:
    enum class Side : std::uint8_t { dispatchers, nodes };

    /// @param on_orders where orders of older dispatchers go, when they are taken.
    MistakenChannel(asio::any_io_executor executor, World& world, Mutation mutation, Side side,
                    std::unique_ptr<Channel> channel,
                    std::function<void(RunOrders)> on_orders = nullptr);

    void send(const Message& message) override;
    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override;
    void close() override { channel_->close(); }

private:
    /// What the peer would have said, were it asked.
    std::optional<Message> make_up(const Message& asked) const;
    std::optional<Message> distort_said(Message message) const;
    std::optional<Message> distort_heard(Message message);

    const asio::any_io_executor executor_;
    World& world_;
    const Mutation mutation_;
    const Side side_;
    const std::unique_ptr<Channel> channel_;
    const std::function<void(RunOrders)> on_orders_;
    std::shared_ptr<std::function<void(Message)>> on_message_;  ///< while it runs
};

}  // namespace peercron::simulation
