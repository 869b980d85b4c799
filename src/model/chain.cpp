#include "model/chain.hpp"

#include "model/outcome.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>

namespace peercron {
namespace {

constexpr std::string_view before_name = "after ";
constexpr std::string_view before_job = " (job ";
constexpr std::string_view before_attempt = " attempt ";
constexpr std::string_view before_state = ": ";
constexpr std::string_view before_exit_code = ", exit code ";

template <class Number>
bool read_number(std::string_view text, Number& number)
{
    const char* const end = text.data() + text.size();
    const auto [stop, bad] = std::from_chars(text.data(), end, number);
    return stop == end && bad == std::errc();
}

/// Takes what comes behind the last `mark` off the end of `text`; nullopt: there is none.
std::optional<std::string_view> take_off(std::string_view& text, std::string_view mark)
{
    const std::size_t at = text.rfind(mark);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = text.substr(at + mark.size());
    text = text.substr(0, at);
    return rest;
}

bool has_failed(RunState state)
{
    return has_run(state) && state != RunState::success;
}

}  // namespace

std::string to_string(const ParentEnd& end)
{
    std::string text = fmt::format("{}{}{}{}", before_name, end.name, before_job, end.job);
    if (end.attempt != 1) text += fmt::format("{}{}", before_attempt, end.attempt);
    text += fmt::format("{}{}", before_state, to_string(end.state));
    if (end.exit_code) text += fmt::format("{}{}", before_exit_code, *end.exit_code);
    return text + ')';
}

std::optional<ParentEnd> parse_parent_end(std::string_view text)
{
    if (!text.starts_with(before_name) || !text.ends_with(')')) return std::nullopt;
    text.remove_prefix(before_name.size());
    text.remove_suffix(1);
    auto what = take_off(text, before_job);
    if (!what) return std::nullopt;
    ParentEnd end;
    end.name = text;
    if (const auto code = take_off(*what, before_exit_code)) {
        if (!read_number(*code, end.exit_code.emplace())) return std::nullopt;
    }
    const auto state = take_off(*what, before_state);
    const auto parsed = state ? parse_run_state(*state) : std::nullopt;
    if (!parsed) return std::nullopt;
    end.state = *parsed;
    if (const auto attempt = take_off(*what, before_attempt)) {
        if (!read_number(*attempt, end.attempt)) return std::nullopt;
    }
    if (!read_number(*what, end.job)) return std::nullopt;
    return end;
}

std::string chain_words(const Job& job)
{
    const std::string names = fmt::format("{}", fmt::join(job.run_after, ", "));
    switch (job.run_after_on) {
        case RunAfterOn::success:
            return "after the success of " + names;
        case RunAfterOn::failure:
            return "after a failure of " + names;
        case RunAfterOn::end:
            break;
    }
    return "after the end of " + names;
}

std::vector<std::string> parent_variables(const ParentEnd& end, WallTime scheduled_at)
{
    const RunId run{end.job, scheduled_at, end.attempt};
    std::vector<std::string> variables{
        fmt::format("PEERCRON_PARENT_JOB={}", end.name),
        fmt::format("PEERCRON_PARENT_RUN={}", to_string(run)),
        fmt::format("PEERCRON_PARENT_STATE={}", to_string(end.state)),
    };
    if (end.exit_code) {
        variables.push_back(fmt::format("PEERCRON_PARENT_EXIT_CODE={}", *end.exit_code));
    }
    return variables;
}

RunState state_of_fire(std::span<const RunState> parts, std::int32_t of)
{
    // One that is not among them did not run.
    std::vector<std::optional<Outcome>> outcomes(
        std::max(parts.size(), static_cast<std::size_t>(of)), Outcome::skipped);
    std::ranges::transform(parts, outcomes.begin(), [](RunState state) {
        return outcome_of(state, Cause::none).value_or(Outcome::skipped);
    });
    const std::optional<Outcome> outcome = outcome_of_fire(outcomes);
    const auto decisive = std::ranges::find(outcomes, outcome) - outcomes.begin();
    return decisive < std::ssize(parts) ? parts[static_cast<std::size_t>(decisive)]
                                        : RunState::failed;
}

bool runs_after(RunAfterOn on, std::span<const RunState> parents)
{
    switch (on) {
        case RunAfterOn::success:
            return std::ranges::all_of(parents,
                                       [](RunState state) { return state == RunState::success; });
        case RunAfterOn::failure:
            return std::ranges::any_of(parents, has_failed);
        case RunAfterOn::end:
            break;
    }
    return std::ranges::any_of(parents, has_run);
}

}  // namespace peercron
