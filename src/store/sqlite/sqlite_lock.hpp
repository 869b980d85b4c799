#pragma once

#include "store/sqlite/sqlite_settings.hpp"

#include <chrono>

namespace peercron {

/// The right to be the one node that works with a database. Held by a lock on the file
/// "<database>.lock", which the kernel releases when the process ends, in whatever way; the file
/// stays and names the process.
class SqliteLock {
public:
    /// A process that was killed may have it for as long as it takes to end; `patience` is how long
    /// it is waited for. Throws StoreError when another process has it, or when the file cannot be
    /// made.
    explicit SqliteLock(const SqliteSettings& settings,
                        std::chrono::milliseconds patience = std::chrono::milliseconds(0));
    SqliteLock(const SqliteLock&) = delete;
    SqliteLock& operator=(const SqliteLock&) = delete;
    ~SqliteLock();

private:
    int file_ = -1;
};

}  // namespace peercron
