#include "api/job_book.hpp"

#include "model/job_zone.hpp"

#include <algorithm>
#include <unordered_set>

namespace peercron {

void JobBook::refresh(Store& store)
{
    JobChanges changes = store.changes_since(cursor_);
    for (ManyJobs& rows = changes.changed; !rows.empty(); rows.pop_front()) put(rows.front());
    cursor_ = std::move(changes.next);
    if (changes.count != std::ssize(jobs_) || changes.id_sum != id_sum_) {
        const std::vector<JobId> ids = store.job_ids();
        const std::unordered_set<JobId> there(ids.begin(), ids.end());
        std::vector<JobId> gone;
        for (const auto& [id, job] : jobs_) {
            if (!there.contains(id)) gone.push_back(id);
        }
        for (const JobId id : gone) erase(id);
        std::vector<JobId> unknown;
        std::ranges::copy_if(ids, std::back_inserter(unknown),
                             [this](JobId id) { return !jobs_.contains(id); });
        for (const Job& job : store.find_jobs_by_id(unknown)) put(job);
    }
    refresh_calendars(store);
    refresh_usual_times(store);
}

void JobBook::refresh_calendars(Store& store)
{
    const CalendarStamp stamp = store.calendars().calendar_stamp();
    if (stamp == calendar_stamp_) return;
    // What is just past is still asked about.
    constexpr std::chrono::minutes past{10};
    calendars_ = Calendars::of(store.calendars().calendars_after(clock_.now() - past));
    calendar_stamp_ = stamp;
}

void JobBook::refresh_usual_times(Store& store)
{
    constexpr std::chrono::seconds good_for{60};
    const SteadyTime now = clock_.steady_now();
    if (usual_times_at_ && now < *usual_times_at_ + good_for) return;
    for (const auto& [id, usual] : store.usual_times()) {
        const auto found = jobs_.find(id);
        if (found != jobs_.end()) found->second.usual_time = usual;
    }
    usual_times_at_ = now;
}

void JobBook::put(const Job& job)
{
    const auto [place, is_new] = jobs_.try_emplace(job.id);
    if (is_new) id_sum_ += job.id;
    BookedJob& booked = place->second;
    booked.name = job.name;
    booked.tags = job.tags;
    booked.required = job.required;
    booked.calendar = job.calendar;
    booked.calendars = &calendars_;
    booked.window = {job.start_time, job.end_time};
    booked.jitter = job.jitter;
    booked.stop = job.stop;
    booked.runs_left.reset();
    if (job.run_limit != 0) booked.runs_left = job.run_limit - job.counters.run_num;
    const auto schedule = Schedule::make(job.cron_set, zone_name(job, default_zone_), job.id);
    booked.schedule.reset();
    if (schedule) booked.schedule.emplace(*schedule);
}

void JobBook::erase(JobId id)
{
    if (jobs_.erase(id) > 0) id_sum_ -= id;
}

std::optional<Window> open_window(JobId id, const BookedJob& job, const Pauses& pauses,
                                  WallTime from)
{
    Window window = job.window;
    while (const Pause* const pause = pauses.find(id, job.tags, from)) {
        from = pause->end();
        if (from == WallTime::max()) return std::nullopt;
        const auto open = std::chrono::ceil<std::chrono::seconds>(from).time_since_epoch().count();
        window.start = std::max<std::int64_t>(window.start, open);
    }
    return window;
}

std::vector<AgendaJob> agenda_jobs(const BookedJobs& jobs, const Pauses& pauses, WallTime from)
{
    std::vector<AgendaJob> all;
    all.reserve(jobs.size());
    for (const auto& [id, job] : jobs) {
        if (!job.may_fire()) continue;
        const auto window = open_window(id, job, pauses, from);
        if (window) all.push_back({id, job.fires_in(*window), job.runs_left});
    }
    return all;
}

}  // namespace peercron
