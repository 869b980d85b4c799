#pragma once

#include "cli/command.hpp"

#include <CLI/CLI.hpp>

namespace peercron {

/// `lock …`: the limits of locks that jobs share, who holds them, and who waits.
void add_lock_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
