#pragma once

#include "http/json_writer.hpp"
#include "model/job.hpp"
#include "store/store.hpp"

namespace peercron {

// Rows as the API shows them: the reference's fields with its names and types first, ours after.

/// The fields of a job, into an object that is open.
void write_job_fields(JsonWriter& json, const Job& job);
void write_job(JsonWriter& json, const Job& job);

/// A row of the ledger. What is not known (yet) is null; `fires` and `gap_end` are there only
/// where one row stands for many missed fires.
void write_log_row(JsonWriter& json, const LogRow& row);

}  // namespace peercron
