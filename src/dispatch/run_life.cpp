#include "dispatch/run_life.hpp"

#include "model/run_request.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace peercron {

void set_request(TrackedRun& run, std::string requested_by)
{
    RunRequest request = parse_request(requested_by);
    run.order.inputs = std::move(request.inputs);
    run.order.parent = request.parent ? to_string(*request.parent) : "";
    run.order.rehearsal = request.rehearsal;
    run.requested_by = std::move(requested_by);
}

void RunLife::place_new(Place run, std::string requested_by, Moment now)
{
    const RunId id = run->first;
    if (id.attempt == 1) book_.note_planned(id, requested_by);
    if (id.attempt > 1) note_next_attempt(id);
    set_request(run->second, requested_by);
    run->second.row_step = book_.draft.number();
    const std::optional<WallTime> retry_at = run->second.retry_at;
    place(run, now);
    const auto placed = book_.runs.find(id);
    PlannedRun row;
    row.id = id;
    row.dispatched_at = now.wall;
    row.requested_by = std::move(requested_by);
    row.retry_at = retry_at;
    if (placed == book_.runs.end()) {
        book_.draft.add_ended(std::move(row));
        return;
    }
    row.run_server = placed->second.node();
    row.reason = why_waits(placed->second);
    book_.draft.add(std::move(row));
}

void RunLife::note_next_attempt(const RunId& next)
{
    const RunId before = previous_attempt(next);
    book_.retries.followed(before);
    const auto run = book_.runs.find(before);
    if (run != book_.runs.end()) run->second.superseded = true;
}

RunLife::Place RunLife::open_again(const RunId& id, const PlannedJob& job, WallTime retry_at,
                                   Moment now)
{
    const auto run = book_.runs.open(book_.writer.write(id, &job, now.wall));
    run->second.retry_at = retry_at;
    book_.writer.set_times(run->second.order, now.wall, retry_at);
    return run;
}

/// With jitter a fire goes to a node when its start is near, and not when it is due. That of a job
/// that runs after others does not wait for a moment that a clock told that was ahead.
bool RunLife::is_delayed(const TrackedRun& run, Moment now) const
{
    const bool is_by_schedule = run.order.id.attempt == 1 && run.requested_by.empty();
    return is_by_schedule && run.node().empty() && run.retry_at &&
           *run.retry_at > now.wall + book_.settings.lookahead;
}

/// What people ask for, and what comes after a first attempt, is not asked what its job requires.
bool RunLife::is_to_ask(const TrackedRun& run) const
{
    const bool is_by_schedule = run.order.id.attempt == 1 && run.requested_by.empty();
    const bool was_asked =
        run.requirement == Requirement::met || run.requirement == Requirement::noted;
    if (!is_by_schedule || was_asked || !run.node().empty()) return false;
    const PlannedJob* const planned = book_.jobs.find(run.order.id.job);
    return planned != nullptr && planned->schedule && !planned->job.required.empty();
}

/// What its row says while it is to be asked that; empty: it is not.
Reason RunLife::why_waits(const TrackedRun& run) const
{
    if (!is_to_ask(run)) return {};
    return waits_for_required(book_.jobs.find(run.order.id.job)->job);
}

void RunLife::place(Place run, Moment now)
{
    if (is_delayed(run->second, now)) {
        // Its calendars go by its own moment. They are not asked again if its job is changed while
        // it waits.
        if (auto why = book_.paused.why_excluded(run->second)) {
            end_here(run, RunState::skipped, *std::move(why), now.wall);
        } else {
            book_.delayed.add(*run->second.retry_at, run->first);
        }
        return;
    }
    if (is_to_ask(run->second)) {
        run->second.requirement = Requirement::waits;
        book_.requirements.hold(run->first);
        return;
    }
    const PlannedJob* planned = book_.jobs.find(run->first.job);
    // A daemon is never too late, nor is what a person asks for.
    const bool is_fire = planned != nullptr && run->first.attempt == 1 &&
                         !is_of_person(run->second.requested_by) && !is_daemon(run->second.order);
    const WallTime due = run->second.retry_at.value_or(run->first.scheduled_at);
    if (is_fire && book_.misfires.is_too_late(*planned, due, now.wall)) {
        const Reason why =
            book_.choice.choose(run->second.order, now.steady)
                ? Reason{Cause::misfire,
                         "was due at a time when its node could not be reached, longer "
                         "ago than the misfire window"}
                : Reason{Cause::no_node,
                         book_.choice.why_none(run->second.order) + " within the misfire window"};
        end_here(run, RunState::skipped, why, now.wall);
        return;
    }
    if (auto why = book_.paused.why_not(run->second, now.wall)) {
        end_here(run, RunState::skipped, *std::move(why), now.wall);
        return;
    }
    Placement::Decision decision = book_.placement.decide(run->second, now);
    switch (decision.action) {
        case Placement::Decision::Action::put:
            put_on(run, decision.node, now);
            break;
        case Placement::Decision::Action::wait:
            book_.unplaced.insert(run->first);
            break;
        case Placement::Decision::Action::skip:
            end_here(run, RunState::skipped, std::move(decision.why), now.wall);
            break;
    }
}

void RunLife::place_waiting(Moment now)
{
    for (const RunId& id : book_.delayed.take_due(now.wall + book_.settings.lookahead)) {
        const auto run = book_.runs.find(id);
        if (run != book_.runs.end() && run->second.node().empty()) book_.unplaced.insert(id);
    }
    for (const RunId& id : std::exchange(book_.unplaced, {})) {
        const auto run = book_.runs.find(id);
        if (run == book_.runs.end()) continue;
        place(run, now);
        const auto placed = book_.runs.find(id);
        if (placed == book_.runs.end()) continue;
        // Also when its job has another jitter since, or requires something, or it was let go.
        TrackedRun& state = placed->second;
        const bool is_told = !state.node().empty() || is_delayed(state, now) ||
                             state.requirement == Requirement::waits ||
                             state.requirement == Requirement::met;
        // Of a part that waits for its node nobody is to think that it is there: with the node it
        // would count as lost.
        const bool has_left = state.has_left_node && !placed->first.node.empty();
        if (!is_told && !has_left) continue;
        state.has_left_node = false;
        if (state.requirement == Requirement::met) state.requirement = Requirement::noted;
        // Not `id`, which may say how the fire was cut before.
        book_.draft.move(placed->first, state.node(), now.wall, state.retry_at, why_waits(state));
    }
}

void RunLife::put_on(Place run, const NodeName& node, Moment now)
{
    TrackedRun& state = run->second;
    book_.writer.readdress(state.order, now.wall, state.retry_at);
    state.dispatched_at = now.wall;
    book_.runs.assign(run, node);
    run->second.phase = RunPhase::placed;
    book_.to_send.push_back(run->first);
}

/// Its node says what it was given: its job may have been changed since, or be none any more.
void RunLife::adopt_work(Place run, const RunOrder& order)
{
    TrackedRun& state = run->second;
    const bool is_told =
        state.phase == RunPhase::handed || is_daemon(order) || !order.lock_limits.empty();
    if (is_told) copy_work(state.order, order);
    // What is running, and of which a node does not tell more, holds none.
    if (!is_told) state.order.lock_limits.clear();
    state.may_hold_any_lock = false;
    book_.runs.note_locks(run);
    if (is_daemon(order)) book_.daemons.follow(order.id.job);
}

void RunLife::adopt(const RunOrder& order, const NodeName& node, RunPhase phase, Moment now)
{
    const auto run = book_.runs.find(order.id);
    if (run != book_.runs.end()) {
        book_.doubts.settle(order.id);
        if (run->second.node() == node) {
            run->second.phase = phase;
            adopt_work(run, order);
            if (phase == RunPhase::handed) run->second.start_from = order.start_at;
            return;
        }
        if (phase == RunPhase::handed && !run->second.node().empty()) {
            // It was given to another node since.
            book_.outbox.revoke(node, order.id);
            return;
        }
        book_.unplaced.erase(order.id);
        book_.runs.unassign(run);
        book_.runs.assign(run, node);
        run->second.phase = phase;
        run->second.start_from = order.start_at;
        adopt_work(run, order);
        return;
    }
    if (phase == RunPhase::handed && (book_.has_begun || book_.ended_lately.contains(order.id))) {
        // The ledger has a final state for it (lost, revoked): it must not start any more.
        book_.outbox.revoke(node, order.id);
        return;
    }
    const auto place = book_.runs.open(order);
    TrackedRun& adopted = place->second;
    adopted.phase = phase;
    adopted.dispatched_at = now.wall;
    adopted.start_from = order.start_at;
    // It was given up as lost before; its next attempt, if any, was planned then.
    adopted.superseded = book_.has_begun;
    book_.runs.assign(place, node);
    if (is_daemon(order)) book_.daemons.follow(order.id.job);
}

void RunLife::close(Place run)
{
    book_.doubts.settle(run->first);
    book_.unplaced.erase(run->first);
    book_.requirements.forget(run->first);
    book_.runs.close(run);
}

void RunLife::end_here(Place run, RunState state, Reason why, WallTime at)
{
    const RunId id = run->first;
    const bool is_last = !run->second.superseded && !run->second.unwanted;
    const bool is_wanted = is_last && Redelivery::is_wanted_after(state, why);
    const std::uint64_t row_step = run->second.row_step;
    const bool is_rehearsal = run->second.order.rehearsal;
    std::string requested_by = run->second.requested_by;
    FireEnd end{id, state, why.cause, {}, at};
    // No attempt follows what a change has taken back, whatever its job says of others.
    end.is_last = run->second.unwanted;
    DaemonStart over{id, state, why.cause, !requested_by.empty(), {}, at, run->second.node()};
    book_.draft.end(id, run->second.node(), state, std::move(why), at, is_rehearsal);
    close(run);
    book_.daemons.ended(std::move(over), at);
    book_.chains.ended(std::move(end));
    note_end(id, state, row_step, is_rehearsal);
    if (is_wanted) book_.redelivery.add(id, std::move(requested_by));
}

void RunLife::end_waiting(const WaitingRun& wait, RunState state, Reason why, WallTime at)
{
    book_.chains.ended({wait.id, state, why.cause, {}, at});
    book_.draft.end(wait.id, {}, state, std::move(why), at, is_rehearsal(wait.requested_by));
    note_end(wait.id, state, 0);
}

void RunLife::release(Place run)
{
    // Before begin() the table may be old; what does not fit is found there.
    if (!book_.has_begun || book_.versions.is_still_due(run->second)) {
        put_back(run);
    } else {
        drop(run);
    }
}

void RunLife::put_back(Place run)
{
    book_.doubts.settle(run->first);
    if (!run->second.node().empty()) run->second.has_left_node = true;
    book_.runs.unassign(run);
    run->second.may_hold_any_lock = false;
    if (const PlannedJob* planned = book_.jobs.find(run->first.job)) {
        set_work(run->second.order, *planned);
    }
    run->second.phase = RunPhase::placed;
    // Its job may require something else by now.
    book_.requirements.forget(run->first);
    if (run->second.requirement == Requirement::waits) {
        run->second.requirement = Requirement::none;
    }
    book_.unplaced.insert(run->first);
}

/// It becomes revoked, unless its job fires at that moment after all.
void RunLife::drop(Place run)
{
    TrackedRun state = run->second;
    close(run);
    book_.taken_back.emplace(state.order.id, std::move(state));
}

/// Also because a node to which a part belongs does not fit its job any more.
bool RunLife::is_to_cut_again(const RunId& part) const
{
    if (book_.versions.is_cut_otherwise(book_.runs.at(part))) return true;
    return book_.nodes.all().contains(part.node) &&
           !book_.choice.may_run(part.node, book_.jobs.find(part.job)->job);
}

void RunLife::take_back_cut(JobId job, WallTime from)
{
    std::map<WallTime, std::vector<RunId>> fires;
    std::set<WallTime> begun;
    for (const RunId& id : book_.runs.of_job(job)) {
        const TrackedRun& run = book_.runs.at(id);
        const bool is_here = run.phase == RunPhase::placed && run.node().empty();
        if (id.scheduled_at <= from || !book_.versions.is_of_newest(run)) continue;
        if (is_here) fires[id.scheduled_at].push_back(id);
        if (!is_here) begun.insert(id.scheduled_at);
    }
    for (const auto& [at, parts] : fires) {
        const bool is_whole = std::ssize(parts) == parts.front().parts;
        if (!is_whole || begun.contains(at)) continue;
        if (std::ranges::none_of(parts, [this](const RunId& id) { return is_to_cut_again(id); })) {
            continue;
        }
        for (const RunId& id : parts) drop(book_.runs.find(id));
    }
}

void RunLife::end_taken_back(Moment now)
{
    for (auto& [id, run] : std::exchange(book_.taken_back, {})) {
        book_.draft.end(id, run.node(), RunState::revoked, book_.versions.why_taken_back(id.job),
                        now.wall);
        book_.chains.ended({id, RunState::revoked, Cause::none, {}, now.wall});
    }
}

void RunLife::note_end(const RunId& id, RunState state, std::uint64_t row_step, bool rehearsal)
{
    book_.ended_lately.add(id);
    // A rehearsal counts as little as a fire that did not run.
    const RunState counted = rehearsal ? RunState::skipped : state;
    if (book_.quotas.ended(id, counted, row_step)) unpark(id.job);
}

void RunLife::write_end(const RunId& id)
{
    std::optional<RunReport> end = book_.told_ends.take(id);
    if (!end) return;
    // A look at what a dead node has left may have begun before this step.
    book_.doubts.note_no_orphan(end->run_server, id);
    book_.draft.note_told_end(*std::move(end));
}

void RunLife::write_newest_end(JobId daemon)
{
    if (const auto newest = book_.daemons.newest_end(daemon)) write_end(*newest);
}

void RunLife::unpark(JobId job)
{
    if (book_.quotas.unpark(job)) book_.planner.reset(job, book_.planned_through);
}

void RunLife::note_hidden_end(const RunId& id)
{
    book_.daemons.ask(id.job);
    book_.chains.ask(id.job);
    if (book_.retries.may_concern(id, RunState::failed)) book_.retries.note_hidden_ends();
}

}  // namespace peercron
