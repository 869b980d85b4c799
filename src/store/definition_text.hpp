#pragma once

#include "model/job.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// A job's definition as JSON, the form in which table cron_revision keeps it: what a person
/// decides, under the names of the columns of table cron, without the id.
std::string definition_text(const Job& job);

/// What the text of every job of this name begins with, and of no other.
std::string definition_beginning(const std::string& name);

/// Reads it back; what an older version did not write has its default. Throws StoreError.
Job read_definition(JobId id, std::string_view text);

}  // namespace peercron
