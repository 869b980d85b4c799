#pragma once

#include "dispatch/gap_list.hpp"
#include "dispatch/job_table.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace peercron {

/// Which fires are due next: a heap over the next fire of every enabled job.
///
/// Pure: it never reads a clock. The same table and the same moments give the same fires,
/// whichever node plans. One thread.
class Planner {
public:
    explicit Planner(const JobTable& jobs) : jobs_(jobs) {}

    /// Plans the job again, as it is in the table: its fires after `from` are due from here on.
    void reset(JobId job, WallTime from);

    /// The next fire's time; nullopt when no job will ever fire.
    std::optional<WallTime> next_due();

    /// How many parts a fire of a job that runs at every node may have.
    void expect_nodes(std::size_t count) { nodes_ = std::max<std::size_t>(count, 1); }

    /// What to do with a job after one of its fires was handed out.
    enum class Next : std::uint8_t {
        plan,
        park,  ///< it has no more fires until it is reset
    };

    /// Hands out, in order of time, the fires at or before `until` and moves past them, `most` of
    /// them at a time, where each counts as often as it has parts. Returns the moment up to which
    /// none is left: `until`, or an earlier one.
    WallTime take(WallTime until, std::size_t most,
                  const std::function<Next(const PlannedJob&, WallTime)>& on_fire);

    /// Which of a job's late fires still run: those at or after `from`; with `newest_only` the
    /// newest before `from` instead, unless a later one is due already, and unless it is before
    /// `oldest`.
    struct LateRule {
        WallTime from{};
        bool newest_only = false;
        WallTime oldest{};
    };

    /// As take(), for the fires of a job that do not run any more as `rule(job)` says; but says
    /// for each job how many there were, from when to when: apart from each other those that its
    /// calendars exclude, of which none is the newest. Counts no more than `most` for one job. No
    /// moment of the rule is after `now`.
    std::vector<Gap> take_gaps(WallTime now, std::int64_t most,
                               const std::function<LateRule(const Job&)>& rule);

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

    std::vector<Gap> count_gaps(const PlannedJob& job, WallTime first, const LateRule& rule,
                                std::int64_t most) const;
    bool is_another_due(const PlannedJob& job, WallTime from, WallTime until) const;
    void push(const PlannedJob& job, WallTime after, std::uint32_t generation);
    void push(const Entry& entry);
    void pop();
    void drop_leftovers();

    const JobTable& jobs_;
    std::vector<Entry> heap_;
    boost::unordered_flat_map<JobId, std::uint32_t> generations_;  // half the size of std's
    std::uint32_t last_generation_ = 0;
    std::size_t nodes_ = 1;
};

}  // namespace peercron
