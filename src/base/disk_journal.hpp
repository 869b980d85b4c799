#pragma once

#include "base/journal.hpp"
#include "base/offload.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// The journal on this machine's disk: its calls run on a thread of their own. The log says once
/// that it begins to fail and once that this is over; metrics show it all the time.
class DiskJournal final : public Journal {
public:
    enum class State : std::uint8_t {
        off,          ///< its limit is 0
        ok,           ///< it takes records, as far as is known
        failing,      ///< the last append failed: no space, or the limit
        unavailable,  ///< it could not be opened; there is none until the next start
    };

    DiskJournal(JournalSettings settings, prometheus::Registry& metrics);
    DiskJournal(const DiskJournal&) = delete;
    DiskJournal& operator=(const DiskJournal&) = delete;
    ~DiskJournal() override;

    /// Opens the file; to be called once, before anything else. Never fails: state() tells.
    asio::awaitable<void> open();

    State state() const { return state_; }

    bool is_open() const override { return file_.has_value(); }
    std::uint64_t largest_record() const override { return settings_.limit / 4; }
    asio::awaitable<std::vector<JournalEntry>> entries(JournalKind kind) override;
    asio::awaitable<std::vector<Result<std::string>>> read(
        std::vector<JournalSequence> sequences) override;
    asio::awaitable<Result<std::vector<JournalSequence>>> append(
        JournalKind kind, std::vector<std::string> payloads) override;
    asio::awaitable<void> remove(std::vector<JournalSequence> sequences) override;

private:
    struct Size {
        std::size_t records = 0;
        std::uint64_t bytes = 0;
    };
    Size size_of_file() const;
    void show(Size size);
    void note_failure(const std::string& what);
    void note_recovery();

    JournalSettings settings_;
    std::optional<JournalFile> file_;  // while a call is under way, of thread_ alone
    State state_ = State::unavailable;
    prometheus::Gauge& bytes_;
    prometheus::Gauge& records_;
    prometheus::Gauge& failing_;
    prometheus::Counter& failures_;
    asio::thread_pool thread_{1};
};

std::string_view to_string(DiskJournal::State state);

}  // namespace peercron
