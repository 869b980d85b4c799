#pragma once

#include "base/clock.hpp"
#include "dispatch/job_table.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace peercron {

/// How an attempt of a fire, or of a part of one, ended.
struct FireEnd {
    RunId run;
    RunState state = RunState::success;
    Cause cause = Cause::none;
    std::optional<int> exit_code;
    WallTime ended_at{};
    std::int64_t fires = 1;  ///< see PlannedRun
    WallTime gap_end{};
    bool is_last = false;  ///< a further attempt did not run: nothing follows
};

/// How a fire ended whose parts ended like this (state_of_fire()), when the last of them did; with
/// the exit code of one that decides.
FireEnd end_of_fire(const std::vector<FireEnd>& parts);

/// Jobs that run after others (model/chain.hpp), and which of their fires are due.
///
/// A fire of a child is undecided from when its parents' fires are planned until it has a row of
/// its own, or is known to have had one. It is due when the newest attempts of all parents' fires
/// of that time have ended and nothing follows them, provided that the child has been there,
/// enabled and with these parents, since before the last of them ended. What is undecided this
/// knows of what was planned in this term; of everything else the store has to say that the child
/// has no row yet: a dispatcher before may have planned it when the node told it of the end, though
/// the parent's row is still open. Pure; no clock of its own. One thread.
class Chains {
public:
    explicit Chains(const JobTable& jobs) : jobs_(jobs) {}

    /// The job is in the table, as new or changed, or is not there any more.
    void follow(JobId job);

    // What happens to fires.

    /// The fire, whose first attempt this is, gets its row.
    /// @param has_row whether the child's fire, whose first attempt that is, has one already: a
    /// clock that was ahead has started it.
    void planned(const RunId& fire, std::string_view requested_by,
                 const std::function<bool(const RunId&)>& has_row);
    void ended(FireEnd end);
    /// The row of a run that is over stands elsewhere now.
    void moved(const RunId& run) { ran_early_.erase({run.scheduled_at, run.job}); }

    // What only the store knows.

    /// Nothing is known of fires that were planned before this term: those up to that moment.
    void ask_all(WallTime planned_through);
    /// How a fire of the job ended may be in the store alone.
    void ask(JobId parent);
    /// These children are asked about again; those that are there.
    void ask_again(const std::set<JobId>& children);
    bool has_questions() const { return !asked_.empty(); }
    std::vector<JobId> in_question() const { return {asked_.begin(), asked_.end()}; }
    /// What to ask Store::chain_rows() for, when all steps are stored that were made before; then
    /// found() is called. `most` children, if there are as many.
    std::vector<ChainEdge> take_questions(std::size_t most);
    /// @param hold until when the end of an attempt that may be followed by another one is not
    /// taken for the end of its fire.
    void found(std::vector<ChainRow> rows, SteadyTime hold);

    // What follows.

    /// Whether any job runs after this one.
    bool has_children(JobId parent) const { return children_of(parent) != nullptr; }
    /// Whether a fire is undecided of a job that runs after this one.
    bool waits_for(const RunId& parent) const;
    /// Whether a fire may have become due.
    bool has_news() const { return !to_look_at_.empty(); }
    struct Due {
        JobId child = 0;
        WallTime at{};               ///< its scheduled time
        std::vector<FireEnd> ends;   ///< of its parents' fires, in their order
        std::vector<FireEnd> parts;  ///< of all of which these are made
        WallTime since{};            ///< when the last of them ended
    };
    /// Takes the fires out that are due.
    /// @param is_open whether an attempt of this parent's fire is open, or waits.
    /// @param is_followed whether the dispatcher will plan a further attempt after this end.
    std::vector<Due> take_due(SteadyTime now, const std::function<bool(const RunId&)>& is_open,
                              const std::function<bool(const FireEnd&)>& is_followed);
    /// Whether a later fire of the child than that was planned in this term.
    bool has_later_fire(const RunId& child) const;

    /// Forgets the fires before `time` that will never be due, because a parent did not fire then.
    void forget_incomplete(WallTime time);

private:
    struct Child {
        std::vector<std::string> parents;
        std::optional<WallTime> since;  ///< with these parents; not set: it is stopped
        WallTime newest{};              ///< the newest of its fires, of this term
    };
    using Key = std::pair<WallTime, JobId>;  ///< scheduled time and child
    /// By part, those that are known, with the end of its newest attempt, if that has ended.
    using Parts = std::map<std::int32_t, std::optional<FireEnd>>;
    struct Fire {
        std::map<JobId, Parts> parents;  ///< those whose fire is known
        std::optional<SteadyTime> hold;
    };

    bool is_chained(JobId job) const { return children_.contains(job); }
    void note_own_end(const FireEnd& end);
    void forget_child(JobId job);
    void follow_name(JobId job);
    void find_parents();
    std::optional<JobId> id_of(const std::string& name) const;
    const std::set<JobId>* children_of(JobId parent) const;
    void take(const Key& key, Fire& fire, const FireEnd& end);
    std::optional<Due> due_of(const Key& key, const Fire& fire, const Child& child) const;

    const JobTable& jobs_;
    std::unordered_map<JobId, Child> children_;
    std::unordered_map<std::string, std::set<JobId>> by_parent_;
    std::unordered_map<std::string, JobId> parents_;  ///< those of the names that jobs have
    bool has_new_names_ = false;

    std::map<Key, Fire> undecided_;
    /// Fires that a clock which was ahead has started: they are over, and not to be planned.
    std::set<Key> ran_early_;
    std::set<Key> to_look_at_;
    std::set<Key> held_;

    WallTime known_after_{};               ///< of later fires the store need not be asked
    std::set<JobId> asked_;                ///< children
    std::set<JobId> being_read_;           ///< children
    std::map<RunId, FireEnd> early_ends_;  ///< of fires that the store has not said anything of yet
    std::set<Key> decided_meanwhile_;      ///< while the store is being read
};

}  // namespace peercron
