#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/reason.hpp"
#include "model/run.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace peercron {

// Daemons: commands that are kept alive. Each start is a row of the ledger like a fire, whose
// scheduled time is when it was to start. Whether and when a daemon starts again follows from its
// newest rows and its definition alone, so that every dispatcher, an audit and a person with the
// rows before them find the same. How long a row waits to be started is not asked.

/// The number of a daemon's newest rows that is enough to know what follows.
inline constexpr std::size_t most_daemon_starts = most_start_limit + 1;

/// A start of a daemon, as its row says.
struct DaemonStart {
    RunId id;
    RunState state = RunState::planned;
    Cause cause = Cause::none;
    bool requested = false;  ///< by hand
    std::optional<WallTime> started_at;
    std::optional<WallTime> ended_at;
    NodeName node;  ///< empty: it is at none

    friend bool operator==(const DaemonStart&, const DaemonStart&) = default;
};

/// What follows when no start of a daemon is open.
struct DaemonNext {
    enum class What : std::uint8_t {
        start,     ///< at `at`
        finished,  ///< it stays down: it succeeded, and is started again only after a failure
        give_up,   ///< it has reached its start_limit, and a row has to say so
        given_up,  ///< it stays down: that row is there
        closed,    ///< it stays down: its window is over
    };
    What what = What::start;
    WallTime at{};
    std::int64_t failures = 0;  ///< starts in a row that ended before they were healthy

    friend bool operator==(const DaemonNext&, const DaemonNext&) = default;
};

/// Whether the job's window is open.
bool is_open(const Job& job, WallTime time);

/// The course of one daemon, of which take() gets the rows by scheduled time. The rules:
///  - what ended at Job::effective_from or earlier is of another definition, and does not count;
///  - a run of at least Job::healthy_after was healthy. After it, and after a start by hand,
///    counting begins again;
///  - a run that was moved (its node died, stopped or was cut off), or stopped because of its
///    definition, is followed by the next start at once, and does not count as a failure;
///  - one that could not be started in time, which no node's fault is, is tried again after
///    Job::restart_delay, and does not count as a failure;
///  - any other end, with success as well, is followed by the next start after Job::restart_delay,
///    doubled with each failure in a row up to Job::restart_max_delay;
///  - after Job::start_limit failures in a row, or a success where Job::restart says so, it stays
///    down.
/// Plain memory; one thread.
class DaemonCourse {
public:
    /// Ignores what is open or was revoked. `job` is the definition of that time.
    void take(const Job& job, const DaemonStart& start);

    /// Whether the job is stopped is not asked.
    DaemonNext next(const Job& job) const;

private:
    std::optional<DaemonStart> newest_;
    std::int64_t failures_ = 0;
};

}  // namespace peercron
