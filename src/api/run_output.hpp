#pragma once

#include "base/result.hpp"
#include "model/output_part.hpp"
#include "model/run.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>

namespace peercron {

namespace asio = boost::asio;

/// The way of one reader to the outputs of the runs of one node. Lives on the I/O thread.
class RunOutput {
public:
    RunOutput() = default;
    RunOutput(const RunOutput&) = delete;
    RunOutput& operator=(const RunOutput&) = delete;
    virtual ~RunOutput() = default;

    /// What there is from the byte `from` on, 64 KiB of it at most. If there is nothing yet, it
    /// waits for that so long. The error says why the node cannot be asked. One call at a time.
    virtual asio::awaitable<Result<OutputPart>> read(RunId run, std::int64_t from,
                                                     std::chrono::milliseconds wait) = 0;

    /// Has a read() that waits return soon, with an empty part or an error.
    virtual void interrupt() = 0;
};

}  // namespace peercron
