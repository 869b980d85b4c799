#pragma once

#include "model/job_fields.hpp"

#include <string_view>

namespace peercron {

/// Sets a choice to the word that a row or a revision has. MySQL turns a word that it does not know
/// into an empty one unless it is strict, and a newer peercron may have more words: what is unknown
/// leaves the field as it is, so that one bad row is no reason to read none. The log says so, at
/// most once a minute and thread.
/// @param job has its id, and the field's default.
void read_choice(const JobField& field, Job& job, std::string_view word);

}  // namespace peercron
