#include "model/placeholders.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>

namespace peercron {
namespace {

std::string time_text(WallTime time)
{
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(whole)),
                       (time - whole).count());
}

std::optional<std::string> value_of(std::string_view name, const RunId& run)
{
    if (name == "job") return std::to_string(run.job);
    if (name == "scheduled_at") return time_text(run.scheduled_at);
    if (name == "attempt") return std::to_string(run.attempt);
    if (name == "shard") return std::to_string(run.part);
    if (name == "shards") return std::to_string(run.parts);
    return std::nullopt;
}

/// A text up to its first placeholder, that, and the rest. The name has the spaces at its ends
/// taken away.
struct Split {
    std::string_view before;
    std::string_view whole;  ///< "{{ job }}"; empty: there is none
    std::string_view name;
    std::string_view rest;
};

Split split(std::string_view text)
{
    const std::size_t begin = text.find("{{");
    const std::size_t end = begin == std::string_view::npos ? begin : text.find("}}", begin);
    if (end == std::string_view::npos) return {text, {}, {}, {}};
    std::string_view name = text.substr(begin + 2, end - begin - 2);
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    name = name.substr(0, name.find_last_not_of(' ') + 1);
    return {text.substr(0, begin), text.substr(begin, end + 2 - begin), name, text.substr(end + 2)};
}

}  // namespace

std::optional<std::string> unknown_placeholder(std::string_view text)
{
    for (Split part = split(text); !part.whole.empty(); part = split(part.rest)) {
        if (!value_of(part.name, {})) return std::string(part.whole);
    }
    return std::nullopt;
}

std::string fill_placeholders(std::string_view text, const RunId& run)
{
    std::string filled;
    Split part = split(text);
    for (; !part.whole.empty(); part = split(part.rest)) {
        filled.append(part.before);
        filled.append(value_of(part.name, run).value_or(std::string(part.whole)));
    }
    return filled.append(part.before);
}

}  // namespace peercron
