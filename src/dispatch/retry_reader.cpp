#include "dispatch/retry_reader.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Fires that were due longer ago are not looked at.
constexpr auto failed_reach = std::chrono::days(31);
/// When an end may have been told to the store alone, it is looked for so much later, and again: a
/// node tells the store a little later than others, and much later when the store does not take it.
constexpr auto first_look = 2s;
constexpr std::array<std::chrono::seconds, 2> further_looks{10s, 60s};

}  // namespace

asio::awaitable<void> RetryReader::read_failed()
{
    for (;;) {
        while (!rules_.has_hidden_ends()) co_await hidden_ends_.wait();
        co_await sleep_for(first_look);
        co_await look_for_failed();
        for (const auto pause : further_looks) {
            const SteadyTime due = ledger_.now().steady + pause;
            while (!rules_.has_hidden_ends() && ledger_.now().steady < due) {
                co_await hidden_ends_.wait_until(due);
            }
            if (rules_.has_hidden_ends()) break;
            co_await look_for_failed();
        }
    }
}

asio::awaitable<void> RetryReader::look_for_failed()
{
    // Steps that are added while earlier ones are stored need not be there when the store is read.
    rules_.begin_reading_failed();
    const Retry retry{.trouble = "dispatch: cannot read which runs failed and were not tried again",
                      .first_pause = 1s,
                      .longest_pause = 30s};
    const auto query = [](Store& store, WallTime now) {
        return store.runs_to_retry(now - failed_reach);
    };
    std::vector<FailedRun> runs = co_await ledger_.read(retry, query);
    const bool are_any = !runs.empty();
    rules_.found_failed(std::move(runs));
    if (are_any) ledger_.wake();
}

void RetryReader::read_for(NodeRequest<RetryRun> request)
{
    to_read_.push_back(std::move(request));
    wanted_.notify();
}

asio::awaitable<void> RetryReader::read_requested()
{
    for (;;) {
        while (to_read_.empty()) co_await wanted_.wait();
        NodeRequest<RetryRun> request = std::move(to_read_.front());
        to_read_.pop_front();
        Result<LogRow> newest = co_await newest_attempt(request.asked.run);
        if (newest) {
            requests_.add(std::move(request), *std::move(newest));
        } else {
            requests_.answer(request.node, request.asked.request, newest.error().message);
        }
        ledger_.wake();
    }
}

asio::awaitable<Result<LogRow>> RetryReader::newest_attempt(RunId run)
{
    const auto query = [run](Store& store, WallTime) { return store.find_newest_attempt(run); };
    Result<std::optional<LogRow>> newest = co_await ledger_.try_read(query);
    if (!newest) co_return newest.error();
    if (!*newest) co_return Error{to_string(run) + " has no row any more"};
    co_return **std::move(newest);
}

}  // namespace peercron
