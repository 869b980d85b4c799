#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// Fires of one job, next to each other, that do not run and are one row.
struct Gap {
    JobId job = 0;
    WallTime first{};
    WallTime last{};
    WallTime last_but_one{};
    std::int64_t fires = 0;
    bool counted_all = true;
    bool another_runs = false;  ///< see Planner::LateRule: the newest, or a later one
    std::optional<std::string> excluded = {};  ///< why calendars exclude them; nullopt: they do not
};

/// Makes gaps of fires that come in the order of time: a new one begins where calendars exclude
/// them for another reason, or not any more. When there are too many gaps, the oldest become one,
/// which counts as not excluded. Pure. One thread.
class GapList {
public:
    static constexpr std::size_t most_gaps = 20;

    explicit GapList(JobId job) : job_(job) {}

    void add(WallTime fire, std::optional<std::string> excluded);

    std::vector<Gap> take();
    /// All of them as one; there is one at least.
    Gap take_whole();

private:
    void join_oldest();

    JobId job_;
    std::vector<Gap> gaps_;
};

}  // namespace peercron
