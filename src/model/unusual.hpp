#pragma once

#include "model/job_statistics.hpp"
#include "model/outcome.hpp"
#include "model/usual.hpp"

#include <array>
#include <bitset>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// In what a run is not as the runs of its job usually are.
enum class Oddity : std::uint8_t {
    slow,
    fast,
    silent,       ///< it wrote nothing
    more_output,  ///< than usual
    more_memory,
};

/// By Oddity. These words stand in table unusual_run and in the API.
inline constexpr std::array<std::string_view, 5> oddity_words{"slow", "fast", "silent",
                                                              "more-output", "more-memory"};

constexpr std::string_view to_string(Oddity oddity)
{
    return oddity_words[static_cast<std::size_t>(oddity)];
}
std::optional<Oddity> parse_oddity(std::string_view word);

using Oddities = std::bitset<oddity_words.size()>;

/// "slow,more-memory"; empty: none.
std::string to_string(const Oddities& oddities);
/// Words that this program does not know are left out.
Oddities parse_oddities(std::string_view text);

/// What the past of a job lets expect of a run, from 20 successful runs on; without a limit where
/// that does not say enough.
struct UsualRun {
    UsualTime time;
    bool writes = false;  ///< 95 of 100 write something
    /// A run that writes more writes more than usual: three times as much as 95 of 100, and 4 KiB
    /// at least.
    std::optional<std::int64_t> most_output;
    /// The same of bytes of memory: twice as much, and 32 MiB at least.
    std::optional<std::int64_t> most_memory;
};

/// Pure.
UsualRun usual_run_of(const JobStatistics& statistics);

/// Pure. A run that failed may be slow, and take more of something; only one that succeeded can be
/// too fast or silent.
/// @param slow_after what the job says about it, which counts in place of what is usual; 0:
/// nothing.
Oddities oddities_of(const EndedRun& run, const UsualRun& usual, std::chrono::seconds slow_after);

}  // namespace peercron
