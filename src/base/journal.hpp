#pragma once

#include "base/journal_file.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace peercron {

namespace asio = boost::asio;

/// A JournalFile for coroutines of the I/O thread, as those see it who keep records in it: any
/// number of users, each with a kind of record of its own. Its calls are carried out in the order
/// they came. Lives on the I/O thread; outlives every call.
class Journal {
public:
    Journal() = default;
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    virtual ~Journal() = default;

    virtual bool is_open() const = 0;

    /// No record should be larger: the others need space, too.
    virtual std::uint64_t largest_record() const = 0;

    // As JournalFile's; all of them need is_open().
    virtual asio::awaitable<std::vector<JournalEntry>> entries(JournalKind kind) = 0;
    /// One payload or error for each of them.
    virtual asio::awaitable<std::vector<Result<std::string>>> read(
        std::vector<JournalSequence> sequences) = 0;
    virtual asio::awaitable<Result<std::vector<JournalSequence>>> append(
        JournalKind kind, std::vector<std::string> payloads) = 0;
    /// May be called with none: an empty journal no longer counts as failing.
    virtual asio::awaitable<void> remove(std::vector<JournalSequence> sequences) = 0;
};

}  // namespace peercron
