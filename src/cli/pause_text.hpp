#pragma once

#include "cli/answer_fields.hpp"

#include <string>

namespace peercron {

/// "until 2026-11-21 23:00:00: db upgrade, by ops", of a pause as the API shows it.
std::string pause_text(const AnswerFields& pause);

}  // namespace peercron
