#pragma once

#include "base/clock.hpp"
#include "dispatch/chains.hpp"
#include "dispatch/daemons.hpp"
#include "dispatch/delayed_runs.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "dispatch/job_table.hpp"
#include "dispatch/job_versions.hpp"
#include "dispatch/misfire_rules.hpp"
#include "dispatch/node_choice.hpp"
#include "dispatch/node_table.hpp"
#include "dispatch/open_runs.hpp"
#include "dispatch/order_writer.hpp"
#include "dispatch/outbox.hpp"
#include "dispatch/paused_fires.hpp"
#include "dispatch/placement.hpp"
#include "dispatch/planner.hpp"
#include "dispatch/recent_ends.hpp"
#include "dispatch/redelivery.hpp"
#include "dispatch/requirements.hpp"
#include "dispatch/retry_rules.hpp"
#include "dispatch/run_doubts.hpp"
#include "dispatch/run_quotas.hpp"
#include "dispatch/step_draft.hpp"
#include "dispatch/told_ends.hpp"
#include "dispatch/waiting_runs.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace peercron {

/// Further back than this nothing is fired because of a change, for however long the store could
/// not be read: so much is remembered of what has ended.
inline constexpr std::chrono::minutes longest_unread{5};
/// Fires in one step: a longer transaction would keep everybody waiting.
inline constexpr std::size_t most_fires = 10'000;

/// When the run of an open row may start.
WallTime due_of(const OpenRun& row);

/// What is known and decided in one term of one dispatcher: the parts, each with its contract in
/// its own header, and what is asked of several of them at once. TermRules and the classes beside
/// it (RunLife, DueFires, FurtherAttempts, ChainedFires, RequiredFires, DaemonStarts, AskedRuns,
/// EarlyRuns, LostRuns) change them together. Plain memory, no clock of its own; one thread.
struct TermBook {
    /// `all_jobs` is the node's warm copy, and `node` dispatches.
    TermBook(Epoch epoch, NodeName node, const DispatchSettings& dispatch_settings,
             JobTable& all_jobs, Moment started);
    TermBook(const TermBook&) = delete;
    TermBook& operator=(const TermBook&) = delete;

    // Moments.

    /// Moments that are later are neither planned nor reached by the clock of any node that gets
    /// runs.
    WallTime early_from(Moment now) const;
    /// Whether it was planned by a clock that was ahead. A further attempt whose moment is near is
    /// the only one that this fire will get: the row of the one before stays where it is.
    bool is_early(const RunId& id, Moment now) const;
    /// A change that was made later may have become known only now.
    WallTime first_unread(WallTime now) const;

    /// A fire whose first attempt that is gets its row: Chains is told.
    void note_planned(const RunId& fire, std::string_view requested_by);

    // Fires and runs.

    /// Whether the fire has a row, of its own, or one that it shares with others.
    bool has_row(const RunId& fire) const;
    /// The parts of a fire that this version makes, and that is planned now, in their order, at
    /// least one: as many as the job says; or one for each node that can run it, and that one goes
    /// anywhere where there is none. A fire of which runs are open stays cut as it was.
    std::vector<RunId> cut(const RunId& fire, const Job& version, Moment now) const;
    /// Whether there may be a further fire of the job (Job::run_limit).
    bool has_runs_left(const Job& job) const;
    /// Whether an attempt of the fire is open or waits. One that was given up does not count: its
    /// fire went on without it.
    bool is_fire_open(const RunId& id) const;
    /// Whether its node holds it, as far as is known. What the node does not know it cannot give
    /// back: whether it was started there before is for the store to say.
    bool is_held(const TrackedRun& run) const;
    /// The identity of a run of the job that no schedule asks for, at that moment or as soon after
    /// it as none has it. Never a whole second: that is where schedules fire.
    RunId free_id(JobId job, WallTime at) const;

    /// Whether something may follow from that end: now, …
    bool may_be_followed(const RunReport& end) const;
    /// … or in one of the next steps.
    bool is_end_needed(const RunId& id) const;

    /// What the store has counted of the runs of jobs with a quota.
    void learn_quotas(const TermStart& found);

    const NodeName self;
    const DispatchSettings& settings;
    JobTable& jobs;
    Planner planner;
    const OrderWriter writer;
    const MisfireRules misfires;
    WallTime changes_known_until{};
    WallTime planned_through{};
    WallTime inherited_through{};  ///< planned_through as it was found
    WallTime planned_before{};     ///< planned_through as an earlier dispatcher has left it
    bool has_begun = false;        ///< the store was read: see TermRules::begin()

    OpenRuns runs;
    const JobVersions versions;
    RunQuotas quotas;
    NodeTable nodes;
    const NodeChoice choice;
    Placement placement;
    Redelivery redelivery;
    RetryRules retries;
    WaitingRuns waiting;
    DelayedRuns delayed;
    Requirements requirements;
    Daemons daemons;
    Chains chains;
    PausedFires paused;

    RecentEnds ended_lately;
    ToldEnds told_ends;
    /// Given back because its job changed; becomes `revoked` unless the job still fires then.
    std::map<RunId, TrackedRun> taken_back;
    /// Of a run that is among them a node's answer says only that it is not there now; its last
    /// process may have started it.
    RunDoubts doubts;
    std::set<RunId> unplaced;  ///< to be placed in the next step

    StepDraft draft;
    std::vector<RunId> to_send;  ///< to be handed out once the step is committed
    Outbox outbox;
};

}  // namespace peercron
