#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `export` and `apply`: a node's jobs as a file that is kept under version control.
void add_apply_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
