#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "cluster/coordinator.hpp"
#include "dispatch/channel.hpp"
#include "dispatch/job_feed.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/missed_fires.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/term_rules.hpp"
#include "store/store_pool.hpp"

#include <prometheus/registry.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// What came of an audit.
struct AuditNews {
    bool is_clean = true;
    std::string found;  ///< in words; empty: nothing
};

/// Keeps the warm copy of the jobs, and whenever this node holds the lock, dispatches: carries out
/// the rules (TermRules) against the store and the nodes.
///
/// One coroutine does everything that changes the plan or the ledger, one thing after the other;
/// that is why no change of a job can be overtaken by a fire planned from its old version.
class Dispatcher {
public:
    struct Parts {
        const Clock& clock;
        Coordinator& coordinator;
        StorePool& store;          ///< its own, so that a commit waits for no other work
        StorePool& history_store;  ///< for background work
        Connect connect;
        /// What the last dispatcher told of all nodes.
        std::function<Roster()> roster;
        prometheus::Registry& metrics;
    };

    /// `self` is this node's name.
    Dispatcher(asio::any_io_executor executor, Parts parts, NodeName self,
               DispatchSettings settings);
    ~Dispatcher();

    /// Ends by cancellation, or after finish(). Whatever was committed and not handed out is found
    /// by the next dispatcher; runs for this node may then be late, or lost.
    asio::awaitable<void> run();

    /// Hands out what is being committed, and plans nothing more; gives up at `latest`.
    asio::awaitable<void> finish(SteadyTime latest);

    /// The epoch in which this node dispatches; 0 when it does not.
    Epoch epoch() const;

    /// What the dispatcher knows of all nodes; empty when this node does not dispatch.
    std::vector<NodeLoad> loads() const;

    /// What is to be said about this node's clock: "ok", or in words.
    std::string clock() const;

    /// By how much this node's clock is ahead of the database's, which the dispatcher compares it
    /// with; nullopt: not known.
    std::optional<std::chrono::milliseconds> ahead_of_database() const;

    /// What the newest audit of this node's term found; nullopt: there was none yet.
    std::optional<AuditNews> last_audit() const;

    const JobTable& jobs() const { return jobs_; }

    /// Is told which runs this node ended, and which it decided itself as dispatcher.
    MissedFires& missed() { return missed_; }

    struct Metrics;

private:
    class TermRunner;

    class NobodyElse;

    asio::awaitable<void> follow_jobs();
    std::string off_the_dispatchers() const;
    /// Until then the registry may lack nodes, because it has forgotten what it knew.
    SteadyTime registry_complete_from() const;

    asio::any_io_executor executor_;
    Parts parts_;
    const NodeName self_;
    const DispatchSettings settings_;
    PlanClock clock_;
    JobTable jobs_;
    JobFeed job_feed_;
    std::unique_ptr<Metrics> metrics_;
    MissedFires missed_;
    std::unique_ptr<TermRunner> term_;
    Event term_ended_;
    bool finishing_ = false;
    SteadyTime forgotten_ = SteadyTime::min();  ///< when the registry was last behind the ledger
};

}  // namespace peercron
