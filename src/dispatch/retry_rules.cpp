#include "dispatch/retry_rules.hpp"

#include "model/retry.hpp"
#include "model/run_request.hpp"

#include <algorithm>

namespace peercron {

using namespace std::chrono_literals;

void RetryRules::add(FailedRun run)
{
    const RunId id = run.id;
    failed_.try_emplace(id, std::move(run));
}

void RetryRules::learn(const RunId& id, const std::string& requested_by)
{
    const auto run = failed_.find(id);
    if (run != failed_.end()) run->second.requested_by = requested_by;
}

void RetryRules::keep(const std::function<bool(const RunId&)>& is_kept)
{
    std::erase_if(failed_, [&](const auto& run) { return !is_kept(run.first); });
}

std::vector<FailedRun> RetryRules::take()
{
    std::vector<FailedRun> runs;
    for (auto& [id, run] : std::exchange(failed_, {})) {
        followed(id);
        runs.push_back(std::move(run));
    }
    return runs;
}

void RetryRules::begin_reading()
{
    has_hidden_ends_ = false;
    seen_meanwhile_.emplace();
}

void RetryRules::followed(const RunId& id)
{
    if (seen_meanwhile_) seen_meanwhile_->insert(id);
}

void RetryRules::found(std::vector<FailedRun> runs)
{
    for (FailedRun& run : runs) {
        if (!seen_meanwhile_->contains(run.id)) add(std::move(run));
    }
    seen_meanwhile_.reset();
}

bool RetryRules::may_concern(const RunId& id, RunState state) const
{
    if (state != RunState::failed && state != RunState::timeout) return false;
    const PlannedJob* planned = jobs_.find(id.job);
    return planned != nullptr && id.attempt <= planned->job.retries;
}

std::optional<WaitingRun> RetryRules::next_attempt(const FailedRun& failed, WallTime now) const
{
    const RunId& id = failed.id;
    if (!may_concern(id, failed.state)) return std::nullopt;
    const Job& job = jobs_.find(id.job)->job;
    if (!is_retried_after(job, failed.state, failed.exit_code)) return std::nullopt;
    WaitingRun next;
    next.id = peercron::next_attempt(id);
    const WallTime ended_at = std::max(std::min(failed.ended_at, now), id.scheduled_at);
    next.retry_at = ended_at + retry_delay(job, next.id);
    next.failed_at = failed.ended_at;
    next.requested_by = request_of_retry(failed.requested_by);
    const bool is_inside = job.end_time == 0 || to_unix_seconds(next.retry_at) < job.end_time;
    if (!is_inside) return std::nullopt;
    return next;
}

std::optional<Reason> RetryRules::why_over(const RunId& id, WallTime start,
                                           bool has_next_fire) const
{
    const PlannedJob* planned = jobs_.find(id.job);
    if (planned == nullptr) return Reason{Cause::job_deleted};
    const auto next = has_next_fire ? planned->next(id.scheduled_at) : std::nullopt;
    if (next && *next <= start) {
        return Reason{Cause::superseded,
                      "the job's next fire is due before this attempt could start"};
    }
    const std::int64_t end = planned->job.end_time;
    if (end != 0 && to_unix_seconds(start) >= end) {
        return Reason{Cause::superseded, "the job's window ended before this attempt could start"};
    }
    return std::nullopt;
}

WallTime RetryRules::start_by_clock(const RunId& id, WallTime retry_at, WallTime now,
                                    std::chrono::milliseconds margin) const
{
    const PlannedJob* planned = jobs_.find(id.job);
    if (planned == nullptr) return retry_at;
    const WallTime latest = now + retry_delay(planned->job, id);
    return retry_at > latest + margin ? latest : retry_at;
}

}  // namespace peercron
