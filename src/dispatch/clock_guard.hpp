#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace peercron {

/// Whether a dispatcher may plan by its own clock, or has to go by the database server's.
///
/// A fire that is planned by a clock that is ahead cannot be taken back for the moment at which it
/// is truly due, so a dispatcher never trusts its own clock alone where there is another one. A
/// clock that is behind plans late, and does no harm.
///
/// What is known of the database's clock is a range, as in interval clocks (K. Marzullo, S. Owicki,
/// "Maintaining the Time in a Distributed System"): an answer that came late was read somewhere
/// between the sending of the question and its receipt, and proves no more than that. Between
/// readings the range goes on by the clock that nobody can set, so that a clock that is set ahead
/// is noticed before the next step. A reading that contradicts what was known counts when the next
/// one confirms it.
///
/// Two clocks that differ do not say which of them is wrong. The database's is, when more clocks of
/// nodes agree with this node's than with it; and, unless more agree with it, when it was set back
/// itself: this node's clock has run on evenly since the two last agreed, or since it agreed with
/// how far earlier dispatchers had come. Pure; no clock of its own.
class ClockGuard {
public:
    /// Why the time is whose.
    enum class Basis : std::uint8_t {
        own,           ///< this clock is not ahead, as far as is known
        own_by_votes,  ///< it is ahead of the database's, and more nodes agree with it
        own_as_even,   ///< it is ahead of the database's, which was set back
        database,      ///< it is ahead
    };
    struct Range {
        std::chrono::milliseconds low{0};
        std::chrono::milliseconds high{0};

        std::chrono::milliseconds middle() const { return low + (high - low) / 2; }
    };

    /// A clock that is ahead by more is not trusted. Far more than what NTP leaves, and no more
    /// than the lookahead: that is how far rows stand ahead anyway.
    explicit ClockGuard(std::chrono::milliseconds tolerance) : tolerance_(tolerance) {}

    /// The database's clock said `theirs` in answer to what was sent and received then. Says
    /// whether this settles the matter; otherwise it is to be read again at once.
    bool read(Moment sent, WallTime theirs, Moment received);

    /// How many clocks, this node's and the database's among them, agree with each of the two.
    void votes(std::size_t mine, std::size_t the_databases)
    {
        outvoted_ = mine > the_databases;
        confirmed_ = mine < the_databases;
    }

    /// Earlier dispatchers, who compared clocks, too, have planned as if it had been `time`: a
    /// database's clock that has not come there was set back, if this node's has.
    void reached(WallTime time, Moment own);

    /// This node's clock minus the database's; nullopt: never compared.
    std::optional<Range> offset(Moment own) const;

    /// Whether `own` is proven to be ahead of the database's clock by more than the tolerance.
    bool is_ahead(Moment own) const;

    Basis basis(Moment own) const;

    /// Whether the time to plan by is the database's, too, as far as is known: then a clock that
    /// differs from it is wrong.
    bool is_agreed(Moment own) const;

    /// The time to plan by.
    Moment trusted(Moment own) const;

    /// The later of the two clocks: the true time is not later than that, or all are wrong.
    WallTime latest(Moment own) const;

    std::chrono::milliseconds tolerance() const { return tolerance_; }

private:
    void take(Range reading, Moment own);
    bool are_close(Range apart) const;

    const std::chrono::milliseconds tolerance_;
    std::optional<Range> database_;  ///< its time minus this node's steady one
    SteadyTime taken_{};             ///< when that was read
    std::optional<Range> doubtful_;  ///< contradicts it, and is not confirmed
    /// This node's time minus its steady one, when it last agreed with the database's.
    std::optional<std::chrono::milliseconds> agreed_;
    bool outvoted_ = false;
    bool confirmed_ = false;
};

/// Whose time is planned by, and why, for people.
std::string_view describe(ClockGuard::Basis basis);

}  // namespace peercron
