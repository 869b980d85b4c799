#include "dispatch/backfill_reader.hpp"

#include "dispatch/until_it_works.hpp"

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

BackfillReader::BackfillReader(asio::any_io_executor executor, const PlanClock& clock,
                               StorePool& store, StepWriter& writer, TermRules& rules,
                               std::function<void()> wake)
    : clock_(clock),
      store_(store),
      writer_(writer),
      rules_(rules),
      wake_(std::move(wake)),
      begun_(std::move(executor))
{}

asio::awaitable<void> BackfillReader::run()
{
    // By then the commands of nodes that had died before the term are gone.
    co_await sleep_for(orphan_time + 1s);
    for (;;) {
        is_noticed_ = false;
        if (found_.wanted.empty()) co_await look();
        const SteadyTime due = clock_.now().steady + (found_.goes_on ? busy_pause : idle_pause);
        while (!is_noticed_ && clock_.now().steady < due) co_await begun_.wait_until(due);
    }
}

asio::awaitable<void> BackfillReader::look()
{
    co_await writer_.store_added();
    Retry retry;
    retry.trouble = "dispatch: cannot read what backfills are to run";
    retry.first_pause = 1s;
    retry.longest_pause = 30s;
    const auto attempt = [this] { return ask(); };
    found_ = co_await until_it_works(retry, attempt);
    if (!found_.wanted.empty()) wake_();
}

/// Throws StoreError.
asio::awaitable<BackfillReader::Found> BackfillReader::ask()
{
    const auto work = [now = clock_.now().wall](Store& store) { return read(store, now); };
    co_return co_await store_.call(work);
}

void BackfillReader::plan_runs()
{
    for (Wanted& wanted : std::exchange(found_.wanted, {})) {
        // What cannot run now is found again.
        const Result<RunId> run = rules_.run_again(wanted.fire, wanted.newest,
                                                   std::move(wanted.requested_by), clock_.now());
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
