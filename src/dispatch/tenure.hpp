#pragma once

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "dispatch/dispatcher.hpp"
#include "dispatch/historian.hpp"
#include "dispatch/term.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// One tenure of this node as dispatcher: the links to the nodes, and the loop that carries the
/// rules of Term out.
class Dispatcher::Tenure {
public:
    Tenure(Dispatcher& dispatcher, Epoch lock_epoch);

    /// Runs until the lock is lost or the store has a newer epoch.
    asio::awaitable<void> run();

    Epoch epoch() const { return begun_ ? term_.epoch() : 0; }
    std::vector<NodeLoad> loads() const;

private:
    struct Link {
        Channel* channel = nullptr;  ///< set while connected
        bool answered = false;       ///< its account was taken, or it cannot be had now
        std::optional<WallTime> dead_since;
    };
    /// What a node's API asks for; it waits for the answer.
    template <class Asked>
    struct Request {
        NodeName node;
        Asked asked;
    };

    asio::awaitable<void> dispatch();
    asio::awaitable<void> take_over();
    asio::awaitable<TermStart> begin_term();
    asio::awaitable<void> await_accounts();
    asio::awaitable<void> poll_jobs();
    asio::awaitable<void> apply_changes();
    asio::awaitable<void> start_runs();
    asio::awaitable<void> end_runs();
    asio::awaitable<std::string> end_run(const EndRun& asked);
    asio::awaitable<void> evacuate();
    asio::awaitable<void> settle_doubts();
    asio::awaitable<void> commit_step();
    asio::awaitable<void> commit(PlanStep step);
    asio::awaitable<std::vector<RunId>> take_back(std::map<NodeName, std::vector<RunId>> runs);
    void answer(const NodeName& node, std::uint64_t request, std::string error);
    void send_answers();

    asio::awaitable<void> link(NodeName node);
    asio::awaitable<void> follow_members();
    asio::awaitable<void> beat();
    void sync_links();
    void add_link(const NodeName& node);
    bool wanted(const NodeName& node) const;
    void not_connected(const NodeName& node, const ConnectFailure& failure);
    void handle(const NodeName& node, Message message);
    void taken(const NodeName& node, const Account& account);
    void send(const NodeName& node, const Message& message);
    void wake();
    bool idle() const;
    bool holds_lock() const;
    void check_lock() const;
    bool confirmed_lately() const;
    Moment now() const { return dispatcher_.now(); }

    Dispatcher& dispatcher_;
    const Epoch lock_epoch_;
    Term term_;
    Historian historian_;
    TaskGroup tasks_;
    bool begun_ = false;
    Epoch newer_epoch_ = 0;  ///< that a node has heard of

    Event wake_;
    bool woken_ = false;
    SteadyTime last_poll_{};
    SteadyTime last_commit_{};

    Event answered_;
    std::map<NodeName, Link> links_;
    std::set<NodeName> draining_;               ///< to be evacuated
    std::vector<Request<JobChanged>> changes_;  ///< to be applied
    std::vector<Request<RunNow>> run_now_;      ///< to be planned
    std::vector<Request<EndRun>> end_run_;      ///< to be ended
    std::vector<Request<Done>> answers_;        ///< to be sent after the commit
    std::set<JobId> changed_jobs_;              ///< to be applied; nobody waits
    std::uint64_t last_request_ = 0;
    std::map<std::uint64_t, NodeName> asked_;  ///< revocations without an answer yet
    std::set<NodeName> mute_;                  ///< did not answer the last one
    std::vector<RunId> given_back_;
    std::vector<std::pair<NodeName, std::vector<RunId>>> given_back_late_;  ///< to be applied
};

}  // namespace peercron
