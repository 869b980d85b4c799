#pragma once

#include <chrono>
#include <cstdint>

namespace peercron {

/// A moment of the calendar: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
/// Everything that is stored or sent between nodes is of this type.
using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// The same, as exactly as a machine's clock tells it.
using ExactWallTime = std::chrono::sys_time<std::chrono::nanoseconds>;

/// A moment of this machine's monotonic clock; means nothing elsewhere. Leases, silences and
/// deadlines are measured with it, because nobody can set it.
using SteadyTime = std::chrono::steady_clock::time_point;

/// One moment, by both clocks.
struct Moment {
    WallTime wall{};
    SteadyTime steady{};
};

/// Where the time comes from. Rules never ask it: they get time points as arguments. Only the
/// coroutines that carry rules out own a Clock, so that a simulation can replace it.
class Clock {
public:
    virtual ~Clock() = default;

    virtual WallTime now() const = 0;
    virtual SteadyTime steady_now() const = 0;
    /// now() with what that leaves out.
    virtual ExactWallTime exact_now() const { return now(); }
};

/// The machine's own clocks.
class SystemClock final : public Clock {
public:
    WallTime now() const override
    {
        return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    }
    SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }
    ExactWallTime exact_now() const override { return std::chrono::system_clock::now(); }
};

/// Milliseconds since the epoch, the form in which tables and messages carry a moment.
constexpr std::int64_t to_unix_millis(WallTime time)
{
    return time.time_since_epoch().count();
}

constexpr WallTime from_unix_millis(std::int64_t millis)
{
    return WallTime(std::chrono::milliseconds(millis));
}

/// Whole seconds since the epoch, rounded down: the older columns of the tables.
constexpr std::int64_t to_unix_seconds(WallTime time)
{
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

constexpr WallTime from_unix_seconds(std::int64_t seconds)
{
    return WallTime(std::chrono::seconds(seconds));
}

}  // namespace peercron
