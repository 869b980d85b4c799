#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

// Fires of the past that a person wants to run, or to run again: as the same fires, by further
// attempts, the oldest first.

/// The most fires of one backfill.
inline constexpr std::size_t most_backfill_fires = 5000;
/// The most of its runs at a time.
inline constexpr std::int64_t most_backfill_parallel = 100;

/// Which fires of the time are run.
enum class BackfillOnly : std::uint8_t {
    missing,  ///< those that did not run, and were not meant not to
    failed,   ///< those that ran, and did not succeed
    all,
};
inline constexpr std::array<std::string_view, 3> backfill_only_words{"missing", "failed", "all"};

enum class BackfillState : std::uint8_t {
    running,
    done,
    stopped,  ///< before its end: `why`
};
inline constexpr std::array<std::string_view, 3> backfill_state_words{"running", "done", "stopped"};

struct Backfill {
    std::int64_t id = 0;
    JobId job = 0;
    WallTime from{};  ///< fires that were due at or after this …
    WallTime to{};    ///< … and before this
    BackfillOnly only = BackfillOnly::missing;
    std::int64_t parallel = 1;  ///< runs at a time
    std::string asked_by;       ///< "alice from 10.0.0.7"
    WallTime asked_at{};
    BackfillState state = BackfillState::running;
    std::string why;  ///< why it was stopped
    std::optional<WallTime> ended_at;

    friend bool operator==(const Backfill&, const Backfill&) = default;
};

/// Who asks for its runs, as their rows say: "backfill 7 by alice from 10.0.0.7".
std::string request_of(const Backfill& backfill);

/// Whether a row, by its requested_by, is of a backfill.
bool is_of_backfill(std::string_view requested_by);

struct BackfillProgress {
    Backfill backfill;
    std::int64_t fires = 0;
    std::int64_t begun = 0;  ///< those that have, or had, a run of it
    std::int64_t open = 0;   ///< those whose run has not ended
};

/// By a word of backfill_only_words.
std::optional<BackfillOnly> parse_backfill_only(std::string_view word);

}  // namespace peercron
