#include "insight/agenda.hpp"

#include "insight/load_forecast.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <tuple>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// The next fire of a job, and which of its fires that is.
struct Due {
    std::chrono::sys_seconds at{};
    const AgendaJob* job = nullptr;
    std::int64_t number = 1;

    friend bool operator>(const Due& a, const Due& b)
    {
        return std::tuple(a.at, a.job->id) > std::tuple(b.at, b.job->id);
    }
};

}  // namespace

std::vector<AgendaFire> agenda(std::span<const AgendaJob> jobs, std::chrono::sys_seconds from,
                               std::chrono::sys_seconds to, std::size_t offset, std::size_t limit)
{
    std::vector<Due> firsts;
    for (const AgendaJob& job : jobs) {
        if (job.runs_left && *job.runs_left <= 0) continue;
        if (const auto fire = job.fires.next(from - 1s, to)) firsts.push_back({*fire, &job});
    }
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due(std::greater<>(),
                                                                   std::move(firsts));
    std::vector<AgendaFire> fires;
    std::size_t passed = 0;
    while (!due.empty() && fires.size() < limit) {
        const Due first = due.top();
        due.pop();
        if (passed++ >= offset) fires.push_back({first.job->id, first.at});
        const bool is_last = first.job->runs_left && first.number >= *first.job->runs_left;
        if (is_last) continue;
        if (const auto fire = first.job->fires.next(first.at, to)) {
            due.push({*fire, first.job, first.number + 1});
        }
    }
    return fires;
}

std::vector<AgendaFire> first_fires(std::span<const AgendaJob> jobs, std::chrono::sys_seconds from,
                                    std::chrono::sys_seconds to, std::size_t limit)
{
    std::vector<AgendaFire> fires;
    for (const AgendaJob& job : jobs) {
        if (job.runs_left && *job.runs_left <= 0) continue;
        if (const auto fire = job.fires.next(from - 1s, to)) fires.push_back({job.id, *fire});
    }
    const auto by_time = [](const AgendaFire& fire) { return std::tuple(fire.at, fire.job); };
    std::ranges::sort(fires, {}, by_time);
    fires.resize(std::min(fires.size(), limit));
    return fires;
}

FiresByMinute fires_by_minute(std::span<const AgendaJob> jobs, std::chrono::sys_seconds from,
                              std::chrono::sys_seconds to)
{
    // In whole minutes, and those before the first one fire by fire.
    const std::chrono::sys_seconds whole = std::chrono::ceil<std::chrono::minutes>(from);
    const std::chrono::sys_seconds begin = std::min(whole, to);
    LoadForecast load(whole, std::max(whole, to));
    std::int64_t before = 0;
    for (const AgendaJob& job : jobs) {
        auto left = job.runs_left;
        auto fire = job.fires.next(from - 1s, begin);
        while (fire && (!left || *left > 0)) {
            ++before;
            if (left) --*left;
            fire = job.fires.next(*fire, begin);
        }
        load.add(job.fires, 0ms, left);
    }
    FiresByMinute minutes{std::chrono::floor<std::chrono::minutes>(from), {}};
    if (minutes.from < from) minutes.fires.push_back(before);
    for (const LoadForecast::Cell& cell : load.cells(1min)) minutes.fires.push_back(cell.fires);
    return minutes;
}

std::int64_t count_fires(std::span<const AgendaJob> jobs, std::chrono::sys_seconds from,
                         std::chrono::sys_seconds to)
{
    const FiresByMinute minutes = fires_by_minute(jobs, from, to);
    return std::accumulate(minutes.fires.begin(), minutes.fires.end(), std::int64_t{0});
}

}  // namespace peercron
