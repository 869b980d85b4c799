#include "api/daemon_view.hpp"

#include "api/rows.hpp"
#include "base/counted.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <vector>

namespace peercron {
namespace {

/// Nothing of it is open.
DaemonView view_of_next(const Job& job, const DaemonNext& next, WallTime now)
{
    using What = DaemonNext::What;
    DaemonView view;
    if (job.stop) {
        view.why = "stopped";
        return view;
    }
    switch (next.what) {
        case What::start:
            if (!is_open(job, std::max(next.at, now))) {
                view.why = "its window is over";
                break;
            }
            view.next_start = std::max(next.at, now);
            if (!is_open(job, now)) {
                view.why = "before its window";
            } else if (next.failures > 0) {
                view.why =
                    fmt::format("back-off after {} in a row", counted(next.failures, "failure"));
            } else {
                view.why = "about to start";
            }
            break;
        case What::finished:
            view.why = "it succeeded, and restarts on failure";
            break;
        case What::give_up:
        case What::given_up:
            view.why =
                fmt::format("given up after {} in a row", counted(job.start_limit, "failure"));
            break;
        case What::closed:
            view.why = "its window is over";
            break;
    }
    return view;
}

}  // namespace

DaemonView daemon_view(const Job& job, std::span<const DaemonStart> starts, WallTime now)
{
    DaemonCourse course;
    DaemonView view;
    for (const DaemonStart& start : starts) {
        course.take(job, start);
        if (start.state == RunState::running) {
            view.is_up = true;
            view.since = start.started_at.value_or(start.id.scheduled_at);
            view.node = start.node;
        }
    }
    if (view.is_up) return view;
    if (starts.empty() || starts.back().state != RunState::planned) {
        return view_of_next(job, course.next(job), now);
    }
    view.node = starts.back().node;
    view.next_start = starts.back().id.scheduled_at;
    view.why = view.node.empty() ? "waits for a node" : "about to start";
    return view;
}

DaemonViews read_daemons(Store& store, std::span<const Job> jobs, WallTime now)
{
    std::vector<JobId> ids;
    for (const Job& job : jobs) {
        if (job.kind == JobKind::daemon) ids.push_back(job.id);
    }
    DaemonViews views;
    if (ids.empty()) return views;
    const std::vector<DaemonStart> starts = store.daemon_starts(ids);
    for (const Job& job : jobs) {
        if (job.kind != JobKind::daemon) continue;
        const auto id_of = [](const DaemonStart& start) { return start.id.job; };
        const auto its = std::ranges::equal_range(starts, job.id, {}, id_of);
        views.emplace(job.id, daemon_view(job, {its.begin(), its.end()}, now));
    }
    return views;
}

void write_daemon(JsonWriter& json, const DaemonView& daemon)
{
    json.begin_object();
    json.field("is_up", daemon.is_up);
    field_millis(json, "since", daemon.since);
    json.field("node", daemon.node);
    field_millis(json, "next_start", daemon.next_start);
    json.field("why", daemon.why);
    json.end_object();
}

}  // namespace peercron
