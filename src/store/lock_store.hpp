#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/lock.hpp"
#include "model/run.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// A job that has locks.
struct LockUser {
    JobId job = 0;
    std::string name;  ///< empty = none
    std::vector<std::string> locks;
};

/// A run of such a job that has not ended.
struct OpenLockRun {
    std::int64_t row = 0;  ///< its id in the ledger
    RunId id;
    RunState state = RunState::planned;
    NodeName run_server;
    std::optional<WallTime> started_at;
    std::optional<WallTime> retry_at;  ///< see PlannedRun
};

/// The part of a Store that is about locks (model/lock.hpp). Its errors are those of Store.
class LockStore {
public:
    LockStore() = default;
    LockStore(const LockStore&) = delete;
    LockStore& operator=(const LockStore&) = delete;
    virtual ~LockStore() = default;

    /// Those that are set, by name.
    virtual std::vector<LockLimit> limits() = 0;
    /// Adds it, or replaces the one of its name.
    virtual void set_limit(const LockLimit& limit) = 0;
    /// Says whether there was one.
    virtual bool delete_limit(const std::string& name) = 0;
    /// By id.
    virtual std::vector<LockUser> users() = 0;
    /// In the order of their times.
    virtual std::vector<OpenLockRun> open_runs() = 0;
};

}  // namespace peercron
