#include "dispatch/term_book.hpp"

#include <algorithm>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Of what a clock planned that was ahead: see EarlyRuns::held().
constexpr auto further_attempt_soon = 10s;

}  // namespace

WallTime due_of(const OpenRun& row)
{
    return row.planned.retry_at.value_or(row.planned.id.scheduled_at);
}

TermBook::TermBook(Epoch epoch, NodeName node, const DispatchSettings& dispatch_settings,
                   JobTable& all_jobs, Moment started)
    : self(std::move(node)),
      settings(dispatch_settings),
      jobs(all_jobs),
      planner(jobs),
      writer(epoch, self, settings),
      misfires(settings),
      planned_through(started.wall),
      versions(jobs, runs),
      quotas(epoch),
      nodes(self, settings, runs),
      choice(nodes, jobs),
      placement(settings, nodes, choice, runs, jobs.locks()),
      redelivery(jobs, misfires),
      retries(jobs),
      requirements(jobs),
      daemons(jobs, runs, choice),
      chains(jobs),
      paused(jobs),
      draft(epoch, self)
{}

WallTime TermBook::early_from(Moment now) const
{
    return std::max(planned_through, now.wall) + 2 * settings.lookahead;
}

bool TermBook::is_early(const RunId& id, Moment now) const
{
    const auto soon = id.attempt > 1 ? further_attempt_soon : 0s;
    return id.scheduled_at > early_from(now) + soon;
}

void TermBook::note_planned(const RunId& fire, std::string_view requested_by)
{
    chains.planned(fire, requested_by, [this](const RunId& id) { return has_row(id); });
}

bool TermBook::has_row(const RunId& fire) const
{
    return runs.contains(fire) || ended_lately.contains(fire) ||
           paused.was_skipped_before(fire.job, fire.scheduled_at);
}

std::vector<RunId> TermBook::cut(const RunId& fire, const Job& version, Moment now) const
{
    RunId part{fire.job, fire.scheduled_at};
    part.parts = parts_of(version);
    std::vector<NodeName> left;
    if (runs_at_every_node(version)) {
        RunOrder order = writer.write(part, jobs.find(fire.job), now.wall);
        order.id.parts = 2;  // which a node has to know, also if it is the only one
        left = choice.all_for(order, now.steady);
        part.parts = std::max(static_cast<std::int32_t>(left.size()), 1);
    }
    // What has begun stays cut as it was.
    const std::set<RunId>& attempts = runs.of_job(fire.job);
    auto run = attempts.lower_bound(before_all_of_fire(fire));
    for (; run != attempts.end() && is_same_fire(*run, fire); ++run) {
        part.parts = run->parts;
        std::erase(left, run->node);
    }
    std::vector<RunId> parts;
    auto node = left.begin();
    for (; part.part < part.parts; ++part.part) {
        const bool has_node = node != left.end() && !runs.contains(part);
        part.node = has_node ? *node++ : NodeName();
        parts.push_back(part);
    }
    return parts;
}

bool TermBook::has_runs_left(const Job& job) const
{
    return job.run_limit == 0 || !quotas.is_used_up(job, runs.fires_of(job.id));
}

bool TermBook::is_fire_open(const RunId& id) const
{
    if (waiting.of_fire(id)) return true;
    const std::set<RunId>& attempts = runs.of_job(id.job);
    for (auto run = attempts.lower_bound(before_all_of_fire(id));
         run != attempts.end() && is_same_fire(*run, id); ++run) {
        if (!runs.at(*run).superseded) return true;
    }
    return false;
}

bool TermBook::is_held(const TrackedRun& run) const
{
    return run.phase == RunPhase::handed && !doubts.contains(run.order.id);
}

RunId TermBook::free_id(JobId job, WallTime at) const
{
    RunId run{job, std::max(at, daemons.earliest(job))};
    const auto taken = [this](const RunId& candidate) {
        return candidate.scheduled_at.time_since_epoch() % 1s == 0ms || runs.contains(candidate) ||
               ended_lately.contains(candidate);
    };
    while (taken(run)) run.scheduled_at += 1ms;
    return run;
}

bool TermBook::may_be_followed(const RunReport& end) const
{
    // Before that the table may be old.
    if (!has_begun || is_end_needed(end.id)) return true;
    return retries.may_concern(end.id, end.state) ||
           Redelivery::is_wanted_after(end.state, end.reason);
}

bool TermBook::is_end_needed(const RunId& id) const
{
    return chains.waits_for(id) || daemons.newest_end(id.job) == id;
}

WallTime TermBook::first_unread(WallTime now) const
{
    return std::clamp(changes_known_until, now - longest_unread, now);
}

void TermBook::learn_quotas(const TermStart& found)
{
    quotas.learn(found, [this](const RunId& id) {
        return has_begun ? !runs.contains(id) && !taken_back.contains(id)
                         : ended_lately.contains(id);
    });
}

}  // namespace peercron
