#pragma once

#include "base/file_descriptor.hpp"
#include "exec/readable_set.hpp"
#include "model/run.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

namespace peercron {

namespace asio = boost::asio;

/// Keeps the outputs of finished runs open as long as a process can still write to them, and
/// discards what is written: a background child must not die of SIGPIPE, or block for ever on a
/// full pipe, because the command that started it has ended.
///
/// Each pipe is emptied at most twenty times a second (1.3 MB/s with Linux's 64 KiB), so that a
/// child that writes without end cannot keep the thread busy.
///
/// Each output costs a descriptor, so at most `limit` are kept. One more closes the oldest, whose
/// writers die of SIGPIPE at their next output; the first time, the log says so. The destructor
/// closes all.
///
/// Belongs to one thread, that of the executor.
class OutputDrain {
public:
    OutputDrain(asio::any_io_executor executor, std::size_t limit);

    /// Reads and discards. Ends only by cancellation.
    asio::awaitable<void> run();

    /// Takes the reading end (non-blocking) of the output of a finished run.
    void add(FileDescriptor output, const RunId& run);

    /// How many outputs are open.
    std::size_t size() const { return outputs_.size(); }

private:
    struct Output {
        FileDescriptor descriptor;
        RunId run;
    };
    using Outputs = std::map<std::uint64_t, Output>;  // oldest first

    void discard(std::uint64_t token);
    void close(Outputs::iterator output);

    std::size_t limit_;
    ReadableSet readable_;
    Outputs outputs_;
    std::uint64_t last_token_ = 0;
    bool has_said_so_ = false;
    std::array<char, 65536> scratch_{};
};

}  // namespace peercron
