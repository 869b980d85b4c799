#include "insight/load_forecast.hpp"

#include "model/jitter.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>

namespace peercron {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_seconds;
using namespace std::chrono_literals;

constexpr double minute_millis = 60'000;

/// A zone's clocks do nothing unusual this long after they changed: see Schedule.
constexpr seconds settled = 3h;

/// The beginning of the local hour of `time` when every time of that hour is shown once and the
/// clocks did not change shortly before; then the fires in it are those that the fields name.
std::optional<sys_seconds> plain_hour(const TimeZone& zone, sys_seconds time)
{
    const TimeZone::Period& period = zone.periods()[zone.index_at(time)];
    const sys_seconds hour =
        period.to_sys(std::chrono::floor<std::chrono::hours>(period.to_local(time)));
    const bool is_plain = period.begin + settled <= hour && hour + 1h <= period.end;
    return is_plain ? std::optional(hour) : std::nullopt;
}

}  // namespace

/// The job that is being added.
struct LoadForecast::Job {
    const Schedule& schedule;
    const Window& window;
    double usual = 0;  // milliseconds
    std::optional<std::int64_t> left;
    JobJitter jitter;

    /// When so many fires start that are due then, or in the same minute.
    sys_seconds start_of(sys_seconds due, std::int64_t fires) const
    {
        if (fires > 1) return due + jitter.most / 2;
        return std::chrono::floor<seconds>(due + start_offset(jitter.job, jitter.most, due));
    }
    bool may_fire() const { return !left || *left > 0; }
};

LoadForecast::LoadForecast(sys_seconds from, sys_seconds to)
    : from_(std::chrono::floor<minutes>(from)), to_(std::clamp(to, from_, from_ + 31 * 24h))
{
    const auto length = static_cast<std::size_t>(std::chrono::ceil<minutes>(to_ - from_).count());
    fires_.resize(length);
    alive_here_.resize(length);
    work_here_.resize(length);
    alive_changes_.resize(length + 1);
    work_changes_.resize(length + 1);
}

std::size_t LoadForecast::minute_of(sys_seconds time) const
{
    return static_cast<std::size_t>(std::chrono::floor<minutes>(time - from_).count());
}

sys_seconds LoadForecast::time_of(std::size_t minute) const
{
    return from_ + minutes(static_cast<std::int64_t>(minute));
}

void LoadForecast::add(const OpenFires& fires, milliseconds usual,
                       std::optional<std::int64_t> most_fires, JobJitter jitter)
{
    std::vector<Window> windows{fires.window};
    if (fires.calendars != nullptr) {
        windows = fires.calendars->open_windows(fires.window, fires.terms, from_, to_,
                                                fires.schedule->zone());
    }
    for (const Window& window : windows) {
        most_fires = add(*fires.schedule, window, usual, most_fires, jitter);
    }
}

std::optional<std::int64_t> LoadForecast::add(const Schedule& schedule, const Window& window,
                                              milliseconds usual,
                                              std::optional<std::int64_t> most_fires,
                                              JobJitter jitter)
{
    Job job{schedule, window, static_cast<double>(usual.count()), most_fires, jitter};
    const CronFields& fields = schedule.expression().fields();
    auto at = schedule.next_in_window(from_ - 1s, window);
    while (at && *at < to_ && job.may_fire()) {
        const sys_seconds minute = std::chrono::floor<minutes>(*at);
        sys_seconds done = *at;
        const auto interval = schedule.expression().interval();
        if (interval && *interval < 1min && !job.left) {
            sys_seconds end = std::min(minute + 1min, to_);
            if (window.end != 0) end = std::min(end, sys_seconds(seconds(window.end)));
            const auto multiples = [&](sys_seconds time) {
                return (time.time_since_epoch().count() - 1) / interval->count();
            };
            count(job, *at, multiples(end) - multiples(*at));
            done = end - 1s;
        } else if (interval) {
            // One after the other, without looking for each.
            while (done + *interval < to_ && window.contains(done + *interval)) {
                count(job, done, 1);
                if (!job.may_fire()) return job.left;
                done += *interval;
            }
            count(job, done, 1);
        } else if (fields.once) {
            count(job, *at, 1);
        } else if (const auto hour = plain_hour(schedule.zone(), *at);
                   hour && !job.left && *hour + 1h <= to_ && window.contains(*hour + 1h)) {
            add_hour(job, *at, *hour);
            done = *hour + 1h - 1s;
        } else {
            count(job, *at, 1);
        }
        at = schedule.next_in_window(done, window);
    }
    return job.left;
}

/// All fires from `first` to the end of that hour.
void LoadForecast::add_hour(Job& job, sys_seconds first, sys_seconds hour)
{
    const CronFields& fields = job.schedule.expression().fields();
    const int each = std::popcount(fields.seconds);
    const auto first_minute =
        static_cast<unsigned>(std::chrono::floor<minutes>(first - hour).count());
    for (unsigned minute = first_minute; minute < 60; ++minute) {
        if ((fields.minutes >> minute & 1U) == 0) continue;
        const sys_seconds begin = hour + minutes(minute);
        if (minute > first_minute) {
            // Its second, for what starts at a moment of its own.
            count(job, begin + seconds(std::countr_zero(fields.seconds)), each);
            continue;
        }
        const auto second = static_cast<unsigned>((first - begin).count());
        count(job, first, std::popcount(fields.seconds >> second));
    }
}

void LoadForecast::count(Job& job, sys_seconds time, std::int64_t fires)
{
    if (job.left) *job.left -= fires;
    const sys_seconds start = job.start_of(time, fires);
    if (start >= to_) return;
    const std::size_t minute = minute_of(start);
    fires_[minute] += fires;
    const auto number = static_cast<double>(fires);
    const auto at_a_time = static_cast<std::int64_t>(
        std::ceil(std::min(number, std::max(1.0, number * job.usual / minute_millis))));
    alive_here_[minute] += at_a_time;
    const double rest = job.usual - minute_millis;
    if (rest <= 0) {
        work_here_[minute] += number * job.usual;
        return;
    }
    // As if it began with its minute: in the whole minutes, and what is left in the one after.
    const auto whole = static_cast<std::size_t>(job.usual / minute_millis);
    const std::size_t end = std::min(minute + whole, fires_.size());
    work_changes_[minute] += number * minute_millis;
    work_changes_[end] -= number * minute_millis;
    const double over = job.usual - static_cast<double>(whole) * minute_millis;
    if (end < fires_.size()) work_here_[end] += number * over;
    const std::size_t alive_end = std::min(end + (over > 0 ? 1 : 0), fires_.size());
    if (alive_end <= minute + 1) return;
    alive_changes_[minute + 1] += fires;
    alive_changes_[alive_end] -= fires;
}

std::vector<std::int64_t> LoadForecast::alive() const
{
    std::vector<std::int64_t> alive(fires_.size());
    std::int64_t going_on = 0;
    for (std::size_t i = 0; i < alive.size(); ++i) {
        going_on += alive_changes_[i];
        alive[i] = going_on + alive_here_[i];
    }
    return alive;
}

std::vector<double> LoadForecast::work() const
{
    std::vector<double> work(fires_.size());
    double going_on = 0;
    for (std::size_t i = 0; i < work.size(); ++i) {
        going_on += work_changes_[i];
        work[i] = going_on + work_here_[i];
    }
    return work;
}

std::vector<LoadForecast::Cell> LoadForecast::cells(minutes length) const
{
    const std::vector<std::int64_t> alive = this->alive();
    const std::vector<double> work = this->work();
    const auto size = static_cast<std::size_t>(length.count());
    std::vector<Cell> cells;
    for (std::size_t begin = 0; begin < fires_.size(); begin += size) {
        const std::size_t end = std::min(begin + size, fires_.size());
        Cell cell;
        cell.at = time_of(begin);
        double sum = 0;
        for (std::size_t i = begin; i < end; ++i) {
            cell.fires += fires_[i];
            cell.peak = std::max(cell.peak, alive[i]);
            sum += work[i];
        }
        cell.running = sum / (static_cast<double>(end - begin) * minute_millis);
        cells.push_back(cell);
    }
    return cells;
}

std::vector<LoadForecast::Slot> LoadForecast::free_slots(minutes length, const Hours& hours,
                                                         std::size_t most) const
{
    const std::vector<std::int64_t> alive = this->alive();
    const std::vector<double> work = this->work();
    // How many minutes from each one on are inside the hours.
    std::vector<std::size_t> inside(fires_.size() + 1);
    const bool wraps = hours.last <= hours.first;
    for (std::size_t i = fires_.size(); i-- > 0;) {
        const sys_seconds time = time_of(i);
        const auto local = time.time_since_epoch() + hours.zone->offset_at(time);
        const auto of_day =
            std::chrono::floor<minutes>(local - std::chrono::floor<std::chrono::days>(local));
        const bool is_inside = wraps ? of_day >= hours.first || of_day < hours.last
                                     : of_day >= hours.first && of_day < hours.last;
        inside[i] = is_inside ? inside[i + 1] + 1 : 0;
    }
    struct Choice {
        std::size_t begin = 0;
        std::int64_t peak = 0;
        double work = 0;
        std::int64_t fires = 0;
    };
    const auto size = static_cast<std::size_t>(length.count());
    std::vector<Choice> choices;
    for (std::size_t begin = 0; begin + size <= fires_.size(); ++begin) {
        if (inside[begin] < size) continue;
        Choice choice{begin};
        for (std::size_t i = begin; i < begin + size; ++i) {
            choice.peak = std::max(choice.peak, alive[i]);
            choice.work += work[i];
            choice.fires += fires_[i];
        }
        choices.push_back(choice);
    }
    std::ranges::sort(choices, {}, [](const Choice& choice) {
        return std::tuple(choice.peak, choice.work, choice.fires, choice.begin);
    });
    std::vector<Slot> slots;
    std::vector<std::size_t> taken;
    for (const Choice& choice : choices) {
        if (slots.size() == most) break;
        const bool overlaps = std::ranges::any_of(taken, [&](std::size_t begin) {
            return begin < choice.begin + size && choice.begin < begin + size;
        });
        if (overlaps) continue;
        taken.push_back(choice.begin);
        slots.push_back(
            {time_of(choice.begin), time_of(choice.begin + size), choice.fires, choice.peak});
    }
    return slots;
}

}  // namespace peercron
