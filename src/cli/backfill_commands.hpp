#pragma once

#include "cli/command.hpp"

#include <CLI/CLI.hpp>

namespace peercron {

/// `job backfill`, `job backfills` and `job stop-backfill`: fires of the past that are run.
void add_backfill_commands(CLI::App& group, Action& chosen);

}  // namespace peercron
