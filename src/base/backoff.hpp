#pragma once

#include "base/virtual_loop.hpp"

#include <chrono>
#include <random>

namespace peercron {

/// How long to wait before something that failed is tried again: doubles up to a limit, with "full
/// jitter" so that nodes that failed together do not come back together.
///
/// Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
class Backoff {
public:
    using Duration = std::chrono::milliseconds;

    /// `executor`: whose chance decides; see random_seed().
    Backoff(const asio::any_io_executor& executor, Duration first, Duration limit)
        : first_(first),
          limit_(limit),
          next_(first),
          random_(static_cast<std::minstd_rand::result_type>(random_seed(executor)))
    {}

    /// The wait before the next try: at least half of the current step, so that a try never
    /// follows at once.
    Duration next();

    /// To be called after a success: the next failure starts from the first step.
    void reset() { next_ = first_; }

private:
    Duration first_;
    Duration limit_;
    Duration next_;
    std::minstd_rand random_;
};

}  // namespace peercron
