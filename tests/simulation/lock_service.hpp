#pragma once

#include "cluster/campaign.hpp"
#include "cluster/coordinator.hpp"
#include "simulation/world.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace peercron::simulation {

/// Consul, as far as ConsulCoordinator uses it: services with checks, sessions that hang on the
/// checks, and one lock key with LockIndex and flags.
class LockService {
public:
    /// How a node looks from here.
    enum class Look : std::uint8_t {
        answers,
        refuses,  ///< its process is dead
        silent,   ///< it is stopped, or the way to it is cut
    };

    LockService(World& world, std::function<Look(const NodeName&)> look);

    void set_away(bool away) { away_ = away; }
    /// It loses everything, as an agent in dev mode that was restarted.
    void wipe();

    bool away() const { return away_; }

    // What nodes ask, once the request has arrived.
    void register_node(const NodeName& node);
    void deregister_node(const NodeName& node);
    bool knows(const NodeName& node) const { return nodes_.contains(node); }
    std::string make_session(const NodeName& node);  ///< empty: its checks do not pass
    bool renew(const std::string& session) const { return sessions_.contains(session); }
    void destroy(const std::string& session);
    void destroy_older(const NodeName& node, const std::string& session);
    bool acquire(const Campaign::Bid& bid, const NodeName& holder);
    void release(const std::string& session, std::uint64_t flags);
    const LockEntry& lock() const { return lock_; }
    /// All registered nodes, and whether their checks pass.
    std::vector<Member> members() const;

    /// Grows with every change; `listeners` are told.
    std::uint64_t index() const { return index_; }
    std::map<std::uint64_t, std::function<void()>> listeners;  ///< by any unique number, in order

private:
    struct Node {
        bool passing = true;
        std::optional<World::Time> failing_since;
        std::chrono::microseconds patience{};  ///< until a check that fails is critical
    };

    void check();
    void invalidate(const NodeName& node);
    void changed();

    World& world_;
    std::function<Look(const NodeName&)> look_;
    bool away_ = false;
    LockEntry lock_;
    std::map<NodeName, Node> nodes_;
    std::map<std::string, NodeName> sessions_;
    std::uint64_t last_session_ = 0;
    std::uint64_t index_ = 1;
    Planned check_;
};

/// A node's side, as ConsulCoordinator: carries the Campaign out.
class LockClient final : public Coordinator {
public:
    /// @param serial a number of its own; clients hear of news in that order.
    LockClient(Actor& actor, const asio::any_io_executor& executor, LockService& service,
               NodeName self, std::function<bool()> cut_off, std::uint64_t serial);
    LockClient(const LockClient&) = delete;
    LockClient& operator=(const LockClient&) = delete;
    ~LockClient() override;

    asio::awaitable<void> run() override;
    Epoch epoch() const override { return campaign_.epoch(); }
    const NodeName& dispatcher() const override { return campaign_.dispatcher(); }
    const std::vector<Member>& members() const override { return members_; }
    SteadyTime session_confirmed() const override { return confirmed_; }
    asio::awaitable<void> resign() override;
    void keep_registration() override { keeps_registration_ = true; }
    void raise_epoch(Epoch used) override;
    Event& changed() override { return changed_; }

private:
    asio::awaitable<void> keep_registered();
    asio::awaitable<void> keep_session();
    asio::awaitable<bool> make_session();
    asio::awaitable<bool> renew_session();
    asio::awaitable<void> follow_lock();
    asio::awaitable<void> follow_members();
    asio::awaitable<bool> act_on_lock();
    asio::awaitable<void> release_lock();
    asio::awaitable<void> leave();
    /// Has `work` done by the service; false when no answer came.
    asio::awaitable<bool> ask(std::function<void(LockService&)> work,
                              std::chrono::milliseconds timeout);
    asio::awaitable<bool> watch(std::uint64_t& index, World::Time::duration wait);
    void announce();
    void attend_to_session();

    Actor& actor_;
    LockService& service_;
    const NodeName self_;
    std::function<bool()> cut_off_;
    const std::uint64_t serial_;

    Campaign campaign_;
    std::vector<Member> members_;
    World::Time confirmed_ = World::Time::min();
    bool registered_ = false;
    bool keeps_registration_ = false;
    Epoch announced_epoch_ = 0;
    NodeName announced_dispatcher_;
    bool session_due_ = false;

    Event changed_;
    Event session_wanted_;
    Event news_;
    Planned news_comes_;
};

}  // namespace peercron::simulation
