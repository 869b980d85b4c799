#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `job add`, `list`, `show`, `update`, `stop`, `start`, `delete`, `run-now`, `count`, `clear`.
void add_job_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
