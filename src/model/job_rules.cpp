#include "model/job_rules.hpp"

#include "base/utf8.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string_view>

namespace peercron {
namespace {

std::optional<JobProblem> too_long(std::string_view member, const std::optional<std::string>& given,
                                   std::size_t most)
{
    if (!given) return std::nullopt;
    const std::size_t characters = count_characters(*given);
    if (characters <= most) return std::nullopt;
    return JobProblem{std::string(member),
                      fmt::format("given {} characters; at most {} are allowed", characters, most)};
}

std::optional<JobProblem> not_text(std::string_view member, const std::optional<std::string>& given)
{
    if (!given || (is_utf8(*given) && given->find('\0') == std::string::npos)) return std::nullopt;
    return JobProblem{std::string(member),
                      fmt::format("given {}; UTF-8 without NUL is allowed", quote_utf8(*given))};
}

std::optional<JobProblem> bad_name(const std::optional<std::string>& name)
{
    if (!name || name->empty()) return std::nullopt;
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
    const bool padded = name->front() == ' ' || name->back() == ' ';
    const bool number = name->find_first_not_of("0123456789") == std::string::npos;
    if (!padded && !number && std::ranges::none_of(*name, is_control)) return std::nullopt;
    return JobProblem{"name",
                      fmt::format("given {}; a name without control characters and without spaces "
                                  "at its ends, that is not only a number, is allowed",
                                  quote_utf8(*name))};
}

std::optional<JobProblem> bad_command(const std::optional<std::string>& command)
{
    if (!command) return std::nullopt;
    if (command->find_first_not_of(" \t\r\n") == std::string::npos) {
        return JobProblem{"command",
                          fmt::format("given {}; it must not be empty", quote_utf8(*command))};
    }
    if (command->size() <= JobLimits::command_bytes) return std::nullopt;
    return JobProblem{"command", fmt::format("given {} bytes; at most {} are allowed",
                                             command->size(), JobLimits::command_bytes)};
}

std::optional<JobProblem> out_of_range(std::string_view member, std::optional<std::int64_t> given,
                                       std::int64_t most)
{
    if (!given || (*given >= 0 && *given <= most)) return std::nullopt;
    return JobProblem{std::string(member),
                      fmt::format("given {}; 0 to {} is allowed", *given, most)};
}

std::optional<std::int64_t> count_of(const std::optional<std::chrono::seconds>& time)
{
    if (!time) return std::nullopt;
    return time->count();
}

}  // namespace

std::optional<JobProblem> find_problem(const JobPatch& patch)
{
    auto window = patch.misfire_window.value_or(std::nullopt);
    if (window == until_next) window.reset();
    for (auto problem :
         {not_text("name", patch.name), not_text("cronSet", patch.cron_set),
          not_text("command", patch.command), not_text("remark", patch.remark),
          not_text("time_zone", patch.time_zone),
          too_long("name", patch.name, JobLimits::name_characters), bad_name(patch.name),
          too_long("cronSet", patch.cron_set, JobLimits::cron_set_characters),
          bad_command(patch.command),
          too_long("remark", patch.remark, JobLimits::remark_characters),
          out_of_range("start_time", patch.start_time, JobLimits::latest_second),
          out_of_range("end_time", patch.end_time, JobLimits::latest_second),
          out_of_range("timeout", count_of(patch.timeout), JobLimits::longest_time),
          out_of_range("misfire_window", count_of(window), JobLimits::longest_time),
          out_of_range("max_concurrent", patch.max_concurrent, JobLimits::most_concurrent)}) {
        if (problem) return problem;
    }
    return std::nullopt;
}

}  // namespace peercron
