#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace peercron::bench {

struct Spawned {
    double last_started_s = 0;
    double wall_s = 0;
    double cpu_s = 0;  ///< this process's and the commands'
};

/// Starts a command so many times, at most so many at once, with its output read to the end, and
/// waits for each: the least that any scheduler has to do. One thread per core. Throws
/// std::system_error when the command cannot be started.
Spawned spawn_all(const std::vector<std::string>& words, std::size_t count, std::size_t at_once);

}  // namespace peercron::bench
