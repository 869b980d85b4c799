#pragma once

#include "model/run.hpp"
#include "wire/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace peercron {

namespace asio = boost::asio;

/// Answers those who ask for the output of a run while it goes on.
///
/// A reader costs its ask while that waits, and nothing else: what was skipped because nobody asked
/// in time is not kept for anybody. It does not touch the run, which is looked at a few times a
/// second. Lives on the I/O thread.
class OutputDesk {
public:
    /// The most bytes in one answer, and the longest that an ask waits.
    static constexpr std::size_t most_at_once = 64U * 1024U;
    static constexpr std::chrono::milliseconds longest_wait{10'000};

    using Read = std::function<OutputPart(const RunId& run, std::int64_t from, std::size_t most)>;

    /// @param read what there is; see Executor::output().
    explicit OutputDesk(Read read) : read_(std::move(read)) {}
    OutputDesk(const OutputDesk&) = delete;
    OutputDesk& operator=(const OutputDesk&) = delete;
    ~OutputDesk() = default;

    /// Answers as soon as there is output or the run is not there, and when the wait is over.
    asio::awaitable<OutputPiece> answer(OutputAsk ask);

    std::size_t waiting() const { return waiting_; }

private:
    Read read_;
    std::size_t waiting_ = 0;
};

}  // namespace peercron
