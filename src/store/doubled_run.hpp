#pragma once

#include "model/run.hpp"
#include "store/store.hpp"

#include <optional>
#include <string>

namespace peercron {

// The rules of Store::record() about reports that contradict their rows.

/// What a row says about where and when its command was started.
struct StoredAccount {
    RunState state = RunState::planned;
    NodeName run_server;
    std::optional<WallTime> started_at;
};

/// Whether `report` and its row cannot both be true.
bool contradicts(const StoredAccount& row, const RunReport& report);

/// Whether a node's report replaces what its row says.
constexpr bool gives_way(RunState row, RunState reported)
{
    return !is_final(row) || (row == RunState::lost && reported != RunState::running);
}

/// "ran at 10.0.0.1:9991 from 2026-11-21T00:00:00.003Z (success) and at …".
std::string to_string(const DoubledRun& doubled);

/// What gives way to a final report, besides a planned or running row.
enum class GivesWay : std::uint8_t { only_open, lost_too };

}  // namespace peercron
