#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// The arguments with --json, --url, --token and --token-file that stand before the command moved
/// behind it, where the command takes them: `peercron --json job list` is `peercron job list
/// --json`. Pure.
std::vector<std::string> with_options_last(const CLI::App& app, std::vector<std::string> arguments);

/// The message about arguments that cannot be understood: what was found, where, and what was
/// probably meant. One line, without a program's name. Pure.
std::string explain(const CLI::App& app, const CLI::Error& error);

/// A message of the API, with the option names of the command line: "cronSet: …" becomes "--cron:
/// …" where the command has that option. Pure.
std::string with_option_names(const CLI::App& command, std::string message);

}  // namespace peercron
