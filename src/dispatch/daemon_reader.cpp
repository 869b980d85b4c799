#include "dispatch/daemon_reader.hpp"

#include "dispatch/until_it_works.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// In one statement each: some 20,000 rows at most.
constexpr std::size_t daemons_per_read = 200;

asio::awaitable<std::vector<DaemonStart>> ask_for_starts(StorePool& store,
                                                         const std::vector<JobId>& jobs)
{
    const auto read = [&jobs](Store& session) { return session.daemon_starts(jobs); };
    co_return co_await store.call(read);
}

}  // namespace

DaemonReader::DaemonReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                           StepWriter& writer, TermRules& rules, std::function<void()> wake)
    : clock_(clock),
      store_(store),
      writer_(writer),
      rules_(rules),
      wake_(std::move(wake)),
      wanted_(std::move(executor))
{}

asio::awaitable<void> DaemonReader::run()
{
    for (;;) {
        while (!rules_.has_daemon_questions()) co_await wanted_.wait();
        const std::vector<JobId> jobs = rules_.take_daemon_questions(daemons_per_read);
        // A ledger that lacks steps does not know of all starts, and of what they say of others.
        co_await writer_.store_added();
        Retry retry;
        retry.trouble = "dispatch: cannot read how the newest starts of daemons have ended";
        const auto attempt = [this, &jobs] { return ask_for_starts(store_, jobs); };
        std::vector<DaemonStart> starts = co_await until_it_works(retry, attempt);
        rules_.found_daemon_starts(jobs, std::move(starts), clock_.now().wall);
        wake_();
    }
}

}  // namespace peercron
