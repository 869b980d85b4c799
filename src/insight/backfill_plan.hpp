#pragma once

#include "model/backfill.hpp"
#include "schedule/schedule.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace peercron {

/// Which fires of a time a backfill runs. Pure; built row by row, so that a long ledger need not be
/// in memory.
///
/// A fire is one that the schedule names as it is now, or that has a row; a row that a change took
/// back (`revoked`) counts for nothing. By its newest attempt it is missing: it has no row, or did
/// not run for a reason that nobody asked for (model/missed.hpp; fires that are one row count
/// each); or failed: it ran and did not succeed, or nobody knows how it ended; or neither. Without
/// a row, and of a time in which the job was stopped or did not exist, it is neither. One that is
/// under way is left alone, and so is one that had several parts.
class BackfillPlan {
public:
    /// @param schedule of the job; none: it makes no sense.
    /// @param from, to fires at or after the one and before the other.
    /// @param revisions of the job, as in JobPast from `from` on; none: they are not known.
    BackfillPlan(std::optional<Schedule> schedule, Window window, WallTime from, WallTime to,
                 BackfillOnly only, std::vector<Revision> revisions);

    /// How many fires the schedule names, counted up to `most`.
    std::size_t count_due(std::size_t most) const;

    /// The next row of the job by time and attempt.
    void take(const LedgerEntry& row);
    /// All rows were taken.
    void finish();

    /// The oldest first.
    const std::vector<WallTime>& fires() const { return fires_; }
    /// How many fires were looked at.
    std::size_t looked_at() const { return looked_at_; }

private:
    std::optional<WallTime> next_due(WallTime after) const;
    void pass(WallTime until);
    void close();
    void judge(WallTime fire, const LedgerEntry* newest);
    bool is_wanted(WallTime fire, const LedgerEntry* newest) const;
    bool was_off(WallTime fire) const;

    const std::optional<Schedule> schedule_;
    const Window window_;
    const WallTime from_;
    const WallTime to_;
    const BackfillOnly only_;
    const std::vector<Revision> revisions_;
    std::optional<WallTime> due_;  ///< the next one that was not judged
    std::optional<LedgerEntry> newest_;
    std::optional<LedgerEntry> gap_;  ///< the last row of several fires
    std::vector<WallTime> fires_;
    std::size_t looked_at_ = 0;
};

}  // namespace peercron
