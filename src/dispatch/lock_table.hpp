#pragma once

#include "model/job.hpp"
#include "model/lock.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace peercron {

/// Which locks the jobs have, and the limits of locks.
///
/// Jobs that share a lock, directly or through others, belong together: their runs are at one node,
/// which counts what is taken. With `a, b` in one job and `b, c` in another, a, b and c are one
/// group. Plain memory; one thread.
class LockTable {
public:
    /// The job has these locks now.
    void put(JobId job, std::span<const LockClaim> claims);
    void erase(JobId job);

    /// Returns the jobs that have a lock whose limit is another one now.
    std::vector<JobId> set_limits(std::vector<LockLimit> limits);
    /// In the order of the claims.
    std::vector<std::int64_t> limits_of(std::span<const LockClaim> claims) const;

    /// These locks, and all that are of one group with one of them.
    std::set<std::string> group_of(const std::set<std::string>& names) const;

private:
    using Names = std::vector<std::string>;

    std::vector<LockLimit> limits_;
    std::unordered_map<JobId, Names> locks_of_;
    /// Which locks are named together by a job, and by how many jobs.
    std::map<std::string, std::map<std::string, int>> beside_;
    std::map<std::string, std::set<JobId>> users_;
};

}  // namespace peercron
