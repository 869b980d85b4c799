#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "dispatch/job_table.hpp"
#include "model/missed.hpp"

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace peercron {

/// Which lines the log gets about missed fires: one about each job, and no more than `most_lines`
/// of them within `time`; further missed fires are summed up in a last line. Pure.
class MissedReport {
public:
    static constexpr std::size_t most_lines = 20;
    static constexpr std::chrono::seconds time{10};

    /// The line about it, unless it is for the summary. `label`: the job's, as people know it.
    std::optional<std::string> add(const EndedFires& ended, std::string_view cause,
                                   const std::string& label, SteadyTime now);

    /// When the summary is due, if there is something to sum up.
    std::optional<SteadyTime> due() const;

    /// The summary; the next one begins.
    std::string take_summary();

private:
    void begin(SteadyTime now);

    std::optional<SteadyTime> begun_;
    std::unordered_set<JobId> told_;                 ///< jobs that have their lines
    std::unordered_set<JobId> others_;               ///< of those in the summary
    std::map<std::string_view, std::int64_t> left_;  ///< fires by cause
};

/// Warns of fires that are missed (model/missed.hpp), and counts them by cause, wherever that was
/// decided: by this node, or by the dispatcher that it is. One thread.
class MissedFires {
public:
    MissedFires(asio::any_io_executor executor, const JobTable& jobs,
                prometheus::Registry& metrics);

    /// Any end of a run; only missed fires count.
    void note(const EndedFires& ended);

    /// Writes the summaries. Ends by cancellation.
    asio::awaitable<void> run();

private:
    const JobTable& jobs_;
    MissedReport report_;
    Event noted_;
    std::array<prometheus::Counter*, missed_words.size()> counters_{};
};

}  // namespace peercron
