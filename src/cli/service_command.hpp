#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `service`: a node as a service of systemd: install, remove, start, stop, restart, status.
void add_service_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
