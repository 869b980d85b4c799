#include "model/run.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <array>

namespace peercron {
namespace {

constexpr std::array<std::string_view, 10> state_names{
    "planned", "running", "success", "failed",  "timeout",
    "killed",  "lost",    "fenced",  "skipped", "revoked",
};

}  // namespace

std::string to_string(const RunId& id)
{
    const auto whole = std::chrono::floor<std::chrono::seconds>(id.scheduled_at);
    const auto millis = (id.scheduled_at - whole).count();
    std::string text = fmt::format("job {} at {:%Y-%m-%dT%H:%M:%S}", id.job,
                                   fmt::gmtime(std::chrono::system_clock::to_time_t(whole)));
    if (millis != 0) text += fmt::format(".{:03}", millis);
    text += 'Z';
    if (id.attempt != 1) text += fmt::format(" attempt {}", id.attempt);
    return text;
}

std::string_view to_string(RunState state)
{
    return state_names.at(static_cast<std::size_t>(state));
}

std::optional<RunState> parse_run_state(std::string_view text)
{
    for (std::size_t i = 0; i < state_names.size(); ++i) {
        if (state_names[i] == text) return static_cast<RunState>(i);
    }
    return std::nullopt;
}

}  // namespace peercron
