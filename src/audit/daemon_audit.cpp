#include "audit/daemon_audit.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

DaemonStart daemon_start_of(const LedgerEntry& row)
{
    return {row.id, row.state, row.reason.cause, row.requested, row.started_at, row.ended_at, {}};
}

/// "12.3 s".
std::string span_text(std::chrono::milliseconds time)
{
    return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000.0);
}

}  // namespace

std::optional<DaemonAudit::Verdict> DaemonAudit::take(const LedgerEntry& row, const Job& job,
                                                      const Job& at_end)
{
    std::optional<Verdict> verdict = judge(row, job);
    course_.take(at_end, daemon_start_of(row));
    last_ = row;
    return verdict;
}

/// The starts before the range are not known, but do not count after a change.
bool DaemonAudit::knows_what_was_before(const Job& job) const
{
    return last_ || job.effective_from >= from_;
}

std::optional<DaemonAudit::Verdict> DaemonAudit::judge(const LedgerEntry& row, const Job& job) const
{
    if (last_ && row.started_at) {
        const bool was_open = !is_final(last_->state);
        if (was_open && last_->started_at) {
            return Verdict{FindingKind::doubled,
                           fmt::format("started while the start of {} is {}",
                                       time_text(last_->id.scheduled_at), to_string(last_->state))};
        }
        // Nobody knows when one that was lost has ended: before it was taken for lost.
        const bool has_ended = last_->started_at && last_->ended_at && !was_open;
        if (has_ended && *row.started_at < *last_->ended_at - tolerance_.clocks) {
            return Verdict{FindingKind::doubled,
                           fmt::format("started {} before the start of {} had ended",
                                       span_text(*last_->ended_at - *row.started_at),
                                       time_text(last_->id.scheduled_at))};
        }
    }
    const bool is_due = row.state != RunState::skipped && !row.requested;
    if (!is_due || !knows_what_was_before(job)) return std::nullopt;
    if (last_ && !is_final(last_->state)) return std::nullopt;
    const DaemonNext next = course_.next(job);
    if (next.what != DaemonNext::What::start) return std::nullopt;
    const WallTime at = row.id.scheduled_at;
    const bool followed_at_once =
        last_ && at - last_->ended_at.value_or(last_->id.scheduled_at) < 1s;
    if (followed_at_once && at < next.at - tolerance_.clocks) {
        return Verdict{FindingKind::extra, fmt::format("started {} before its back-off was over",
                                                       span_text(next.at - at))};
    }
    const WallTime start = std::max(at, row.started_at.value_or(at));
    const WallTime from = pauses_.over_from(job, next.at);
    if (start > from && start - from > tolerance_.settle) {
        return Verdict{FindingKind::late,
                       fmt::format("it was down, and due to start at {}", time_text(from))};
    }
    return std::nullopt;
}

std::optional<DaemonAudit::Verdict> DaemonAudit::finish(const Job* job, WallTime until) const
{
    const bool is_open_now = last_ && !is_final(last_->state);
    if (is_open_now && last_->started_at && job == nullptr) {
        return Verdict{FindingKind::never_ended, "still running, and it should not be up"};
    }
    if (job == nullptr || is_open_now || !knows_what_was_before(*job)) return std::nullopt;
    const DaemonNext next = course_.next(*job);
    const WallTime from = pauses_.over_from(*job, next.at);
    if (next.what != DaemonNext::What::start || from > until - tolerance_.settle) {
        return std::nullopt;
    }
    return Verdict{FindingKind::missing, fmt::format("it is down, was due to start at {}, and has "
                                                     "no row of that",
                                                     time_text(from))};
}

}  // namespace peercron
