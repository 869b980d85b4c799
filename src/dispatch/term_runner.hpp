#pragma once

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "dispatch/dispatcher.hpp"
#include "dispatch/historian.hpp"
#include "dispatch/retention.hpp"
#include "dispatch/self_audit.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/term_rules.hpp"
#include "dispatch/witness.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// One term of this node as dispatcher: the links to the nodes, and the loop that carries the
/// rules (TermRules) out.
///
/// The loop never waits for the store: it has a writer and readers, each a task of its own. A step
/// counts as committed when the store has it. While the store does not answer, it counts when most
/// of the registered nodes have a copy of it, and every node that could be the next dispatcher as
/// far as this one can tell. A new dispatcher stores its own and others' copies before it plans.
/// While the store may lack steps, it plans only after enough nodes have said what they have: any
/// "most of the nodes" must include one of them. So everything that was handed out is in the ledger
/// before another dispatcher plans.
class Dispatcher::TermRunner : private Dispatcher::TableUser {
public:
    TermRunner(Dispatcher& dispatcher, Epoch lock_epoch);

    /// Runs until the lock is lost or the store has a newer epoch.
    asio::awaitable<void> run();

    Epoch epoch() const { return begun_ ? rules_.epoch() : 0; }
    std::vector<NodeLoad> loads() const;

    /// The loop has something to look at.
    void wake();

private:
    struct Link {
        Channel* channel = nullptr;  ///< set while connected
        bool answered = false;       ///< its account was taken, or it cannot be had now
        Witness witness;
        std::optional<Death> death;  ///< of its last process, as far as is known
        SteadyTime known_at{};       ///< when it was last registered or heard
        bool is_leaving = false;
        bool is_disbelieved = false;  ///< that was said: it names epochs that cannot be
    };
    /// A request of a node's API, which waits for the answer.
    template <class Asked>
    struct Request {
        NodeName node;
        Asked asked;
    };

    asio::awaitable<void> dispatch();
    std::chrono::milliseconds until_next_round() const;
    asio::awaitable<void> take_over();
    asio::awaitable<TermStart> begin_term();
    asio::awaitable<void> await_accounts(const TermStart& before);
    bool may_lack_steps(const TermStart& before) const;
    bool was_there(const Account& account) const;
    asio::awaitable<void> inherit_steps(StepId last_stored);
    asio::awaitable<void> tend_clock();
    asio::awaitable<bool> compare_clocks();
    asio::awaitable<void> compare_clocks_at_last(const TermStart& before);
    void count_clocks();
    void tell_of_clock();
    bool is_too_far(WallTime planned) const;
    asio::awaitable<void> check_clock();
    WallTime reach_of(const TermStart& found) const;
    std::chrono::milliseconds great_step() const { return 2 * dispatcher_.settings_.lookahead; }
    asio::awaitable<void> set_plan_back(WallTime reach);
    asio::awaitable<void> take_back_early();
    enum class Plan : std::uint8_t { stays, goes_back };
    asio::awaitable<std::optional<ClockStep>> step_back(Plan plan);
    asio::awaitable<void> give_turn();
    asio::awaitable<void> may_change() override;
    void has_changed(const std::vector<JobId>& jobs) override;
    std::optional<PastQuery> wanted_past(const Job& row) override;
    void learn_unwanted(const std::vector<JobPast>& pasts) override;
    asio::awaitable<void> read_jobs();
    asio::awaitable<void> read_asked();
    asio::awaitable<void> read_all_jobs();
    asio::awaitable<bool> poll_jobs();
    asio::awaitable<void> read_doubts();
    asio::awaitable<void> read_undelivered();
    asio::awaitable<std::vector<RunId>> undelivered();
    asio::awaitable<void> apply_changes();
    void start_runs();
    asio::awaitable<void> end_runs();
    asio::awaitable<std::string> end_run(const EndRun& asked);
    asio::awaitable<void> evacuate();
    void settle_doubts();
    void apply_late_answers();
    void follow_lag();
    asio::awaitable<void> commit_step();
    asio::awaitable<void> commit(PlanStep step);
    asio::awaitable<void> copy(std::uint64_t number);
    void send_copies();
    std::set<NodeName> lacking_copy(std::uint64_t number) const;
    bool may_be_elected(const NodeName& node) const;
    void drop_copies();
    asio::awaitable<std::vector<RunId>> take_back(std::map<NodeName, std::vector<RunId>> runs);
    void answer(const NodeName& node, std::uint64_t request, std::string error);
    void send_answers();

    asio::awaitable<void> link(NodeName node);
    asio::awaitable<void> converse(NodeName node, std::unique_ptr<Channel> channel);
    asio::awaitable<void> follow_members();
    asio::awaitable<void> beat();
    void sync_links();
    void add_link(const NodeName& node);
    const Member* find_member(const NodeName& node) const;
    bool wanted(const NodeName& node) const;
    void not_connected(const NodeName& node, const Error& failure);
    void handle(const NodeName& node, Message message);
    void taken(const NodeName& node, const Account& account);
    void heard_of_death(const NodeName& node, const NodeDied& word);
    bool is_believed(const NodeName& node, Epoch named);
    void send(const NodeName& node, const Message& message);
    void send_revocations();
    void send_numbered(const NodeName& node, Message message);
    bool idle() const;
    bool holds_lock() const;
    void check_lock() const;
    void check_epoch(Epoch used) const;
    void check_newer_epoch() const;
    bool confirmed_within(std::chrono::milliseconds time) const;
    Moment now() const { return dispatcher_.now(); }

    Dispatcher& dispatcher_;
    const Epoch lock_epoch_;
    TermRules rules_;
    Historian historian_;
    SelfAudit self_audit_;
    Retention retention_;
    TaskGroup tasks_;
    TaskGroup link_tasks_;  ///< end last
    bool begun_ = false;
    Epoch newer_epoch_ = 0;  ///< that a node has heard of

    Event wake_;
    bool woken_ = false;
    StepWriter writer_;
    bool is_plan_held_ = false;  ///< see TermRules::hold_plan()
    SteadyTime last_commit_{};   ///< when what was committed last was sent

    /// The table of jobs changes only while the loop waits for that.
    Event turn_;
    bool turn_wanted_ = false;
    WallTime turn_wanted_at_{};
    bool turn_given_ = false;

    Event read_wanted_;
    bool polling_ = false;
    std::optional<WallTime> polled_at_;  ///< when the last successful poll of this term began
    std::vector<Request<JobChanged>> changes_to_read_;
    std::vector<Request<RunNow>> runs_to_read_;
    struct Settled {
        TermStart found;
        TermRules::Doubts doubts;  ///< as they were before that was read
        std::vector<RunId> undelivered;
    };
    Event doubts_;
    std::optional<Settled> settled_;

    struct Copies {
        std::uint64_t sent = 0;
        std::uint64_t kept = 0;
        bool durable = false;
    };
    std::map<NodeName, Copies> copies_;  ///< of connected nodes
    bool have_copies_ = false;           ///< of steps that the store has by now
    std::map<StepId, PlanStep> inherited_;
    std::optional<WallTime> planned_before_;  ///< how far the store says that others have planned
    ClockGuard::Basis said_basis_ = ClockGuard::Basis::own;
    bool was_told_ = false;  ///< by an earlier dispatcher who was there

    Event answered_;
    std::map<NodeName, Link> links_;
    std::set<NodeName> draining_;               ///< to be evacuated
    std::vector<Request<JobChanged>> changes_;  ///< read, to be applied
    std::vector<Request<RunNow>> run_now_;      ///< to be planned
    std::vector<Request<EndRun>> end_run_;      ///< to be ended
    std::vector<Request<Done>> answers_;        ///< to be sent after the commit
    std::set<JobId> changed_jobs_;              ///< to be applied; nobody waits
    std::uint64_t last_request_ = 0;
    std::map<std::uint64_t, NodeName> asked_;  ///< revocations without an answer yet
    std::set<NodeName> mute_;                  ///< did not answer the last one
    std::vector<RunId> given_back_;
    struct LateAnswer {
        NodeName node;
        Revoked answer;
    };
    std::vector<LateAnswer> given_back_late_;  ///< to be applied
};

}  // namespace peercron
