#pragma once

#include "dispatch/job_table.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

namespace peercron {

/// Which fires are due next: a heap over the next fire of every enabled job.
///
/// Pure: it never reads a clock. The same table and the same moments give the same fires,
/// whichever node plans. One thread.
class Planner {
public:
    explicit Planner(const JobTable& jobs) : jobs_(jobs) {}

    /// Plans the job anew, as it stands in the table: its fires after `from` are due from here on.
    void reset(JobId job, WallTime from);

    /// The next fire's time; nullopt when no job will ever fire.
    std::optional<WallTime> next_due();

    /// Hands out, in order of time, every fire at or before `until` and moves past it.
    void take(WallTime until, const std::function<void(const Job&, WallTime)>& on_fire);

    /// As take(), for the fires before `until`, but says for each job how many there were, from
    /// when to when. Counts no more than `most` for one job and goes on after `until`.
    struct Gap {
        JobId job = 0;
        WallTime first{};
        WallTime last{};
        std::int64_t fires = 0;
        bool counted_all = true;
    };
    std::vector<Gap> take_gaps(WallTime until, std::int64_t most);

private:
    /// Entries whose generation is not the job's are leftovers of an earlier reset().
    struct Entry {
        WallTime due;
        JobId job;
        std::uint32_t generation;

        friend bool operator>(const Entry& a, const Entry& b)
        {
            return a.due != b.due ? a.due > b.due : a.job > b.job;
        }
    };

    void push(const PlannedJob& job, WallTime after, std::uint32_t generation);
    void pop();
    void drop_leftovers();

    const JobTable& jobs_;
    std::vector<Entry> heap_;
    std::unordered_map<JobId, std::uint32_t> generations_;
    std::uint32_t last_generation_ = 0;
};

}  // namespace peercron
