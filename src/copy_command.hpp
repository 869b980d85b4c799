#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `copy-store`: the jobs and the ledger of one database into another.
void add_copy_command(CLI::App& app, Action& chosen);

}  // namespace peercron
