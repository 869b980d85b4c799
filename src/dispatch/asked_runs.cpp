#include "dispatch/asked_runs.hpp"

#include "model/counted_part.hpp"
#include "model/run_request.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Who asks for a further attempt; everything else is as for the one before it.
std::string request_again(std::string by, const std::string& earlier)
{
    RunRequest request = parse_request(earlier);
    request.by = std::move(by);
    request.is_retry = false;
    return to_string(request);
}

}  // namespace

/// Any node may dispatch next, or run a further attempt, and has to know what a rehearsal is.
std::optional<std::string> AskedRuns::why_no_rehearsal(const PlannedJob& planned) const
{
    if (planned.is_daemon()) {
        return fmt::format("job {} is a daemon, which has no rehearsals", planned.job.id);
    }
    for (const auto& [name, node] : book_.nodes.all()) {
        if (!node.connected || node.known_fields.contains(rehearsal_need)) continue;
        return fmt::format("node {} is of a version that does not know rehearsals", name);
    }
    return std::nullopt;
}

Result<RunId> AskedRuns::run_now(JobId id, std::string requested_by, Moment now)
{
    const PlannedJob* planned = book_.jobs.find(id);
    if (planned == nullptr) return Error{fmt::format("there is no job {}", id)};
    if (parse_request(requested_by).rehearsal) {
        if (auto why = why_no_rehearsal(*planned)) return Error{*std::move(why)};
    }
    if (planned->is_daemon()) {
        if (auto why = book_.daemons.why_not_now(*planned, now.wall)) return Error{*std::move(why)};
        life_.write_newest_end(id);
    }
    const RunId run = book_.free_id(id, std::max(now.wall, planned->job.effective_from + 1ms));
    const std::vector<RunId> parts = book_.cut(run, planned->job, now);
    for (const RunId& part : parts) {
        life_.place_new(book_.runs.open(book_.writer.write(part, planned, now.wall)), requested_by,
                        now);
    }
    return parts.front();
}

Result<RunId> AskedRuns::retry_now(const LogRow& newest, std::string requested_by, Moment now)
{
    const RunId& last = newest.run.id;
    const PlannedJob* planned = book_.jobs.find(last.job);
    if (planned == nullptr) return Error{fmt::format("there is no job {}", last.job)};
    if (planned->is_daemon()) {
        return Error{
            fmt::format("job {} is a daemon: it is started again by its own rules, or with "
                        "/cron/run/{}",
                        last.job, last.job)};
    }
    for (const RunId& open : book_.runs.of_job(last.job)) {
        if (!is_same_fire(open, last) || open.part != last.part) continue;
        return Error{fmt::format("{} has not ended", to_string(open))};
    }
    if (const auto id = book_.waiting.of_part(last)) {
        book_.waiting.take(*id);
        const auto run = life_.open_again(*id, *planned, now.wall, now);
        set_request(run->second, request_again(std::move(requested_by), newest.requested_by));
        book_.unplaced.insert(*id);
        // Also when no node can take it now.
        book_.draft.move(*id, {}, now.wall, now.wall);
        return *id;
    }
    if (!is_final(newest.run.state)) {
        return Error{fmt::format("{} is {}", to_string(last), to_string(newest.run.state))};
    }
    const RunId next = next_attempt(last);
    if (book_.ended_lately.contains(next)) return Error{to_string(next) + " has ended just now"};
    life_.place_new(life_.open_again(next, *planned, now.wall, now),
                    request_again(std::move(requested_by), newest.requested_by), now);
    return next;
}

Result<RunId> AskedRuns::run_again(const RunId& fire, const std::optional<LogRow>& newest,
                                   std::string requested_by, Moment now)
{
    const PlannedJob* planned = book_.jobs.find(fire.job);
    if (planned == nullptr) return Error{fmt::format("there is no job {}", fire.job)};
    if (planned->is_daemon()) return Error{fmt::format("job {} is a daemon", fire.job)};
    if (newest && !is_final(newest->run.state)) {
        return Error{fmt::format("{} has not ended", to_string(newest->run.id))};
    }
    if (book_.waiting.of_part(fire)) return Error{to_string(fire) + " waits to be tried again"};
    const RunId id =
        newest ? next_attempt(newest->run.id) : RunId{fire.job, fire.scheduled_at, 1, fire.part};
    std::int64_t under_way = 0;
    for (const RunId& open : book_.runs.of_job(fire.job)) {
        const bool is_of_part = open.part == id.part;
        if (is_of_part && is_same_fire(open, id)) {
            return Error{fmt::format("{} has not ended", to_string(open))};
        }
        const bool is_counted =
            id.node.empty() ? counted_part(open) == id.part : open.node == id.node;
        if (is_counted && book_.runs.at(open).order.start_at <= now.wall) ++under_way;
    }
    const Concurrency concurrency = concurrency_of(planned->job);
    if (concurrency.limit > 0 && under_way >= concurrency.limit) {
        return Error{fmt::format("job {} is at its limit of runs at a time", fire.job)};
    }
    if (book_.ended_lately.contains(id)) return Error{to_string(id) + " has ended just now"};
    life_.place_new(book_.runs.open(book_.writer.write(id, planned, now.wall)),
                    std::move(requested_by), now);
    return id;
}

}  // namespace peercron
