#pragma once

#include "cli/command.hpp"

namespace peercron {

/// Adds the commands that talk to a node (job, log, run, node, status, audit), those that make one
/// a service of this machine, and those that describe the command line itself (completion, man),
/// and gives all commands one form of help and complaint.
///
/// @param app must already have its other commands, or get them before it parses; must outlive
///        the call of `chosen`.
/// @param chosen is set by app.parse() when one of these commands was given, and then does it and
///        returns the exit status.
void add_client_commands(CLI::App& app, Action& chosen);

}  // namespace peercron
