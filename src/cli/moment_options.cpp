#include "cli/moment_options.hpp"

#include "cli/exit_status.hpp"
#include "cli/moments.hpp"

#include <spdlog/fmt/fmt.h>

#include <string>

namespace peercron {

using std::chrono::sys_seconds;

namespace {

sys_seconds moment_of(std::string_view option, const Result<sys_seconds>& read)
{
    if (read) return *read;
    throw Failure(ExitStatus::usage, fmt::format("{}: {}", option, read.error().message));
}

}  // namespace

sys_seconds this_second()
{
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

sys_seconds moment_option(std::string_view option, std::string_view given,
                          std::optional<sys_seconds> begin)
{
    return moment_of(option, read_moment(given, this_second(), begin));
}

sys_seconds past_option(std::string_view option, std::string_view given,
                        std::optional<sys_seconds> begin)
{
    return moment_of(option, read_past(given, this_second(), begin));
}

void add_past_span(Query& query, const GivenOption& from, const GivenOption& to)
{
    std::optional<sys_seconds> begin;
    const auto add = [&](const char* name, const GivenOption& bound) {
        if (bound.given.empty()) return;
        const sys_seconds moment = past_option(bound.option, bound.given, begin);
        query.emplace_back(name, std::to_string(moment.time_since_epoch().count()));
        begin = moment;
    };
    add("from", from);
    add("to", to);
}

}  // namespace peercron
