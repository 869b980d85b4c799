#include "dispatch/backfill_reader.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Who begins a backfill says so; but not a node of an older version.
constexpr std::chrono::milliseconds idle_pause{10'000};
constexpr std::chrono::milliseconds busy_pause{300};

}  // namespace

asio::awaitable<void> BackfillReader::run()
{
    // By then the commands of nodes that had died before the term are gone.
    co_await sleep_for(orphan_time + 1s);
    for (;;) {
        is_noticed_ = false;
        if (found_.wanted.empty()) co_await look();
        const SteadyTime due = ledger_.now().steady + (found_.goes_on ? busy_pause : idle_pause);
        while (!is_noticed_ && ledger_.now().steady < due) co_await begun_.wait_until(due);
    }
}

asio::awaitable<void> BackfillReader::look()
{
    const Retry retry{.trouble = "dispatch: cannot read what backfills are to run",
                      .first_pause = 1s,
                      .longest_pause = 30s};
    found_ = co_await ledger_.read(retry, read);
    if (!found_.wanted.empty()) ledger_.wake();
}

void BackfillReader::plan_runs()
{
    for (Wanted& wanted : std::exchange(found_.wanted, {})) {
        // What cannot run now is found again.
        const Result<RunId> run = rules_.run_again(wanted.fire, wanted.newest,
                                                   std::move(wanted.requested_by), ledger_.now());
        if (!run) spdlog::debug("dispatch: a backfill waits: {}", run.error().message);
    }
}

/// On the store's thread. Those that are over are ended.
BackfillReader::Found BackfillReader::read(Store& store, WallTime now)
{
    Found found;
    const auto most = static_cast<std::size_t>(most_backfill_parallel);
    for (const BackfillWork& work : store.backfills().work(most)) {
        const Backfill& backfill = work.backfill;
        const std::optional<Job> job = store.find_job(backfill.job);
        if (!job || may_have_parts(*job)) {
            const std::string why =
                job ? "the fires of its job have parts now" : "its job was deleted";
            store.backfills().end(backfill.id, BackfillState::stopped, why, now);
            continue;
        }
        if (work.next.empty() && work.open == 0) {
            store.backfills().end(backfill.id, BackfillState::done, "", now);
            continue;
        }
        found.goes_on = true;
        const auto room =
            static_cast<std::size_t>(std::max(backfill.parallel - work.open, std::int64_t{0}));
        const std::size_t count = std::min(room, work.next.size());
        for (std::size_t i = 0; i < count; ++i) {
            Wanted wanted;
            wanted.fire = {backfill.job, work.next[i], 1};
            wanted.newest = store.find_newest_attempt(wanted.fire);
            wanted.requested_by = request_of(backfill);
            found.wanted.push_back(std::move(wanted));
        }
    }
    return found;
}

}  // namespace peercron
