#pragma once

#include "cli/command.hpp"

#include <CLI/CLI.hpp>

namespace peercron {

/// `account …` and `token …`: who may call the API.
void add_account_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
