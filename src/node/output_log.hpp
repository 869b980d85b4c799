#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "http/json_writer.hpp"
#include "model/run.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace peercron {

/// Copies what commands write to a descriptor, for whatever collects the output of a container: a
/// JSON object per line (no longer than `longest_line`; a longer one becomes several), and one when
/// the run has ended:
///
///     {"time":1795330800123,"job":5,"name":"hello","scheduled_at":1795330800000,"attempt":1,
///      "line":"hello"}
///     {"time":1795330800125,"job":5,"name":"hello","scheduled_at":1795330800000,"attempt":1,
///      "state":"success","reason":"","exit_code":0,"term_signal":null,"use_time":2}
///
/// Lines of runs at the same time are never mixed. Bytes that are not UTF-8 become U+FFFD. It waits
/// for nobody: what the reader does not take is kept up to `most_waiting` bytes; beyond that whole
/// objects are left out, and {"time":…,"left_out":N} says how many.
///
/// Lives on the I/O thread, which it never blocks, if the descriptor is a pipe, a terminal, a
/// socket or a file.
class OutputLog {
public:
    static constexpr std::size_t longest_line = 8 * 1024;
    static constexpr std::size_t most_waiting = 1024 * 1024;

    /// The name of a job, "" if it has none.
    using NameOf = std::function<std::string(JobId)>;

    OutputLog(asio::any_io_executor executor, const Clock& clock, int descriptor, NameOf name_of);

    void add(const RunId& run, std::string_view output);

    /// Of runs that have ended; nothing is written about others, nor about fires that did not run.
    void note(const RunReport& report);

    /// Writes until it is cancelled.
    asio::awaitable<void> run();

    /// Writes what waits, as long as the reader takes it, and not past `limit`.
    asio::awaitable<void> flush(SteadyTime limit);

private:
    void add_line(const RunId& run, std::string_view line);
    void begin_object(JsonWriter& json, const RunId& run) const;
    void append(std::string_view object);
    void tell_what_was_left_out();
    bool write_some();

    const Clock& clock_;
    const int descriptor_;
    const NameOf name_of_;
    std::unordered_map<RunId, std::string> begun_;  // lines without their end yet
    std::string waiting_;
    std::size_t left_out_ = 0;
    Event news_;
};

}  // namespace peercron
