#pragma once

#include "base/environment.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace peercron::testing {

/// The migrations of a database ("mysql", "sqlite"), from number `first` on, as their files say: a
/// new one needs no change of the tests of others.
inline std::vector<std::string> migration_names(const std::string& database, int first = 1)
{
    const std::filesystem::path folder =
        std::filesystem::path(environment_variable("PEERCRON_SOURCE_DIR")) / "sql" / database;
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
        const std::string name = file.path().stem().string();
        if (std::stoi(name) >= first) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace peercron::testing
