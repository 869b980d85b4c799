#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `why`, `stats` and `agenda`.
void add_insight_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
