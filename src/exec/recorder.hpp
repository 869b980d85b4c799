#pragma once

#include "base/backoff.hpp"
#include "base/event.hpp"
#include "model/run.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

namespace peercron {

struct RecorderSettings {
    /// How long a report may wait for others to be written with it: short runs whose start and end
    /// fall into this time cost one write.
    std::chrono::milliseconds interval{30};
    std::size_t max_rows = 500;                    ///< of one write, and …
    std::size_t max_bytes = 4U << 20U;             ///< … bytes of output (one row may have more)
    std::size_t max_waiting_output = 256U << 20U;  ///< bytes of output kept while the store is away
    std::chrono::milliseconds first_retry{100};
    std::chrono::milliseconds last_retry{5000};
};

/// Writes what became of runs into the ledger, in batches.
///
/// While the store is away reports are kept and tried again. Rows are never given up; when the
/// outputs that wait exceed the limit, further ones are replaced by a note that says so. A row that
/// the store refuses does not hold up the others: after a failure the batches get smaller, and what
/// failed goes to the end of the queue.
///
/// Lives on the I/O thread.
class Recorder {
public:
    Recorder(asio::any_io_executor executor, StorePool& store, RecorderSettings settings = {});

    /// Ends only by cancellation; what is not written then is lost: await flush() first.
    asio::awaitable<void> run();

    /// A later report of a run replaces the one that still waits.
    void add(RunReport report);

    /// Waits until everything is written, but not past `deadline`. Says whether it is.
    asio::awaitable<bool> flush(SteadyTime deadline);

    /// Runs that have ended but are not in the ledger yet, without output.
    std::vector<RunReport> pending() const;

    std::size_t waiting() const { return waiting_.size() + writing_.size(); }

private:
    asio::awaitable<void> write_batch();
    void take_batch();
    void put_back();
    void give_up_output(RunReport& report) const;
    void note_outage(const char* what);
    void note_success();

    StorePool& store_;
    RecorderSettings settings_;
    Event added_;
    Event written_;
    std::unordered_map<RunId, RunReport> waiting_;
    std::deque<RunId> queue_;         // waiting_ in the order it is to be written
    std::vector<RunReport> writing_;  // the batch that is being written
    std::size_t output_bytes_ = 0;    // of waiting_ and writing_
    bool is_urgent_ = false;          // somebody waits in flush()

    Backoff backoff_;
    std::size_t batch_limit_;
    std::optional<SteadyTime> away_since_;
};

}  // namespace peercron
