#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `job history`: who changed a job, when, and what.
void add_history_command(CLI::App& group, Action& chosen);

}  // namespace peercron
