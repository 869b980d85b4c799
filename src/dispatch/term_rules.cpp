#include "dispatch/term_rules.hpp"

#include "model/backfill.hpp"
#include "model/run_request.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How long a moment in the past may still be fired at because a job was changed then: the time
/// that an API call may need to reach the dispatcher, and the clocks' difference.
constexpr auto change_reach = 5s;
/// Further back than this nothing is fired because of a change, for however long the store could
/// not be read: so much is remembered of what has ended.
constexpr auto longest_unread = 5min;
/// Longer than change_reach by the clocks' difference.
constexpr auto ended_memory = 10s;
/// Of what a clock planned that was ahead: see held_early().
constexpr auto further_attempt_soon = 10s;
/// More missed fires of one job are not counted one by one.
constexpr std::int64_t most_counted = 100'000;
/// A fire of which one parent has no row this long after its time has none: parents are planned by
/// the same schedule.
constexpr auto partner_time = 10min;
/// Fires in one step: a longer transaction would keep everybody waiting.
constexpr std::size_t most_fires = 10'000;

/// When the run of an open row may start.
WallTime due_of(const OpenRun& row)
{
    return row.planned.retry_at.value_or(row.planned.id.scheduled_at);
}

/// `requested_by`: see PlannedRun.
void set_request(TrackedRun& run, std::string requested_by)
{
    RunRequest request = parse_request(requested_by);
    run.order.inputs = std::move(request.inputs);
    run.order.parent = request.parent ? to_string(*request.parent) : "";
    run.requested_by = std::move(requested_by);
}

DaemonStart daemon_start_of(const RunReport& end, bool is_requested)
{
    DaemonStart start;
    start.id = end.id;
    start.state = end.state;
    start.cause = end.reason.cause;
    start.requested = is_requested;
    start.started_at = end.started_at;
    start.ended_at = end.ended_at;
    start.node = end.run_server;
    return start;
}

/// Who asks for a further attempt; everything else is as for the one before it.
std::string request_again(std::string by, const std::string& earlier)
{
    RunRequest request = parse_request(earlier);
    request.by = std::move(by);
    return to_string(request);
}

FireEnd fire_end_of(const RunReport& end, WallTime now)
{
    // One that was told by a clock that is ahead counts as now.
    const WallTime ended_at = std::min(end.ended_at.value_or(now), now);
    return {end.id, end.state, end.reason.cause, end.exit_code, ended_at};
}

Reason next_fire_came()
{
    return {Cause::superseded, "the job's next fire came before this attempt could start"};
}

/// The parent that a person looks at to see why the job runs, or does not: the last of those that
/// ended as it wants them to, or does not want them to.
std::size_t decisive_parent(RunAfterOn on, const std::vector<FireEnd>& ends)
{
    const auto rank = [on](const FireEnd& end) {
        const bool has_succeeded = end.state == RunState::success;
        const bool is_wanted = on == RunAfterOn::success   ? !has_succeeded
                               : on == RunAfterOn::failure ? has_run(end.state) && !has_succeeded
                                                           : has_run(end.state);
        return std::pair(is_wanted, end.ended_at);
    };
    return static_cast<std::size_t>(std::ranges::max_element(ends, {}, rank) - ends.begin());
}

std::string how_it_ended(const FireEnd& end)
{
    if (end.state == RunState::skipped) {
        return end.cause == Cause::none ? "was skipped"
                                        : fmt::format("was skipped ({})", to_string(end.cause));
    }
    if (end.state == RunState::success) return "succeeded";
    return end.exit_code ? fmt::format("{}, exit code {}", to_string(end.state), *end.exit_code)
                         : fmt::format("ended as {}", to_string(end.state));
}

/// Whether its job may have been another one when it was handed out: then its node alone knows
/// which locks it has.
bool may_have_other_locks(const OpenRun& row, const PlannedJob* job)
{
    if (job == nullptr) return true;
    return job->job.effective_from > row.planned.dispatched_at - longest_unread;
}

/// What only the row of a run says.
void take_from_row(TrackedRun& run, const OpenRun& row)
{
    run.superseded = row.superseded;
    set_request(run, row.planned.requested_by);
    run.retry_at = row.planned.retry_at;
    // What a person asks for stands whatever becomes of the definition.
    const bool is_retry = row.planned.id.attempt > 1;
    if (is_retry && !is_of_person(row.planned.requested_by)) run.failed_at = row.failed_at;
}

}  // namespace

TermRules::TermRules(Epoch epoch, NodeName self, const DispatchSettings& settings, JobTable& jobs,
                     Moment started)
    : epoch_(epoch),
      self_(std::move(self)),
      settings_(settings),
      jobs_(jobs),
      planner_(jobs),
      writer_(epoch, self_, settings),
      misfires_(settings),
      planned_through_(started.wall),
      versions_(jobs, runs_),
      quotas_(epoch),
      nodes_(self_, settings, runs_),
      choice_(nodes_, jobs),
      placement_(settings, nodes_, choice_, runs_, jobs.locks()),
      redelivery_(jobs, misfires_),
      retries_(jobs),
      daemons_(jobs, runs_, choice_),
      chains_(jobs),
      paused_(jobs),
      draft_(epoch, self_)
{
    // Nodes say how runs ended before this begins.
    jobs_.for_each([this](const PlannedJob& job) { chains_.follow(job.job.id); });
}

TermRules::BeforeRead TermRules::before_read() const
{
    BeforeRead before;
    before.doubts = doubts_.open();
    before.accounted = nodes_.with_accounts();
    return before;
}

std::vector<JobId> TermRules::begin(const TermStart& found, Moment now,
                                    const std::optional<BeforeRead>& before)
{
    BeforeRead then = before.value_or(before_read());
    changes_known_until_ = now.wall;
    planned_through_ = found.planned_through.value_or(now.wall);
    inherited_through_ = planned_through_;
    planned_before_ = std::max(planned_through_, found.set_back_from.value_or(planned_through_));
    placement_.expect_orphans_until(now.steady + orphan_time);
    std::set<JobId> changed;
    // The table was read before, perhaps long before when the store is slow.
    for (const Revision& change : found.changes) {
        if (apply_change(change, now)) changed.insert(change.job);
    }
    learn_quotas(found);
    for (const RunId& id : found.ended_lately) ended_lately_.add(id);
    paused_.take_over(found.skipped_lately, planned_through_);
    moved_unless_found(ended_lately_.after(early_from(now)), found);
    take_back_ended(found);
    // Whether what the ledger has ended by now ran again, only the store can tell (deliver_again):
    // the next attempt may have ended, too.
    std::unordered_set<RunId> newest;
    for (const OpenRun& row : found.open_runs) {
        if (!row.superseded) newest.insert(row.planned.id);
    }
    redelivery_.keep([&](const RunId& id) { return newest.contains(id); });
    retries_.keep([&](const RunId& id) { return newest.contains(id); });
    retries_.note_hidden_ends();
    for (const OpenRun& row : found.open_runs) {
        const auto known_run = runs_.find(row.planned.id);
        if (known_run != runs_.end()) {
            take_from_row(known_run->second, row);
        }
        retries_.learn(row.planned.id, row.planned.requested_by);
        if (known_run != runs_.end() || ended_lately_.contains(row.planned.id)) continue;
        const PlannedJob* job = jobs_.find(row.planned.id.job);
        const auto place = runs_.open(writer_.write(row.planned.id, job, now.wall));
        TrackedRun& run = place->second;
        run.dispatched_at = row.planned.dispatched_at;
        run.start_from = due_of(row);
        run.running_in_store = row.planned.state == RunState::running;
        take_from_row(run, row);
        writer_.set_times(run.order, now.wall, run.retry_at);
        if (row.planned.run_server.empty()) {
            placement_.note_unknown_orphan(run);
            unplaced_.insert(place->first);
            continue;
        }
        nodes_.add(row.planned.run_server, now);
        runs_.assign(place, row.planned.run_server);
        run.phase = run.running_in_store ? RunPhase::running : RunPhase::handed;
        run.may_hold_any_lock = may_have_other_locks(row, job);
        runs_.note_locks(place);
        if (!nodes_.at(row.planned.run_server).connected) continue;
        doubts_.add(place->first);
        const bool is_settled = then.accounted.contains(row.planned.run_server);
        if (is_settled) then.doubts.runs.insert(place->first);
    }
    begun_ = true;
    take_over_waiting(found, now);
    for (const RunId& id : versions_.unwanted_by(found.changes)) runs_.at(id).unwanted = true;
    resolve_doubts(found, std::move(then.doubts), now);
    plan_old_versions(found.changes, now);

    for (const auto& [id, run] : runs_) {
        const bool may_start = run.phase != RunPhase::running;
        if (may_start && !versions_.is_up_to_date(run)) changed.insert(id.job);
    }
    jobs_.for_each([&](const PlannedJob& job) {
        if (!job.error.empty()) {
            spdlog::warn("dispatch: job {} never fires: {}", job.job.id, job.error);
        }
        if (job.is_daemon()) {
            daemons_.follow(job.job.id);
            daemons_.ask_first(job.job.id);
        }
        chains_.follow(job.job.id);
        if (job.job.effective_from > planned_through_ - settings_.lookahead - change_reach) {
            // The old dispatcher may not have heard of it: when nobody could tell it, it went on to
            // plan until it would have looked itself.
            changed.insert(job.job.id);
            return;
        }
        quotas_.follow(job.job);
        if (has_runs_left(job.job)) {
            planner_.reset(job.job.id, planned_through_);
        } else {
            quotas_.park(job.job.id);
        }
    });
    chains_.ask_all();
    return {changed.begin(), changed.end()};
}

/// Moments that are later are neither planned nor reached by the clock of any node that gets runs.
WallTime TermRules::early_from(Moment now) const
{
    return std::max(planned_through_, now.wall) + 2 * settings_.lookahead;
}

/// A further attempt whose moment is near is the only one that this fire will get: the row of the
/// one before stays where it is.
bool TermRules::is_early(const RunId& id, Moment now) const
{
    const auto soon = id.attempt > 1 ? further_attempt_soon : 0s;
    return id.scheduled_at > early_from(now) + soon;
}

std::map<NodeName, std::vector<RunId>> TermRules::held_early(Moment now) const
{
    std::map<NodeName, std::vector<RunId>> held;
    for (const auto& [id, run] : runs_) {
        const bool is_held = run.phase != RunPhase::running && !run.node().empty();
        const bool waits = is_early(id, now) || run.order.start_at > early_from(now);
        if (is_held && waits) held[run.node()].push_back(id);
    }
    return held;
}

void TermRules::take_back_early(std::span<const RunId> given_back, Moment now)
{
    std::vector<RunId> taken_back(given_back.begin(), given_back.end());
    for (const RunId& id : unplaced_) {
        if (is_early(id, now)) taken_back.push_back(id);
    }
    for (const RunId& id : taken_back) {
        const auto run = runs_.find(id);
        if (run == runs_.end()) continue;
        if (!is_early(id, now)) {
            release(run);  // it was due, and to start at once by that clock
            continue;
        }
        unplaced_.erase(id);
        end_here(run, RunState::revoked,
                 Reason{Cause::job_changed, "it was planned by a clock that was ahead"}, now.wall);
        // It is planned again when its moment comes.
        ended_lately_.forget(id);
    }
}

void TermRules::moved(std::span<const RunId> runs)
{
    std::map<JobId, WallTime> passed;
    for (const RunId& id : runs) {
        ended_lately_.forget(id);
        daemons_.moved(id);
        if (id.scheduled_at > planned_through_) continue;
        const auto [first, is_new] = passed.emplace(id.job, id.scheduled_at);
        if (!is_new) first->second = std::min(first->second, id.scheduled_at);
    }
    for (const auto& [id, first] : passed) {
        const PlannedJob* job = jobs_.find(id);
        if (job == nullptr || job->job.effective_from > first) continue;
        planner_.reset(id, first - 1ms);
    }
}

void TermRules::moved_unless_found(std::span<const RunId> ended, const TermStart& found)
{
    std::unordered_set<RunId> there(found.ended_lately.begin(), found.ended_lately.end());
    for (const OpenRun& row : found.open_runs) there.insert(row.planned.id);
    std::vector<RunId> gone;
    std::copy_if(ended.begin(), ended.end(), std::back_inserter(gone),
                 [&](const RunId& id) { return !there.contains(id); });
    moved(gone);
}

/// Says whether the table did not have it.
bool TermRules::apply_change(const Revision& change, Moment now)
{
    if (!change.after) return jobs_.erase(change.job);
    const PlannedJob* known = jobs_.find(change.job);
    if (known == nullptr || known->job.effective_from >= change.effective_from) return false;
    Job job = *change.after;
    job.id = change.job;
    job.effective_from = change.effective_from;
    job.counters = known->job.counters;
    return jobs_.put(std::move(job), now.wall);
}

void TermRules::connected(const NodeName& node, const Account& account, Moment now)
{
    if (nodes_.take_account(node, account, now)) {
        bury(node, nodes_.at(node).process_started, "was restarted", now);
    }
    nodes_.revive(node);

    std::unordered_map<RunId, const RunOrder*> started;
    for (const RunOrder& order : account.started) started.emplace(order.id, &order);
    std::unordered_set<RunId> accounted;
    for (const RunOrder& order : account.held) {
        accounted.insert(order.id);
        adopt(order, node, RunPhase::handed, now);
    }
    for (const RunReport& report : account.running) {
        accounted.insert(report.id);
        RunOrder order;
        order.id = report.id;
        order.epoch = report.epoch;
        order.dispatch_server = report.dispatch_server;
        const PlannedJob* job = jobs_.find(report.id.job);
        const auto original = started.find(report.id);
        if (original != started.end()) {
            // Its job may have been changed since, or be gone: see daemons_to_end().
            copy_work(order, *original->second);
        } else if (job != nullptr) {
            set_work(order, *job);
            order.lock_limits.clear();  // it holds none, whatever its job says by now
        }
        adopt(order, node, RunPhase::running, now);
    }
    for (const RunReport& ended : account.ended) {
        accounted.insert(ended.id);
        report_end(node, ended, now);
    }
    for (const RunId& id : runs_.of_node(node)) {
        const TrackedRun& run = runs_.at(id);
        if (!accounted.contains(id) && run.phase != RunPhase::placed) doubts_.add(id);
    }
}

void TermRules::report(const NodeName& node, const RunReport& report, Moment now)
{
    nodes_.note_heard(node, now);
    if (is_final(report.state)) {
        report_end(node, report, now);
        return;
    }
    const auto run = runs_.find(report.id);
    if (run != runs_.end()) {
        run->second.phase = RunPhase::running;
        doubts_.settle(report.id);
    }
}

void TermRules::died(const NodeName& node, const Death& death, Moment now)
{
    bury(node, nodes_.take_death(node, death, now), "died", now);
}

std::map<NodeName, std::vector<RunId>> TermRules::handed_out(std::span<const JobId> jobs) const
{
    std::map<NodeName, std::vector<RunId>> handed;
    for (const JobId job : jobs) {
        for (const RunId& id : runs_.of_job(job)) {
            const TrackedRun& run = runs_.at(id);
            if (is_held(run)) handed[run.node()].push_back(id);
        }
    }
    return handed;
}

/// What its node does not know it cannot give back: whether it was started there before is for the
/// store to say.
bool TermRules::is_held(const TrackedRun& run) const
{
    return run.phase == RunPhase::handed && !doubts_.contains(run.order.id);
}

void TermRules::add_paused(std::map<NodeName, std::vector<RunId>>& handed, Moment now) const
{
    if (jobs_.pauses().empty()) return;
    std::unordered_set<RunId> named;
    for (const auto& [node, runs] : handed) named.insert(runs.begin(), runs.end());
    for (const auto& [id, run] : runs_) {
        const bool is_asked_back = is_held(run) && !named.contains(id);
        if (is_asked_back && paused_.why_not(run, now.wall)) handed[run.node()].push_back(id);
    }
}

void TermRules::jobs_changed(std::span<const JobId> jobs, std::span<const RunId> revoked,
                             Moment now)
{
    for (const RunId& id : revoked) {
        const auto run = runs_.find(id);
        if (run != runs_.end() && !doubts_.contains(id)) release(run);
    }
    release_paused(now);
    for (const JobId id : jobs) {
        paused_.forget(id);
        std::vector<RunId> placed;
        for (const RunId& run : runs_.of_job(id)) {
            if (runs_.at(run).phase == RunPhase::placed) placed.push_back(run);
        }
        for (const RunId& run : placed) release(runs_.find(run));
        for (const RunId& run : runs_.of_job(id)) {
            TrackedRun& state = runs_.at(run);
            if (!versions_.is_still_due(state)) state.unwanted = true;
        }
        for (const WaitingRun& wait : waiting_.of_job(id)) {
            if (versions_.is_still_due(wait)) continue;
            waiting_.take(wait.id);
            end_waiting(wait, RunState::revoked, versions_.why_taken_back(id), now.wall);
        }
        daemons_.follow(id);
        chains_.follow(id);
        const PlannedJob* job = jobs_.find(id);
        quotas_.unpark(id);
        if (job == nullptr || job->job.run_limit == 0) quotas_.forget(id);
        planner_.reset(id, job != nullptr ? plans_from(*job, now.wall) : now.wall);
        if (job != nullptr && !job->error.empty()) {
            spdlog::warn("dispatch: job {} never fires: {}", id, job->error);
        }
    }
}

/// A pause has come: what was to go to a node with the next messages does not.
void TermRules::release_paused(Moment now)
{
    if (!paused_.has_news()) return;
    paused_.saw_pauses();
    std::vector<RunId> placed;
    for (const auto& [id, run] : runs_) {
        if (run.phase == RunPhase::placed && paused_.why_not(run, now.wall)) placed.push_back(id);
    }
    for (const RunId& id : placed) release(runs_.find(id));
}

void TermRules::given_back_late(const NodeName& node, std::span<const RunId> given_back)
{
    for (const RunId& id : given_back) {
        const auto run = runs_.find(id);
        const bool its = run != runs_.end() && run->second.node() == node;
        if (its && run->second.phase == RunPhase::handed && !doubts_.contains(id)) release(run);
    }
}

std::vector<RunId> TermRules::held_by(const NodeName& node) const
{
    std::vector<RunId> held;
    for (const RunId& id : runs_.of_node(node)) {
        if (runs_.at(id).phase == RunPhase::handed && !doubts_.contains(id)) held.push_back(id);
    }
    return held;
}

void TermRules::evacuated(const NodeName& node, std::span<const RunId> given_back)
{
    for (const RunId& id : given_back) {
        const auto run = runs_.find(id);
        if (run != runs_.end() && run->second.node() == node && !doubts_.contains(id)) release(run);
    }
}

Result<RunId> TermRules::run_now(JobId id, std::string requested_by, Moment now)
{
    const PlannedJob* planned = jobs_.find(id);
    if (planned == nullptr) return Error{fmt::format("there is no job {}", id)};
    if (planned->is_daemon()) {
        if (auto why = daemons_.why_not_now(*planned, now.wall)) return Error{*std::move(why)};
    }
    const RunId run = free_id(id, std::max(now.wall, planned->job.effective_from + 1ms));
    const auto place_of_run = runs_.open(writer_.write(run, planned, now.wall));
    place_new(place_of_run, std::move(requested_by), now);
    return run;
}

/// Never a whole second: that is where schedules fire.
RunId TermRules::free_id(JobId job, WallTime at) const
{
    RunId run{job, std::max(at, daemons_.earliest(job)), 1};
    const auto taken = [this](const RunId& candidate) {
        return candidate.scheduled_at.time_since_epoch() % 1s == 0ms || runs_.contains(candidate) ||
               ended_lately_.contains(candidate);
    };
    while (taken(run)) run.scheduled_at += 1ms;
    return run;
}

TermRules::RunPlace TermRules::find_run(const RunId& id) const
{
    if (waiting_.contains(id)) return {Whereabouts::here, {}};
    const auto found = runs_.find(id);
    if (found == runs_.end()) return {};
    const TrackedRun& run = found->second;
    if (doubts_.contains(id)) return {Whereabouts::running, run.node()};
    switch (run.phase) {
        case RunPhase::placed:
            return {Whereabouts::here, run.node()};
        case RunPhase::handed:
            return {Whereabouts::held, run.node()};
        case RunPhase::running:
            break;
    }
    return {Whereabouts::running, run.node()};
}

void TermRules::cancel(const RunId& id, Reason why, Moment now)
{
    if (const auto wait = waiting_.take(id)) {
        end_waiting(*wait, RunState::killed, std::move(why), now.wall);
        return;
    }
    const auto run = runs_.find(id);
    if (run != runs_.end()) end_here(run, RunState::killed, std::move(why), now.wall);
}

void TermRules::resolve_doubts(const TermStart& found, Doubts doubts, Moment now,
                               std::span<const RunId> to_repeat)
{
    learn_quotas(found);
    end_orphans(found, doubts.dead, now.wall);
    std::unordered_map<RunId, const OpenRun*> open;
    for (const OpenRun& row : found.open_runs) open.emplace(row.planned.id, &row);
    for (const RunId& id : doubts.runs) {
        const auto run = runs_.find(id);
        if (!doubts_.settle(id) || run == runs_.end()) continue;
        const auto row = open.find(id);
        if (row == open.end()) {
            // Its node may have ended it and told the store alone.
            const auto told = std::find(to_repeat.begin(), to_repeat.end(), id);
            const bool is_last = !run->second.superseded;
            if (is_last && told != to_repeat.end()) {
                redelivery_.add(id, run->second.requested_by);
            }
            note_hidden_end(id);
            ended_lately_.add(id);
            close(run);
            unpark(id.job);
            continue;
        }
        if (may_have_started(run->second, *row->second)) {
            const Reason why{
                Cause::node_died,
                fmt::format("{} was restarted or lost track of the run", run->second.node())};
            placement_.note_orphan(run->second, now.steady + orphan_time);
            note_hidden_end(id);
            end_here(run, RunState::lost, why, now.wall);
        } else {
            release(run);  // it never got there
        }
    }
}

/// Whether a process of its node that is gone may have started it: its node does not know it.
bool TermRules::may_have_started(const TrackedRun& run, const OpenRun& row) const
{
    if (row.planned.state == RunState::running || run.phase == RunPhase::running) return true;
    const NodeState& node = nodes_.at(run.node());
    const bool other_process =
        row.epoch < node.first_epoch || node.process_started > run.dispatched_at;
    if (!other_process) return false;
    WallTime until = node.earlier_until;
    if (run.node() == self_) {
        // This clock may have been set since, and the plan tells what it was.
        const WallTime planned_at = planned_before_ - settings_.lookahead;
        until = std::max(node.process_started, planned_at + longest_plan_pause);
        // It was set back, and nobody knows how long the process before lived on after that plan.
        if (planned_at > node.process_started) until = std::max(until, planned_before_);
    }
    return due_of(row) <= until;
}

/// Ends the open rows of nodes that died before they had written how those runs ended.
void TermRules::end_orphans(const TermStart& found, const std::map<NodeName, WallTime>& dead,
                            WallTime now)
{
    const std::unordered_set<RunId> ended = draft_.ended();
    const auto is_known = [&](const RunId& id) {
        return runs_.contains(id) || taken_back_.contains(id) || ended.contains(id);
    };
    for (const OpenRun* row : doubts_.settle_deaths(found, dead, is_known)) {
        const NodeName& node = row->planned.run_server;
        const Reason why{Cause::node_died,
                         fmt::format("{} died before it had recorded how the run ended", node)};
        draft_.end(row->planned.id, node, RunState::lost, why, now);
        if (!row->superseded) redelivery_.add(row->planned.id, row->planned.requested_by);
        daemons_.given_up(row->planned.id, now);
        note_hidden_end(row->planned.id);
        chains_.ended({row->planned.id, RunState::lost, Cause::node_died, {}, now});
    }
}

void TermRules::hold_plan(bool is_held)
{
    is_held_ = is_held;
    if (is_held && !held_from_) held_from_ = planned_through_;
}

bool TermRules::has_news(Moment now)
{
    const auto retry = waiting_.next_due();
    const bool is_retry_due = retry && *retry <= now.wall + settings_.lookahead;
    if (!is_held_ && !daemons_.due(now.wall + settings_.lookahead, now).empty()) return true;
    const bool work = paused_.has_rows() || !unplaced_.empty() || !redelivery_.is_empty() ||
                      !retries_.is_empty() || is_retry_due || !taken_back_.empty() ||
                      !draft_.is_empty() || (!is_held_ && chains_.has_news());
    if (work || is_held_) return work;
    const auto due = planner_.next_due();
    return due && *due <= now.wall + settings_.lookahead;
}

PlanStep TermRules::step(Moment now)
{
    nodes_.follow_own_clock(now);
    for (const NodeName& node : nodes_.gone(now)) bury(node, std::nullopt, "vanished", now);

    if (!is_held_) plan_gaps(now);
    for (auto& [id, requested_by] : redelivery_.take()) {
        plan_next_attempt(id, std::move(requested_by), now);
    }
    for (const FailedRun& failed : retries_.take()) plan_retry(failed, now);

    const WallTime horizon = now.wall + settings_.lookahead;
    const auto on_fire = [&](const PlannedJob& job, WallTime due) {
        return plan_fire(job, due, now);
    };
    WallTime through = planned_through_;
    behind_ = false;
    if (!is_held_) {
        start_daemons(now);
        through = planner_.take(horizon, most_fires, on_fire);
        behind_ = through < horizon;
        if (!behind_) held_from_.reset();
        plan_chains(now);
    }
    start_waiting(now);

    for (const RunId& id : std::exchange(unplaced_, {})) {
        const auto run = runs_.find(id);
        if (run == runs_.end()) continue;
        place(run, now);
        const auto placed = runs_.find(id);
        if (placed == runs_.end() || placed->second.node().empty()) continue;
        draft_.move(id, placed->second.node(), now.wall, placed->second.retry_at);
    }

    for (auto& [id, run] : std::exchange(taken_back_, {})) {
        draft_.end(id, run.node(), RunState::revoked, versions_.why_taken_back(id.job), now.wall);
        chains_.ended({id, RunState::revoked, Cause::none, {}, now.wall});
    }

    for (PausedFires::Row& row : paused_.take_rows()) {
        draft_.add_gap(row.first, row.last, row.fires, std::move(row.why), now.wall);
    }
    placement_.forget_gone_orphans(now.steady);
    ended_lately_.forget_before(first_unread(now.wall) - ended_memory);
    // A clock that was set back a little plans nothing twice: what was planned stays planned. For a
    // great step the term ends, and the next one begins at the true time.
    planned_through_ = std::max(planned_through_, through);
    chains_.forget_incomplete(planned_through_ - partner_time);
    return draft_.take(planned_through_);
}

void TermRules::plan_gaps(Moment now)
{
    const auto rule = [&](const Job& job) { return misfires_.late_rule(job, now.wall); };
    for (const Planner::Gap& gap : planner_.take_gaps(now.wall, most_counted, rule)) {
        const Job& job = jobs_.find(gap.job)->job;
        const Pause* const pause = paused_.find(job, gap.first);
        const bool is_paused = pause != nullptr && pause->covers(gap.last);
        const Reason why =
            is_paused ? reason_of(*pause) : misfires_.why_dropped(job, gap, held_from_, now.wall);
        plan_gap(job, gap, why, now);
    }
}

void TermRules::plan_gap(const Job& job, Planner::Gap gap, const Reason& why_not, Moment now)
{
    // The row stands at the first of them that has none.
    const PlannedJob planned = jobs_.compile(job);
    while (gap.fires > 1 && has_row({job.id, gap.first, 1})) {
        gap.first = planned.next(gap.first).value_or(gap.last);
        --gap.fires;
    }
    // How many is in `fires`: rows with the same reason are to be counted together.
    Reason reason{why_not.cause,
                  fmt::format("missed while no node was planning{}; {}",
                              gap.counted_all ? "" : ", too many to count", why_not.detail)};
    const RunId id{job.id, gap.first, 1};
    draft_.add_gap(id, gap.last, gap.fires, std::move(reason), now.wall);
    chains_.planned(id, "");
    chains_.ended({id, RunState::skipped, why_not.cause, {}, now.wall, gap.fires, gap.last});
}

void TermRules::learn_unwanted(std::span<const JobPast> pasts)
{
    for (const RunId& id : versions_.unwanted_by(pasts)) runs_.at(id).unwanted = true;
}

/// What was due by a version of a job that gave way before anybody could plan it.
void TermRules::plan_old_versions(const std::vector<Revision>& changes, Moment now)
{
    // A node that changed it may have a clock that is ahead of this one.
    const WallTime latest = now.wall + settings_.lookahead;
    for (const auto& old : versions_.unplanned(changes, planned_through_, latest)) {
        plan_old_version(old.version, old.from, old.to, now);
    }
}

/// Its fires after `from`, up to `to`: as the job is now, if it is there and not stopped.
void TermRules::plan_old_version(const PlannedJob& old, WallTime from, WallTime to, Moment now)
{
    const PlannedJob* today = jobs_.find(old.job.id);
    const bool runs = today != nullptr && !today->job.stop;
    const WallTime oldest = runs ? misfires_.late_rule(today->job, now.wall).from : WallTime::max();
    Planner::Gap gap;
    for (auto fire = old.next(from); fire && *fire <= to && gap.fires < most_counted;
         fire = old.next(*fire)) {
        if (*fire >= oldest) {
            plan_fire(*today, *fire, now);
            continue;
        }
        if (gap.fires++ == 0) gap.first = *fire;
        gap.last = *fire;
    }
    if (gap.fires == 0) return;
    gap.counted_all = gap.fires < most_counted;
    Reason why_not{Cause::misfire, "the job was changed meanwhile"};
    if (today == nullptr) why_not.detail = "the job was deleted meanwhile";
    if (today != nullptr && !runs) why_not.detail = "the job was stopped meanwhile";
    plan_gap(old.job, gap, why_not, now);
}

/// The fire of a run that may not have done its work runs again, if its job wants that.
void TermRules::plan_next_attempt(const RunId& id, std::string requested_by, Moment now)
{
    const auto next = redelivery_.next_attempt(id, now.wall);
    if (!next || runs_.contains(*next) || ended_lately_.contains(*next)) return;
    if (!versions_.is_still_due(*next)) return;
    const auto run = runs_.open(writer_.write(*next, jobs_.find(id.job), now.wall));
    placement_.note_unknown_orphan(run->second);
    place_new(run, std::move(requested_by), now);
}

/// The run failed, and its job may want its fire tried again, though not before some time.
void TermRules::plan_retry(const FailedRun& failed, Moment now)
{
    // By a clock that was ahead: the fire is still to come.
    if (failed.id.scheduled_at > early_from(now)) return;
    std::optional<WaitingRun> next = retries_.next_attempt(failed, now.wall);
    if (!next || !versions_.is_still_due(*next)) return;
    const RunId id = next->id;
    if (runs_.contains(id) || waiting_.contains(id) || ended_lately_.contains(id)) return;
    const bool has_next_fire = has_runs_left(jobs_.find(id.job)->job);
    const WallTime start = std::max(next->retry_at, now.wall);
    auto why = retries_.why_over(id, start, has_next_fire);
    if (!why && !is_asked_for(id) && chains_.has_later_fire(id)) why = next_fire_came();
    // Those of a backfill are long behind the job's next fire.
    if (is_of_backfill(next->requested_by)) why.reset();
    if (!why && next->retry_at <= now.wall + settings_.lookahead) {
        open_retry(*std::move(next), now);
        return;
    }
    note_next_attempt(id);
    PlannedRun row;
    row.id = id;
    row.dispatched_at = now.wall;
    row.requested_by = next->requested_by;
    row.retry_at = next->retry_at;
    if (why) {
        draft_.end(id, {}, RunState::skipped, *std::move(why), now.wall);
        draft_.add_ended(std::move(row));
        note_end(id, RunState::skipped, draft_.number());
        chains_.ended({id, RunState::skipped, Cause::superseded, {}, now.wall});
        return;
    }
    draft_.add(std::move(row));
    waiting_.add(*std::move(next));
}

/// What is due after others; also what is due after that because it is skipped.
void TermRules::plan_chains(Moment now)
{
    const auto is_open = [this](const RunId& id) { return is_fire_open(id); };
    const auto goes_on = [this, now](const FireEnd& end) { return is_followed(end, now.wall); };
    do {
        for (const Chains::Due& due : chains_.take_due(now.steady, is_open, goes_on)) {
            plan_child(due, now);
        }
    } while (chains_.has_news());
}

void TermRules::plan_child(const Chains::Due& due, Moment now)
{
    const PlannedJob* const found = jobs_.find(due.child);
    if (found == nullptr) return;
    const PlannedJob& planned = *found;
    const Job& job = planned.job;
    const RunId id{due.child, due.at, 1};
    const bool may_fire = is_asked_for(id) ? planned.enabled() : planned.may_fire_at(due.at);
    if (!may_fire || runs_.contains(id) || ended_lately_.contains(id)) return;
    quotas_.follow(job);
    if (!has_runs_left(job)) return;
    if (!is_asked_for(id)) {
        for (const WaitingRun& wait : waiting_.of_job(due.child)) {
            if (is_asked_for(wait.id)) continue;
            waiting_.take(wait.id);
            end_waiting(wait, RunState::skipped, next_fire_came(), now.wall);
        }
    }

    std::vector<RunState> states;
    for (const FireEnd& end : due.ends) states.push_back(end.state);
    const bool runs = runs_after(job.run_after_on, states);
    const std::size_t decisive = decisive_parent(job.run_after_on, due.ends);
    const FireEnd& end = due.ends[decisive];
    RunRequest request;
    request.parent =
        ParentEnd{job.run_after[decisive], end.run.job, end.run.attempt, end.state, end.exit_code};
    PlannedRun row;
    row.id = id;
    row.dispatched_at = now.wall;
    row.requested_by = to_string(request);
    row.retry_at = due.since;
    if (!runs) {
        const Reason why{Cause::parent,
                         fmt::format("{} {}", job.run_after[decisive], how_it_ended(end))};
        skip_child(due, std::move(row), why, now);
        return;
    }
    if (misfires_.is_too_late(planned, due.since, now.wall)) {
        skip_child(due, std::move(row),
                   {Cause::misfire,
                    "the jobs that it runs after were over longer ago than the misfire window"},
                   now);
        return;
    }
    const auto run = runs_.open(writer_.write(id, &planned, now.wall));
    run->second.retry_at = due.since;
    writer_.set_times(run->second.order, now.wall, due.since);
    place_new(run, std::move(row.requested_by), now);
}

void TermRules::skip_child(const Chains::Due& due, PlannedRun row, Reason why, Moment now)
{
    const RunId id = row.id;
    FireEnd end{id, RunState::skipped, why.cause, {}, now.wall};
    // Its parents' missed fires are one row, and so are its own.
    for (const FireEnd& parent : due.ends) {
        if (parent.fires <= end.fires) continue;
        end.fires = parent.fires;
        end.gap_end = parent.gap_end;
    }
    row.fires = end.fires;
    row.gap_end = end.gap_end;
    chains_.planned(id, row.requested_by);
    draft_.end(id, {}, RunState::skipped, std::move(why), now.wall);
    draft_.add_ended(std::move(row));
    note_end(id, RunState::skipped, draft_.number());
    chains_.ended(std::move(end));
}

/// Whether an attempt of the fire is open or waits. One that was given up does not count: its fire
/// went on without it.
bool TermRules::is_fire_open(const RunId& id) const
{
    if (waiting_.of_fire(id)) return true;
    const std::set<RunId>& runs = runs_.of_job(id.job);
    for (auto run = runs.lower_bound({id.job, id.scheduled_at, 0});
         run != runs.end() && run->scheduled_at == id.scheduled_at; ++run) {
        if (!runs_.at(*run).superseded) return true;
    }
    return false;
}

/// Whether a further attempt will be planned, as soon as the store has said that there is none yet.
bool TermRules::is_followed(const FireEnd& end, WallTime now) const
{
    if (end.is_last) return false;
    if (Redelivery::is_wanted_after(end.state, Reason{end.cause})) {
        const auto next = redelivery_.next_attempt(end.run, now);
        return next && versions_.is_still_due(*next);
    }
    FailedRun failed;
    failed.id = end.run;
    failed.state = end.state;
    failed.exit_code = end.exit_code;
    failed.ended_at = end.ended_at;
    const auto next = retries_.next_attempt(failed, now);
    return next && versions_.is_still_due(*next);
}

/// Those that are to be up and have no open run.
void TermRules::start_daemons(Moment now)
{
    for (const auto& [job, next] : daemons_.due(now.wall + settings_.lookahead, now)) {
        if (next.what == DaemonNext::What::give_up) {
            give_up_daemon(job, next, now);
            continue;
        }
        // What could not start then starts now, and its row says so.
        const RunId id = free_id(job, std::max(next.at, now.wall));
        place_new(runs_.open(writer_.write(id, jobs_.find(job), now.wall)), "", now);
    }
}

/// A row says so, which is what later dispatchers, and people, know it by.
void TermRules::give_up_daemon(JobId job, const DaemonNext& next, Moment now)
{
    PlannedRun row;
    row.id = free_id(job, now.wall);
    row.dispatched_at = now.wall;
    const Reason why{Cause::start_limit,
                     fmt::format("{} starts in a row ended within {} s; it stays down until it is "
                                 "changed or started by hand",
                                 next.failures, jobs_.find(job)->job.healthy_after / 1s)};
    const RunId id = row.id;
    draft_.end(id, {}, RunState::skipped, why, now.wall);
    draft_.add_ended(std::move(row));
    note_end(id, RunState::skipped, draft_.number());
    daemons_.ended({id, RunState::skipped, why.cause, false, {}, now.wall, {}}, now.wall);
}

std::vector<Outgoing> TermRules::daemons_to_end(Moment now)
{
    std::vector<Outgoing> messages;
    for (Daemons::End& end : daemons_.to_end(now)) {
        if (!nodes_.at(end.node).connected) continue;
        messages.push_back({std::move(end.node), KillRun{end.run, std::move(end.why)}});
    }
    return messages;
}

/// It has no row yet, and its time is near.
void TermRules::open_retry(WaitingRun wait, Moment now)
{
    const auto run = open_again(wait.id, *jobs_.find(wait.id.job), wait.retry_at, now);
    run->second.failed_at = wait.failed_at;
    place_new(run, std::move(wait.requested_by), now);
}

/// Those whose time is near go to nodes.
void TermRules::start_waiting(Moment now)
{
    for (WaitingRun& wait : waiting_.take_due(now.wall + settings_.lookahead, most_fires)) {
        const PlannedJob* job = jobs_.find(wait.id.job);
        const bool has_next_fire = job != nullptr && has_runs_left(job->job);
        const WallTime start = std::max(wait.retry_at, now.wall);
        auto why = retries_.why_over(wait.id, start, has_next_fire);
        if (why && (job == nullptr || !is_of_backfill(wait.requested_by))) {
            end_waiting(wait, RunState::skipped, *std::move(why), now.wall);
            continue;
        }
        const auto run = open_again(wait.id, *job, wait.retry_at, now);
        run->second.failed_at = wait.failed_at;
        set_request(run->second, std::move(wait.requested_by));
        unplaced_.insert(wait.id);
    }
    const auto next = waiting_.next_due();
    if (next && *next <= now.wall + settings_.lookahead) behind_ = true;
}

void TermRules::take_over_waiting(const TermStart& found, Moment now)
{
    for (WaitingRun wait : found.waiting) {
        if (ended_lately_.contains(wait.id)) continue;
        const auto known = runs_.find(wait.id);
        if (known != runs_.end()) {  // a node has it: the step that says so is lost
            known->second.retry_at = wait.retry_at;
            set_request(known->second, wait.requested_by);
            known->second.failed_at = wait.failed_at;
            continue;
        }
        if (is_early(wait.id, now)) {
            // It is the retry of a run by that clock; the fire is still to come.
            end_waiting(wait, RunState::revoked,
                        Reason{Cause::job_changed, "it was planned by a clock that was ahead"},
                        now.wall);
            ended_lately_.forget(wait.id);
            continue;
        }
        if (!versions_.is_still_due(wait)) {
            end_waiting(wait, RunState::revoked, versions_.why_taken_back(wait.id.job), now.wall);
            continue;
        }
        const WallTime retry_at =
            retries_.start_by_clock(wait.id, wait.retry_at, now.wall, 2 * settings_.lookahead);
        if (retry_at != wait.retry_at) {
            wait.retry_at = retry_at;
            draft_.move(wait.id, {}, now.wall, retry_at);
        }
        waiting_.add(std::move(wait));
    }
}

/// Its row is open, and says that it waits.
void TermRules::end_waiting(const WaitingRun& wait, RunState state, Reason why, WallTime at)
{
    chains_.ended({wait.id, state, why.cause, {}, at});
    draft_.end(wait.id, {}, state, std::move(why), at);
    note_end(wait.id, state, 0);
}

Result<RunId> TermRules::retry_now(const LogRow& newest, std::string requested_by, Moment now)
{
    const RunId& last = newest.run.id;
    const PlannedJob* planned = jobs_.find(last.job);
    if (planned == nullptr) return Error{fmt::format("there is no job {}", last.job)};
    if (planned->is_daemon()) {
        return Error{
            fmt::format("job {} is a daemon: it is started again by its own rules, or with "
                        "/cron/run/{}",
                        last.job, last.job)};
    }
    for (const RunId& open : runs_.of_job(last.job)) {
        if (open.scheduled_at != last.scheduled_at) continue;
        return Error{fmt::format("{} has not ended", to_string(open))};
    }
    if (const auto id = waiting_.of_fire(last)) {
        waiting_.take(*id);
        const auto run = open_again(*id, *planned, now.wall, now);
        set_request(run->second, request_again(std::move(requested_by), newest.requested_by));
        unplaced_.insert(*id);
        // Also when no node can take it now.
        draft_.move(*id, {}, now.wall, now.wall);
        return *id;
    }
    if (!is_final(newest.run.state)) {
        return Error{fmt::format("{} is {}", to_string(last), to_string(newest.run.state))};
    }
    const RunId next{last.job, last.scheduled_at, last.attempt + 1};
    if (ended_lately_.contains(next)) return Error{to_string(next) + " has ended just now"};
    place_new(open_again(next, *planned, now.wall, now),
              request_again(std::move(requested_by), newest.requested_by), now);
    return next;
}

Result<RunId> TermRules::run_again(const RunId& fire, const std::optional<LogRow>& newest,
                                   std::string requested_by, Moment now)
{
    const PlannedJob* planned = jobs_.find(fire.job);
    if (planned == nullptr) return Error{fmt::format("there is no job {}", fire.job)};
    if (planned->is_daemon()) return Error{fmt::format("job {} is a daemon", fire.job)};
    if (newest && !is_final(newest->run.state)) {
        return Error{fmt::format("{} has not ended", to_string(newest->run.id))};
    }
    if (waiting_.of_fire(fire)) return Error{to_string(fire) + " waits to be tried again"};
    std::int64_t under_way = 0;
    for (const RunId& open : runs_.of_job(fire.job)) {
        if (open.scheduled_at == fire.scheduled_at) {
            return Error{fmt::format("{} has not ended", to_string(open))};
        }
        if (runs_.at(open).order.start_at <= now.wall) ++under_way;
    }
    const Concurrency concurrency = concurrency_of(planned->job);
    if (concurrency.limit > 0 && under_way >= concurrency.limit) {
        return Error{fmt::format("job {} is at its limit of runs at a time", fire.job)};
    }
    const RunId id{fire.job, fire.scheduled_at, newest ? newest->run.id.attempt + 1 : 1};
    if (ended_lately_.contains(id)) return Error{to_string(id) + " has ended just now"};
    place_new(runs_.open(writer_.write(id, planned, now.wall)), std::move(requested_by), now);
    return id;
}

OpenRuns::Place TermRules::open_again(const RunId& id, const PlannedJob& job, WallTime retry_at,
                                      Moment now)
{
    const auto run = runs_.open(writer_.write(id, &job, now.wall));
    run->second.retry_at = retry_at;
    writer_.set_times(run->second.order, now.wall, retry_at);
    return run;
}

void TermRules::deliver_again(std::span<const RunId> runs)
{
    for (const RunId& id : runs) redelivery_.add(id, "");
}

void TermRules::drop_later_orders(std::uint64_t revoke, std::vector<RunId>& given_back) const
{
    std::erase_if(given_back, [&](const RunId& id) {
        const auto run = runs_.find(id);
        return run != runs_.end() && run->second.sent_after >= revoke;
    });
}

std::vector<Outgoing> TermRules::messages(Moment now, std::uint64_t last_revoke)
{
    for (const RunId& id : std::exchange(to_send_, {})) {
        const auto run = runs_.find(id);
        if (run == runs_.end() || run->second.phase != RunPhase::placed) continue;
        if (run->second.node().empty()) continue;  // its node died while the step was committed
        if (!nodes_.at(run->second.node()).connected) {
            // Lost meanwhile. Perhaps it is being greeted again, and an order that came behind the
            // greeting would be missing from the account.
            release(run);
            continue;
        }
        run->second.phase = RunPhase::handed;
        run->second.sent_after = last_revoke;
        // The commit may have taken long; the node's deadline counts from when it can start.
        RunOrder& order = run->second.order;
        writer_.set_times(order, now.wall, run->second.retry_at);
        run->second.start_from = order.start_at;
        outbox_.order(run->second.node(), order);
    }
    std::vector<Outgoing> messages = outbox_.take_revocations();
    std::vector<Outgoing> orders = outbox_.take_orders();
    std::move(orders.begin(), orders.end(), std::back_inserter(messages));
    return messages;
}

/// Of its own, or one that it shares with others.
bool TermRules::has_row(const RunId& fire) const
{
    return runs_.contains(fire) || ended_lately_.contains(fire) ||
           paused_.was_skipped_before(fire.job, fire.scheduled_at);
}

Planner::Next TermRules::plan_fire(const PlannedJob& planned, WallTime scheduled_at, Moment now)
{
    const Job& job = planned.job;
    const RunId id{job.id, scheduled_at, 1};
    if (has_row(id)) {
        paused_.forget(job.id);
        return Planner::Next::plan;
    }
    quotas_.follow(job);
    if (!has_runs_left(job)) {
        quotas_.park(job.id);
        return Planner::Next::park;
    }

    const Pause* const pause = paused_.find(job, scheduled_at);
    const bool has_own_row = taken_back_.contains(id) || chains_.has_children(job.id);
    if (pause != nullptr && !has_own_row) {
        paused_.add(*pause, job.id, scheduled_at);
        ended_lately_.add(id);
        return Planner::Next::plan;
    }
    paused_.forget(job.id);

    const auto run = runs_.open(writer_.write(id, &planned, now.wall));
    if (const auto taken_back = taken_back_.extract(id)) {
        // Its row stands: the job was changed and still fires now.
        run->second.row_step = taken_back.mapped().row_step;
        unplaced_.insert(id);
    } else {
        // What is due behind an earlier dispatcher's plan starts when the orphans that it knew of
        // are gone; this one it has left out (its job was changed, or had no runs left).
        if (scheduled_at <= inherited_through_) placement_.note_unknown_orphan(run->second);
        place_new(run, "", now);
    }
    return Planner::Next::plan;
}

/// Finds a node for a run that has no row yet, and gives it its row.
void TermRules::place_new(Place run, std::string requested_by, Moment now)
{
    const RunId id = run->first;
    if (id.attempt == 1) chains_.planned(id, requested_by);
    if (id.attempt > 1) note_next_attempt(id);
    set_request(run->second, requested_by);
    run->second.row_step = draft_.number();
    const std::optional<WallTime> retry_at = run->second.retry_at;
    place(run, now);
    const auto placed = runs_.find(id);
    PlannedRun row;
    row.id = id;
    row.dispatched_at = now.wall;
    row.requested_by = std::move(requested_by);
    row.retry_at = retry_at;
    if (placed == runs_.end()) {
        draft_.add_ended(std::move(row));
        return;
    }
    row.run_server = placed->second.node();
    draft_.add(std::move(row));
}

/// The run before may be open yet: its node may have told the store alone that it is over.
void TermRules::note_next_attempt(const RunId& next)
{
    const RunId before{next.job, next.scheduled_at, next.attempt - 1};
    retries_.followed(before);
    const auto run = runs_.find(before);
    if (run != runs_.end()) run->second.superseded = true;
}

bool TermRules::has_runs_left(const Job& job) const
{
    return job.run_limit == 0 || !quotas_.is_used_up(job, runs_.fires_of(job.id));
}

/// A node says that the run is over. It may say so again after it was cut off.
void TermRules::report_end(const NodeName& node, const RunReport& end, Moment now)
{
    const RunId id = end.id;
    doubts_.node_told_end(node, id);
    const auto run = runs_.find(id);
    const bool was_open = run != runs_.end();
    const std::string requested_by = was_open ? run->second.requested_by : "";
    const std::uint64_t row_step = was_open ? run->second.row_step : 0;
    const bool is_last = !was_open || !run->second.superseded;
    if (was_open) close(run);
    daemons_.ended(daemon_start_of(end, !requested_by.empty()), now.wall);
    chains_.ended(fire_end_of(end, now.wall));
    if (was_open || !begun_) {
        note_end(id, end.state, row_step);
        if (is_last && Redelivery::is_wanted_after(end.state, end.reason)) {
            redelivery_.add(id, requested_by);
        }
    } else {
        ended_lately_.add(id);
    }
    if (is_last && (was_open || !begun_)) {
        note_failure(end, requested_by, now.wall);
    } else if (retries_.may_concern(id, end.state)) {
        // It was given up before, or says so again: whether it was tried again the store knows.
        retries_.note_hidden_ends();
    }
}

void TermRules::note_failure(const RunReport& end, std::string requested_by, WallTime now)
{
    // Before begin() the table may be old; what does not fit is found there.
    if (begun_ && !retries_.may_concern(end.id, end.state)) return;
    FailedRun failed;
    failed.id = end.id;
    failed.state = end.state;
    failed.exit_code = end.exit_code;
    failed.ended_at = end.ended_at.value_or(now);
    failed.requested_by = std::move(requested_by);
    retries_.add(std::move(failed));
}

/// Its node may have ended it, and told the store alone.
void TermRules::note_hidden_end(const RunId& id)
{
    daemons_.ask(id.job);
    chains_.ask(id.job);
    if (retries_.may_concern(id, RunState::failed)) retries_.note_hidden_ends();
}

void TermRules::note_end(const RunId& id, RunState state, std::uint64_t row_step)
{
    ended_lately_.add(id);
    if (quotas_.ended(id, state, row_step)) unpark(id.job);
}

void TermRules::unpark(JobId job)
{
    if (quotas_.unpark(job)) planner_.reset(job, planned_through_);
}

void TermRules::learn_quotas(const TermStart& found)
{
    quotas_.learn(found, [this](const RunId& id) {
        return begun_ ? !runs_.contains(id) && !taken_back_.contains(id)
                      : ended_lately_.contains(id);
    });
}

/// A node that an earlier dispatcher had given up may hold what has ended in the ledger since.
void TermRules::take_back_ended(const TermStart& found)
{
    std::unordered_set<RunId> open;
    for (const OpenRun& row : found.open_runs) open.insert(row.planned.id);
    for (const WaitingRun& wait : found.waiting) open.insert(wait.id);
    std::vector<Place> ended;
    for (auto run = runs_.begin(); run != runs_.end(); ++run) {
        const bool has_row = run->first.scheduled_at <= planned_through_;
        const bool is_held = run->second.phase == RunPhase::handed;
        if (is_held && has_row && !open.contains(run->first)) ended.push_back(run);
    }
    for (const Place run : ended) {
        outbox_.revoke(run->second.node(), run->first);
        ended_lately_.add(run->first);
        close(run);
    }
}

void TermRules::place(Place run, Moment now)
{
    const PlannedJob* planned = jobs_.find(run->first.job);
    // A daemon is never too late, nor is what a person asks for.
    const bool is_fire = planned != nullptr && run->first.attempt == 1 &&
                         !is_of_person(run->second.requested_by) && !is_daemon(run->second.order);
    const WallTime due = run->second.retry_at.value_or(run->first.scheduled_at);
    if (is_fire && misfires_.is_too_late(*planned, due, now.wall)) {
        const Reason why =
            choice_.choose(run->second.order, now.steady)
                ? Reason{Cause::misfire,
                         "was due at a time when its node could not be reached, longer "
                         "ago than the misfire window"}
                : Reason{Cause::no_node,
                         choice_.why_none(run->second.order) + " within the misfire window"};
        end_here(run, RunState::skipped, why, now.wall);
        return;
    }
    if (auto why = paused_.why_not(run->second, now.wall)) {
        end_here(run, RunState::skipped, *std::move(why), now.wall);
        return;
    }
    Placement::Decision decision = placement_.decide(run->second, now);
    switch (decision.action) {
        case Placement::Decision::Action::put:
            put_on(run, decision.node, now);
            break;
        case Placement::Decision::Action::wait:
            unplaced_.insert(run->first);
            break;
        case Placement::Decision::Action::skip:
            end_here(run, RunState::skipped, std::move(decision.why), now.wall);
            break;
    }
}

void TermRules::put_on(Place run, const NodeName& node, Moment now)
{
    TrackedRun& state = run->second;
    writer_.readdress(state.order, now.wall, state.retry_at);
    state.dispatched_at = now.wall;
    runs_.assign(run, node);
    run->second.phase = RunPhase::placed;
    to_send_.push_back(run->first);
}

/// Its node says what it was given: its job may have been changed since, or be none any more.
void TermRules::adopt_work(Place run, const RunOrder& order)
{
    TrackedRun& state = run->second;
    const bool is_told =
        state.phase == RunPhase::handed || is_daemon(order) || !order.lock_limits.empty();
    if (is_told) copy_work(state.order, order);
    // What is running, and of which a node does not tell more, holds none.
    if (!is_told) state.order.lock_limits.clear();
    state.may_hold_any_lock = false;
    runs_.note_locks(run);
    if (is_daemon(order)) daemons_.follow(order.id.job);
}

void TermRules::adopt(const RunOrder& order, const NodeName& node, RunPhase phase, Moment now)
{
    const auto run = runs_.find(order.id);
    if (run != runs_.end()) {
        doubts_.settle(order.id);
        if (run->second.node() == node) {
            run->second.phase = phase;
            adopt_work(run, order);
            if (phase == RunPhase::handed) run->second.start_from = order.start_at;
            return;
        }
        if (phase == RunPhase::handed && !run->second.node().empty()) {
            // It was given to another node since.
            outbox_.revoke(node, order.id);
            return;
        }
        unplaced_.erase(order.id);
        runs_.unassign(run);
        runs_.assign(run, node);
        run->second.phase = phase;
        run->second.start_from = order.start_at;
        adopt_work(run, order);
        return;
    }
    if (phase == RunPhase::handed && (begun_ || ended_lately_.contains(order.id))) {
        // The ledger has a final state for it (lost, revoked): it must not start any more.
        outbox_.revoke(node, order.id);
        return;
    }
    const auto place = runs_.open(order);
    TrackedRun& adopted = place->second;
    adopted.phase = phase;
    adopted.dispatched_at = now.wall;
    adopted.start_from = order.start_at;
    // It was given up as lost before; its next attempt, if any, was planned then.
    adopted.superseded = begun_;
    runs_.assign(place, node);
    if (is_daemon(order)) daemons_.follow(order.id.job);
}

void TermRules::close(Place run)
{
    doubts_.settle(run->first);
    unplaced_.erase(run->first);
    runs_.close(run);
}

void TermRules::end_here(Place run, RunState state, Reason why, WallTime at)
{
    const RunId id = run->first;
    const bool is_last = !run->second.superseded && !run->second.unwanted;
    const bool is_wanted = is_last && Redelivery::is_wanted_after(state, why);
    const std::uint64_t row_step = run->second.row_step;
    std::string requested_by = run->second.requested_by;
    FireEnd end{id, state, why.cause, {}, at};
    DaemonStart over{id, state, why.cause, !requested_by.empty(), {}, at, run->second.node()};
    draft_.end(id, run->second.node(), state, std::move(why), at);
    close(run);
    daemons_.ended(std::move(over), at);
    chains_.ended(std::move(end));
    note_end(id, state, row_step);
    if (is_wanted) redelivery_.add(id, std::move(requested_by));
}

/// It has not started at its node and will not: another one gets it, as its job is now. When the
/// job does not fire then any more, it ends as revoked.
void TermRules::release(Place run)
{
    // Before begin() the table may be old; what does not fit is found there.
    if (!begun_ || versions_.is_still_due(run->second)) {
        put_back(run);
    } else {
        drop(run);
    }
}

void TermRules::put_back(Place run)
{
    doubts_.settle(run->first);
    runs_.unassign(run);
    run->second.may_hold_any_lock = false;
    if (const PlannedJob* planned = jobs_.find(run->first.job)) {
        set_work(run->second.order, *planned);
    }
    run->second.phase = RunPhase::placed;
    unplaced_.insert(run->first);
}

/// It becomes revoked, unless its job fires at that moment after all.
void TermRules::drop(Place run)
{
    TrackedRun state = run->second;
    close(run);
    taken_back_.emplace(state.order.id, std::move(state));
}

void TermRules::bury(const NodeName& node, std::optional<WallTime> since, std::string_view how,
                     Moment now)
{
    // The node's clock may be ahead of ours, so that it started a run "after" it died.
    const auto ahead = nodes_.most_ahead(node);
    if (nodes_.give_up(node)) {
        doubts_.node_died(node, since.value_or(now.wall) + ahead);
    }
    const auto dead_for = std::clamp<std::chrono::milliseconds>(
        now.wall - since.value_or(now.wall - orphan_time), 0ms, orphan_time);
    std::size_t lost = 0;
    std::size_t moved = 0;
    for (const RunId& id : runs_.of_node(node)) {
        const auto run = runs_.find(id);
        const bool unsent = run->second.phase == RunPhase::placed;
        const bool not_due = since && run->second.phase == RunPhase::handed &&
                             !run->second.running_in_store &&
                             run->second.start_from > *since + ahead;
        if (unsent || not_due) {
            release(run);
            ++moved;
            continue;
        }
        const Reason why =
            since ? Reason{Cause::node_died, fmt::format("{} {}", node, how)}
                  : Reason{Cause::node_died,
                           fmt::format("{} {} and cannot be asked how the run ended", node, how)};
        placement_.note_orphan(run->second, now.steady + (orphan_time - dead_for));
        // It may stand still, with the order in the buffer of a connection that is there yet.
        const bool may_come_back = !since && run->second.phase == RunPhase::handed;
        if (may_come_back) outbox_.revoke(node, id);
        note_hidden_end(run->first);
        end_here(run, RunState::lost, why, now.wall);
        ++lost;
    }
    if (lost + moved > 0) {
        spdlog::warn("dispatch: {} {}: {} of its runs are lost, {} go to other nodes", node, how,
                     lost, moved);
    }
}

WallTime TermRules::plans_from(const PlannedJob& job, WallTime now) const
{
    const WallTime changed = job.job.effective_from;
    if (changed < first_unread(now) - change_reach) return std::min(now, planned_through_);
    return std::min(changed, now);
}

/// A change that was made later may have become known only now.
WallTime TermRules::first_unread(WallTime now) const
{
    return std::clamp(changes_known_until_, now - longest_unread, now);
}

}  // namespace peercron
