#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace peercron {

/// An option of a command, as manual and completion show it.
struct OptionInfo {
    std::vector<std::string> names;  ///< "--json", "-q"; the positional's name alone, as "JOB"
    std::string value;               ///< what it takes, "FILE"; empty: nothing, it is a flag
    std::string description;
    std::string group;
    bool positional = false;
    bool required = false;
    bool repeats = false;
};

/// A command and all below it: the CLI11 App tree as plain values, so that manual and completion
/// always show exactly the existing commands.
struct CommandInfo {
    std::string name;
    std::string description;
    std::vector<std::string> examples;  ///< command lines
    std::vector<OptionInfo> options;    ///< in the order of their definition, --help left out
    std::vector<CommandInfo> commands;
};

CommandInfo read_command_tree(const CLI::App& app);

}  // namespace peercron
