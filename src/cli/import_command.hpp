#pragma once

#include "cli/command.hpp"

namespace peercron {

/// `import crontab`: the jobs of a crontab, by way of a plan that is shown first.
void add_import_command(CLI::App& app, Action& chosen);

}  // namespace peercron
