#pragma once

#include "cli/answer_fields.hpp"

#include <string>

namespace peercron {

/// "all jobs", "tag db", "job backup", of a pause as the API shows it.
std::string pause_scope(const AnswerFields& pause);

/// "until 2026-11-21 23:00:00: db upgrade, by ops"; of one that is to come, when it begins, too.
std::string pause_text(const AnswerFields& pause);

}  // namespace peercron
