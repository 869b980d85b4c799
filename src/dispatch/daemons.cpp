#include "dispatch/daemons.hpp"

#include "dispatch/order_writer.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How long a start waits for the store's word on how the one before it ended. While the store is
/// away a daemon that was lost with its node is worth more than its back-off.
constexpr auto longest_question = 3s;
/// How long a node has to end what it was told to end before it is told again.
constexpr auto tell_again_after = 5s;

}  // namespace

void Daemons::follow(JobId id)
{
    const PlannedJob* const job = jobs_.find(id);
    const auto found = daemons_.find(id);
    if (job != nullptr && job->is_daemon()) {
        look_again(id, found == daemons_.end() ? daemons_[id] : found->second);
        return;
    }
    // One that has an open run has to be ended first.
    const std::set<RunId>& open = runs_.of_job(id);
    const bool is_open = std::ranges::any_of(
        open, [this](const RunId& run) { return is_daemon(runs_.at(run).order); });
    if (is_open) {
        daemons_.try_emplace(id);
    } else if (found != daemons_.end()) {
        daemons_.erase(found);
    }
}

void Daemons::ended(DaemonStart start, WallTime now)
{
    const JobId id = start.id.job;
    const PlannedJob* const job = jobs_.find(id);
    if (job == nullptr || !job->is_daemon()) return;
    Daemon& daemon = daemons_[id];
    add(daemon, std::move(start), now);
    look_again(id, daemon);
}

void Daemons::moved(const RunId& id)
{
    const auto found = daemons_.find(id.job);
    if (found == daemons_.end()) return;
    Daemon& daemon = found->second;
    std::erase_if(daemon.ended, [&](const DaemonStart& start) { return start.id == id; });
    look_again(id.job, daemon);
    daemon.is_asked = true;
}

void Daemons::given_up(const RunId& id, WallTime now)
{
    const auto found = daemons_.find(id.job);
    if (found == daemons_.end()) return;
    for (DaemonStart& start : found->second.ended) {
        if (start.id != id) continue;
        start.state = RunState::lost;
        start.cause = Cause::node_died;
        start.ended_at = now;
    }
    look_again(id.job, found->second);
}

void Daemons::add(Daemon& daemon, DaemonStart start, WallTime now)
{
    if (!is_final(start.state) || start.state == RunState::revoked) return;
    start.ended_at = std::min(start.ended_at.value_or(now), now);
    const auto place = std::ranges::lower_bound(daemon.ended, start.id, {}, &DaemonStart::id);
    if (place != daemon.ended.end() && place->id == start.id) {
        if (start.state == RunState::lost && place->state != RunState::lost) return;
        start.requested = start.requested || place->requested;
        *place = std::move(start);
        return;
    }
    daemon.ended.insert(place, std::move(start));
    if (daemon.ended.size() > most_daemon_starts) daemon.ended.erase(daemon.ended.begin());
}

void Daemons::look_again(JobId id, Daemon& daemon)
{
    const PlannedJob* const planned = jobs_.find(id);
    if (planned == nullptr) return;
    DaemonCourse course;
    for (const DaemonStart& start : daemon.ended) course.take(planned->job, start);
    daemon.next = course.next(planned->job);
}

void Daemons::ask(JobId job)
{
    const auto found = daemons_.find(job);
    if (found != daemons_.end()) found->second.is_asked = true;
}

void Daemons::ask_first(JobId job)
{
    Daemon& daemon = daemons_[job];
    daemon.is_asked = true;
    daemon.is_known = false;
}

bool Daemons::has_questions() const
{
    return std::ranges::any_of(daemons_, [](const auto& daemon) { return daemon.second.is_asked; });
}

std::vector<JobId> Daemons::take_questions(std::size_t most)
{
    std::vector<JobId> jobs;
    for (auto& [id, daemon] : daemons_) {
        if (jobs.size() == most) break;
        if (!std::exchange(daemon.is_asked, false)) continue;
        daemon.is_being_read = true;
        jobs.push_back(id);
    }
    return jobs;
}

void Daemons::found(std::span<const JobId> jobs, std::vector<DaemonStart> starts, WallTime now)
{
    for (DaemonStart& start : starts) {
        const auto daemon = daemons_.find(start.id.job);
        // One that the store has as lost may be known to have ended before.
        if (daemon != daemons_.end()) add(daemon->second, std::move(start), now);
    }
    for (const JobId job : jobs) {
        const auto daemon = daemons_.find(job);
        if (daemon == daemons_.end()) continue;
        daemon->second.is_being_read = false;
        daemon->second.is_known = true;
        daemon->second.patience.reset();
        look_again(job, daemon->second);
    }
}

bool Daemons::waits_for_answer(Daemon& daemon, SteadyTime now) const
{
    if (!daemon.is_asked && !daemon.is_being_read) return false;
    if (!daemon.is_known) return true;
    if (!daemon.patience) daemon.patience = now + longest_question;
    return now < *daemon.patience;
}

std::vector<Daemons::Due> Daemons::due(WallTime until, Moment now)
{
    using What = DaemonNext::What;
    std::vector<Due> due;
    for (auto& [id, daemon] : daemons_) {
        if (!runs_.of_job(id).empty()) continue;
        const PlannedJob* const planned = jobs_.find(id);
        if (planned == nullptr || !planned->is_daemon() || !planned->enabled()) continue;
        const bool wants = daemon.next.what == What::start || daemon.next.what == What::give_up;
        if (!wants || daemon.next.at > until || waits_for_answer(daemon, now.steady)) continue;
        DaemonNext next = daemon.next;
        if (next.what == What::start) {
            const WallTime start = std::max(next.at, now.wall);
            next.at = jobs_.pauses().next_open(planned->job, start);
            // The window may have ended while no node could start it.
            if (next.at > std::max(until, start) || !is_open(planned->job, next.at)) continue;
        }
        due.push_back({id, next});
    }
    return due;
}

WallTime Daemons::earliest(JobId job) const
{
    const auto newest = newest_end(job);
    return newest ? newest->scheduled_at + 1ms : WallTime();
}

std::optional<RunId> Daemons::newest_end(JobId job) const
{
    const auto found = daemons_.find(job);
    if (found == daemons_.end() || found->second.ended.empty()) return std::nullopt;
    return found->second.ended.back().id;
}

std::optional<std::string> Daemons::why_not_now(const PlannedJob& planned, WallTime now) const
{
    const Job& job = planned.job;
    const std::set<RunId>& open = runs_.of_job(job.id);
    if (!planned.error.empty()) return planned.error;
    if (job.stop) {
        return fmt::format("job {} is stopped; start it with /cron/start/{}", job.id, job.id);
    }
    if (!is_open(job, now)) return fmt::format("job {} is outside its window", job.id);
    if (const Pause* const pause = jobs_.pauses().find(job, now)) {
        return fmt::format("job {} is {}", job.id, to_string(reason_of(*pause)));
    }
    if (!open.empty()) {
        return fmt::format("{} has not ended; a daemon runs once at a time",
                           to_string(*open.begin()));
    }
    return std::nullopt;
}

std::vector<Daemons::End> Daemons::to_end(Moment now)
{
    std::vector<End> ends;
    std::vector<JobId> gone;
    for (auto& [id, daemon] : daemons_) {
        const std::set<RunId>& open = runs_.of_job(id);
        const PlannedJob* const planned = jobs_.find(id);
        if (open.empty() && (planned == nullptr || !planned->is_daemon())) gone.push_back(id);
        for (const RunId& run : open) {
            const TrackedRun& state = runs_.at(run);
            if (state.phase != RunPhase::running || !is_daemon(state.order)) continue;
            auto why = why_to_end(state, now.wall);
            const bool is_told =
                daemon.told_to_end == run && now.steady < daemon.told_at + tell_again_after;
            if (!why || is_told) continue;
            daemon.told_to_end = run;
            daemon.told_at = now.steady;
            ends.push_back({run, state.node(), *std::move(why)});
        }
    }
    for (const JobId id : gone) daemons_.erase(id);
    return ends;
}

std::optional<Reason> Daemons::why_to_end(const TrackedRun& run, WallTime now) const
{
    const PlannedJob* const planned = jobs_.find(run.order.id.job);
    if (planned == nullptr) return Reason{Cause::job_deleted};
    if (planned->job.stop) return Reason{Cause::job_stopped};
    if (!has_work_of(run.order, *planned)) return Reason{Cause::job_changed};
    if (!choice_.may_run(run.node(), planned->job)) {
        return Reason{Cause::job_changed, "its node does not fit its run_on"};
    }
    if (!is_open(planned->job, now)) return Reason{Cause::window, "its job's window is over"};
    const Pause* const pause = jobs_.pauses().find(planned->job, now);
    // The clock of its node may be a little ahead: it was to start when the pause is over.
    if (pause != nullptr && run.order.id.scheduled_at < pause->end()) return reason_of(*pause);
    return std::nullopt;
}

std::size_t Daemons::wanted(WallTime now) const
{
    const auto is_wanted = [this, now](const auto& daemon) {
        const PlannedJob* const planned = jobs_.find(daemon.first);
        return planned != nullptr && planned->is_daemon() && planned->enabled() &&
               is_open(planned->job, now) && jobs_.pauses().find(planned->job, now) == nullptr;
    };
    return static_cast<std::size_t>(std::ranges::count_if(daemons_, is_wanted));
}

std::size_t Daemons::up() const
{
    const auto is_up = [this](const auto& daemon) {
        return std::ranges::any_of(runs_.of_job(daemon.first), [this](const RunId& run) {
            return runs_.at(run).phase == RunPhase::running;
        });
    };
    return static_cast<std::size_t>(std::ranges::count_if(daemons_, is_up));
}

}  // namespace peercron
