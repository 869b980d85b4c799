#pragma once

#include "model/run.hpp"

#include <chrono>
#include <string_view>

namespace peercron {

/// Stands for the output in a row that the dispatcher ended, because it was told how the run ended
/// and something follows from that: the node alone has the output, and writes it a little later.
inline constexpr std::string_view output_to_come = "[the node has not recorded the output]";

/// When that takes longer, its node has died.
inline constexpr std::chrono::seconds longest_wait_for_output{5};
/// How long those who wait for it wait between two looks at the row.
inline constexpr std::chrono::milliseconds pause_for_output{50};

/// Whether the output is about to come.
inline bool awaits_output(const RunReport& run, WallTime now)
{
    return run.output == output_to_come && run.ended_at &&
           std::chrono::abs(now - *run.ended_at) < longest_wait_for_output;
}

}  // namespace peercron
