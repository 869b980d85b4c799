#pragma once

#include "simulation/scenario.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace peercron::simulation {

/// A scenario as people read and write it, one thing in a line; times are in milliseconds, and `#`
/// begins a comment.
///
///     seed 4258           of what the scenario leaves open
///     nodes 3
///     job 0/2 mutex timeout=2
///     at 2300 kill for 700 dice 81
///     at 4100 cut for 2000 on node1 node3
///     healed 9400
///
/// A fault meets those that are named, or whom the dice name. What is not said has its usual value.
/// Read back, it gives the same course.
std::string to_text(const Scenario& scenario);

/// Throws std::runtime_error, which names the line that cannot be read.
Scenario parse_scenario(std::string_view text);

/// The texts in $PEERCRON_SOURCE_DIR/tests/simulation/FOLDER, in order of their names.
std::vector<std::filesystem::path> scenario_files(std::string_view folder);
Scenario read_scenario(const std::filesystem::path& file);

}  // namespace peercron::simulation
