#include "dispatch/planner.hpp"

#include <algorithm>
#include <functional>

namespace peercron {

void Planner::reset(JobId id, WallTime from)
{
    const PlannedJob* job = jobs_.find(id);
    if (job == nullptr) {
        generations_.erase(id);
        return;
    }
    // Never reused, so that an entry of a job that was deleted and added again is a leftover too.
    const std::uint32_t generation = ++last_generation_;
    generations_[id] = generation;
    push(*job, from, generation);
}

std::optional<WallTime> Planner::next_due()
{
    drop_leftovers();
    if (heap_.empty()) return std::nullopt;
    return heap_.front().due;
}

WallTime Planner::take(WallTime until, std::size_t most,
                       const std::function<Next(const Job&, WallTime)>& on_fire)
{
    for (drop_leftovers(); !heap_.empty() && heap_.front().due <= until; drop_leftovers()) {
        if (most-- == 0) return heap_.front().due - std::chrono::milliseconds(1);
        const Entry entry = heap_.front();
        pop();
        const PlannedJob& job = *jobs_.find(entry.job);
        if (on_fire(job.job, entry.due) == Next::park) continue;
        push(job, entry.due, entry.generation);
    }
    return until;
}

std::vector<Planner::Gap> Planner::take_gaps(WallTime now, std::int64_t most,
                                             const std::function<WallTime(const Job&)>& oldest)
{
    std::vector<Gap> gaps;
    std::vector<Entry> late_enough;
    for (drop_leftovers(); !heap_.empty() && heap_.front().due < now; drop_leftovers()) {
        const Entry entry = heap_.front();
        pop();
        const PlannedJob& job = *jobs_.find(entry.job);
        const WallTime until = oldest(job.job);
        if (entry.due >= until) {
            late_enough.push_back(entry);
            continue;
        }
        Gap gap;
        gap.job = entry.job;
        gap.first = entry.due;
        std::optional<WallTime> fire = entry.due;
        while (fire && *fire < until && gap.fires < most) {
            ++gap.fires;
            gap.last = *fire;
            fire = job.next(*fire);
        }
        gap.counted_all = !fire || *fire >= until;
        gaps.push_back(gap);
        if (const auto due = job.next(until - std::chrono::milliseconds(1))) {
            late_enough.push_back(Entry{*due, entry.job, entry.generation});
        }
    }
    for (const Entry& entry : late_enough) push(entry);
    return gaps;
}

void Planner::push(const PlannedJob& job, WallTime after, std::uint32_t generation)
{
    const auto due = job.next(after);
    if (due) push(Entry{*due, job.job.id, generation});
}

void Planner::push(const Entry& entry)
{
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

void Planner::pop()
{
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
}

void Planner::drop_leftovers()
{
    while (!heap_.empty()) {
        const auto current = generations_.find(heap_.front().job);
        if (current != generations_.end() && current->second == heap_.front().generation) return;
        pop();
    }
}

}  // namespace peercron
