#include "model/goal_record.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Numbers with a space between.
constexpr char between_numbers = ' ';

std::int64_t utc_day(WallTime time)
{
    return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

/// nullopt: it is something else.
std::optional<std::vector<std::int64_t>> read_goal_numbers(std::string_view text)
{
    std::vector<std::int64_t> numbers;
    const char* at = text.data();
    const char* const end = text.data() + text.size();
    while (at != end) {
        const auto [stop, bad] = std::from_chars(at, end, numbers.emplace_back());
        if (bad != std::errc() || (stop != end && *stop != between_numbers)) return std::nullopt;
        at = stop == end ? end : stop + 1;
    }
    return numbers;
}

}  // namespace

std::optional<std::int64_t> GoalCount::share() const
{
    constexpr std::int64_t whole = 100'000;
    if (fires <= 0) return std::nullopt;
    // In this order, since a product with all fires ever might not fit.
    return met / fires * whole + met % fires * whole / fires;
}

void GoalRecord::add(const EndedRun& run, std::chrono::milliseconds goal)
{
    if (goal != goal_) {
        *this = {};
        goal_ = goal;
    }
    // What a backfill runs did not start at its time, and was counted then.
    const bool is_fire =
        run.attempt == 1 && !run.of_backfill && run.scheduled_at.time_since_epoch() % 1s == 0s;
    if (!is_fire || run.outcome == Outcome::skipped) return;
    const auto late = run.lateness();
    // A person ended it before it could start.
    if (run.outcome == Outcome::killed && !late) return;
    GoalCount count;
    // What is heard of a lost run was counted as a fire that did not start in time.
    if (!run.was_lost) count.fires = run.fires;
    if (late && *late <= goal && run.outcome != Outcome::lost) count.met = 1;
    all_.fires += count.fires;
    all_.met += count.met;
    add(utc_day(run.scheduled_at), count);
}

void GoalRecord::add(std::int64_t day, const GoalCount& count)
{
    // Mostly it is the newest.
    auto at = days_.end();
    while (at != days_.begin() && std::prev(at)->number >= day) --at;
    if (at == days_.end() || at->number != day) {
        if (at == days_.begin() && days_.size() >= most_days) return;  // older than all of them
        at = days_.insert(at, Day{day, {}});
    }
    at->count.fires += count.fires;
    at->count.met += count.met;
    if (days_.size() > most_days) days_.erase(days_.begin());
}

GoalCount GoalRecord::lately(WallTime now) const
{
    const std::int64_t newest = utc_day(now);
    GoalCount sum;
    for (const Day& day : days_) {
        if (day.number + static_cast<std::int64_t>(most_days) <= newest) continue;
        sum.fires += day.count.fires;
        sum.met += day.count.met;
    }
    return sum;
}

std::string GoalRecord::to_text() const
{
    std::string text = fmt::format("{} {} {}", goal_.count(), all_.fires, all_.met);
    for (const Day& day : days_) {
        fmt::format_to(std::back_inserter(text), " {} {} {}", day.number, day.count.fires,
                       day.count.met);
    }
    return text;
}

GoalRecord GoalRecord::parse(std::string_view text)
{
    const auto numbers = read_goal_numbers(text);
    if (!numbers || numbers->empty() || numbers->size() % 3 != 0) return {};
    GoalRecord record;
    record.goal_ = std::chrono::milliseconds(numbers->at(0));
    record.all_ = {numbers->at(1), numbers->at(2)};
    const std::size_t groups = std::min(numbers->size() / 3, most_days + 1);
    for (std::size_t i = 3; i < 3 * groups; i += 3) {
        record.days_.push_back({numbers->at(i), {numbers->at(i + 1), numbers->at(i + 2)}});
    }
    return record;
}

}  // namespace peercron
