#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `next`: what a cron expression means, its next fires, and possible surprises. Calls a node only
/// if one is named.
void add_next_command(CLI::App& app, Action& chosen);

}  // namespace peercron
