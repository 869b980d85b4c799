#pragma once

#include "cli/command.hpp"

#include <CLI/CLI.hpp>

namespace peercron {

/// `calendar …`: the days that the fires of jobs must be in, or must not be in.
void add_calendar_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
