#include "dispatch/term_rules.hpp"

#include "model/backfill.hpp"
#include "model/run_request.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
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
/// Longer than change_reach by the clocks' difference.
constexpr auto ended_memory = 10s;
/// A fire of which one parent has no row this long after its time has none: parents are planned by
/// the same schedule.
constexpr auto partner_time = 10min;

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

FireEnd fire_end_of(const RunReport& end, WallTime now)
{
    // One that was told by a clock that is ahead counts as now.
    const WallTime ended_at = std::min(end.ended_at.value_or(now), now);
    return {end.id, end.state, end.reason.cause, end.exit_code, ended_at};
}

/// See RunOrder::due_at; its order has its times. What a backfill runs was not due then, but long
/// ago.
std::optional<WallTime> due_at(const TrackedRun& run)
{
    if (run.retry_at) return run.retry_at;
    if (is_of_backfill(run.requested_by)) return run.order.start_at;
    return std::nullopt;
}

/// Whether its job may have been another one when it was handed out: then its node alone knows
/// which locks it has.
bool may_have_other_locks(const OpenRun& row, const PlannedJob* job)
{
    if (job == nullptr) return true;
    return job->job.effective_from > row.planned.dispatched_at - longest_unread;
}

/// Whether nobody has asked for this further attempt. What a person asks for stands whatever
/// becomes of the definition.
bool is_retry_of_itself(const PlannedRun& row)
{
    if (row.id.attempt == 1) return false;
    if (!is_of_person(row.requested_by)) return true;
    // What a backfill asks for itself has no time at which it is to be tried again.
    return is_of_backfill(row.requested_by) || parse_request(row.requested_by).is_retry;
}

/// What only the row of a run says.
void take_from_row(TrackedRun& run, const OpenRun& row)
{
    run.superseded = row.superseded;
    set_request(run, row.planned.requested_by);
    run.retry_at = row.planned.retry_at;
    if (is_retry_of_itself(row.planned)) run.failed_at = row.failed_at;
    const bool waits = row.planned.reason.cause == Cause::required;
    if (!waits) run.requirement = Requirement::noted;
}

}  // namespace

TermRules::TermRules(Epoch epoch, NodeName self, const DispatchSettings& settings, JobTable& jobs,
                     Moment started)
    : epoch_(epoch),
      book_(epoch, std::move(self), settings, jobs, started),
      life_(book_),
      attempts_(book_, life_),
      due_fires_(book_, life_),
      chained_fires_(book_, life_, attempts_),
      required_fires_(book_, life_),
      daemon_starts_(book_, life_),
      asked_runs_(book_, life_),
      early_runs_(book_, life_),
      lost_runs_(book_, life_)
{
    // Nodes say how runs ended before this begins.
    jobs.for_each([this](const PlannedJob& job) { book_.chains.follow(job.job.id); });
}

TermRules::BeforeRead TermRules::before_read() const
{
    BeforeRead before;
    before.doubts = book_.doubts.open();
    before.accounted = book_.nodes.with_accounts();
    return before;
}

std::vector<JobId> TermRules::begin(const TermStart& found, Moment now,
                                    const std::optional<BeforeRead>& before)
{
    BeforeRead then = before.value_or(before_read());
    book_.changes_known_until = now.wall;
    book_.planned_through = found.planned_through.value_or(now.wall);
    book_.inherited_through = book_.planned_through;
    book_.planned_before =
        std::max(book_.planned_through, found.set_back_from.value_or(book_.planned_through));
    book_.placement.expect_orphans_until(now.steady + orphan_time);
    std::set<JobId> changed;
    // The table was read before, perhaps long before when the store is slow.
    for (const Revision& change : found.changes) {
        if (apply_change(change, now)) changed.insert(change.job);
    }
    book_.learn_quotas(found);
    for (const RunId& id : found.ended_lately) book_.ended_lately.add(id);
    book_.paused.take_over(found.skipped_lately, book_.planned_through);
    early_runs_.moved_unless_found(book_.ended_lately.after(book_.early_from(now)), found);
    take_back_ended(found);
    // Whether what the ledger has ended by now ran again, only the store can tell (deliver_again):
    // the next attempt may have ended, too.
    std::unordered_set<RunId> newest;
    for (const OpenRun& row : found.open_runs) {
        if (!row.superseded) newest.insert(row.planned.id);
    }
    book_.redelivery.keep([&](const RunId& id) { return newest.contains(id); });
    book_.retries.keep([&](const RunId& id) { return newest.contains(id); });
    book_.retries.note_hidden_ends();
    for (const OpenRun& row : found.open_runs) {
        const auto known_run = book_.runs.find(row.planned.id);
        if (known_run != book_.runs.end()) {
            take_from_row(known_run->second, row);
        }
        book_.retries.learn(row.planned.id, row.planned.requested_by);
        if (known_run != book_.runs.end() || book_.ended_lately.contains(row.planned.id)) continue;
        const PlannedJob* job = book_.jobs.find(row.planned.id.job);
        const auto place = book_.runs.open(book_.writer.write(row.planned.id, job, now.wall));
        TrackedRun& run = place->second;
        run.dispatched_at = row.planned.dispatched_at;
        run.start_from = due_of(row);
        run.running_in_store = row.planned.state == RunState::running;
        take_from_row(run, row);
        book_.writer.set_times(run.order, now.wall, run.retry_at);
        if (row.planned.run_server.empty()) {
            book_.placement.note_unknown_orphan(run);
            book_.unplaced.insert(place->first);
            continue;
        }
        book_.nodes.add(row.planned.run_server, now);
        book_.runs.assign(place, row.planned.run_server);
        run.phase = run.running_in_store ? RunPhase::running : RunPhase::handed;
        run.may_hold_any_lock = may_have_other_locks(row, job);
        book_.runs.note_locks(place);
        if (!book_.nodes.at(row.planned.run_server).connected) continue;
        book_.doubts.add(place->first);
        const bool is_settled = then.accounted.contains(row.planned.run_server);
        if (is_settled) then.doubts.runs.insert(place->first);
    }
    book_.has_begun = true;
    attempts_.take_over_waiting(found, now);
    for (const RunId& id : book_.versions.unwanted_by(found.changes)) {
        book_.runs.at(id).unwanted = true;
    }
    lost_runs_.resolve_doubts(found, std::move(then.doubts), now, {});
    due_fires_.plan_old_versions(found.changes, now);

    for (const auto& [id, run] : book_.runs) {
        const bool may_start = run.phase != RunPhase::running;
        const bool is_excluded = may_start && book_.paused.why_excluded(run).has_value();
        if (may_start && (is_excluded || !book_.versions.is_up_to_date(run))) {
            changed.insert(id.job);
        }
    }
    book_.jobs.for_each([&](const PlannedJob& job) {
        if (!job.error.empty()) {
            spdlog::warn("dispatch: job {} never fires: {}", job.job.id, job.error.get());
        }
        if (job.is_daemon()) {
            book_.daemons.follow(job.job.id);
            book_.daemons.ask_first(job.job.id);
        }
        book_.chains.follow(job.job.id);
        if (job.job.effective_from >
            book_.planned_through - book_.settings.lookahead - change_reach) {
            // The old dispatcher may not have heard of it: when nobody could tell it, it went on to
            // plan until it would have looked itself.
            changed.insert(job.job.id);
            return;
        }
        book_.quotas.follow(job.job);
        if (book_.has_runs_left(job.job)) {
            book_.planner.reset(job.job.id, book_.planned_through);
        } else {
            book_.quotas.park(job.job.id);
        }
    });
    book_.chains.ask_all(book_.planned_through);
    return {changed.begin(), changed.end()};
}

/// Says whether the table did not have it.
bool TermRules::apply_change(const Revision& change, Moment now)
{
    if (!change.after) return book_.jobs.erase(change.job);
    const PlannedJob* known = book_.jobs.find(change.job);
    if (known == nullptr || known->job.effective_from >= change.effective_from) return false;
    Job job = *change.after;
    job.id = change.job;
    job.effective_from = change.effective_from;
    job.counters = known->job.counters;
    return book_.jobs.put(std::move(job), now.wall);
}

void TermRules::connected(const NodeName& node, const Account& account, Moment now)
{
    if (book_.nodes.take_account(node, account, now)) {
        lost_runs_.bury(node, book_.nodes.at(node).process_started, "was restarted", now);
    }
    book_.nodes.revive(node);

    std::unordered_map<RunId, const RunOrder*> started;
    for (const RunOrder& order : account.started) started.emplace(order.id, &order);
    std::unordered_set<RunId> accounted;
    for (const RunOrder& order : account.held) {
        accounted.insert(order.id);
        life_.adopt(order, node, RunPhase::handed, now);
    }
    for (const RunReport& report : account.running) {
        accounted.insert(report.id);
        RunOrder order;
        order.id = report.id;
        order.epoch = report.epoch;
        order.dispatch_server = report.dispatch_server;
        const PlannedJob* job = book_.jobs.find(report.id.job);
        const auto original = started.find(report.id);
        if (original != started.end()) {
            // Its job may have been changed since, or be gone: see daemons_to_end().
            copy_work(order, *original->second);
        } else if (job != nullptr) {
            set_work(order, *job);
            order.lock_limits.clear();  // it holds none, whatever its job says by now
        }
        life_.adopt(order, node, RunPhase::running, now);
    }
    for (const RunReport& ended : account.ended) {
        accounted.insert(ended.id);
        report_end(node, ended, now);
    }
    for (const RunId& id : book_.runs.of_node(node)) {
        const TrackedRun& run = book_.runs.at(id);
        if (!accounted.contains(id) && run.phase != RunPhase::placed) book_.doubts.add(id);
    }
}

void TermRules::report(const NodeName& node, const RunReport& report, Moment now)
{
    book_.nodes.note_heard(node, now);
    if (is_final(report.state)) {
        report_end(node, report, now);
        return;
    }
    const auto run = book_.runs.find(report.id);
    if (run != book_.runs.end()) {
        run->second.phase = RunPhase::running;
        book_.doubts.settle(report.id);
    }
}

void TermRules::died(const NodeName& node, const Death& death, Moment now)
{
    lost_runs_.bury(node, book_.nodes.take_death(node, death, now), "died", now);
}

std::map<NodeName, std::vector<RunId>> TermRules::handed_out(std::span<const JobId> jobs) const
{
    std::map<NodeName, std::vector<RunId>> handed;
    for (const JobId job : jobs) {
        for (const RunId& id : book_.runs.of_job(job)) {
            const TrackedRun& run = book_.runs.at(id);
            if (book_.is_held(run)) handed[run.node()].push_back(id);
        }
    }
    return handed;
}

void TermRules::add_paused(std::map<NodeName, std::vector<RunId>>& handed, Moment now) const
{
    if (book_.jobs.pauses().empty()) return;
    std::unordered_set<RunId> named;
    for (const auto& [node, runs] : handed) named.insert(runs.begin(), runs.end());
    for (const auto& [id, run] : book_.runs) {
        const bool is_asked_back = book_.is_held(run) && !named.contains(id);
        if (is_asked_back && book_.paused.why_not(run, now.wall)) handed[run.node()].push_back(id);
    }
}

void TermRules::jobs_changed(std::span<const JobId> jobs, std::span<const RunId> revoked,
                             Moment now)
{
    for (const RunId& id : revoked) {
        const auto run = book_.runs.find(id);
        if (run != book_.runs.end() && !book_.doubts.contains(id)) life_.release(run);
    }
    release_paused(now);
    for (const JobId id : jobs) {
        book_.paused.forget(id);
        std::vector<RunId> placed;
        for (const RunId& run : book_.runs.of_job(id)) {
            if (book_.runs.at(run).phase == RunPhase::placed) placed.push_back(run);
        }
        for (const RunId& run : placed) life_.release(book_.runs.find(run));
        const PlannedJob* job = book_.jobs.find(id);
        const WallTime from = job != nullptr ? plans_from(*job, now.wall) : now.wall;
        life_.take_back_cut(id, from);
        for (const RunId& run : book_.runs.of_job(id)) {
            TrackedRun& state = book_.runs.at(run);
            if (!book_.versions.is_still_due(state)) state.unwanted = true;
        }
        for (const WaitingRun& wait : book_.waiting.of_job(id)) {
            if (book_.versions.is_still_due(wait)) continue;
            book_.waiting.take(wait.id);
            life_.end_waiting(wait, RunState::revoked, book_.versions.why_taken_back(id), now.wall);
        }
        book_.daemons.follow(id);
        book_.chains.follow(id);
        book_.quotas.unpark(id);
        if (job == nullptr || job->job.run_limit == 0) book_.quotas.forget(id);
        book_.planner.reset(id, from);
        if (job != nullptr && !job->error.empty()) {
            spdlog::warn("dispatch: job {} never fires: {}", id, job->error.get());
        }
    }
}

/// A pause has come: what was to go to a node with the next messages does not.
void TermRules::release_paused(Moment now)
{
    if (!book_.paused.has_news()) return;
    book_.paused.saw_pauses();
    std::vector<RunId> placed;
    for (const auto& [id, run] : book_.runs) {
        if (run.phase == RunPhase::placed && book_.paused.why_not(run, now.wall)) {
            placed.push_back(id);
        }
    }
    for (const RunId& id : placed) life_.release(book_.runs.find(id));
}

void TermRules::given_back_late(const NodeName& node, std::span<const RunId> given_back)
{
    for (const RunId& id : given_back) {
        const auto run = book_.runs.find(id);
        const bool its = run != book_.runs.end() && run->second.node() == node;
        if (its && run->second.phase == RunPhase::handed && !book_.doubts.contains(id)) {
            life_.release(run);
        }
    }
}

std::vector<RunId> TermRules::held_by(const NodeName& node) const
{
    std::vector<RunId> held;
    for (const RunId& id : book_.runs.of_node(node)) {
        if (book_.runs.at(id).phase == RunPhase::handed && !book_.doubts.contains(id)) {
            held.push_back(id);
        }
    }
    return held;
}

void TermRules::evacuated(const NodeName& node, std::span<const RunId> given_back)
{
    for (const RunId& id : given_back) {
        const auto run = book_.runs.find(id);
        if (run != book_.runs.end() && run->second.node() == node && !book_.doubts.contains(id)) {
            life_.release(run);
        }
    }
}

TermRules::RunPlace TermRules::find_run(const RunId& id) const
{
    if (book_.waiting.contains(id)) return {Whereabouts::here, {}};
    const auto found = book_.runs.find(id);
    if (found == book_.runs.end()) return {};
    const TrackedRun& run = found->second;
    if (book_.doubts.contains(id)) return {Whereabouts::running, run.node()};
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
    if (const auto wait = book_.waiting.take(id)) {
        life_.end_waiting(*wait, RunState::killed, std::move(why), now.wall);
        return;
    }
    const auto run = book_.runs.find(id);
    if (run != book_.runs.end()) life_.end_here(run, RunState::killed, std::move(why), now.wall);
}

bool TermRules::has_news(Moment now)
{
    const auto retry = book_.waiting.next_due();
    const auto delayed = book_.delayed.next_due();
    const WallTime horizon = now.wall + book_.settings.lookahead;
    const bool is_wait_over = (retry && *retry <= horizon) || (delayed && *delayed <= horizon);
    if (!due_fires_.is_held() && !book_.daemons.due(horizon, now).empty()) {
        return true;
    }
    const bool work = book_.paused.has_rows() || !book_.unplaced.empty() ||
                      !book_.redelivery.is_empty() || !book_.retries.is_empty() || is_wait_over ||
                      !book_.taken_back.empty() || !book_.draft.is_empty() ||
                      book_.requirements.has_decided() ||
                      (!due_fires_.is_held() && book_.chains.has_news());
    if (work || due_fires_.is_held()) return work;
    const auto due = book_.planner.next_due();
    return due && *due <= horizon;
}

PlanStep TermRules::step(Moment now)
{
    book_.nodes.follow_own_clock(now);
    for (const NodeName& node : book_.nodes.gone(now)) {
        lost_runs_.bury(node, std::nullopt, "vanished", now);
    }

    if (!due_fires_.is_held()) due_fires_.plan_gaps(now);
    attempts_.plan(now);

    WallTime through = book_.planned_through;
    behind_ = false;
    if (!due_fires_.is_held()) {
        const WallTime horizon = now.wall + book_.settings.lookahead;
        daemon_starts_.start(now);
        through = due_fires_.plan(horizon, now);
        behind_ = through < horizon;
        chained_fires_.plan(now);
    }
    if (attempts_.start_waiting(now)) behind_ = true;
    required_fires_.plan(now);
    life_.place_waiting(now);
    life_.end_taken_back(now);

    for (PausedFires::Row& row : book_.paused.take_rows()) {
        book_.draft.add_gap(row.first, row.last, row.fires, std::move(row.why), now.wall);
    }
    book_.placement.forget_gone_orphans(now.steady);
    book_.ended_lately.forget_before(book_.first_unread(now.wall) - ended_memory);
    // A clock that was set back a little plans nothing twice: what was planned stays planned. For a
    // great step the term ends, and the next one begins at the true time.
    book_.planned_through = std::max(book_.planned_through, through);
    book_.chains.forget_incomplete(book_.planned_through - partner_time);
    book_.told_ends.keep([this](const RunId& id) { return book_.is_end_needed(id); });
    return book_.draft.take(book_.planned_through);
}

void TermRules::learn_unwanted(std::span<const JobPast> pasts)
{
    for (const RunId& id : book_.versions.unwanted_by(pasts)) book_.runs.at(id).unwanted = true;
}

void TermRules::deliver_again(std::span<const RunId> runs)
{
    for (const RunId& id : runs) book_.redelivery.add(id, "");
    book_.redelivery.note_all_added();
}

void TermRules::drop_later_orders(std::uint64_t revoke, std::vector<RunId>& given_back) const
{
    std::erase_if(given_back, [&](const RunId& id) {
        const auto run = book_.runs.find(id);
        return run != book_.runs.end() && run->second.sent_after >= revoke;
    });
}

std::vector<Outgoing> TermRules::messages(Moment now, std::uint64_t last_revoke)
{
    for (const RunId& id : std::exchange(book_.to_send, {})) {
        const auto run = book_.runs.find(id);
        if (run == book_.runs.end() || run->second.phase != RunPhase::placed) continue;
        if (run->second.node().empty()) continue;  // its node died while the step was committed
        if (!book_.nodes.at(run->second.node()).connected) {
            // Lost meanwhile. Perhaps it is being greeted again, and an order that came behind the
            // greeting would be missing from the account.
            life_.release(run);
            continue;
        }
        run->second.phase = RunPhase::handed;
        run->second.sent_after = last_revoke;
        // The commit may have taken long; the node's deadline counts from when it can start.
        RunOrder& order = run->second.order;
        book_.writer.set_times(order, now.wall, run->second.retry_at);
        order.due_at = due_at(run->second);
        run->second.start_from = order.start_at;
        book_.outbox.order(run->second.node(), order);
    }
    std::vector<Outgoing> messages = book_.outbox.take_revocations();
    std::vector<Outgoing> orders = book_.outbox.take_orders();
    std::move(orders.begin(), orders.end(), std::back_inserter(messages));
    return messages;
}

/// A node says that the run is over. It may say so again after it was cut off.
void TermRules::report_end(const NodeName& node, const RunReport& end, Moment now)
{
    const RunId id = end.id;
    book_.doubts.note_no_orphan(node, id);
    const auto run = book_.runs.find(id);
    const bool was_open = run != book_.runs.end();
    const std::string requested_by = was_open ? run->second.requested_by : "";
    const std::uint64_t row_step = was_open ? run->second.row_step : 0;
    const bool is_last = !was_open || !run->second.superseded;
    if (was_open) life_.close(run);
    book_.daemons.ended(daemon_start_of(end, !requested_by.empty()), now.wall);
    book_.chains.ended(fire_end_of(end, now.wall));
    book_.requirements.ended(id.job, now.wall);
    if (book_.may_be_followed(end)) book_.told_ends.add(end);
    if (was_open || !book_.has_begun) {
        life_.note_end(id, end.state, row_step, end.rehearsal);
        if (is_last && Redelivery::is_wanted_after(end.state, end.reason)) {
            book_.redelivery.add(id, requested_by);
        }
    } else {
        book_.ended_lately.add(id);
    }
    if (is_last && (was_open || !book_.has_begun)) {
        attempts_.note_failure(end, requested_by, now.wall);
    } else if (book_.retries.may_concern(id, end.state)) {
        // It was given up before, or says so again: whether it was tried again the store knows.
        book_.retries.note_hidden_ends();
    }
}

/// A node that an earlier dispatcher had given up may hold what has ended in the ledger since.
void TermRules::take_back_ended(const TermStart& found)
{
    std::unordered_set<RunId> open;
    for (const OpenRun& row : found.open_runs) open.insert(row.planned.id);
    for (const WaitingRun& wait : found.waiting) open.insert(wait.id);
    std::vector<OpenRuns::Place> ended;
    for (auto run = book_.runs.begin(); run != book_.runs.end(); ++run) {
        const bool has_row = run->first.scheduled_at <= book_.planned_through;
        const bool is_held = run->second.phase == RunPhase::handed;
        if (is_held && has_row && !open.contains(run->first)) ended.push_back(run);
    }
    for (const OpenRuns::Place run : ended) {
        book_.outbox.revoke(run->second.node(), run->first);
        book_.ended_lately.add(run->first);
        life_.close(run);
    }
}

WallTime TermRules::plans_from(const PlannedJob& job, WallTime now) const
{
    const WallTime changed = job.job.effective_from;
    if (changed < book_.first_unread(now) - change_reach) {
        return std::min(now, book_.planned_through);
    }
    return std::min(changed, now);
}

}  // namespace peercron
