#pragma once

#include "model/job.hpp"
#include "model/run.hpp"
#include "simulation/database.hpp"
#include "simulation/world.hpp"
#include "wire/message.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace peercron::simulation {

/// A command that exists, or existed.
struct Execution {
    RunOrder order;
    NodeName node;
    std::uint64_t incarnation = 0;
    std::vector<std::string> labels;  ///< of the node's process
    World::Time decided{};  ///< when its node took it for started; what comes later cannot stop it
    WallTime clock{};       ///< what the node's clock showed then
    World::Time started{};
    std::optional<World::Time> ended;
    std::optional<World::Time> noticed;  ///< by its node, that it has ended
    int exit_code = 0;
    bool killed = false;
    bool was_told_to_end = false;  ///< by its node, before that noticed that it has ended
};

/// Watches everything and trusts nobody: it knows what the database was told, which changes of jobs
/// were confirmed to whom, and which commands really ran. It has no use for the rules that it
/// judges: the fires that are due it computes on its own.
class Judge final : public DatabaseWatcher {
public:
    explicit Judge(World& world) : world_(world) {}

    /// The first broken promise; empty: none so far.
    const std::string& verdict() const { return verdict_; }
    void broken(std::string_view promise, const std::string& how);

    // DatabaseWatcher.
    void row_written(const RunId& id, const LedgerRow* before, const LedgerRow& after) override;
    void step_written(const PlanStep& step) override;
    void plan_moved(std::optional<WallTime> before, WallTime after) override;
    void plan_set_back(WallTime before, WallTime after) override;
    void row_moved(const RunId& from, const RunId& to) override;
    void job_written(JobId id, const Job* after, WallTime effective_from) override;
    void pause_written(const Pause& pause) override;
    void calendar_written(const Calendar& calendar) override;

    /// An API call that changed the job from `effective_from` on has returned: it holds.
    void change_confirmed(JobId id, WallTime effective_from);
    /// The same of a pause, or of its end.
    void pause_confirmed(std::int64_t id);
    /// The same of what the calendar says.
    void calendar_confirmed(std::int64_t id);
    /// A dispatcher plans by this version and has committed what follows from it.
    void change_applied(JobId id, WallTime effective_from);

    /// A node keeps a copy of a step that the store may not have.
    void copied(const PlanStep& step);
    /// Whoever could know what was handed out is gone: what follows proves nothing.
    void give_up(const std::string& why);
    const std::set<StepId>& copies() const { return copies_; }
    bool gave_up() const { return gave_up_; }

    /// Before anything starts.
    void set_lock_limit(const std::string& lock, std::int64_t limit) { locks_[lock].limit = limit; }
    void started(Execution& execution);
    void ended(const Execution& execution);

    /// From now on fires may not be later than this; 0: there is no bound.
    void bound_lateness(std::chrono::milliseconds bound) { lateness_ = bound; }
    /// There is a clock beside each node's, so that none of them may be planned by when it is
    /// ahead.
    void expect_true_time() { has_true_time_ = true; }
    /// Clocks are set, so that times which they tell prove little.
    void expect_wrong_clocks() { has_wrong_clocks_ = true; }
    /// There is none: until a moment after it is set right fires run by the wrong one.
    void clock_is_wrong() { wrong_.push_back({world_.wall(), WallTime::max()}); }
    void clock_is_right();

    /// But on this node: it was stopped itself, and nobody may start what it has.
    void excuse(const NodeName& node);
    /// It is gone for a while: the parts that belong to it wait for it, and nothing else does.
    void is_away(const NodeName& node) { away_.insert(node); }

    /// Everything is healed, and jobs are about to be stopped: daemons are up, in back-off, or down
    /// for good, and none is of an old version.
    void check_daemons();

    /// Everything is healed, and long quiet. `alive`: the incarnation of each node. What was lost
    /// until `again` had time to run again.
    void close(const std::map<NodeName, std::uint64_t>& alive, World::Time again);

    /// What happened, so that a test can see that anything did.
    struct Counts {
        std::uint64_t starts = 0;
        std::uint64_t rows = 0;
        std::map<RunState, std::uint64_t> states;
    };
    Counts counts() const;
    bool all_final() const;

private:
    struct Version {
        std::optional<Job> job;  ///< none: deleted
        WallTime effective_from{};
        World::Time committed{};
        std::optional<World::Time> confirmed;
        std::optional<World::Time> applied;
    };

    const Version* allows(const RunOrder& order, World::Time decided) const;
    bool was_wrong(WallTime fire) const;
    static bool was_due(const std::vector<Version>& versions, WallTime fire);
    void check_due(JobId id, const std::vector<Version>& versions);
    void check_parts(JobId id, const std::vector<Version>& versions);
    void check_node_of_part(const Execution& execution);
    void check_nodes_of_parts(const RunId& first);
    bool is_always_whole_or_at_nodes(JobId id) const;
    bool has_row(JobId job, WallTime fire) const;
    bool runs_again(JobId job) const;
    bool is_retried(const RunId& id, const LedgerRow& row) const;
    void check_lost(const RunId& id);
    std::optional<WallTime> next_fire(const RunId& id) const;
    std::chrono::seconds longest_jitter(JobId job) const;
    void check_delayed_row(const RunId& id, const LedgerRow* before, const LedgerRow& after);
    void check_delayed_start(const Execution& execution);
    void check_retry_row(const RunId& id, const LedgerRow& row);
    void check_retry_start(const Execution& execution);
    void check_retry_owed(const RunId& id, const LedgerRow& row, World::Time again);
    void check_next_attempt(const RunId& id);
    void check_attempts(World::Time again);
    bool has_come_to_an_end(const RunId& id) const;
    bool is_of(const Pause& pause, JobId job) const;
    const Job* demanding(JobId job) const;
    WallTime demands_since(const RunId& id, const Job& job) const;
    bool may_have_succeeded(JobId job, WallTime since, WallTime due, WallTime latest) const;
    bool has_surely_succeeded(JobId job, WallTime since, WallTime until,
                              World::Time known_by) const;
    void check_demanding_row(const RunId& id, const LedgerRow* before, const LedgerRow& after);
    void check_demanding_start(const Execution& execution);
    void check_paused_row(const RunId& id, const LedgerRow& row);
    void check_paused_start(const Execution& execution);
    std::vector<bool> who_excludes(JobId job, WallTime fire, World::Time decided) const;
    void check_excluded_row(const RunId& id, const LedgerRow& row);
    void check_excluded_start(const Execution& execution);
    void check_skipped_together(JobId id, const std::vector<Version>& versions);
    static std::vector<WallTime> fires_of_row(const RunId& first, const LedgerRow& row,
                                              const std::vector<Version>& versions);
    struct DaemonPast;
    std::optional<DaemonPast> past_of_daemon(JobId id) const;
    void check_daemon_start(const Execution& execution);
    bool is_child(JobId job) const;
    std::optional<JobId> job_called(const std::string& name) const;
    static RunState end_of_fire(const std::map<std::int32_t, RunState>& parts, std::int32_t of);
    std::vector<RunState> ends_of_parents(const std::vector<JobId>& parents, WallTime fire) const;
    void check_child_start(const Execution& execution);
    void check_chains(World::Time again);
    void check_chain(JobId child, const std::vector<JobId>& parents, World::Time again);
    void check_child_fire(JobId child, const std::vector<JobId>& parents, WallTime fire);
    void check_locks(const Execution& execution);

    World& world_;
    std::string verdict_;
    bool gave_up_ = false;
    std::map<JobId, std::vector<Version>> versions_;
    struct PausedTime {
        Pause pause;
        std::optional<World::Time> confirmed;
        std::optional<WallTime> end_confirmed;
    };
    std::map<std::int64_t, PausedTime> pauses_;
    /// What the calendar said from a moment on.
    struct CalendarTimes {
        WallTime since{};
        std::vector<std::pair<WallTime, WallTime>> times;  ///< from the first and before the second
        std::optional<World::Time> confirmed;
    };
    std::vector<CalendarTimes> calendar_;
    std::map<RunId, LedgerRow> rows_;
    std::map<RunId, WallTime> starts_;  ///< that rows of fires with jitter have told
    std::set<RunId> lost_;              ///< as a dispatcher has decided, whatever came of that
    std::map<RunId, World::Time> ended_badly_;
    std::map<RunId, World::Time> failed_;     ///< when the ledger knew
    std::map<RunId, World::Time> over_;       ///< likewise, of each end
    std::map<RunId, World::Time> succeeded_;  ///< likewise, of successes
    std::set<StepId> copies_;
    std::set<RunId> copied_;  ///< new rows that are in copies
    std::map<JobId, std::vector<std::pair<WallTime, WallTime>>> gaps_;
    std::map<RunId, std::vector<const Execution*>> executions_;
    /// Of each part of the fires of a job, or each node to which parts belong, those that are
    /// alive.
    std::map<JobId, std::vector<const Execution*>> limited_;
    struct Lock {
        std::int64_t limit = 1;
        std::vector<const Execution*> holders;  ///< that are alive
    };
    std::map<std::string, Lock> locks_;
    std::map<JobId, std::int64_t> scheduled_starts_;
    std::map<JobId, std::vector<const Execution*>> daemons_;  ///< in the order of their starts
    std::optional<WallTime> planned_through_;
    std::chrono::milliseconds lateness_{0};
    bool has_true_time_ = false;
    bool has_wrong_clocks_ = false;
    struct Wrong {
        WallTime from{};
        WallTime to{};
    };
    std::vector<Wrong> wrong_;
    std::set<RunId> moved_;
    std::set<NodeName> excused_;
    std::set<NodeName> away_;
    std::set<RunId> excused_runs_;
};

}  // namespace peercron::simulation
