#pragma once

#include "base/clock.hpp"
#include "store/id_blocks.hpp"
#include "store/lists.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace peercron {

// What the queries for lists of the log have in common in all databases. Terms of a condition on
// table log begin with " AND " each.

/// Rows from a time on and before another. An index by column time has all of it when both are
/// whole seconds.
std::string time_terms(const std::optional<WallTime>& from, const std::optional<WallTime>& to);

/// Leaves out the ids of which the blocks say that they have no rows.
std::string id_terms(const IdBlocks& blocks);

/// The row says that its fire is missed. A lost run is not when a further attempt has a row.
std::string missed_terms();

/// For table unusual_run: the row says what the filter asks for.
std::string oddity_terms(const LogFilter& filter);

/// Whether a row may come to a list some time after it was planned, or leave it otherwise than by
/// deletion: then no blocks are kept of it.
bool is_left_by_rows(const LogFilter& filter);

/// Where to look for a page of the log, and in which order to go through the rows.
struct PageSource {
    enum class Order : std::uint8_t {
        of_filter,  ///< that of the index for the filter
        by_id,
        by_time,  ///< to be sorted
    };
    PagePlace place;
    Order order = Order::of_filter;
};

/// By PageHint::list, if that is known.
/// @param count_newer how many rows of the list have an id of `end` or above.
PageSource source_of(const LogFilter& filter, const Slice& slice, const PageHint& hint,
                     const std::function<std::int64_t(std::int64_t end)>& count_newer);

}  // namespace peercron
