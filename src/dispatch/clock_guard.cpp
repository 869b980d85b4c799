#include "dispatch/clock_guard.hpp"

#include <algorithm>

namespace peercron {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

/// A call that took longer tells too little.
constexpr auto longest_round_trip = 2s;

}  // namespace

void ClockGuard::read(SteadyTime sent, WallTime theirs, SteadyTime received)
{
    const auto round_trip = std::chrono::ceil<milliseconds>(received - sent);
    if (round_trip > longest_round_trip) return;
    database_ = Moment{theirs, sent + round_trip / 2};
    doubt_ = round_trip / 2 + 1ms;
}

std::optional<milliseconds> ClockGuard::offset(Moment own) const
{
    if (!database_) return std::nullopt;
    const auto since = std::chrono::floor<milliseconds>(own.steady - database_->steady);
    return own.wall - (database_->wall + since);
}

bool ClockGuard::is_ahead(Moment own) const
{
    const auto by = offset(own);
    return by && *by > tolerance_ + doubt_;
}

Moment ClockGuard::trusted(Moment own) const
{
    if (distrusts(own)) own.wall -= *offset(own);
    return own;
}

WallTime ClockGuard::latest(Moment own) const
{
    return own.wall - std::min(offset(own).value_or(0ms), milliseconds(0));
}

}  // namespace peercron
