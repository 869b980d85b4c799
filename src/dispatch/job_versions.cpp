#include "dispatch/job_versions.hpp"

#include "dispatch/order_writer.hpp"
#include "model/run_request.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Whether the fire is not wanted by this version, which counted after `since`, up to `until`.
bool took_back(const PlannedJob& version, WallTime since, WallTime until, const RunId& id)
{
    const bool is_its = since < id.scheduled_at && id.scheduled_at <= until;
    return is_its && !is_asked_for(id) && !version.may_fire_at(id.scheduled_at);
}

/// From when on another version counts than that of `index`; nullopt: nobody knows.
std::optional<WallTime> end_of(const JobPast& past, std::size_t index)
{
    if (index + 1 < past.revisions.size()) return past.revisions[index + 1].effective_from;
    if (!past.whole) return std::nullopt;
    return WallTime::max();
}

}  // namespace

bool JobVersions::is_still_due(const RunId& id) const
{
    const PlannedJob* planned = jobs_.find(id.job);
    if (planned == nullptr) return false;
    // A start by an earlier definition gives way to one by this.
    if (planned->is_daemon()) {
        return planned->enabled() && id.scheduled_at > planned->job.effective_from;
    }
    const bool due = planned->enabled() && planned->may_fire_at(id.scheduled_at);
    // No change of the schedule takes back what was due before it, or what a person has asked for.
    const bool was_due = id.scheduled_at <= planned->job.effective_from;
    return due || is_asked_for(id) || (was_due && !planned->job.stop);
}

bool JobVersions::is_still_due(const TrackedRun& run) const
{
    const RunId& id = run.order.id;
    const PlannedJob* planned = jobs_.find(id.job);
    if (planned == nullptr || is_daemon(run.order) != planned->is_daemon()) return false;
    if (planned->is_daemon()) return is_still_due(id);
    if (run.failed_at) return is_retry_due(id, *run.failed_at, is_of_person(run.requested_by));
    // A person has asked for this run.
    if (is_of_person(run.requested_by)) return true;
    // A version in between took it back; what the newest one says of its past does not count.
    if (run.unwanted && id.scheduled_at <= planned->job.effective_from) return false;
    return is_still_due(id);
}

bool JobVersions::is_still_due(const WaitingRun& retry) const
{
    return is_retry_due(retry.id, retry.failed_at, is_of_person(retry.requested_by));
}

bool JobVersions::is_retry_due(const RunId& id, WallTime failed_at, bool is_requested) const
{
    const PlannedJob* planned = jobs_.find(id.job);
    if (planned == nullptr || planned->job.stop) return false;
    if (planned->job.effective_from > failed_at) return false;
    // The run that failed may have started before anybody could tell its node that a change had
    // taken its fire back.
    return is_requested || is_still_due(id);
}

bool JobVersions::is_up_to_date(const TrackedRun& run) const
{
    const PlannedJob* planned = jobs_.find(run.order.id.job);
    if (planned == nullptr || !planned->enabled() || run.unwanted) return false;
    if (is_cut_otherwise(run)) return false;
    return has_work_of(run.order, *planned) && (!planned->is_daemon() || is_still_due(run));
}

bool JobVersions::is_of_newest(const TrackedRun& run) const
{
    const RunId& id = run.order.id;
    const PlannedJob* const planned = jobs_.find(id.job);
    if (planned == nullptr || planned->is_chained() || planned->is_daemon()) return false;
    const bool is_of_schedule =
        id.attempt == 1 && !is_asked_for(id) && !is_of_person(run.requested_by);
    return is_of_schedule && id.scheduled_at > planned->job.effective_from;
}

bool JobVersions::is_cut_otherwise(const TrackedRun& run) const
{
    if (!is_of_newest(run)) return false;
    const RunId& id = run.order.id;
    const Job& job = jobs_.find(id.job)->job;
    // A run that found no node is cut otherwise, too: there may be some now.
    if (runs_at_every_node(job)) return id.node.empty();
    return !id.node.empty() || id.parts != parts_of(job);
}

Reason JobVersions::why_taken_back(JobId job) const
{
    const PlannedJob* planned = jobs_.find(job);
    if (planned == nullptr) return Reason{Cause::job_deleted};
    if (planned->job.stop) return Reason{Cause::job_stopped};
    return Reason{Cause::job_changed};
}

std::optional<PastQuery> JobVersions::query_before(const Job& row, WallTime planned_through) const
{
    const PlannedJob* known = jobs_.find(row.id);
    if (known == nullptr || row.effective_from <= known->job.effective_from) return std::nullopt;
    const std::set<RunId>& of_job = runs_.of_job(row.id);
    const auto may_be_unwanted = [&](const RunId& id) {
        return runs_.at(id).phase != RunPhase::running && id.scheduled_at <= row.effective_from &&
               id.scheduled_at > known->job.effective_from;
    };
    // What is planned later is planned by `row`.
    const bool is_wanted = planned_through < row.effective_from ||
                           std::any_of(of_job.begin(), of_job.end(), may_be_unwanted);
    if (!is_wanted) return std::nullopt;
    PastQuery query;
    query.only = row.id;
    query.from = known->job.effective_from + 1ms;  // the first one is what the table has
    return query;
}

std::vector<RunId> JobVersions::unwanted_by(std::span<const JobPast> pasts) const
{
    std::vector<RunId> unwanted;
    for (const JobPast& past : pasts) {
        const PlannedJob* today = jobs_.find(past.job);
        if (today == nullptr) continue;
        // The first one is what the table had, or older.
        for (std::size_t i = 1; i < past.revisions.size(); ++i) {
            const Revision& version = past.revisions[i];
            const auto end = end_of(past, i);
            if (!version.after || !end) continue;
            const WallTime until = std::min(today->job.effective_from, *end);
            add_unwanted(unwanted, *version.after, version.effective_from, until);
        }
    }
    return unwanted;
}

std::vector<RunId> JobVersions::unwanted_by(std::span<const Revision> changes) const
{
    std::vector<RunId> unwanted;
    std::map<JobId, WallTime> from;
    for (const Revision& change : changes) {
        const WallTime since = std::exchange(from[change.job], change.effective_from);
        if (change.before) add_unwanted(unwanted, *change.before, since, change.effective_from);
    }
    return unwanted;
}

void JobVersions::add_unwanted(std::vector<RunId>& unwanted, const Job& version, WallTime since,
                               WallTime until) const
{
    const std::set<RunId>& of_job = runs_.of_job(version.id);
    if (of_job.empty() || since >= until) return;
    const PlannedJob old = jobs_.compile(version);
    for (const RunId& id : of_job) {
        if (took_back(old, since, until, id)) unwanted.push_back(id);
    }
}

std::vector<PastQuery> JobVersions::queries_for(std::span<const RunId> runs) const
{
    std::map<JobId, WallTime> oldest;
    for (const RunId& id : runs) {
        const PlannedJob* planned = jobs_.find(id.job);
        const bool is_older = planned != nullptr && id.scheduled_at <= planned->job.effective_from;
        if (!is_older || is_asked_for(id)) continue;
        WallTime& first = oldest.try_emplace(id.job, id.scheduled_at).first->second;
        first = std::min(first, id.scheduled_at);
    }
    std::vector<PastQuery> queries;
    for (const auto& [job, first] : oldest) {
        PastQuery query;
        query.only = job;
        query.from = first;
        queries.push_back(query);
    }
    return queries;
}

std::vector<RunId> JobVersions::still_wanted(std::vector<RunId> runs,
                                             std::span<const JobPast> pasts) const
{
    for (const JobPast& past : pasts) {
        for (std::size_t i = 0; i < past.revisions.size(); ++i) {
            const Revision& version = past.revisions[i];
            const auto until = end_of(past, i);
            if (!version.after || !until) continue;
            const PlannedJob then = jobs_.compile(*version.after);
            std::erase_if(runs, [&](const RunId& id) {
                return id.job == past.job && took_back(then, version.effective_from, *until, id);
            });
        }
    }
    return runs;
}

std::vector<JobVersions::Unplanned> JobVersions::unplanned(std::span<const Revision> changes,
                                                           WallTime planned_through,
                                                           WallTime latest) const
{
    std::vector<Unplanned> versions;
    std::map<JobId, WallTime> from;
    for (const Revision& change : changes) {
        const auto [since, first] = from.try_emplace(change.job, planned_through);
        const WallTime to = std::min(change.effective_from, latest);
        if (change.before) versions.push_back({jobs_.compile(*change.before), since->second, to});
        since->second = std::max(since->second, to);
    }
    return versions;
}

}  // namespace peercron
