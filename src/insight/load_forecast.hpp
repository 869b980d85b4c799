#pragma once

#include "model/job.hpp"
#include "schedule/calendars.hpp"
#include "schedule/schedule.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace peercron {

/// The jitter of a job: its fires count where they start (model/jitter.hpp), and of several in one
/// minute the middle.
struct JobJitter {
    JobId job = 0;
    std::chrono::seconds most{0};
};

/// What will run when: the fires of many jobs and how long those usually take. Pure.
///
/// To the minute: a run counts in every minute that it touches, but the runs of a job that fires
/// several times a minute only as often as they overlap when its fires are spread evenly.
class LoadForecast {
public:
    /// Of the time from `from` (its minute) on and before `to`; at most 31 days.
    LoadForecast(std::chrono::sys_seconds from, std::chrono::sys_seconds to);

    /// @param usual how long a run takes; 0 = not known.
    /// @param most_fires no more than these; nullopt = any number.
    /// @return how many of those are left.
    std::optional<std::int64_t> add(const Schedule& schedule, const Window& window,
                                    std::chrono::milliseconds usual,
                                    std::optional<std::int64_t> most_fires = std::nullopt,
                                    JobJitter jitter = {});
    /// The same, without the fires that calendars exclude.
    void add(const OpenFires& fires, std::chrono::milliseconds usual,
             std::optional<std::int64_t> most_fires = std::nullopt, JobJitter jitter = {});

    struct Cell {
        std::chrono::sys_seconds at{};
        std::int64_t fires = 0;
        double running = 0;     ///< on average
        std::int64_t peak = 0;  ///< at a time, at most
    };
    /// The whole time in cells of `length`, a number of minutes; the last may be shorter.
    std::vector<Cell> cells(std::chrono::minutes length) const;

    /// A time in which little runs.
    struct Slot {
        std::chrono::sys_seconds from{};
        std::chrono::sys_seconds to{};
        std::int64_t fires = 0;
        std::int64_t peak = 0;
    };
    /// The minutes of the day, in the clocks of a zone, from which a slot may be: from `first` on
    /// and before `last`, past midnight when that is not later. The whole slot is inside.
    struct Hours {
        const TimeZone* zone = nullptr;
        std::chrono::minutes first{0};
        std::chrono::minutes last{24 * 60};
    };
    /// The best slots of this length, the best one first; none overlap. Better is where fewer runs
    /// run at a time, then where less runs in all, then the earlier one.
    std::vector<Slot> free_slots(std::chrono::minutes length, const Hours& hours,
                                 std::size_t most) const;

private:
    struct Job;

    void count(Job& job, std::chrono::sys_seconds time, std::int64_t fires);
    void add_hour(Job& job, std::chrono::sys_seconds first, std::chrono::sys_seconds hour);
    std::size_t minute_of(std::chrono::sys_seconds time) const;
    std::chrono::sys_seconds time_of(std::size_t minute) const;
    std::vector<std::int64_t> alive() const;
    std::vector<double> work() const;

    std::chrono::sys_seconds from_;
    std::chrono::sys_seconds to_;
    // By minute. What goes on for many minutes is kept as where it begins and where it ends.
    std::vector<std::int64_t> fires_;
    std::vector<std::int64_t> alive_changes_;
    std::vector<std::int64_t> alive_here_;  // of jobs whose runs end in the minute they begin in
    std::vector<double> work_here_;         // milliseconds of running
    std::vector<double> work_changes_;
};

}  // namespace peercron
