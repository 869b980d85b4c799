#pragma once

#include "cli/command_tree.hpp"

#include <string>

namespace peercron {

/// A script that completes commands, options, their values and, by asking the node quietly, as with
/// `peercron job list --quiet`, the names of jobs and calendars. To be sourced, or put where the
/// shell looks: see the manual.
std::string bash_completion(const CommandInfo& root);
std::string zsh_completion(const CommandInfo& root);

}  // namespace peercron
