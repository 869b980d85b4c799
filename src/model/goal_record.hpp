#pragma once

#include "base/clock.hpp"
#include "model/outcome.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// Fires that were to start in time, and those that did.
struct GoalCount {
    std::int64_t fires = 0;
    std::int64_t met = 0;

    /// In thousandths of a percent, rounded down: 100,000 is all of them. nullopt: there was none.
    std::optional<std::int64_t> share() const;

    friend bool operator==(const GoalCount&, const GoalCount&) = default;
};

/// How many fires of one job have met its goal for lateness (Job::late_goal): all of them since it
/// has that goal, which only grows, and those of the last days. Kept as JobStatistics are. Pure.
///
/// A fire is due at a whole second: what a person asks for has no time that it could miss. One that
/// was missed or lost has not met the goal; one that was skipped because its owner wants that does
/// not count. Further attempts are no fires.
class GoalRecord {
public:
    static constexpr std::size_t most_days = 30;

    /// @param goal of the job, now, and not 0. Another one than before begins a new record.
    void add(const EndedRun& run, std::chrono::milliseconds goal);

    std::chrono::milliseconds goal() const { return goal_; }
    const GoalCount& all() const { return all_; }
    /// Of the `most_days` days, in UTC, that end with the one of `now`.
    GoalCount lately(WallTime now) const;

    /// For a column of a table: ASCII without quotes.
    std::string to_text() const;
    /// A text that cannot be read is a new record.
    static GoalRecord parse(std::string_view text);

    friend bool operator==(const GoalRecord&, const GoalRecord&) = default;

private:
    struct Day {
        std::int64_t number = 0;  ///< days since 1970
        GoalCount count;

        friend bool operator==(const Day&, const Day&) = default;
    };

    void add(std::int64_t day, const GoalCount& count);

    std::chrono::milliseconds goal_{0};
    GoalCount all_;
    std::vector<Day> days_;  ///< by number, `most_days` at most
};

}  // namespace peercron
