#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "node/backend.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <optional>
#include <stop_token>
#include <string>

namespace peercron {

/// A node's way to its store when it starts: waits until the database is there and has its tables,
/// and says why it waits, once for each reason. Lives on the I/O thread; outlives every call.
class StoreReadiness {
public:
    /// @param store answers newest_epoch().
    StoreReadiness(const asio::any_io_executor& executor, const Clock& clock,
                   const Backend& backend, StorePool& store);

    /// Brings the tables to this version, and tries again while the store is away, if the backend
    /// waits for it. Returns when the store is ready, or is_ready() is false after stop(). Throws
    /// StoreError when there is nothing to wait for.
    asio::awaitable<void> prepare();

    /// Ends prepare(), also in the middle of a long migration.
    void stop();

    /// The newest epoch that the store has seen: asks until it answers.
    asio::awaitable<Epoch> newest_epoch();

    bool is_ready() const { return is_ready_; }

    /// Whether prepare() has given the store its tables.
    bool is_new() const { return is_new_; }

    /// Why the store is not ready yet, and since when it is waited for.
    std::optional<StorePool::Trouble> trouble() const;

private:
    void tell(std::string trouble);

    const Backend& backend_;
    StorePool& store_;
    const WallTime since_;
    bool is_ready_ = false;
    bool is_new_ = false;
    std::string told_;  ///< "" = that it is ready
    std::stop_source stop_;
    Event stopped_;
};

}  // namespace peercron
