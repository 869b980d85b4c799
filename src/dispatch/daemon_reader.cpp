#include "dispatch/daemon_reader.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// In one statement each: some 20,000 rows at most.
constexpr std::size_t daemons_per_read = 200;

}  // namespace

asio::awaitable<void> DaemonReader::run()
{
    for (;;) {
        while (!rules_.has_daemon_questions()) co_await wanted_.wait();
        const std::vector<JobId> jobs = rules_.take_daemon_questions(daemons_per_read);
        const Retry retry{.trouble =
                              "dispatch: cannot read how the newest starts of daemons have ended"};
        const auto query = [&jobs](Store& store, WallTime) { return store.daemon_starts(jobs); };
        std::vector<DaemonStart> starts = co_await ledger_.read(retry, query);
        rules_.found_daemon_starts(jobs, std::move(starts), ledger_.now().wall);
        ledger_.wake();
    }
}

}  // namespace peercron
