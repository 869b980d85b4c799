#pragma once

#include "base/toml.hpp"
#include "config/config.hpp"

#include <map>
#include <string>
#include <vector>

namespace peercron {

/// Variables and settings, laid over the file.
struct Overlaid {
    /// Key → "PEERCRON_LOG_LEVEL" or "--set", for the keys whose value does not stand in the file.
    std::map<std::string, std::string> origins;
    std::vector<std::string> problems;  ///< a line each: settings that name no key
    std::vector<std::string> warnings;  ///< variables that look like keys but are not
};

/// Puts the values of `sources` into `root`, each with the type of its key: a variable replaces the
/// file's value, a setting replaces both. The values are checked where the keys are read.
Overlaid lay_over(toml::table& root, const ConfigSources& sources);

}  // namespace peercron
