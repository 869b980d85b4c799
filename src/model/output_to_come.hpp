#pragma once

#include "model/run.hpp"

#include <chrono>
#include <string_view>

namespace peercron {

/// Stands for the output in a row that the dispatcher ended, because it was told how the run ended
/// and something follows from that: the node alone has the output, and writes it a little later.
inline constexpr std::string_view output_to_come = "[the node has not recorded the output]";

/// Whether the output is about to come. When that takes longer, its node has died.
inline bool awaits_output(const RunReport& run, WallTime now)
{
    constexpr auto longest = std::chrono::seconds(5);
    return run.output == output_to_come && run.ended_at &&
           std::chrono::abs(now - *run.ended_at) < longest;
}

}  // namespace peercron
