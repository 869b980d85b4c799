#pragma once

#include "cli/answer_fields.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace peercron {

/// A moment that an option was given, as a parameter of the API.
/// @throws Failure, which names the option.
boost::json::value moment_parameter(std::string_view option, const std::string& given);

/// "until 2026-11-21 23:00:00: db upgrade, by ops", of a pause as the API shows it.
std::string pause_text(const AnswerFields& pause);

}  // namespace peercron
