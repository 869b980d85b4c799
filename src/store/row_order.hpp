#pragma once

#include <algorithm>
#include <iterator>
#include <span>
#include <tuple>
#include <vector>

namespace peercron {

/// The rows by time and job, so that new ones get their ids in that order, and statements that lock
/// the same rows do it in the same order and do not deadlock. Those of one run stay in their order.
template <class Row>
std::vector<const Row*> in_order(std::span<const Row> rows)
{
    std::vector<const Row*> sorted;
    sorted.reserve(rows.size());
    std::ranges::transform(rows, std::back_inserter(sorted), [](const Row& row) { return &row; });
    const auto key = [](const Row* row) {
        return std::tuple(row->id.scheduled_at, row->id.job, row->id.attempt, row->id.part);
    };
    std::ranges::stable_sort(sorted, {}, key);
    return sorted;
}

}  // namespace peercron
