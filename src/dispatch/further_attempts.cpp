#include "dispatch/further_attempts.hpp"

#include "model/backfill.hpp"
#include "model/run_request.hpp"

#include <algorithm>
#include <utility>

namespace peercron {

Reason next_fire_came()
{
    return {Cause::superseded, "the job's next fire came before this attempt could start"};
}

void FurtherAttempts::plan(Moment now)
{
    for (auto& [id, requested_by] : book_.redelivery.take()) {
        plan_next_attempt(id, std::move(requested_by), now);
    }
    for (const FailedRun& failed : book_.retries.take()) plan_retry(failed, now);
}

/// The fire of a run that may not have done its work runs again, if its job wants that.
void FurtherAttempts::plan_next_attempt(const RunId& id, std::string requested_by, Moment now)
{
    const auto next = book_.redelivery.next_attempt(id, now.wall);
    if (!next || book_.runs.contains(*next) || book_.ended_lately.contains(*next)) return;
    if (!book_.versions.is_still_due(*next)) return;
    life_.write_end(id);
    const auto run = book_.runs.open(book_.writer.write(*next, book_.jobs.find(id.job), now.wall));
    book_.placement.note_unknown_orphan(run->second);
    life_.place_new(run, std::move(requested_by), now);
}

/// The run failed, and its job may want its fire tried again, though not before some time.
void FurtherAttempts::plan_retry(const FailedRun& failed, Moment now)
{
    // By a clock that was ahead: the fire is still to come.
    if (failed.id.scheduled_at > book_.early_from(now)) return;
    std::optional<WaitingRun> next = book_.retries.next_attempt(failed, now.wall);
    if (!next || !book_.versions.is_still_due(*next)) return;
    const RunId id = next->id;
    if (book_.runs.contains(id) || book_.waiting.contains(id) || book_.ended_lately.contains(id)) {
        return;
    }
    life_.write_end(failed.id);
    const bool has_next_fire = book_.has_runs_left(book_.jobs.find(id.job)->job);
    const WallTime start = std::max(next->retry_at, now.wall);
    auto why = book_.retries.why_over(id, start, has_next_fire);
    if (!why && !is_asked_for(id) && book_.chains.has_later_fire(id)) why = next_fire_came();
    // Those of a backfill are long behind the job's next fire.
    if (is_of_backfill(next->requested_by)) why.reset();
    if (!why && next->retry_at <= now.wall + book_.settings.lookahead) {
        open_retry(*std::move(next), now);
        return;
    }
    life_.note_next_attempt(id);
    PlannedRun row;
    row.id = id;
    row.dispatched_at = now.wall;
    row.requested_by = next->requested_by;
    row.retry_at = next->retry_at;
    if (why) {
        book_.draft.end(id, {}, RunState::skipped, *std::move(why), now.wall,
                        is_rehearsal(next->requested_by));
        book_.draft.add_ended(std::move(row));
        life_.note_end(id, RunState::skipped, book_.draft.number());
        book_.chains.ended({id, RunState::skipped, Cause::superseded, {}, now.wall});
        return;
    }
    book_.draft.add(std::move(row));
    book_.waiting.add(*std::move(next));
}

/// It has no row yet, and its time is near.
void FurtherAttempts::open_retry(WaitingRun wait, Moment now)
{
    const auto run = life_.open_again(wait.id, *book_.jobs.find(wait.id.job), wait.retry_at, now);
    run->second.failed_at = wait.failed_at;
    life_.place_new(run, std::move(wait.requested_by), now);
}

bool FurtherAttempts::start_waiting(Moment now)
{
    for (WaitingRun& wait :
         book_.waiting.take_due(now.wall + book_.settings.lookahead, most_fires)) {
        const PlannedJob* job = book_.jobs.find(wait.id.job);
        const bool has_next_fire = job != nullptr && book_.has_runs_left(job->job);
        const WallTime start = std::max(wait.retry_at, now.wall);
        auto why = book_.retries.why_over(wait.id, start, has_next_fire);
        if (why && (job == nullptr || !is_of_backfill(wait.requested_by))) {
            life_.end_waiting(wait, RunState::skipped, *std::move(why), now.wall);
            continue;
        }
        const auto run = life_.open_again(wait.id, *job, wait.retry_at, now);
        run->second.failed_at = wait.failed_at;
        set_request(run->second, std::move(wait.requested_by));
        book_.unplaced.insert(wait.id);
    }
    const auto next = book_.waiting.next_due();
    return next && *next <= now.wall + book_.settings.lookahead;
}

void FurtherAttempts::take_over_waiting(const TermStart& found, Moment now)
{
    for (WaitingRun wait : found.waiting) {
        if (book_.ended_lately.contains(wait.id)) continue;
        const auto known = book_.runs.find(wait.id);
        if (known != book_.runs.end()) {  // a node has it: the step that says so is lost
            known->second.retry_at = wait.retry_at;
            set_request(known->second, wait.requested_by);
            known->second.failed_at = wait.failed_at;
            continue;
        }
        if (book_.is_early(wait.id, now)) {
            // It is the retry of a run by that clock; the fire is still to come.
            life_.end_waiting(
                wait, RunState::revoked,
                Reason{Cause::job_changed, "it was planned by a clock that was ahead"}, now.wall);
            book_.ended_lately.forget(wait.id);
            continue;
        }
        if (!book_.versions.is_still_due(wait)) {
            life_.end_waiting(wait, RunState::revoked, book_.versions.why_taken_back(wait.id.job),
                              now.wall);
            continue;
        }
        const WallTime retry_at = book_.retries.start_by_clock(wait.id, wait.retry_at, now.wall,
                                                               2 * book_.settings.lookahead);
        if (retry_at != wait.retry_at) {
            wait.retry_at = retry_at;
            book_.draft.move(wait.id, {}, now.wall, retry_at);
        }
        book_.waiting.add(std::move(wait));
    }
}

void FurtherAttempts::note_failure(const RunReport& end, std::string requested_by, WallTime now)
{
    // Before begin() the table may be old; what does not fit is found there.
    if (book_.has_begun && !book_.retries.may_concern(end.id, end.state)) return;
    FailedRun failed;
    failed.id = end.id;
    failed.state = end.state;
    failed.exit_code = end.exit_code;
    failed.ended_at = end.ended_at.value_or(now);
    failed.requested_by = std::move(requested_by);
    book_.retries.add(std::move(failed));
}

bool FurtherAttempts::is_followed(const FireEnd& end, WallTime now) const
{
    if (end.is_last) return false;
    if (Redelivery::is_wanted_after(end.state, Reason{end.cause})) {
        // It was planned before this is asked, or is not wanted.
        if (book_.redelivery.are_all_added()) return false;
        const auto next = book_.redelivery.next_attempt(end.run, now);
        return next && book_.versions.is_still_due(*next);
    }
    FailedRun failed;
    failed.id = end.run;
    failed.state = end.state;
    failed.exit_code = end.exit_code;
    failed.ended_at = end.ended_at;
    const auto next = book_.retries.next_attempt(failed, now);
    return next && book_.versions.is_still_due(*next);
}

}  // namespace peercron
