#pragma once

#include <sys/types.h>

#include <vector>

namespace peercron {

/// One line of the system's process table.
struct ProcessEntry {
    pid_t pid = 0;
    pid_t parent = 0;
    pid_t group = 0;
    bool is_zombie = false;
};

/// Every process there is. Reads all of /proc, some 10 µs for each process, so not for the
/// I/O thread. Not one moment's picture: a process forked meanwhile may be missing.
///
/// /proc/PID/task/TID/children would be cheaper, but is an option of the kernel.
/// Source: proc(5), /proc/pid/stat.
std::vector<ProcessEntry> list_processes();

}  // namespace peercron
