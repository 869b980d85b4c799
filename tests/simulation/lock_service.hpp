#pragma once

#include "base/event.hpp"
#include "cluster/consul_api.hpp"
#include "model/run.hpp"
#include "simulation/world.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace peercron::simulation {

/// Consul, as far as ConsulCoordinator uses it: services with checks, sessions that hang on the
/// checks, and one lock key with LockIndex and flags. Sessions have no TTL here, which would hide
/// for how long a dead process keeps the lock.
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

    /// What a request of `node` to its agent changes, and the answer.
    ConsulAnswer answer(const NodeName& node, const ConsulCall& call);

    /// X-Consul-Index: grows with every change; `listeners` are told.
    std::uint64_t index() const { return index_; }
    std::map<std::uint64_t, std::function<void()>> listeners;  ///< by any unique number, in order

private:
    struct Node {
        bool passing = true;
        std::optional<World::Time> failing_since;
        std::chrono::microseconds patience{};  ///< until a check that fails is critical
    };

    /// The lock key; one that was never acquired does not exist.
    struct Lock {
        std::string session;
        std::uint64_t lock_index = 0;
        std::uint64_t flags = 0;
        std::string value;
    };

    struct Session {
        NodeName node;
        std::string name;
    };

    // Its HTTP API, by the first parts of the path.
    ConsulAnswer agent(const NodeName& node, std::string_view path);
    ConsulAnswer session(const NodeName& node, std::string_view path, const std::string& body);
    ConsulAnswer make_session(const NodeName& node, const std::string& body);
    ConsulAnswer sessions(const std::function<bool(const std::string&, const Session&)>& wanted);
    ConsulAnswer lock() const;
    ConsulAnswer put_lock(const ConsulCall& call);
    ConsulAnswer members() const;

    void destroy(const std::string& session);
    void check();
    void invalidate(const NodeName& node);
    void changed();

    World& world_;
    std::function<Look(const NodeName&)> look_;
    bool away_ = false;
    Lock lock_;
    std::map<NodeName, Node> nodes_;
    std::map<std::string, Session> sessions_;  ///< by their ids
    std::uint64_t last_session_ = 0;
    std::uint64_t index_ = 1;
    Planned check_;
};

/// A node's agent: what ConsulCoordinator asks over HTTP, and what Consul answers, as Consul's
/// manual describes it.
class ConsulAgent final : public ConsulApi {
public:
    /// @param serial a number of its own; agents hear of news in that order.
    ConsulAgent(Actor& actor, const asio::any_io_executor& executor, LockService& service,
                NodeName node, std::function<bool()> cut_off, std::uint64_t serial);
    ConsulAgent(const ConsulAgent&) = delete;
    ConsulAgent& operator=(const ConsulAgent&) = delete;
    ~ConsulAgent() override;

    asio::awaitable<Result<ConsulAnswer, NoAnswer>> call(ConsulCall call) override;
    const std::string& address() const override { return address_; }

private:
    /// A blocking query: waits until something is newer than `index`, but not longer than `wait`.
    asio::awaitable<void> await_news(std::uint64_t index, World::Time::duration wait);

    Actor& actor_;
    LockService& service_;
    const NodeName node_;
    const std::string address_;
    std::function<bool()> cut_off_;
    const std::uint64_t serial_;
    Event news_;
    Planned news_comes_;
};

}  // namespace peercron::simulation
