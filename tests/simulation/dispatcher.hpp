#pragma once

#include "dispatch/clock_guard.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/term.hpp"
#include "dispatch/witness.hpp"
#include "simulation/process.hpp"
#include "simulation/step_writer.hpp"

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron::simulation {

class Tenure;

/// Keeps the warm copy of the jobs and dispatches whenever its node holds the lock, as
/// dispatch/dispatcher.cpp. Function by function the same, so that the two can be laid side by
/// side.
class Dispatcher {
public:
    Dispatcher(Process& process, Coordinator& coordinator, StoreLine& store, Agent& agent);
    ~Dispatcher();

    Task<void> run();
    void cancel();
    void die(bool silently);

    /// Open runs of the present term; none: it does not dispatch.
    std::optional<std::size_t> open_runs() const;
    bool all_stored() const;
    Epoch epoch() const;

private:
    friend class Tenure;

    Task<void> follow_jobs();
    /// `tenure`: says when the table of jobs may change; none while nobody plans.
    Task<void> refresh_jobs(Tenure* tenure);
    Task<void> reload_jobs(std::vector<JobId> ids, Tenure* tenure);
    Task<std::vector<JobPast>> read_pasts(const std::vector<Job>& rows, Tenure* tenure);
    Task<std::vector<JobPast>> read_pasts(std::vector<PastQuery> queries);

    Moment own_now() const { return process_.now(); }
    Moment now() const { return clock_guard_.trusted(own_now()); }

    Process& process_;
    Coordinator& coordinator_;
    StoreLine& store_;
    Agent& agent_;
    ClockGuard clock_guard_;
    JobTable jobs_;
    JobCursor cursor_;
    std::unique_ptr<Tenure> tenure_;
    World::Time forgotten_until_{};
};

/// The order of work of one tenure, as dispatch/tenure.cpp.
class Tenure {
public:
    Tenure(Dispatcher& dispatcher, Epoch lock_epoch);

    Task<void> run();
    void die(bool silently);
    std::size_t open_runs() const { return term_.open_runs(); }
    Epoch epoch() const { return begun_ ? term_.epoch() : 0; }
    /// Whether the store has everything that was handed out.
    bool all_stored() const { return writer_.waiting().empty(); }
    Task<void> may_change();
    void has_changed(const std::vector<JobId>& jobs);
    std::optional<PastQuery> wanted_past(const Job& row) const;
    void learn_unwanted(const std::vector<JobPast>& pasts);

private:
    struct Link {
        Endpoint* channel = nullptr;
        bool answered = false;
        Witness witness;
        std::optional<Death> death;
        World::Time known_at{};
        bool is_leaving = false;
    };
    template <class Asked>
    struct Request {
        NodeName node;
        Asked asked;
    };

    Task<void> watched(Task<void> work);
    Task<void> dispatch();
    Task<void> take_over();
    Task<TermStart> begin_term();
    Task<void> await_accounts(const TermStart& before);
    bool may_lack_steps(const TermStart& before) const;
    bool was_there(const Account& account) const;
    Task<void> inherit_steps(StepId last_stored);
    Task<void> tend_clock();
    Task<bool> compare_clocks();
    Task<void> compare_clocks_at_last(const TermStart& before);
    void count_clocks();
    bool is_too_far(WallTime planned) const;
    Task<void> check_clock();
    WallTime reach_of(const TermStart& found) const;
    std::chrono::milliseconds great_step() const;
    Task<void> set_plan_back(WallTime reach);
    Task<void> take_back_early();
    enum class Plan : std::uint8_t { stays, goes_back };
    Task<bool> step_back(Plan plan);
    Task<void> give_turn();
    Task<void> read_jobs();
    Task<void> read_asked();
    Task<void> read_all_jobs();
    Task<bool> poll_jobs();
    Task<void> read_doubts();
    Task<void> read_undelivered();
    Task<std::vector<RunId>> undelivered();
    Task<void> apply_changes();
    void start_runs();
    Task<void> end_runs();
    Task<std::string> end_run(EndRun asked);
    Task<void> evacuate();
    void settle_doubts();
    void apply_late_answers();
    Task<void> commit_step();
    Task<void> commit(PlanStep step);
    Task<void> copy(std::uint64_t number);
    void send_copies();
    std::set<NodeName> lacking_copy(std::uint64_t number) const;
    bool may_be_elected(const NodeName& node) const;
    void drop_copies();
    Task<std::vector<RunId>> take_back(std::map<NodeName, std::vector<RunId>> runs);
    void answer(const NodeName& node, std::uint64_t request, std::string error);
    void send_answers();

    Task<void> link(NodeName node);
    Task<void> converse(NodeName node, std::unique_ptr<Endpoint> channel);
    Task<void> follow_members();
    Task<void> beat();
    void sync_links();
    void add_link(const NodeName& node);
    bool wanted(const NodeName& node) const;
    void not_connected(const NodeName& node, bool refused);
    void heard_of_death(const NodeName& node, const NodeDied& word);
    void handle(const NodeName& node, Message message);
    void taken(const NodeName& node, const Account& account);
    void send(const NodeName& node, const Message& message);
    void send_revocations();
    void send_numbered(const NodeName& node, Message message);
    void send_out();
    void wake();
    bool idle() const;
    bool holds_lock() const;
    void check_lock() const;
    void check_epoch(Epoch used) const;
    bool confirmed_within(std::chrono::milliseconds time) const;
    Moment now() const { return dispatcher_.now(); }

    Dispatcher& dispatcher_;
    Process& process_;
    const Epoch lock_epoch_;
    Term term_;
    bool begun_ = false;
    Epoch newer_epoch_ = 0;

    Signal wake_;
    bool woken_ = false;
    StepWriter writer_;
    World::Time last_commit_{};

    Signal turn_;
    bool turn_wanted_ = false;
    WallTime turn_wanted_at_{};
    bool turn_given_ = false;

    Signal read_wanted_;
    std::vector<Request<JobChanged>> changes_to_read_;
    std::vector<Request<RunNow>> runs_to_read_;
    struct Settled {
        TermStart found;
        Term::Doubts doubts;
        std::vector<RunId> undelivered;
    };
    Signal doubts_;
    std::optional<Settled> settled_;

    struct Copies {
        std::uint64_t sent = 0;
        std::uint64_t kept = 0;
        bool durable = false;
    };
    std::map<NodeName, Copies> copies_;
    bool have_copies_ = false;
    std::map<StepId, PlanStep> inherited_;
    std::optional<WallTime> planned_before_;
    bool was_told_ = false;

    Signal answered_;
    std::map<NodeName, Link> links_;
    std::set<NodeName> draining_;
    std::vector<Request<JobChanged>> changes_;
    std::vector<Request<RunNow>> run_now_;
    std::vector<Request<EndRun>> end_run_;
    std::vector<Request<Done>> answers_;
    std::set<JobId> changed_jobs_;
    std::uint64_t last_request_ = 0;
    std::map<std::uint64_t, NodeName> asked_;
    std::set<NodeName> mute_;
    std::vector<RunId> given_back_;
    struct LateAnswer {
        NodeName node;
        Revoked answer;
    };
    std::vector<LateAnswer> given_back_late_;
    std::set<JobId> applied_;  ///< for the judge: to be told after the commit
    Signal over_;
    bool is_over_ = false;
    std::exception_ptr failure_;
    Tasks tasks_;
};

}  // namespace peercron::simulation
