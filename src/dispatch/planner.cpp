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
        if (most == 0) return heap_.front().due - std::chrono::milliseconds(1);
        const Entry entry = heap_.front();
        pop();
        const PlannedJob& job = *jobs_.find(entry.job);
        const std::size_t parts =
            runs_at_every_node(job.job) ? nodes_ : static_cast<std::size_t>(parts_of(job.job));
        most -= std::min(most, parts);
        if (on_fire(job, entry.due) == Next::park) continue;
        push(job, entry.due, entry.generation);
    }
    return until;
}

std::vector<Gap> Planner::take_gaps(WallTime now, std::int64_t most,
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
        std::vector<Gap> found = count_gaps(job, entry.due, late, most);
        std::optional<WallTime> next = job.next(late.from - std::chrono::milliseconds(1));
        const auto newest = std::find_if(found.rbegin(), found.rend(),
                                         [](const Gap& gap) { return !gap.excluded; });
        const bool is_newest_wanted = newest != found.rend() && newest->last >= late.oldest;
        bool another_runs = late.newest_only;
        if (another_runs && !is_another_due(job, late.from, now)) {
            another_runs = is_newest_wanted;
            if (is_newest_wanted) {
                // What is excluded after it is planned when its turn comes.
                found.erase(newest.base(), found.end());
                Gap& last = found.back();
                next = last.last;
                last.last = last.last_but_one;
                if (--last.fires == 0) found.pop_back();
            }
        }
        for (Gap& gap : found) {
            gap.another_runs = another_runs;
            gaps.push_back(std::move(gap));
        }
        if (next) late_enough.push_back(Entry{*next, entry.job, entry.generation});
    }
    for (const Entry& entry : late_enough) push(entry);
    return gaps;
}

/// Whether a fire that is not excluded is due from `from` to `until`.
bool Planner::is_another_due(const PlannedJob& job, WallTime from, WallTime until) const
{
    for (auto fire = job.next(from - std::chrono::milliseconds(1)); fire && *fire <= until;
         fire = job.next(*fire)) {
        if (!jobs_.why_excluded(job.job, *fire)) return true;
    }
    return false;
}

std::vector<Gap> Planner::count_gaps(const PlannedJob& job, WallTime first, const LateRule& rule,
                                     std::int64_t most) const
{
    // A job with more fires than are counted has them in any hour.
    constexpr std::chrono::hours look_back{1};
    GapList gaps(job.job.id);
    std::optional<WallTime> fire = first;
    for (; fire && *fire < rule.from && most-- > 0; fire = job.next(*fire)) {
        gaps.add(*fire, jobs_.why_excluded(job.job, *fire));
    }
    if (!fire || *fire >= rule.from) return gaps.take();
    Gap whole = gaps.take_whole();
    whole.counted_all = false;
    for (fire = job.next(rule.from - look_back); fire && *fire < rule.from;
         fire = job.next(*fire)) {
        whole.last_but_one = whole.last;
        whole.last = *fire;
    }
    if (!jobs_.why_excluded(job.job, whole.last)) whole.excluded.reset();
    return {whole};
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
