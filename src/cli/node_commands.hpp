#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `node list` and `status`.
void add_node_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
