#pragma once

#include "cli/command.hpp"

#include <CLI/CLI.hpp>

namespace peercron {

/// `channel …`: where notices are sent.
void add_channel_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
