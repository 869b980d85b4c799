#pragma once

#include "base/clock.hpp"
#include "model/distribution.hpp"
#include "model/outcome.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What a list shows of a fire, or of the fires of one minute.
struct RunTick {
    WallTime at{};  ///< when it was due; of several the newest
    Outcome outcome = Outcome::success;
    std::chrono::milliseconds use_time{0};  ///< of several the longest
    std::int64_t runs = 1;                  ///< fires

    friend bool operator==(const RunTick&, const RunTick&) = default;
};

/// The past of one job in about a kilobyte (three while many fires with several parts overlap), so
/// that a list need not look into the ledger. Kept by adding each row of the ledger when it becomes
/// final, in any order; the ledger may forget the row. A fire with several parts counts once, and
/// has succeeded when all of them have; as long as some are under way and none has failed it does
/// not count. How long they take, and the like, each of them says. Pure.
class JobStatistics {
public:
    static constexpr std::size_t most_ticks = 30;
    /// Usual figures follow about this many of the newest runs; see Distribution.
    static constexpr std::int64_t recent_runs = 400;

    void add(const EndedRun& run);

    /// Attempts that ran, since statistics are kept; of fires with several parts, these fires.
    std::int64_t runs() const { return runs_; }
    std::int64_t successes() const { return successes_; }
    std::optional<Outcome> last_outcome() const { return last_outcome_; }  ///< of the newest fire
    /// When the newest fire that succeeded was due.
    std::optional<WallTime> last_success_at() const { return last_success_at_; }
    /// Fires that failed since the last success, and when the first of them was due.
    std::int64_t failures_in_row() const { return failures_in_row_; }
    std::optional<WallTime> failing_since() const { return failing_since_; }

    /// The newest fires, oldest first. Fires that were due in the same minute are one tick.
    const std::vector<RunTick>& ticks() const { return ticks_; }
    /// Whether a tick mostly stands for a minute rather than for a fire.
    bool is_by_minute() const;

    const Distribution& use_time() const { return use_time_; }    ///< ms, of runs that succeeded
    const Distribution& lateness() const { return lateness_; }    ///< ms, of first attempts
    const Distribution& output() const { return output_; }        ///< bytes
    const Distribution& memory() const { return memory_; }        ///< bytes
    std::optional<std::chrono::milliseconds> usual_time() const;  ///< the median
    std::optional<std::chrono::milliseconds> usual_p95() const;

    /// For a column of a table: ASCII without quotes.
    std::string to_text() const;
    /// nullopt: it was not written by this version of to_text(), and is to be made again.
    static std::optional<JobStatistics> parse(std::string_view text);

    friend bool operator==(const JobStatistics&, const JobStatistics&) = default;

private:
    /// Parts of a fire that have ended, by their number, and how.
    struct CutFire {
        WallTime at{};
        std::vector<std::optional<Outcome>> parts;
        std::optional<Outcome> counted;  ///< what it counts as until now

        friend bool operator==(const CutFire&, const CutFire&) = default;
    };

    CutFire* fire_of(const EndedRun& part);
    void forget_fires();
    void add_part(const EndedRun& run);
    void add_fire(const EndedRun& run);
    void add_measures(const EndedRun& run);
    void add_tick(const EndedRun& run);
    void follow_failures(const EndedRun& run);

    std::int64_t runs_ = 0;
    std::int64_t successes_ = 0;
    std::int64_t failures_in_row_ = 0;
    std::optional<WallTime> failing_since_;
    std::optional<WallTime> last_failure_at_;
    std::optional<WallTime> last_success_at_;
    std::optional<WallTime> last_at_;
    std::optional<Outcome> last_outcome_;
    std::vector<CutFire> cut_fires_;         ///< the newest, oldest first
    std::optional<WallTime> cut_forgotten_;  ///< when the newest was due that is not kept any more
    std::vector<RunTick> ticks_;
    Distribution use_time_{recent_runs};
    Distribution lateness_{recent_runs};
    Distribution output_{recent_runs};
    Distribution memory_{recent_runs};
};

/// How the fires of ten minutes ended. Pure.
struct RunTally {
    static constexpr std::chrono::seconds length{600};

    std::array<std::int64_t, outcome_words.size()> fires{};  ///< by Outcome
    Distribution lateness;                                   ///< ms

    void add(const EndedRun& run);
    void merge(const RunTally& other);
    std::int64_t of(Outcome outcome) const { return fires[static_cast<std::size_t>(outcome)]; }

    /// As for JobStatistics.
    std::string to_text() const;
    static std::optional<RunTally> parse(std::string_view text);

    friend bool operator==(const RunTally&, const RunTally&) = default;
};

/// The beginning of the ten minutes that `time` is in.
std::chrono::sys_seconds tally_of(WallTime time);

}  // namespace peercron
