#pragma once

#include "store/store_image.hpp"

#include <functional>

namespace peercron {

/// How far a copy is.
struct CopyProgress {
    std::int64_t jobs = 0;
    std::int64_t rows = 0;
    std::int64_t all_jobs = 0;
    std::int64_t all_rows = 0;
    bool comparing = false;  ///< all is copied, and both are read again
};

/// Copies jobs, their history, ledger and term into `to`, in order of their ids, and checks that
/// both hold the same in the end; returns the totals. Continues an interrupted copy: what `to`
/// holds already must be the beginning of what `from` holds; all of it is compared.
///
/// Throws StoreError when a store fails, when `to` holds something else, and when one of them
/// changes meanwhile.
StoreTotals copy_store(StoreImage& from, StoreImage& to,
                       const std::function<void(const CopyProgress&)>& on_progress);

}  // namespace peercron
