#include "dispatch/clock_guard.hpp"

#include <algorithm>

namespace peercron {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;
using Range = ClockGuard::Range;

/// By so much wall clock and steady clock may differ over a call. More: the clock was set, or the
/// machine slept, and the answer may be from before that.
constexpr auto same_time = 100ms;
/// How fast two clocks drift apart at most: one millisecond in this many.
constexpr int drift = 1'000;

milliseconds steady_millis(SteadyTime time)
{
    return std::chrono::floor<milliseconds>(time.time_since_epoch());
}

/// A wall clock is what the steady one says and this.
milliseconds ahead_of_steady(Moment moment)
{
    return moment.wall.time_since_epoch() - steady_millis(moment.steady);
}

bool overlap(Range a, Range b)
{
    return a.low <= b.high && b.low <= a.high;
}

Range common(Range a, Range b)
{
    return {std::max(a.low, b.low), std::min(a.high, b.high)};
}

}  // namespace

bool ClockGuard::read(Moment sent, WallTime theirs, Moment received)
{
    const auto steady_time = steady_millis(received.steady) - steady_millis(sent.steady);
    if (std::chrono::abs((received.wall - sent.wall) - steady_time) > same_time) return false;
    // Both are rounded down to milliseconds.
    const milliseconds said = theirs.time_since_epoch();
    const Range reading{said - steady_millis(received.steady) - 1ms,
                        said - steady_millis(sent.steady) + 1ms};
    bool is_expected = ahead_of_steady(received) - reading.high <= tolerance_;
    Range known = reading;
    if (database_) {
        const auto slack = 1ms + std::chrono::ceil<milliseconds>(received.steady - taken_) / drift;
        known = {database_->low - slack, database_->high + slack};
        is_expected = overlap(known, reading);
    }
    if (is_expected) {
        take(common(known, reading), received);
        return true;
    }
    const bool is_confirmed = doubtful_ && overlap(*doubtful_, reading);
    if (is_confirmed) {
        take(common(*doubtful_, reading), received);
    } else {
        doubtful_ = reading;
    }
    return is_confirmed;
}

void ClockGuard::take(Range reading, Moment own)
{
    database_ = reading;
    taken_ = own.steady;
    doubtful_.reset();
    if (are_close(*offset(own))) agreed_ = ahead_of_steady(own);
}

std::optional<Range> ClockGuard::offset(Moment own) const
{
    if (!database_) return std::nullopt;
    const milliseconds mine = ahead_of_steady(own);
    return Range{mine - database_->high, mine - database_->low};
}

bool ClockGuard::are_close(Range apart) const
{
    return apart.low >= -tolerance_ && apart.high <= tolerance_;
}

bool ClockGuard::is_ahead(Moment own) const
{
    const auto by = offset(own);
    return by && by->low > tolerance_;
}

ClockGuard::Basis ClockGuard::basis(Moment own) const
{
    if (!is_ahead(own)) return Basis::own;
    if (outvoted_) return Basis::own_by_votes;
    if (confirmed_) return Basis::database;
    const bool is_even = agreed_ && std::chrono::abs(ahead_of_steady(own) - *agreed_) <= same_time;
    return is_even ? Basis::own_as_even : Basis::database;
}

bool ClockGuard::is_agreed(Moment own) const
{
    const Basis whose = basis(own);
    if (whose != Basis::own) return whose == Basis::database;
    const auto apart = offset(own);
    return apart && are_close(*apart);
}

void ClockGuard::reached(WallTime time, Moment own)
{
    if (!is_ahead(own) || own.wall < time - tolerance_) return;
    const WallTime theirs(steady_millis(own.steady) + database_->high);
    if (theirs < time - tolerance_) agreed_ = ahead_of_steady(own);
}

Moment ClockGuard::trusted(Moment own) const
{
    if (basis(own) == Basis::database) {
        own.wall = WallTime(steady_millis(own.steady) + database_->low);
    }
    return own;
}

WallTime ClockGuard::latest(Moment own) const
{
    if (!database_) return own.wall;
    return std::max(own.wall, WallTime(steady_millis(own.steady) + database_->high));
}

std::string_view describe(ClockGuard::Basis basis)
{
    switch (basis) {
        case ClockGuard::Basis::own:
            break;
        case ClockGuard::Basis::own_by_votes:
            return "this one, since more nodes agree with it";
        case ClockGuard::Basis::own_as_even:
            return "this one, since the database's was set back";
        case ClockGuard::Basis::database:
            return "the database's, and this node gets no runs";
    }
    return "this one";
}

}  // namespace peercron
