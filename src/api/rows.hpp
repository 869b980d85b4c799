#pragma once

#include "api/daemon_view.hpp"
#include "http/json_writer.hpp"
#include "model/job.hpp"
#include "model/notice_defaults.hpp"
#include "model/pause.hpp"
#include "schedule/calendars.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace peercron {

// Rows as the API shows them: the reference's fields with its names and types first, ours after.

/// Milliseconds since 1970, or null.
void field_millis(JsonWriter& json, std::string_view name, const std::optional<WallTime>& time);

/// An array of texts.
void write_texts(JsonWriter& json, std::string_view name, std::span<const std::string> texts);

/// What a job is shown by: the zone of those without one, what it inherits, and what is next as of
/// now.
struct JobView {
    std::string_view default_time_zone;
    const NoticeDefaults& inherited;
    WallTime now{};
    DaemonViews daemons = {};  ///< which of them are shown
    Pauses pauses = {};        ///< that are not over
    Calendars calendars = {};  ///< those that there are
};

/// What a person decides about a job.
void write_definition(JsonWriter& json, const Job& job);

/// The fields of a job, into an object that is open.
void write_job_fields(JsonWriter& json, const Job& job, const JobView& view);

/// Whether the newest runs are shown one by one.
enum class Strip : std::uint8_t { left_out, shown };

/// What a list shows of a job's past, into an object that is open.
/// @param limits as run_limits() has them for the job.
void write_past(JsonWriter& json, const RunLimits& limits, const JobInsight& insight, Strip strip,
                WallTime now);

/// An array of words: in what a run is not as usual.
void write_oddities(JsonWriter& json, const Oddities& oddities);

void write_pause(JsonWriter& json, const Pause& pause, WallTime now);
void write_pauses(JsonWriter& json, std::span<const Pause> pauses, WallTime now);

/// The names of those jobs of the rows that exist; "" for one that has none.
using NamesOfJobs = std::map<JobId, std::string>;
NamesOfJobs read_names(Store& store, std::span<const LogRow> rows);

/// A row of the ledger. What is not known (yet) is null, and the name of a job that does not exist
/// any more; `fires` and `gap_end` are there only where one row stands for many missed fires.
void write_log_row(JsonWriter& json, const LogRow& row, const NamesOfJobs& names);

/// The same with `doubled`, the other accounts of the run, where there are any.
void write_whole_row(JsonWriter& json, const LogRow& row, const NamesOfJobs& names,
                     std::span<const DoubledRun> doubled);

}  // namespace peercron
