#include "dispatch/daemon_starts.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace peercron {

using namespace std::chrono_literals;

void DaemonStarts::start(Moment now)
{
    for (const auto& [job, next] : book_.daemons.due(now.wall + book_.settings.lookahead, now)) {
        life_.write_newest_end(job);
        if (next.what == DaemonNext::What::give_up) {
            give_up(job, next, now);
            continue;
        }
        // What could not start then starts now, and its row says so.
        const RunId id = book_.free_id(job, std::max(next.at, now.wall));
        life_.place_new(book_.runs.open(book_.writer.write(id, book_.jobs.find(job), now.wall)), "",
                        now);
    }
}

/// A row says so, which is what later dispatchers, and people, know it by.
void DaemonStarts::give_up(JobId job, const DaemonNext& next, Moment now)
{
    PlannedRun row;
    row.id = book_.free_id(job, now.wall);
    row.dispatched_at = now.wall;
    const Reason why{Cause::start_limit,
                     fmt::format("{} starts in a row ended within {} s; it stays down until it is "
                                 "changed or started by hand",
                                 next.failures, book_.jobs.find(job)->job.healthy_after / 1s)};
    const RunId id = row.id;
    book_.draft.end(id, {}, RunState::skipped, why, now.wall);
    book_.draft.add_ended(std::move(row));
    life_.note_end(id, RunState::skipped, book_.draft.number());
    book_.daemons.ended({id, RunState::skipped, why.cause, false, {}, now.wall, {}}, now.wall);
}

std::vector<Outgoing> DaemonStarts::to_end(Moment now)
{
    std::vector<Outgoing> messages;
    for (Daemons::End& end : book_.daemons.to_end(now)) {
        if (!book_.nodes.at(end.node).connected) continue;
        messages.push_back({std::move(end.node), KillRun{end.run, std::move(end.why)}});
    }
    return messages;
}

}  // namespace peercron
