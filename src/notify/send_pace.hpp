#pragma once

#include "base/clock.hpp"
#include "model/notice.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

namespace peercron {

/// How many messages people get: after ten of them within half a minute the others are gathered
/// until that half minute is over, and come as one. Pure.
class SendPace {
public:
    static constexpr std::size_t most = 10;
    static constexpr std::chrono::seconds window{30};

    /// Until when messages are gathered; not set: they go one by one.
    std::optional<SteadyTime> gathers_until(SteadyTime now);

    /// What was gathered is about to be sent: from now on they go one by one again.
    void gathered();

    void sent(SteadyTime now) { sent_.push_back(now); }

private:
    std::deque<SteadyTime> sent_;  ///< the last ones, of `window` or of what is gathered for
    bool gathers_ = false;
};

/// Several notices, at least one, as one.
Notice grouped(std::vector<Notice> notices);

}  // namespace peercron
