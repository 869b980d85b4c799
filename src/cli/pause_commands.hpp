#pragma once

#include "cli/command.hpp"

#include <CLI/CLI.hpp>

namespace peercron {

/// `pause …`: times in which jobs do not start by themselves.
void add_pause_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
