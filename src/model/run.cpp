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
    if (id.parts > 1) text += fmt::format(" part {} of {}", id.part, id.parts);
    if (id.attempt != 1) text += fmt::format(" attempt {}", id.attempt);
    return text;
}

bool has_started(RunState state, const std::optional<WallTime>& started_at)
{
    switch (state) {
        case RunState::running:
        case RunState::success:
        case RunState::failed:
        case RunState::timeout:
        case RunState::fenced:
            return true;
        case RunState::killed:
        case RunState::lost:
        case RunState::planned:
        case RunState::skipped:
        case RunState::revoked:
            break;
    }
    return started_at.has_value();
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
