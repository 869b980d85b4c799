#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <optional>

namespace peercron {

/// Whether a dispatcher may plan by its own clock, or has to go by the database server's.
///
/// A fire that is planned by a clock that is ahead cannot be taken back for the moment at which it
/// is truly due, so a dispatcher never trusts its own clock alone where there is another one. What
/// the database's clock said last goes on by the clock that nobody can set, so that a clock that is
/// set ahead is noticed before the next step. A clock that is behind plans late, and does no harm.
///
/// When more clocks of nodes agree with this node than with the database, the database's is the
/// wrong one. Pure; no clock of its own.
class ClockGuard {
public:
    /// A clock that is ahead by more is not trusted. Far more than what NTP leaves, and no more
    /// than the lookahead: that is how far rows stand ahead anyway.
    explicit ClockGuard(std::chrono::milliseconds tolerance) : tolerance_(tolerance) {}

    /// The database's clock said `theirs` in a call that lasted from `sent` to `received`.
    void read(SteadyTime sent, WallTime theirs, SteadyTime received);

    /// How many clocks, this node's and the database's among them, agree with each of the two.
    void votes(std::size_t mine, std::size_t the_databases) { outvoted_ = mine > the_databases; }

    /// This node's clock minus the database's; nullopt: never compared.
    std::optional<std::chrono::milliseconds> offset(Moment own) const;

    /// Whether `own` is ahead of the database's clock, and more than tolerance and doubt explain.
    bool is_ahead(Moment own) const;

    /// Whether the time is the database's.
    bool distrusts(Moment own) const { return is_ahead(own) && !outvoted_; }

    /// The time to plan by.
    Moment trusted(Moment own) const;

    /// The later of the two clocks: the true time is not later than that, or all are wrong.
    WallTime latest(Moment own) const;

    std::chrono::milliseconds tolerance() const { return tolerance_; }

private:
    const std::chrono::milliseconds tolerance_;
    std::optional<Moment> database_;      ///< one moment, by its wall clock and this steady one
    std::chrono::milliseconds doubt_{0};  ///< half of the round trip
    bool outvoted_ = false;
};

}  // namespace peercron
