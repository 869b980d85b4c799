#pragma once

#include "model/text_form.hpp"

#include <span>
#include <string>
#include <string_view>

namespace peercron {

/// An absolute URL of http or https, without a user in it; its placeholders
/// (model/placeholders.hpp) may stand anywhere behind the scheme. Empty is allowed: not every job
/// has one.
extern const TextForm url_form;

/// "Name: value" on one line. Source: RFC 9110, 5.1 and 5.5. Not those that say how long the body
/// is: that is for the program.
extern const TextForm header_form;

/// A status from 100 to 599, or a range: "200-299".
extern const TextForm status_form;

/// Whether an answer of this status means success, by its job's http_expect; none means 200-299.
/// What cannot be read counts as no status.
bool is_expected_status(std::span<const std::string> expect, int status);

}  // namespace peercron
