#pragma once

#include "model/output_to_come.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace peercron {

// The rules of Store::record() about reports that contradict their rows.

/// What a row says about where and when its command was started.
struct StoredAccount {
    RunState state = RunState::planned;
    NodeName run_server;
    std::optional<WallTime> started_at;
    Epoch epoch = 0;
};

/// Whether `report` and its row cannot both be true.
bool contradicts(const StoredAccount& row, const RunReport& report);

/// What gives way to a final report, besides a planned or running row.
enum class GivesWay : std::uint8_t {
    only_open,
    unsure_too,  ///< what a dispatcher wrote who did not know how the run ended
};

/// Whether a node may know better: the run was given up, or taken back. What was taken back may
/// have been planned again, by a step that the store does not have yet.
constexpr bool is_unsure(RunState row)
{
    return row == RunState::lost || row == RunState::revoked;
}

/// Whether a report replaces what its row says.
constexpr bool gives_way(RunState row, RunState reported, GivesWay rule)
{
    const bool knows_better = rule == GivesWay::unsure_too && reported != RunState::running;
    return !is_final(row) || (knows_better && is_unsure(row));
}

/// Whether the node's own report of an end has more than its row, in which it is output_to_come.
bool completes(const StoredAccount& row, const RunReport& report);

/// "ran at 10.0.0.1:9991 from 2026-11-21T00:00:00.003Z (success) and at …".
std::string to_string(const DoubledRun& doubled);

}  // namespace peercron
