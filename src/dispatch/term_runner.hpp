#pragma once

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "dispatch/backfill_reader.hpp"
#include "dispatch/chain_reader.hpp"
#include "dispatch/clock_keeper.hpp"
#include "dispatch/daemon_reader.hpp"
#include "dispatch/dispatcher.hpp"
#include "dispatch/doubt_reader.hpp"
#include "dispatch/historian.hpp"
#include "dispatch/inherited_steps.hpp"
#include "dispatch/job_reader.hpp"
#include "dispatch/ledger_reads.hpp"
#include "dispatch/node_links.hpp"
#include "dispatch/node_requests.hpp"
#include "dispatch/requirement_reader.hpp"
#include "dispatch/retention.hpp"
#include "dispatch/retry_reader.hpp"
#include "dispatch/revocations.hpp"
#include "dispatch/self_audit.hpp"
#include "dispatch/step_copies.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/store_calls.hpp"
#include "dispatch/term_lock.hpp"
#include "dispatch/term_rules.hpp"

#include <set>
#include <vector>

namespace peercron {

/// One term of this node as dispatcher: takes over, and runs the loop that carries TermRules out.
/// What the loop needs is in classes of their own, each with its state; here is the order of
/// things.
///
/// The loop never waits for the store: it has a writer and readers, each a task of its own. A step
/// counts as committed when the store has it or, while the store does not answer, enough nodes have
/// a copy of it (StepCopies). A new dispatcher stores such copies before it plans (InheritedSteps).
/// So everything that was handed out is in the ledger before another dispatcher plans.
class Dispatcher::TermRunner {
public:
    TermRunner(Dispatcher& dispatcher, Epoch lock_epoch);

    /// Runs until the lock is lost or the store has a newer epoch.
    asio::awaitable<void> run();

    Epoch epoch() const { return rules_.has_begun() ? rules_.epoch() : 0; }
    std::vector<NodeLoad> loads() const { return rules_.loads(now()); }
    const std::optional<AuditNews>& last_audit() const { return self_audit_.news(); }

    /// The loop has something to look at.
    void wake();

private:
    asio::awaitable<void> take_over();
    asio::awaitable<void> take_back_early();

    asio::awaitable<void> dispatch();
    SteadyTime::duration until_next_round() const;
    bool is_idle() const;
    void follow_lag();
    asio::awaitable<void> let_jobs_change();
    asio::awaitable<void> evacuate();
    asio::awaitable<void> commit_step();
    asio::awaitable<void> commit(PlanStep step);

    asio::awaitable<void> follow_members();
    asio::awaitable<void> beat();
    bool is_confirmed_within(std::chrono::milliseconds time) const;
    void handle(const NodeName& node, Message message);
    void take_account(const NodeName& node, const Account& account);
    Moment now() const { return dispatcher_.clock_.now(); }

    Dispatcher& dispatcher_;
    TermRules rules_;
    TermLock lock_;
    const StoreCalls calls_;
    StepWriter writer_;
    NodeLinks links_;
    StepCopies copies_;
    InheritedSteps inherited_;
    Revocations revocations_;
    NodeRequests requests_;
    ClockKeeper clock_keeper_;
    Historian historian_;
    JobReader job_reader_;
    DoubtReader doubt_reader_;
    const LedgerReads ledger_;
    RetryReader retry_reader_;
    DaemonReader daemon_reader_;
    ChainReader chain_reader_;
    RequirementReader requirement_reader_;
    BackfillReader backfill_reader_;
    SelfAudit self_audit_;
    Retention retention_;
    TaskGroup tasks_;

    Event wake_;
    bool is_woken_ = false;
    bool is_plan_held_ = false;  ///< see TermRules::hold_plan()
    SteadyTime last_commit_{};   ///< when what was committed last was sent
    std::set<NodeName> to_evacuate_;
};

}  // namespace peercron
