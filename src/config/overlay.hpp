#pragma once

#include "base/toml.hpp"
#include "config/config.hpp"

#include <map>
#include <string>
#include <vector>

namespace peercron {

/// What variables and settings say, laid over what the file says.
struct Overlaid {
    /// Key → "PEERCRON_LOG_LEVEL" or "--set", for the keys whose value does not stand in the file.
    std::map<std::string, std::string> origins;
    std::vector<std::string> problems;  ///< a line each: settings that name no key
    std::vector<std::string> warnings;  ///< variables that look like keys and are none
};

/// Puts the values of `sources` into `root`, each as what its key takes: a variable's over the
/// file's, a setting's over both. What a value must be is checked where the keys are read.
Overlaid lay_over(toml::table& root, const ConfigSources& sources);

}  // namespace peercron
