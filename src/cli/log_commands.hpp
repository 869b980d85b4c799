#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `log list`, `show` and `follow`, and `run kill`, `retry` and `give-up`.
void add_log_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
