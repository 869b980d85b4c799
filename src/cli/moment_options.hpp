#pragma once

#include "cli/api_client.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace peercron {

/// The second that this machine's clock shows.
std::chrono::sys_seconds this_second();

/// read_moment() of what an option was given.
/// @throws Failure usage, which names the option.
std::chrono::sys_seconds moment_option(std::string_view option, std::string_view given,
                                       std::optional<std::chrono::sys_seconds> begin = {});

/// The same with read_past().
std::chrono::sys_seconds past_option(std::string_view option, std::string_view given,
                                     std::optional<std::chrono::sys_seconds> begin = {});

struct GivenOption {
    std::string_view option;
    std::string_view given;  ///< "" = it was not
};

/// `from` and `to` of a list by time, where they were given.
/// @throws Failure as past_option().
void add_past_span(Query& query, const GivenOption& from, const GivenOption& to);

}  // namespace peercron
