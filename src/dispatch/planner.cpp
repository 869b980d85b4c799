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

void Planner::take(WallTime until, const std::function<void(const Job&, WallTime)>& on_fire)
{
    for (drop_leftovers(); !heap_.empty() && heap_.front().due <= until; drop_leftovers()) {
        const Entry entry = heap_.front();
        pop();
        const PlannedJob& job = *jobs_.find(entry.job);
        on_fire(job.job, entry.due);
        push(job, entry.due, entry.generation);
    }
}

std::vector<Planner::Gap> Planner::take_gaps(WallTime until, std::int64_t most)
{
    std::vector<Gap> gaps;
    for (drop_leftovers(); !heap_.empty() && heap_.front().due < until; drop_leftovers()) {
        const Entry entry = heap_.front();
        pop();
        const PlannedJob& job = *jobs_.find(entry.job);
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
        push(job, until - std::chrono::milliseconds(1), entry.generation);
    }
    return gaps;
}

void Planner::push(const PlannedJob& job, WallTime after, std::uint32_t generation)
{
    const auto due = job.next(after);
    if (!due) return;
    heap_.push_back(Entry{*due, job.job.id, generation});
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
