#include "model/daemon.hpp"

#include <algorithm>

namespace peercron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

WallTime end_of(const DaemonStart& start)
{
    return start.ended_at.value_or(start.id.scheduled_at);
}

bool was_healthy(const Job& job, const DaemonStart& start)
{
    return start.started_at && end_of(start) - *start.started_at >= job.healthy_after;
}

/// It was ended where it was, or because of what it was.
bool was_moved(const DaemonStart& start)
{
    if (start.state == RunState::lost || start.state == RunState::fenced) return true;
    if (start.state != RunState::killed) return false;
    switch (start.cause) {
        case Cause::node_stopped:
        case Cause::job_changed:
        case Cause::job_stopped:
        case Cause::job_deleted:
        case Cause::window:
        case Cause::paused:
            return true;
        default:
            return false;
    }
}

milliseconds delay_after(const Job& job, std::int64_t failures)
{
    const milliseconds longest = std::max(job.restart_delay, job.restart_max_delay);
    milliseconds delay = job.restart_delay;
    for (std::int64_t failure = 1; failure < failures && delay < longest; ++failure) delay *= 2;
    return std::min(delay, longest);
}

}  // namespace

bool is_open(const Job& job, WallTime time)
{
    const auto second = to_unix_seconds(time);
    return job.start_time <= second && (job.end_time == 0 || second < job.end_time);
}

void DaemonCourse::take(const Job& job, const DaemonStart& start)
{
    if (!is_final(start.state) || start.state == RunState::revoked) return;
    if (newest_ && end_of(*newest_) <= job.effective_from) {
        newest_.reset();
        failures_ = 0;
    }
    if (end_of(start) <= job.effective_from) return;
    const bool is_healthy = was_healthy(job, start);
    if (start.requested || is_healthy) failures_ = 0;
    const bool is_failure = !is_healthy && !was_moved(start) && start.state != RunState::skipped;
    if (is_failure) ++failures_;
    newest_ = start;
}

DaemonNext DaemonCourse::next(const Job& job) const
{
    using What = DaemonNext::What;
    // Not at that moment itself: what is scheduled then is the earlier definition's.
    DaemonNext next{What::start, job.effective_from + milliseconds(1), 0};
    if (newest_ && end_of(*newest_) > job.effective_from) {
        const WallTime end = end_of(*newest_);
        next.failures = failures_;
        next.at = std::max(end, newest_->id.scheduled_at + milliseconds(1));
        if (newest_->state == RunState::skipped) {
            if (newest_->cause == Cause::start_limit) next.what = What::given_up;
            next.at += job.restart_delay;
        } else if (newest_->state == RunState::success && job.restart == Restart::on_failure) {
            next.what = What::finished;
        } else if (!was_moved(*newest_)) {
            const bool is_limit = job.start_limit > 0 && failures_ >= job.start_limit;
            if (is_limit) {
                next.what = What::give_up;
            } else {
                next.at += delay_after(job, failures_);
            }
        }
    }
    if (next.what != What::start) return next;
    next.at = std::max(next.at, WallTime(seconds(job.start_time)));
    if (!is_open(job, next.at)) next.what = What::closed;
    return next;
}

}  // namespace peercron
