#include "dispatch/doubt_reader.hpp"

#include "base/backoff.hpp"
#include "dispatch/until_it_works.hpp"

#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Runs that ended badly longer ago do not run again, whatever their job's misfire window is.
constexpr auto repeat_reach = 1h;
/// Nothing waits for the runs to repeat: these are the pauses before and between the attempts.
constexpr auto first_repeat_pause = 1s;
constexpr auto longest_repeat_pause = 30s;

}  // namespace

DoubtReader::DoubtReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                         const StoreCalls& calls, StepWriter& writer, JobFeed& feed,
                         TermRules& rules, std::function<void()> wake)
    : clock_(clock),
      store_(store),
      calls_(calls),
      writer_(writer),
      feed_(feed),
      rules_(rules),
      wake_(std::move(wake)),
      doubts_(std::move(executor))
{}

asio::awaitable<void> DoubtReader::run()
{
    for (;;) {
        while (read_ || !rules_.has_doubts()) co_await doubts_.wait();
        Read read;
        read.doubts = rules_.doubts();
        // A ledger that lacks steps says nothing about their runs.
        co_await writer_.store_added();
        read.found = co_await calls_.begin_term();
        const bool wants_more = rules_.wants_runs_to_repeat(read.doubts);
        if (wants_more) read.runs_to_repeat = co_await runs_to_repeat();
        read_ = std::move(read);
        wake_();
    }
}

void DoubtReader::settle()
{
    rules_.resolve_doubts(read_->found, std::move(read_->doubts), clock_.now(),
                          read_->runs_to_repeat);
    read_.reset();
}

asio::awaitable<void> DoubtReader::read_runs_to_repeat()
{
    Backoff backoff(co_await asio::this_coro::executor, first_repeat_pause, longest_repeat_pause);
    co_await sleep_for(backoff.next());
    const std::vector<RunId> runs = co_await runs_to_repeat();
    rules_.deliver_again(runs);
    wake_();
}

asio::awaitable<std::vector<RunId>> DoubtReader::runs_to_repeat()
{
    Retry retry;
    retry.trouble = "dispatch: cannot read which runs must run again";
    retry.first_pause = first_repeat_pause;
    retry.longest_pause = longest_repeat_pause;
    const auto attempt = [this] { return ask_for_runs_to_repeat(); };
    co_return co_await until_it_works(retry, attempt);
}

/// Throws StoreError.
asio::awaitable<std::vector<RunId>> DoubtReader::ask_for_runs_to_repeat()
{
    const auto read = [since = clock_.now().wall - repeat_reach](Store& store) {
        return store.runs_to_repeat(since);
    };
    std::vector<RunId> runs = co_await store_.call(read);
    const std::vector<JobPast> pasts = co_await feed_.read_pasts(rules_.pasts_of(runs));
    co_return rules_.still_wanted(std::move(runs), pasts);
}

}  // namespace peercron
