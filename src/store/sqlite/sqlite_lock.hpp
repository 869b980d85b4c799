#pragma once

#include "store/migration.hpp"
#include "store/sqlite/sqlite_settings.hpp"

#include <chrono>
#include <string_view>

namespace peercron {

/// The right to be the one node that works with a database. Held by a lock on the file
/// "<database>.lock", which the kernel releases when the process ends, in whatever way; the file
/// stays and names the process.
class SqliteLock {
public:
    /// A process that was killed may have it for as long as it takes to end; `patience` is how long
    /// it is waited for; one that is altering the tables is waited for until that is done, whatever
    /// watch.stop says. Throws StoreError when another process has it, or when the file cannot be
    /// made.
    explicit SqliteLock(const SqliteSettings& settings,
                        std::chrono::milliseconds patience = std::chrono::milliseconds(0),
                        const MigrationWatch& watch = {});
    SqliteLock(const SqliteLock&) = delete;
    SqliteLock& operator=(const SqliteLock&) = delete;
    ~SqliteLock();

    /// Tells the processes that want the lock that this one is altering the tables, until it ends.
    class Altering {
    public:
        explicit Altering(const SqliteLock& lock);
        Altering(const Altering&) = delete;
        Altering& operator=(const Altering&) = delete;
        ~Altering();

    private:
        const SqliteLock& lock_;
    };

private:
    void note(std::string_view doing) const;

    int file_ = -1;
};

}  // namespace peercron
