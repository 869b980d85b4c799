#include "dispatch/retry_reader.hpp"

#include "dispatch/until_it_works.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

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

RetryReader::RetryReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                         StepWriter& writer, NodeRequests& requests, TermRules& rules,
                         std::function<void()> wake)
    : clock_(clock),
      store_(store),
      writer_(writer),
      requests_(requests),
      rules_(rules),
      wake_(std::move(wake)),
      hidden_ends_(executor),
      wanted_(std::move(executor))
{}

asio::awaitable<void> RetryReader::read_failed()
{
    for (;;) {
        while (!rules_.has_hidden_ends()) co_await hidden_ends_.wait();
        co_await sleep_for(first_look);
        co_await look_for_failed();
        for (const auto pause : further_looks) {
            const SteadyTime due = clock_.now().steady + pause;
            while (!rules_.has_hidden_ends() && clock_.now().steady < due) {
                co_await hidden_ends_.wait_until(due);
            }
            if (rules_.has_hidden_ends()) break;
            co_await look_for_failed();
        }
    }
}

asio::awaitable<void> RetryReader::look_for_failed()
{
    // A ledger that lacks steps does not know what was tried again by them. More may be added while
    // these are stored, and need not be there when the store is read.
    rules_.begin_reading_failed();
    co_await writer_.store_added();
    Retry retry;
    retry.trouble = "dispatch: cannot read which runs failed and were not tried again";
    retry.first_pause = 1s;
    retry.longest_pause = 30s;
    const auto attempt = [this] { return ask_for_failed(); };
    std::vector<FailedRun> runs = co_await until_it_works(retry, attempt);
    const bool are_any = !runs.empty();
    rules_.found_failed(std::move(runs));
    if (are_any) wake_();
}

/// Throws StoreError.
asio::awaitable<std::vector<FailedRun>> RetryReader::ask_for_failed()
{
    const auto read = [since = clock_.now().wall - failed_reach](Store& store) {
        return store.runs_to_retry(since);
    };
    co_return co_await store_.call(read);
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
        wake_();
    }
}

asio::awaitable<Result<LogRow>> RetryReader::newest_attempt(RunId run)
{
    const std::uint64_t planned = writer_.added();
    while (writer_.stored() < planned && !writer_.is_away()) co_await writer_.changed().wait();
    if (writer_.stored() < planned) co_return Error{"the ledger cannot be written at the moment"};
    const auto read = [run](Store& store) { return store.find_newest_attempt(run); };
    std::optional<LogRow> newest;
    std::string trouble;
    try {
        newest = co_await store_.call(read);
    } catch (const StoreError& error) {
        trouble = error.what();
    }
    if (!trouble.empty()) co_return Error{std::move(trouble)};
    if (!newest) co_return Error{to_string(run) + " has no row any more"};
    co_return *std::move(newest);
}

}  // namespace peercron
