#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "dispatch/channel.hpp"
#include "model/run.hpp"
#include "wire/message.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace peercron::bench {

/// A node that runs nothing: it takes orders, and says of each, when it is due, that it has started
/// and ended. What it costs is what a conversation costs. Lives on the I/O thread.
class SimulatedNode {
public:
    using OnEnded = std::function<void(const std::vector<RunReport>&)>;

    SimulatedNode(asio::any_io_executor executor, const Clock& clock, NodeName name,
                  OnEnded on_ended = {});

    /// Its side of a conversation with a dispatcher, until that ends.
    asio::awaitable<void> serve(std::unique_ptr<Channel> channel);

    /// Starts and ends what is due. Ends only by cancellation.
    asio::awaitable<void> run();

    /// Has the dispatcher plan these jobs again, and waits until it has.
    asio::awaitable<void> announce(std::vector<JobId> jobs);

    const NodeName& name() const { return name_; }
    bool is_connected() const { return channel_ != nullptr; }
    std::uint64_t orders() const { return orders_; }
    std::uint64_t beats() const { return beats_; }

private:
    void hear(Message message);
    void hear(const TermHello& hello);
    void hear(RunOrders& orders);
    void hear(const Revoke& revoke);
    void hear(const DispatcherBeat& beat);
    void hear(const StepCopy& copy);
    void hear(const Done& done);
    template <class Other>
    void hear(const Other&)
    {}
    void end_due(WallTime now);

    const Clock& clock_;
    NodeName name_;
    OnEnded on_ended_;
    const SteadyTime started_;
    Channel* channel_ = nullptr;
    std::map<WallTime, std::vector<RunOrder>> held_;
    Event more_held_;
    std::uint64_t last_request_ = 0;
    std::uint64_t done_ = 0;
    Event answered_;
    std::uint64_t orders_ = 0;
    std::uint64_t beats_ = 0;
};

}  // namespace peercron::bench
