#pragma once

#include "base/clock.hpp"
#include "cluster/campaign.hpp"
#include "cluster/consul_api.hpp"
#include "cluster/consul_messages.hpp"
#include "cluster/consul_settings.hpp"
#include "cluster/coordinator.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// A cluster that meets in Consul (1.8 or newer): each node is a service of its local agent with
/// two checks, a session hangs on the checks, and the session holds the lock key.
///
/// How soon a waiting node takes over, with Consul 1.8.7: after resign() in milliseconds, from a
/// killed node within about 1 s, from a stopped one (SIGSTOP) within about 2 s.
///
/// May be lost safely: while Consul does not answer, everything stays as it was, this node's epoch
/// included. Any answer counts at once.
///
/// Permissions that an ACL token needs: service:write on the service's name, key:write on the lock
/// key, session:write and node:read on the agent's node.
class ConsulCoordinator final : public Coordinator {
public:
    /// The peer port must be bound before run() starts: Consul connects to it, and an earlier
    /// registration under its address is taken for a dead process of this node. Throws
    /// std::invalid_argument when bind_address is not HOST:PORT.
    ConsulCoordinator(asio::any_io_executor executor, const Clock& clock,
                      std::unique_ptr<ConsulApi> consul, ConsulSettings settings);

    asio::awaitable<void> run() override;

    Epoch epoch() const override { return campaign_.epoch(); }
    const NodeName& dispatcher() const override { return campaign_.dispatcher(); }
    const std::vector<Member>& members() const override { return members_; }
    SteadyTime session_confirmed() const override { return confirmed_; }
    SteadyTime forgotten() const override { return forgotten_; }
    asio::awaitable<void> resign() override;
    Event& changed() override { return changed_; }

    void keep_registration() override { keeps_registration_ = true; }
    void raise_epoch(Epoch used) override;

private:
    using Answer = Result<ConsulAnswer, NoAnswer>;

    /// A task that may fail for a long time: logs the failure once, and once that it works again.
    class Trouble {
    public:
        explicit Trouble(std::string task) : task_(std::move(task)) {}
        void because(const std::string& reason);
        void over();

    private:
        std::string task_;  // "renew the session"
        std::string reason_;
    };

    // What runs for as long as run() does.
    asio::awaitable<void> keep_registered();
    asio::awaitable<void> keep_session();
    asio::awaitable<void> follow_lock();
    asio::awaitable<void> follow_members();

    asio::awaitable<bool> register_service(Trouble& trouble);
    asio::awaitable<void> remove_stale_services();
    asio::awaitable<bool> make_session(Trouble& trouble);
    asio::awaitable<bool> destroy_older_sessions();
    asio::awaitable<bool> renew_session(Trouble& trouble);
    asio::awaitable<bool> act_on_lock(Trouble& trouble);
    asio::awaitable<void> release_lock();
    asio::awaitable<void> leave();
    asio::awaitable<bool> deregister();

    void attend_to_session();

    /// Makes a call and notes whether the agent is there.
    asio::awaitable<Answer> ask(ConsulCall call);
    /// Whether the answer is a good one; otherwise it is the trouble.
    bool accept(const Answer& answer, Trouble& trouble);
    void went_away(const std::string& reason);
    void came_back();
    void confirm_session(SteadyTime asked);
    /// Tells the log and the waiters about changes of epoch and dispatcher.
    void announce();

    std::string lock_target() const;

    const ConsulSettings settings_;
    const ConsulNames names_;
    const std::string registration_;
    const Clock& clock_;
    const std::unique_ptr<ConsulApi> consul_;

    Campaign campaign_;
    std::vector<Member> members_;
    SteadyTime confirmed_ = SteadyTime::min();
    SteadyTime forgotten_ = SteadyTime::min();
    bool is_registered_ = false;
    bool keeps_registration_ = false;
    bool may_have_older_sessions_ = false;
    std::optional<SteadyTime> away_since_;  // set while the agent does not answer

    Epoch announced_epoch_ = 0;
    NodeName announced_dispatcher_;

    Event changed_;
    Event session_wanted_;
    bool is_session_due_ = false;  // keep_session() shall not wait for its time
};

}  // namespace peercron
