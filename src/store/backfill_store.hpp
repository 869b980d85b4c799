#pragma once

#include "base/clock.hpp"
#include "model/backfill.hpp"
#include "model/job.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace peercron {

/// What a dispatcher has to know of a backfill that goes on.
struct BackfillWork {
    Backfill backfill;
    std::int64_t open = 0;       ///< runs of it that have not ended
    std::vector<WallTime> next;  ///< the oldest fires that have none yet, not all of them
};

/// The part of a Store that is about backfills (model/backfill.hpp). Its errors are those of Store.
///
/// Which fires have had their run the ledger says: the run's row names the backfill. So nothing has
/// to be noted here when a run begins or ends, and a new dispatcher finds all.
class BackfillStore {
public:
    BackfillStore() = default;
    BackfillStore(const BackfillStore&) = delete;
    BackfillStore& operator=(const BackfillStore&) = delete;
    virtual ~BackfillStore() = default;

    /// Adds it under a new id, with its fires; returns it. Those that have been over for 90 days
    /// are forgotten.
    virtual Backfill add(const Backfill& draft, std::span<const WallTime> fires) = 0;
    /// Those that go on, by id, with at most `limit` fires each.
    virtual std::vector<BackfillWork> work(std::size_t limit) = 0;
    /// It is over, unless it was before; says whether it is there.
    virtual bool end(std::int64_t id, BackfillState state, const std::string& why, WallTime at) = 0;
    /// The newest ones of the job, newest first; with their progress.
    virtual std::vector<BackfillProgress> list(JobId job, std::size_t limit) = 0;
    virtual std::optional<BackfillProgress> find(std::int64_t id) = 0;
};

}  // namespace peercron
