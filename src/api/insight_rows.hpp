#pragma once

#include "http/json_writer.hpp"
#include "model/job_statistics.hpp"
#include "store/store.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace peercron {

// What the calls that look back and ahead have in common in their answers.

/// What one wants to know of a run at a glance, into an object that is open.
void write_brief_fields(JsonWriter& json, const LogRow& row);
/// The same as an object, or null.
void write_brief(JsonWriter& json, const std::optional<LogRow>& row);

/// How fires ended, into an object that is open.
void write_tally_fields(JsonWriter& json, const RunTally& tally);

void field_duration(JsonWriter& json, std::string_view name,
                    const std::optional<std::chrono::milliseconds>& time);

/// How long a run has been running.
std::chrono::milliseconds elapsed(const LogRow& row, WallTime now);

/// Whether it runs longer than `slow_after`; where that is 0, than its job's usual time lets
/// expect: three times as long as nearly all of its runs, of which enough are known.
bool is_slow(const LogRow& row, std::chrono::seconds slow_after, const JobStatistics& statistics,
             WallTime now);

}  // namespace peercron
