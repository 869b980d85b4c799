#pragma once

#include "cluster/coordinator.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>

namespace peercron {

namespace asio = boost::asio;

/// A node that is alone: the only member, and always the dispatcher. No network.
///
/// Each start of the node is a term of its own: its epoch is one more than the newest that the
/// store has seen.
class SoloCoordinator final : public Coordinator {
public:
    /// @param newest_epoch asks the store, again and again until it answers.
    SoloCoordinator(asio::any_io_executor executor, Member self,
                    std::function<asio::awaitable<Epoch>()> newest_epoch);

    asio::awaitable<void> run() override;
    Epoch epoch() const override { return epoch_; }
    const NodeName& dispatcher() const override { return dispatcher_; }
    const std::vector<Member>& members() const override { return members_; }
    /// The present time: there is no service that could forget this node.
    SteadyTime session_confirmed() const override;
    asio::awaitable<void> resign() override;
    void raise_epoch(Epoch used) override;
    Event& changed() override { return changed_; }

private:
    void begin(Epoch epoch);

    std::function<asio::awaitable<Epoch>()> newest_epoch_;
    Event changed_;
    std::vector<Member> members_;
    NodeName dispatcher_;
    Epoch epoch_ = 0;
    bool resigned_ = false;
};

}  // namespace peercron
