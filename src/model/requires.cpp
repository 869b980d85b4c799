#include "model/requires.hpp"

#include "model/jitter.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string_view>
#include <tuple>

namespace peercron {
namespace {

constexpr const char* next_fire_is_due = "the job's next fire is due";
constexpr const char* window_has_ended = "the job's window has ended";

/// Whether it stands for how its fire ended, or that it goes on.
bool says_how(const RequiredAttempt& row)
{
    if (row.rehearsal || row.state == RunState::revoked) return false;
    return row.id.attempt == 1 || row.state != RunState::skipped;
}

/// When the last fire of the row was due that was due by `until`.
WallTime moment_of(const RequiredAttempt& row, WallTime until)
{
    if (!row.gap_end) return row.id.scheduled_at;
    return std::max(row.id.scheduled_at, std::min(*row.gap_end, until));
}

std::string_view how_it_failed(RunState state)
{
    switch (state) {
        case RunState::failed:
            return "failed";
        case RunState::timeout:
            return "reached its timeout";
        case RunState::killed:
            return "was killed";
        case RunState::skipped:
            return "was skipped";
        case RunState::fenced:
            return "was ended by its node";
        default:
            break;
    }
    return "was lost";
}

}  // namespace

std::optional<RequiredAttempt> last_fire(std::span<const RequiredAttempt> rows,
                                         std::optional<WallTime> since, WallTime until)
{
    const auto newness = [until](const RequiredAttempt& row) {
        return std::tuple(moment_of(row, until), row.id.scheduled_at, row.id.attempt);
    };
    const RequiredAttempt* last = nullptr;
    for (const RequiredAttempt& row : rows) {
        if (!says_how(row) || row.id.scheduled_at > until) continue;
        if (since && moment_of(row, until) <= *since) continue;
        if (last == nullptr || newness(row) > newness(*last)) last = &row;
    }
    if (last == nullptr) return std::nullopt;
    return *last;
}

RequiredTimes required_times(const Job& job, WallTime fire, std::optional<WallTime> before,
                             std::optional<WallTime> next)
{
    RequiredTimes times;
    times.since = before;
    times.due = delayed_start(job, fire).value_or(fire);
    times.end = times.due + job.requires_wait;
    const auto cut = [&times](WallTime at, const char* by) {
        const WallTime cut_at = std::max(at, times.due);
        if (cut_at >= times.end) return;
        times.end = cut_at;
        times.cut_by = by;
    };
    if (next) cut(delayed_start(job, *next).value_or(*next), next_fire_is_due);
    if (job.end_time != 0) cut(from_unix_seconds(job.end_time), window_has_ended);
    return times;
}

std::optional<std::string> why_not(const RequiredJob& job, const RequiredTimes& times, WallTime at,
                                   const std::function<std::string(WallTime)>& when)
{
    if (!job.exists) return fmt::format("there is no job {}", job.name);
    if (!job.last) {
        if (!times.since) return fmt::format("{} has never fired", job.name);
        return fmt::format("{} has not fired since {}", job.name, when(*times.since));
    }
    const RequiredAttempt& last = *job.last;
    const WallTime fire = last.id.scheduled_at;
    if (!is_final(last.state)) {
        if (last.state == RunState::running) {
            return fmt::format("{} of {} is still running", job.name, when(fire));
        }
        return fmt::format("{} of {} {}", job.name, when(fire),
                           last.id.attempt > 1 ? "waits to be tried again" : "has not run yet");
    }
    const WallTime ended_at = last.ended_at.value_or(fire);
    if (last.state == RunState::success) {
        if (ended_at <= at) return std::nullopt;
        return fmt::format("{} succeeded only at {}", job.name, when(ended_at));
    }
    std::string text =
        fmt::format("{} {} at {}", job.name, how_it_failed(last.state),
                    when(last.state == RunState::skipped ? moment_of(last, at) : ended_at));
    if (last.exit_code) text += fmt::format(", exit code {}", *last.exit_code);
    if (last.cause != Cause::none) text += fmt::format(" ({})", to_string(last.cause));
    return text;
}

RequiredVerdict judge_required(std::span<const RequiredJob> jobs, const RequiredTimes& times,
                               WallTime at, const std::function<std::string(WallTime)>& when)
{
    RequiredVerdict verdict;
    verdict.ready = times.due;
    for (const RequiredJob& job : jobs) {
        if (auto why = why_not(job, times, at, when)) {
            if (at < times.end) return verdict;
            verdict.answer = RequiredAnswer::skipped;
            verdict.why = {Cause::required, *std::move(why)};
            if (times.cut_by == nullptr) return verdict;
            verdict.why = {Cause::superseded,
                           fmt::format("{}, and {}", times.cut_by, verdict.why.detail)};
            return verdict;
        }
        verdict.ready = std::max(verdict.ready, job.last->ended_at.value_or(verdict.ready));
    }
    verdict.answer = RequiredAnswer::runs;
    return verdict;
}

Reason waits_for_required(const Job& job)
{
    return {Cause::required, fmt::format("waits for {}", fmt::join(job.required, ", "))};
}

std::string required_words(std::span<const std::string> required)
{
    return fmt::format("if {} succeeded since its fire before", fmt::join(required, ", "));
}

}  // namespace peercron
