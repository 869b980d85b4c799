#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <set>
#include <span>
#include <vector>

namespace peercron {

/// Which ledger rows `log follow` shows, and when: each once, after it has ended.
///
/// The ids of rows only grow, in the order in which they become visible, because all are inserted
/// under the same lock (the term's row). So there are rows up to a watermark, of which the open
/// ones are watched one by one, and rows above it, which have not been seen yet.
///
/// To begin without missing a row: read the newest id, begin(), then read all open rows and
/// watch() them. Then again and again: add_new() the rows above watermark(), and add_watched() the
/// present rows of open().
class FollowBook {
public:
    using Rows = std::vector<boost::json::value>;

    /// Follows from behind this row; 0 from the first.
    void begin(std::int64_t newest) { watermark_ = newest; }

    /// Rows that were open when the following began; those above the watermark will come by
    /// themselves.
    void watch(const boost::json::array& rows);

    /// Rows above the watermark; returns those that have ended, and watches the others.
    Rows add_new(const boost::json::array& rows);

    /// The present rows of `asked`, which was taken from open(); returns those that have ended.
    /// Rows that are missing were deleted and are watched no longer.
    Rows add_watched(std::span<const std::int64_t> asked, const boost::json::array& rows);

    std::int64_t watermark() const { return watermark_; }
    bool is_open(std::int64_t id) const { return open_.contains(id); }

    /// The rows that are watched, from the lowest id.
    std::vector<std::int64_t> open() const { return {open_.begin(), open_.end()}; }

private:
    std::int64_t watermark_ = 0;
    std::set<std::int64_t> open_;
};

}  // namespace peercron
