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
                       const std::function<Next(const PlannedJob&, WallTime)>& on_fire)
{
    for (drop_leftovers(); !heap_.empty() && heap_.front().due <= until; drop_leftovers()) {
        if (most-- == 0) return heap_.front().due - std::chrono::milliseconds(1);
        const Entry entry = heap_.front();
        pop();
        const PlannedJob& job = *jobs_.find(entry.job);
        if (on_fire(job, entry.due) == Next::park) continue;
        push(job, entry.due, entry.generation);
    }
    return until;
}

std::vector<Planner::Gap> Planner::take_gaps(WallTime now, std::int64_t most,
                                             const std::function<LateRule(const Job&)>& rule)
{
    std::vector<Gap> gaps;
    std::vector<Entry> late_enough;
    for (drop_leftovers(); !heap_.empty() && heap_.front().due < now; drop_leftovers()) {
        const Entry entry = heap_.front();
        pop();
        const PlannedJob& job = *jobs_.find(entry.job);
        const LateRule late = rule(job.job);
        if (entry.due >= late.from) {
            late_enough.push_back(entry);
            continue;
        }
        Gap gap = count_gap(job, entry.due, late, most);
        std::optional<WallTime> next = job.next(late.from - std::chrono::milliseconds(1));
        const bool another_is_due = next && *next <= now;
        gap.another_runs = late.newest_only && (another_is_due || gap.last >= late.oldest);
        if (gap.another_runs && !another_is_due) {
            next = gap.last;
            --gap.fires;
            gap.last = gap.last_but_one;
        }
        if (gap.fires > 0) gaps.push_back(gap);
        if (next) late_enough.push_back(Entry{*next, entry.job, entry.generation});
    }
    for (const Entry& entry : late_enough) push(entry);
    return gaps;
}

Planner::Gap Planner::count_gap(const PlannedJob& job, WallTime first, const LateRule& rule,
                                std::int64_t most) const
{
    // A job with more fires than are counted has them in any hour.
    constexpr std::chrono::hours look_back{1};
    Gap gap;
    gap.job = job.job.id;
    gap.first = first;
    std::optional<WallTime> fire = first;
    const auto pass = [&] {
        gap.last_but_one = gap.last;
        gap.last = *fire;
        fire = job.next(*fire);
    };
    for (; fire && *fire < rule.from && gap.fires < most; ++gap.fires) pass();
    gap.counted_all = !fire || *fire >= rule.from;
    if (gap.counted_all) return gap;
    for (fire = job.next(rule.from - look_back); fire && *fire < rule.from;) pass();
    return gap;
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
        const bool is_current =
            current != generations_.end() && current->second == heap_.front().generation;
        if (is_current && jobs_.find(heap_.front().job) != nullptr) return;
        pop();
    }
}

}  // namespace peercron
