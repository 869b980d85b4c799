#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `next`: what a cron expression means, its next fires, and what may surprise about them. Asks a
/// node only when one is named.
void add_next_command(CLI::App& app, Action& chosen);

}  // namespace peercron
