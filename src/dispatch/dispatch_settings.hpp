#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace peercron {

/// The limits that a dispatcher keeps; the defaults are in config/config.hpp.
struct DispatchSettings {
    std::string default_zone = "UTC";
    /// There are no other nodes, and will be none: then regular looks wait for the moments that all
    /// looks share (base/shared_pause.hpp).
    bool is_alone = false;
    std::chrono::milliseconds lookahead{2000};
    /// The longest time between two commits: it tells a deposed dispatcher, of which there is none
    /// when alone, and moves planned-through. No longer than `lookahead`, or one second.
    std::chrono::milliseconds longest_plan_pause{1000};
    std::chrono::milliseconds misfire_window{60000};  ///< of jobs without one; 0 = no limit
    std::chrono::milliseconds start_deadline{300'000};
    std::chrono::milliseconds poll_interval{2000};
    std::chrono::milliseconds beat_interval{250};
    std::chrono::milliseconds silence_limit{1500};
    std::chrono::milliseconds lease{10000};
    std::chrono::milliseconds lease_margin{2000};
    /// A node whose clock is off by more is warned of; by more than the lookahead, it gets no runs.
    std::chrono::milliseconds clock_warning{100};
    std::chrono::milliseconds audit_interval{std::chrono::hours(24)};  ///< 0 = no audit
    std::chrono::seconds ledger_retention{0};  ///< how long rows of the ledger stay; 0 = for ever
    /// Bytes of steps that the store has not taken yet. Beyond this no fires are planned until the
    /// store has three quarters of them. About 300,000 fires.
    std::size_t max_ledger_lag = 64U << 20U;
};

}  // namespace peercron
