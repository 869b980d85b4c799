#pragma once

#include <cstdint>
#include <string>

namespace peercron {

/// A part of what a run has written so far, as its node has it. Positions are bytes of the output,
/// secrets masked.
struct OutputPart {
    /// The run is under way there. Otherwise it has not started, or it has ended: then the ledger
    /// has its output.
    bool is_there = false;
    std::int64_t from = 0;  ///< of the first byte; more than was asked for: what is between is gone
    std::int64_t total = 0;  ///< all that was written
    std::string bytes;       ///< empty: there is no more yet

    friend bool operator==(const OutputPart&, const OutputPart&) = default;
};

}  // namespace peercron
