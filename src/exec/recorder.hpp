#pragma once

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/journal.hpp"
#include "model/run.hpp"
#include "store/store_pool.hpp"

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace peercron {

struct RecorderSettings {
    /// How long a report may wait for others to be written with it: short runs whose start and end
    /// fall into this time cost one write.
    std::chrono::milliseconds interval{30};
    /// The same while commands are being started, which comes first.
    std::chrono::milliseconds busy_interval{250};
    std::function<bool()> is_busy;                 ///< not set: never
    std::size_t max_rows = 500;                    ///< of one write, and …
    std::size_t max_bytes = 4U << 20U;             ///< … bytes of output (one row may have more)
    std::size_t max_waiting_output = 256U << 20U;  ///< bytes of output that only memory has
    std::chrono::milliseconds first_retry{100};
    std::chrono::milliseconds last_retry{5000};
    /// A store that takes longer for a write is taken to be away as far as the journal goes.
    std::chrono::milliseconds slow_write{1000};
    std::size_t journal_bytes = 1U << 20U;  ///< of one write to the journal (one row may have more)
    std::chrono::milliseconds journal_retry{5000};  ///< after the journal could not take a write
};

/// The reports' kind of record in a journal; what it holds: encode_report() of wire/codec.hpp.
inline constexpr JournalKind report_record{1};

/// Writes the reports of runs into the ledger, in batches.
///
/// While the store takes them nothing else is written. When it fails, or is slow, the results of
/// runs that have ended go into the journal until the store has them: there they survive the end of
/// this process and are replayed at the next start. A run that has not ended need not be there: it
/// either ends here, or it ended with its node. Recording a report twice does nothing
/// (Store::record), so replaying a report that the store already has is harmless.
///
/// If the store finds that a run ran twice, when it takes the second report, this is an error in
/// the log and counted in peercron_runs_doubled_total.
///
/// Rows are never given up. An output that is in the journal is in memory only while its row is
/// being written. When the outputs that are not in the journal exceed the limit, further ones are
/// replaced by a note that says so. A row that the store refuses does not hold up the others: after
/// a failure the batches get smaller, and what failed goes to the end of the queue.
///
/// Lives on the I/O thread.
class Recorder {
public:
    /// Without an open journal, waiting reports are in memory only.
    Recorder(asio::any_io_executor executor, const Clock& clock, StorePool& store,
             RecorderSettings settings = {}, Journal* journal = nullptr,
             prometheus::Registry* metrics = nullptr);

    /// Adds what the journal has from before. To be awaited before anything else is added.
    asio::awaitable<void> replay();

    /// Ends only by cancellation; what is neither written nor in the journal then is lost: await
    /// flush() first.
    asio::awaitable<void> run();

    /// Serves the journal, beside run(). Ends by cancellation, or at once without a journal.
    asio::awaitable<void> keep();

    /// A later report of a run replaces the one that still waits.
    void add(RunReport report);

    /// Waits until everything is written, but not past `deadline`. Says whether it is.
    asio::awaitable<bool> flush(SteadyTime deadline);

    /// Runs that have ended but are not in the ledger yet, without output.
    std::vector<RunReport> pending() const;

    std::size_t waiting() const { return waiting_.size() + writing_.size(); }

    /// Of the runs that have ended and wait, those that are not in the journal.
    std::size_t unkept() const;

private:
    /// What the journal has of a run.
    struct Kept {
        enum class Copy : std::uint8_t {
            none,
            under_way,
            without_output,  // which is too large for it
            whole,           // while the report waits, its output is only there
        };
        Copy copy = Copy::none;                // of this report
        std::size_t output_size = 0;           // of the output that is there
        std::vector<JournalSequence> records;  // all of this run, the newest last
    };
    struct Entry {
        RunReport report;
        Kept kept;
    };
    /// Reports on their way into the journal.
    struct JournalBatch {
        std::vector<RunId> ids;
        std::vector<Kept::Copy> copies;
        std::vector<std::string> payloads;
    };

    asio::awaitable<void> await_batch();
    asio::awaitable<void> write_batch();
    void take_batch();
    asio::awaitable<void> read_outputs();
    void put_back();
    void give_up_output(RunReport& report) const;
    static std::size_t unkept_output(const RunReport& report, const Kept& kept);
    void note_outage(const char* what);
    void note_doubled(const std::vector<DoubledRun>& runs);
    void note_success(SteadyTime::duration took);
    void finish_batch();

    void begin_keeping();
    void end_keeping();
    bool is_time_to_keep();
    SteadyTime next_look() const;
    asio::awaitable<void> append_some();
    JournalBatch take_for_journal();
    std::pair<const RunReport*, Kept*> find(const RunId& id);
    void note_kept(const JournalBatch& batch, const std::vector<JournalSequence>& sequences);
    void note_unkept(const JournalBatch& batch);
    void note_whole(const RunReport& report, Kept& kept);
    asio::awaitable<void> remove_stored();
    void take_replayed(JournalSequence sequence, RunReport report);

    const Clock& clock_;
    StorePool& store_;
    RecorderSettings settings_;
    Event added_;
    Event written_;
    std::unordered_map<RunId, Entry> waiting_;
    std::deque<RunId> queue_;         // waiting_ in the order it is to be written
    std::vector<RunReport> writing_;  // the batch that is being written, and …
    std::vector<Kept> writing_kept_;  // … for each of it, what the journal has
    std::optional<SteadyTime> writing_since_;
    std::size_t output_bytes_ = 0;  // of waiting_ and writing_, that only memory has
    bool is_urgent_ = false;        // somebody waits in flush()

    Backoff backoff_;
    std::size_t batch_limit_;
    std::optional<SteadyTime> away_since_;

    prometheus::Counter* doubled_ = nullptr;

    Journal* journal_;
    Event keep_;                           // there may be something to do for keep()
    bool is_keeping_ = false;              // the store is away or slow
    std::deque<RunId> to_keep_;            // ended, and not in the journal; while is_keeping_
    std::vector<JournalSequence> stored_;  // to be removed from the journal
    bool is_to_settle_ = false;            // nothing needs the journal any more: tell it
    SteadyTime next_append_{};             // not before this
};

}  // namespace peercron
