#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/reason.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace peercron {

/// One term of one dispatcher; only grows. Consul's LockIndex of the lock key, or in a single
/// node a counter in the store. 0 = none.
using Epoch = std::uint64_t;

/// No epoch is greater, however often and however long a cluster elects.
inline constexpr Epoch last_epoch = Epoch{1} << 48U;
/// The most terms that can begin while a running node hears of none.
inline constexpr Epoch most_missed_terms = 1'000'000;

/// Whether an epoch that a peer names is possible, given that `newest` has been heard (0 = none).
/// An impossible one is refused: a node that took it for the newest would obey no dispatcher any
/// more, and none could be elected with a greater one.
constexpr bool is_plausible_epoch(Epoch named, Epoch newest)
{
    if (named > last_epoch) return false;
    return newest == 0 || named <= newest || named - newest <= most_missed_terms;
}

/// The address of a node's peer port, "127.0.0.1:9991": its name everywhere.
using NodeName = std::string;

/// One execution of a fire, or of one of its parts: each part has attempts of its own. The fire
/// itself is (job, scheduled_at) and nothing else. Ordered as the ledger's index by_run is, so that
/// all rows of a fire stand together, and those of most fires in the order of their attempts.
struct RunId {
    JobId job = 0;
    WallTime scheduled_at{};
    std::int32_t attempt = 1;
    std::int32_t part = 0;
    /// How many parts its fire has: as many as its job had when it was planned. It goes wherever
    /// the run goes, and says nothing about which run it is: it is not compared.
    std::int32_t parts = 1;
    /// The node to which this part belongs for its life (Spread::every); empty: to none. It goes
    /// along as `parts` does.
    NodeName node = {};

    friend constexpr auto operator<=>(const RunId& a, const RunId& b)
    {
        return std::tie(a.job, a.scheduled_at, a.attempt, a.part) <=>
               std::tie(b.job, b.scheduled_at, b.attempt, b.part);
    }
    friend constexpr bool operator==(const RunId& a, const RunId& b)
    {
        return std::tie(a.job, a.scheduled_at, a.attempt, a.part) ==
               std::tie(b.job, b.scheduled_at, b.attempt, b.part);
    }
};

/// The attempts of the same part of the same fire after this one, and before it.
constexpr RunId next_attempt(RunId id)
{
    ++id.attempt;
    return id;
}
constexpr RunId previous_attempt(RunId id)
{
    --id.attempt;
    return id;
}

/// The first run of the fire in their order, less than all that there are.
constexpr RunId before_all_of_fire(const RunId& id)
{
    return {id.job, id.scheduled_at, 0, 0};
}

/// Whether it is the run by which its fire is counted: the first attempt of its first part. A fire
/// that does not run at all has a row of that alone.
constexpr bool stands_for_fire(const RunId& id)
{
    return id.attempt == 1 && id.part == 0;
}

constexpr bool is_same_fire(const RunId& a, const RunId& b)
{
    return a.job == b.job && a.scheduled_at == b.scheduled_at;
}

/// "job 12 at 2026-11-21T00:00:00Z" (with milliseconds when there are any, with the part when there
/// are several, and with the attempt when it is not the first), for messages.
std::string to_string(const RunId& id);

/// Where a ledger row stands. All but `planned` and `running` are final.
enum class RunState : std::uint8_t {
    planned,
    running,
    success,  ///< exit code 0
    failed,   ///< any other exit code, a signal that was not ours, or it could not be started
    timeout,  ///< killed because it ran longer than the job's timeout
    killed,   ///< killed by a person, or because its node stopped
    lost,     ///< its node died or vanished; nobody knows how it ended
    fenced,   ///< killed by its own node, which was isolated, before another may start one
    skipped,  ///< deliberately not started; the reason says why
    revoked,  ///< taken back before it started, because the job was changed
};

constexpr bool is_final(RunState state)
{
    return state != RunState::planned && state != RunState::running;
}

/// Whether a fire that ended in this state has run, as far as is known: it counts in run_num.
constexpr bool has_run(RunState state)
{
    return is_final(state) && state != RunState::skipped && state != RunState::revoked;
}

/// Whether a report or a row says that its command was started.
bool has_started(RunState state, const std::optional<WallTime>& started_at);

std::string_view to_string(RunState state);
std::optional<RunState> parse_run_state(std::string_view text);

/// What the dispatcher commits for one run before anybody hears of it.
struct PlannedRun {
    RunId id;
    RunState state = RunState::planned;  ///< or skipped, when it is decided already
    Reason reason;
    NodeName run_server;  ///< the node it is handed to; empty when skipped
    WallTime dispatched_at{};
    /// Who asked for it by hand, or what it runs after (model/run_request.hpp); empty = planned by
    /// its schedule.
    std::string requested_by;
    std::int64_t fires = 1;  ///< more than 1: one row for a gap of this many missed fires …
    WallTime gap_end{};      ///< … from id.scheduled_at to here
    /// Of a retry, or of a fire with jitter: when it starts. While it is at no node it waits for
    /// that. Of the fire of a job that runs after others: when those were over; of one that has
    /// waited for what its job requires: when it was let go.
    std::optional<WallTime> retry_at = {};

    friend bool operator==(const PlannedRun&, const PlannedRun&) = default;
};

/// What a node reports about a run: that it started, or how it ended.
struct RunReport {
    RunId id;
    RunState state = RunState::running;
    Reason reason;
    NodeName run_server;
    NodeName dispatch_server;
    Epoch epoch = 0;
    std::optional<WallTime> started_at;  ///< when the process was spawned
    std::optional<WallTime> ended_at;
    std::chrono::milliseconds use_time{0};  ///< wall time from start to end
    std::optional<int> exit_code;
    std::optional<int> term_signal;
    std::optional<int> http_status;         ///< of the answer to a job of kind http
    std::chrono::milliseconds cpu_time{0};  ///< user and system
    std::int64_t max_rss = 0;               ///< bytes
    std::string output;                     ///< valid UTF-8, no NUL
    std::int64_t output_bytes = 0;          ///< what the command wrote, before the cap
    bool rehearsal = false;                 ///< see model/run_request.hpp; the node knows it first

    friend bool operator==(const RunReport&, const RunReport&) = default;
};

}  // namespace peercron

template <>
struct std::hash<peercron::RunId> {
    std::size_t operator()(const peercron::RunId& id) const noexcept
    {
        const auto time = static_cast<std::uint64_t>(peercron::to_unix_millis(id.scheduled_at));
        const std::uint64_t mixed = (static_cast<std::uint64_t>(id.job) * 0x9E3779B97F4A7C15ULL) ^
                                    (time * 0xC2B2AE3D27D4EB4FULL) ^
                                    static_cast<std::uint64_t>(id.attempt) ^
                                    (static_cast<std::uint64_t>(id.part) * 0x9E3779B1ULL);
        return static_cast<std::size_t>(mixed ^ (mixed >> 32U));
    }
};
