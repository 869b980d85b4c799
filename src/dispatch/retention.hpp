#pragma once

#include "base/clock.hpp"
#include "dispatch/dispatcher.hpp"
#include "store/store_pool.hpp"

#include <chrono>

namespace peercron {

/// Deletes rows of the ledger when they are old enough: a few at a time, with pauses between, so
/// that nobody who reads or writes the ledger waits for it. Lives on the I/O thread.
class Retention {
public:
    /// @param keep how long after a run was due its row stays; more than 0.
    Retention(const Clock& clock, StorePool& store, Dispatcher::Metrics& metrics,
              std::chrono::seconds keep)
        : clock_(clock), store_(store), metrics_(metrics), keep_(keep)
    {}

    /// Looks each minute. Ends only by cancellation.
    asio::awaitable<void> run();

private:
    asio::awaitable<void> delete_all();
    asio::awaitable<bool> delete_some();

    const Clock& clock_;
    StorePool& store_;
    Dispatcher::Metrics& metrics_;
    const std::chrono::seconds keep_;
    std::size_t at_once_ = 100;
    std::size_t deleted_ = 0;  ///< since it last said so
};

}  // namespace peercron
