#include "dispatch/paused_fires.hpp"

#include "dispatch/order_writer.hpp"
#include "model/run_request.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace peercron {
namespace {

/// A row goes on for no longer, and stands for no more fires: old rows are deleted by their first
/// moment, and an audit takes a greater number for one that was not counted to its end.
constexpr std::chrono::hours longest_row{24};
constexpr std::int64_t most_fires_of_row = 50'000;

}  // namespace

const Pause* PausedFires::find(const Job& job, WallTime fire) const
{
    return jobs_.pauses().find(job, fire);
}

std::optional<Reason> PausedFires::why_not(const TrackedRun& run, WallTime now) const
{
    const RunId& id = run.order.id;
    const bool was_lost = id.attempt > 1 && !run.retry_at;
    const bool follows_request = !run.requested_by.empty() && is_asked_for(id);
    const PlannedJob* const planned = jobs_.find(id.job);
    if (was_lost || follows_request || is_of_person(run.requested_by) || planned == nullptr) {
        return std::nullopt;
    }
    const WallTime due = run.retry_at.value_or(id.scheduled_at);
    const Pause* pause = find(planned->job, due);
    if (pause == nullptr && due < now) pause = find(planned->job, now);
    return pause == nullptr ? why_excluded(run) : reason_of(*pause);
}

/// Of a version before the present one, which may have had other calendars, the fires were judged
/// when they were planned.
std::optional<Reason> PausedFires::why_excluded(const TrackedRun& run) const
{
    const RunId& id = run.order.id;
    const PlannedJob* const planned = jobs_.find(id.job);
    const bool is_fire = id.attempt == 1 && !is_asked_for(id) && !is_of_person(run.requested_by);
    if (!is_fire || planned == nullptr || id.scheduled_at <= planned->job.effective_from) {
        return std::nullopt;
    }
    auto excluded = jobs_.why_excluded(planned->job, id.scheduled_at);
    if (!excluded) return std::nullopt;
    return Reason{Cause::calendar, *std::move(excluded)};
}

void PausedFires::take_over(const std::vector<SkippedSpan>& spans, WallTime planned_through)
{
    for (SkippedSpan span : spans) {
        // By a clock that was ahead a row may reach further than the plan does since.
        span.to = std::min(span.to, planned_through);
        earlier_[span.job].push_back(span);
    }
}

bool PausedFires::was_skipped_before(JobId job, WallTime fire) const
{
    const auto spans = earlier_.find(job);
    if (spans == earlier_.end()) return false;
    return std::ranges::any_of(spans->second, [fire](const SkippedSpan& span) {
        return span.from <= fire && fire <= span.to;
    });
}

void PausedFires::add(const Pause& pause, JobId job, WallTime fire)
{
    add(pause.id, reason_of(pause), job, fire);
}

void PausedFires::add_excluded(std::string why, JobId job, WallTime fire)
{
    add(0, {Cause::calendar, std::move(why)}, job, fire);
}

void PausedFires::add(std::int64_t pause, Reason why, JobId job, WallTime fire)
{
    const auto there = rows_.find(job);
    if (there != rows_.end()) {
        const Row& row = there->second.row;
        const bool is_same = there->second.pause == pause && (pause != 0 || row.why == why);
        const bool goes_on = is_same && row.last < fire && row.fires < most_fires_of_row &&
                             fire < row.first.scheduled_at + longest_row;
        if (!goes_on) forget(job);
    }
    const Growing fresh{pause, {RunId{job, fire, 1}, fire, 0, std::move(why)}};
    Row& row = rows_.try_emplace(job, fresh).first->second.row;
    row.last = fire;
    ++row.fires;
    grown_.insert(job);
}

void PausedFires::forget(JobId job)
{
    const auto growing = rows_.extract(job);
    if (grown_.erase(job) > 0) closed_.push_back(growing.mapped().row);
}

std::vector<PausedFires::Row> PausedFires::take_rows()
{
    std::vector<Row> rows = std::exchange(closed_, {});
    for (const JobId job : std::exchange(grown_, {})) rows.push_back(rows_.at(job).row);
    std::ranges::sort(rows, {}, &Row::first);
    return rows;
}

}  // namespace peercron
