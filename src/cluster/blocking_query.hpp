#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <optional>

namespace peercron {

/// Which index the next blocking query must carry.
///
/// Source: Consul, HTTP API, "Blocking Queries", implementation details.
class BlockingIndex {
public:
    /// Wait for news after this index; 0: answer at once.
    std::uint64_t next() const { return next_; }

    /// An answer came, with this X-Consul-Index. Starts again when the index went backwards (the
    /// server's data was restored or wiped), and never asks for 0 again after an answer without a
    /// usable index, because that would be answered at once for ever.
    void answered(std::optional<std::uint64_t> index);

    /// No answer, or an error: the next answer may come from another server with other data, for
    /// which the present index may be far too high. So the next query is answered at once.
    void failed() { next_ = 0; }

private:
    std::uint64_t next_ = 0;
};

/// Keeps a loop of blocking queries from spinning when each is answered at once: a burst passes
/// without delay, a flood is held to ten a second.
class QueryPace {
public:
    /// An answer was handled at `now`: how long to wait before the next query.
    SteadyTime::duration pause(SteadyTime now);

private:
    SteadyTime spent_until_{};  // when the burst that was used up will have been refilled
};

}  // namespace peercron
