#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `audit`: which fires were due, compared with the ledger.
void add_audit_command(CLI::App& app, Action& chosen);

}  // namespace peercron
