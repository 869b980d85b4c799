#pragma once

#include "model/run.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

// What stands in a request for something of its run: {{job}} for the id of the job,
// {{scheduled_at}} for when the run was due (RFC 3339 in UTC, 2026-11-21T00:00:00.000Z),
// {{attempt}} for the number of the attempt, {{shard}} for which part of its fire it is, from 0,
// and {{shards}} for how many there are. None of them needs to be quoted in a URL, in a header or
// in JSON.

/// The first placeholder of `text` that there is not, "{{name}}"; nullopt: all are known.
std::optional<std::string> unknown_placeholder(std::string_view text);

/// What is no placeholder stays.
std::string fill_placeholders(std::string_view text, const RunId& run);

}  // namespace peercron
