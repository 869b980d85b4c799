#pragma once

#include "base/clock.hpp"
#include "model/run.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace peercron {

/// How a fire ended, in short. Ordered by how much it matters to a person: of several fires that
/// are shown as one, the greatest.
enum class Outcome : std::uint8_t {
    skipped,  ///< its owner asked for that: mutex, replaced, misfire policy
    success,
    killed,
    missed,  ///< see model/missed.hpp; lost runs are `lost`
    lost,
    fenced,
    timeout,
    failed,
};

/// By Outcome. These words stand in statistics and in the API.
inline constexpr std::array<std::string_view, 8> outcome_words{
    "skipped", "success", "killed", "missed", "lost", "fenced", "timeout", "failed"};

constexpr std::string_view to_string(Outcome outcome)
{
    return outcome_words[static_cast<std::size_t>(outcome)];
}
std::optional<Outcome> parse_outcome(std::string_view word);

/// The run itself went wrong, so somebody should look at its job.
constexpr bool is_failure(Outcome outcome)
{
    return outcome == Outcome::failed || outcome == Outcome::timeout || outcome == Outcome::fenced;
}

/// It did not run although it was due, or nobody knows whether it did.
constexpr bool is_missed(Outcome outcome)
{
    return outcome == Outcome::missed || outcome == Outcome::lost;
}

/// The run was started, as far as is known.
constexpr bool did_run(Outcome outcome)
{
    return outcome != Outcome::skipped && outcome != Outcome::missed;
}

/// Of a final state; nullopt for one that is not, and for `revoked`.
std::optional<Outcome> outcome_of(RunState state, Cause cause);

/// How a fire with several parts ended, from how each of them did (nullopt: it has not). Of those
/// that ran the worst counts, also while others are under way; without one that went wrong, nothing
/// is known until all have ended (nullopt). It has succeeded when all have: where some have and
/// others did not run, it has failed. Where none ran, the greatest counts.
std::optional<Outcome> outcome_of_fire(std::span<const std::optional<Outcome>> parts);

/// Parts of a fire may be late, and overlap with those of later fires: what is kept of one job are
/// its newest fires, so that all parts of a fire are seen together. Of those that have succeeded
/// only these …
inline constexpr std::size_t most_fires_of_parts = 4;
/// … and of all no more than this, …
inline constexpr std::size_t most_open_fires = 64;
/// … with no more parts than this.
inline constexpr std::size_t most_open_parts = 2048;

/// What statistics need to know of a row of the ledger that became final.
struct EndedRun {
    WallTime scheduled_at{};
    std::int32_t attempt = 1;
    std::int32_t part = 0;  ///< see RunId
    std::int32_t parts = 1;
    Outcome outcome = Outcome::success;
    bool was_lost = false;  ///< it counted as lost until now
    std::optional<WallTime> started_at;
    std::chrono::milliseconds use_time{0};
    std::int64_t output_bytes = 0;
    std::int64_t max_rss = 0;  ///< bytes
    std::int64_t fires = 1;    ///< one row for this many missed fires
    /// See PlannedRun: it was due then, and not at scheduled_at.
    std::optional<WallTime> retry_at = {};
    bool of_backfill = false;  ///< of the past

    /// From when it was due to its start; a further attempt is not late, nor is what a backfill
    /// runs.
    std::optional<std::chrono::milliseconds> lateness() const;
};

}  // namespace peercron
