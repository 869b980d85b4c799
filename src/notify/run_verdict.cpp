#include "notify/run_verdict.hpp"

#include "model/missed.hpp"
#include "model/outcome.hpp"
#include "model/retry.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// Whether a further attempt of the fire follows.
bool goes_on(const Job& job, const RunReport& run)
{
    if (is_retried_after(job, run.state, run.exit_code)) return run.id.attempt < last_attempt(job);
    if (job.delivery != Delivery::at_least_once) return false;
    return run.state == RunState::lost || run.state == RunState::fenced ||
           (run.state == RunState::killed && run.reason.cause == Cause::node_stopped);
}

RunVerdict verdict_of_skip(const Job& job, const RunReport& run)
{
    const Cause cause = run.reason.cause;
    const bool is_change =
        cause == Cause::job_changed || cause == Cause::job_stopped || cause == Cause::job_deleted;
    if (is_change) return RunVerdict::nothing;
    // The attempt before it has failed, and this was the last one.
    if (run.id.attempt > 1) return RunVerdict::bad;
    if (cause == Cause::invalid || cause == Cause::refused) return RunVerdict::bad;
    return missed_word(run.state, cause, job.delivery) ? RunVerdict::missed : RunVerdict::nothing;
}

/// It has ended by itself, not because of its node, its job, its window or a person.
bool is_own_end(const RunReport& run)
{
    switch (run.state) {
        case RunState::success:
        case RunState::failed:
        case RunState::timeout:
            return true;
        case RunState::killed:
            return run.reason.cause == Cause::none || run.reason.cause == Cause::oom;
        default:
            return false;
    }
}

/// A daemon is to stay up, so any end of its own is a failure, unless it was healthy or is done.
/// As DaemonCourse counts them.
RunVerdict verdict_of_daemon(const Job& job, const RunReport& run)
{
    if (run.reason.cause == Cause::start_limit) return RunVerdict::bad;
    if (!is_own_end(run)) return RunVerdict::nothing;
    const bool was_healthy =
        run.started_at && run.ended_at && *run.ended_at - *run.started_at >= job.healthy_after;
    const bool is_done = run.state == RunState::success && job.restart == Restart::on_failure;
    return was_healthy || is_done ? RunVerdict::good : RunVerdict::bad;
}

// How a part ended, by Outcome; '-': it has not.
constexpr std::string_view letters_of_parts = "sgknmftb";
constexpr char is_open = '-';

/// nullopt: none has gone wrong, and some are under way.
std::optional<Outcome> outcome_of(const WatchedFire& fire)
{
    std::vector<std::optional<Outcome>> parts;
    for (const char letter : fire.parts) {
        auto& part = parts.emplace_back();
        const std::size_t place = letters_of_parts.find(letter);
        if (place != std::string_view::npos) part = static_cast<Outcome>(place);
    }
    return outcome_of_fire(parts);
}

/// nullptr: it is not kept any more, nor are the other parts.
WatchedFire* fire_of(WatchedJob& watched, const RunId& part)
{
    if (watched.forgotten_fire && part.scheduled_at <= *watched.forgotten_fire) return nullptr;
    auto& fires = watched.fires;
    auto fire = std::ranges::lower_bound(fires, part.scheduled_at, {}, &WatchedFire::at);
    if (fire == fires.end() || fire->at != part.scheduled_at) {
        fire = fires.insert(fire, {part.scheduled_at, {}});
    }
    const auto number = static_cast<std::size_t>(part.part);
    const auto parts = static_cast<std::size_t>(part.parts);
    fire->parts.resize(std::max({fire->parts.size(), parts, number + 1}), is_open);
    return std::to_address(fire);
}

/// What a part was, whose end says this about a job without parts.
Outcome outcome_of_part(const RunReport& run, RunVerdict says)
{
    switch (says) {
        case RunVerdict::good:
            return Outcome::success;
        case RunVerdict::bad:
            return Outcome::failed;
        case RunVerdict::missed:
            return run.state == RunState::lost ? Outcome::lost : Outcome::missed;
        case RunVerdict::nothing:
            break;
    }
    return has_run(run.state) ? Outcome::killed : Outcome::skipped;
}

RunVerdict verdict_of_fire(Outcome outcome)
{
    switch (outcome) {
        case Outcome::success:
            return RunVerdict::good;
        case Outcome::missed:
        case Outcome::lost:
            return RunVerdict::missed;
        case Outcome::fenced:
        case Outcome::timeout:
        case Outcome::failed:
            return RunVerdict::bad;
        case Outcome::killed:  // by a person, see outcome_of_part()
        case Outcome::skipped:
            break;
    }
    return RunVerdict::nothing;
}

}  // namespace

RunVerdict run_verdict(const Job& job, const RunReport& run)
{
    if (job.kind == JobKind::daemon) return verdict_of_daemon(job, run);
    if (goes_on(job, run)) return RunVerdict::nothing;
    switch (run.state) {
        case RunState::success:
            return RunVerdict::good;
        case RunState::failed:
        case RunState::timeout:
        case RunState::fenced:
            return RunVerdict::bad;
        case RunState::lost:
            return RunVerdict::missed;
        case RunState::killed:
            return run.reason.cause == Cause::on_request ? RunVerdict::nothing : RunVerdict::bad;
        case RunState::skipped:
            return verdict_of_skip(job, run);
        case RunState::planned:
        case RunState::running:
        case RunState::revoked:
            break;
    }
    return RunVerdict::nothing;
}

PartEnd note_part(WatchedJob& watched, const Job& job, const RunReport& run, RunVerdict of_run)
{
    PartEnd end;
    const bool is_end = is_final(run.state) && run.state != RunState::revoked;
    if (!is_end || goes_on(job, run)) return end;
    end.fire = fire_of(watched, run.id);
    if (end.fire == nullptr) return end;
    const std::optional<Outcome> before = outcome_of(*end.fire);
    char& letter = end.fire->parts[static_cast<std::size_t>(run.id.part)];
    const auto outcome = static_cast<std::size_t>(outcome_of_part(run, of_run));
    end.is_news = std::exchange(letter, letters_of_parts[outcome]) != letters_of_parts[outcome];
    end.is_last = end.fire->parts.find(is_open) == std::string::npos;
    const std::optional<Outcome> after = outcome_of(*end.fire);
    if (!after) return end;
    // A second part that goes wrong is not another failure.
    const bool is_worse = !before || *after > *before;
    if (is_worse || after == Outcome::success) end.says = verdict_of_fire(*after);
    return end;
}

void forget_fires(WatchedJob& watched)
{
    auto& fires = watched.fires;
    std::size_t parts = 0;
    for (const WatchedFire& fire : fires) parts += fire.parts.size();
    while (fires.size() > most_fires_of_parts) {
        const WatchedFire& oldest = fires.front();
        const bool is_full = fires.size() > most_open_fires || parts > most_open_parts;
        if (outcome_of(oldest) != Outcome::success && !is_full) return;
        parts -= oldest.parts.size();
        watched.forgotten_fire = oldest.at;
        fires.erase(fires.begin());
    }
}

}  // namespace peercron
