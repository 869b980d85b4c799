#include "store/history.hpp"

#include <algorithm>
#include <chrono>

namespace peercron {
namespace {

constexpr std::chrono::minutes longest_order{1};

std::optional<Job> definition_if_any(const std::optional<Job>& job)
{
    if (!job) return std::nullopt;
    return definition_of(*job);
}

}  // namespace

std::optional<Revision> missing_revision(JobId id, const std::optional<Revision>& newest,
                                         const std::optional<Job>& job, WallTime now)
{
    Revision revision;
    revision.job = id;
    revision.effective_from = job ? job->effective_from : now;
    if (newest) revision.before = newest->after;
    revision.after = definition_if_any(job);
    if (revision.before == revision.after) return std::nullopt;
    return revision;
}

WallTime effective_moment(const Job& before, WallTime at)
{
    const bool is_late = before.effective_from >= at;
    if (is_late && before.effective_from - at <= longest_order) {
        return before.effective_from + std::chrono::milliseconds(1);
    }
    return at;
}

WallTime changes_wanted_after(const TermStart& start)
{
    WallTime after = start.planned_through.value_or(WallTime());
    for (const OpenRun& run : start.open_runs) {
        if (run.planned.state != RunState::planned) continue;
        // What is effective from a fire's own moment on counts after it.
        after = std::min(after, run.planned.id.scheduled_at - std::chrono::milliseconds(1));
    }
    return after;
}

Revision make_revision(const std::optional<Job>& before, const std::optional<Job>& after,
                       WallTime at, const Author& by)
{
    Revision revision;
    revision.job = before ? before->id : after->id;
    revision.effective_from = before ? effective_moment(*before, at) : at;
    revision.by = by;
    revision.before = definition_if_any(before);
    revision.after = definition_if_any(after);
    return revision;
}

}  // namespace peercron
