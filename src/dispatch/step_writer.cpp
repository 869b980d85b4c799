#include "dispatch/step_writer.hpp"

#include "base/backoff.hpp"
#include "dispatch/dispatcher_metrics.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// A disk or a server that is busy for less than that is nothing to be told of.
constexpr auto lasts = 3s;

std::size_t memory_of(const PlanStep& step)
{
    std::size_t bytes = sizeof step;
    for (const auto* runs : {&step.runs, &step.moved}) {
        for (const PlannedRun& run : *runs) {
            bytes += sizeof run + run.reason.detail.size() + run.run_server.size();
        }
    }
    for (const RunReport& end : step.ended) {
        bytes += sizeof end + end.reason.detail.size() + end.output.size();
    }
    return bytes;
}

}  // namespace

StepWriter::StepWriter(asio::any_io_executor executor, const Clock& clock, StorePool& store,
                       Dispatcher::Metrics& metrics, const Coordinator& coordinator)
    : clock_(clock),
      store_(store),
      coordinator_(coordinator),
      metrics_(metrics),
      added_(executor),
      changed_(std::move(executor))
{}

std::uint64_t StepWriter::add(PlanStep step)
{
    step.number = ++last_number_;
    waiting_bytes_ += memory_of(step);
    waiting_.push_back(std::move(step));
    added_at_.push_back(clock_.steady_now());
    metrics_.steps_waiting(waiting_.size());
    added_.notify();
    tell_when_it_lasts();
    return last_number_;
}

asio::awaitable<void> StepWriter::run()
{
    Backoff backoff(co_await asio::this_coro::executor, 100ms, 1s);
    for (;;) {
        while (waiting_.empty()) co_await added_.wait();
        const std::string trouble = co_await store_first();
        if (trouble.empty()) {
            backoff.reset();
            continue;
        }
        metrics_.commit_failed();
        note_away(trouble);
        co_await sleep_for(backoff.next());
    }
}

/// Returns what is wrong; "" when it is stored.
asio::awaitable<std::string> StepWriter::store_first()
{
    // By reference: a deque leaves its elements where they are when others are added.
    const PlanStep& step = waiting_.front();
    const auto write = [&step](Store& store) { store.commit(step); };
    const SteadyTime sent = clock_.steady_now();
    try {
        co_await store_.call(write);
    } catch (const StoreError& error) {
        co_return error.what();
    }
    metrics_.committed(clock_.steady_now() - sent);
    stored_ = step.number;
    stored_at_ = sent;
    waiting_bytes_ -= memory_of(step);
    waiting_.pop_front();
    added_at_.pop_front();
    metrics_.steps_waiting(waiting_.size());
    if (away_ && waiting_.empty()) {
        away_ = false;
        if (std::exchange(told_, false)) {
            spdlog::info("dispatch: the ledger has caught up: it has every step up to {}", stored_);
        }
    }
    changed_.notify();
    co_return std::string();
}

std::chrono::steady_clock::duration StepWriter::behind(SteadyTime now) const
{
    return added_at_.empty() ? std::chrono::steady_clock::duration() : now - added_at_.front();
}

asio::awaitable<void> StepWriter::store_added()
{
    const std::uint64_t newest = added();
    while (stored() < newest) co_await changed_.wait();
}

void StepWriter::note_late()
{
    note_away("it does not answer");
}

void StepWriter::note_away(const std::string& why)
{
    if (!away_) away_since_ = clock_.steady_now();
    why_away_ = why;
    away_ = true;
    changed_.notify();
}

/// Called with every step, so within a second or two.
void StepWriter::tell_when_it_lasts()
{
    if (!away_ || told_ || clock_.steady_now() - away_since_ < lasts) return;
    told_ = true;
    const bool alone = coordinator_.members().size() <= 1;
    spdlog::error("dispatch: the ledger cannot be written; going on with {}, until it can: {}",
                  alone ? "each step in this node's journal" : "copies of each step at the nodes",
                  why_away_);
}

}  // namespace peercron
