#include "exec/recorder.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

namespace peercron {

using Steady = std::chrono::steady_clock;

namespace {

/// Outputs that are no larger than the note that would replace them are kept.
constexpr std::size_t note_size = 256;

}  // namespace

Recorder::Recorder(asio::any_io_executor executor, StorePool& store, RecorderSettings settings)
    : store_(store),
      settings_(settings),
      added_(executor),
      written_(std::move(executor)),
      backoff_(settings_.first_retry, settings_.last_retry),
      batch_limit_(settings_.max_rows)
{}

asio::awaitable<void> Recorder::run()
{
    for (;;) {
        while (waiting_.empty()) co_await added_.wait();
        const SteadyTime latest = Steady::now() + settings_.interval;
        while (!is_urgent_ && waiting_.size() < batch_limit_ &&
               output_bytes_ < settings_.max_bytes) {
            const bool is_more = co_await added_.wait_until(latest);
            if (!is_more) break;
        }
        co_await write_batch();
    }
}

void Recorder::add(RunReport report)
{
    const auto [place, is_new] = waiting_.try_emplace(report.id);
    if (is_new) queue_.push_back(report.id);
    output_bytes_ -= place->second.output.size();
    const std::size_t size = report.output.size();
    if (size > note_size && output_bytes_ + size > settings_.max_waiting_output) {
        give_up_output(report);
    }
    output_bytes_ += report.output.size();
    place->second = std::move(report);
    added_.notify();
}

asio::awaitable<bool> Recorder::flush(SteadyTime deadline)
{
    is_urgent_ = true;
    added_.notify();
    while (waiting() > 0) {
        const bool is_written = co_await written_.wait_until(deadline);
        if (!is_written && Steady::now() >= deadline) break;
    }
    is_urgent_ = false;
    co_return waiting() == 0;
}

std::vector<RunReport> Recorder::pending() const
{
    std::vector<RunReport> ended;
    const auto add = [&ended](const RunReport& report) {
        if (!is_final(report.state)) return;
        RunReport slim = report;
        slim.output.clear();
        ended.push_back(std::move(slim));
    };
    for (const RunReport& report : writing_) add(report);
    for (const auto& [id, report] : waiting_) add(report);
    return ended;
}

asio::awaitable<void> Recorder::write_batch()
{
    take_batch();
    std::string failure;
    try {
        const auto record = [this](Store& store) { store.record(writing_); };
        co_await store_.call(record);
    } catch (const StoreError& e) {
        failure = e.what();
        if (failure.empty()) failure = "unknown error";
    }
    if (failure.empty()) {
        note_success();
        for (const RunReport& report : writing_) output_bytes_ -= report.output.size();
        writing_.clear();
        written_.notify();
        co_return;
    }
    put_back();
    note_outage(failure.c_str());
    batch_limit_ = std::max<std::size_t>(1, batch_limit_ / 2);
    co_await sleep_for(backoff_.next());
}

void Recorder::take_batch()
{
    std::size_t bytes = 0;
    while (!queue_.empty() && writing_.size() < batch_limit_) {
        const auto found = waiting_.find(queue_.front());
        const std::size_t size = found->second.output.size();
        if (!writing_.empty() && bytes + size > settings_.max_bytes) break;
        bytes += size;
        writing_.push_back(std::move(found->second));
        waiting_.erase(found);
        queue_.pop_front();
    }
}

void Recorder::put_back()
{
    for (RunReport& report : writing_) {
        const RunId id = report.id;
        const std::size_t size = report.output.size();
        const auto [place, is_new] = waiting_.try_emplace(id, std::move(report));
        if (is_new) {
            queue_.push_back(id);
        } else {
            output_bytes_ -= size;  // a newer report of the run has come meanwhile
        }
    }
    writing_.clear();
}

void Recorder::give_up_output(RunReport& report) const
{
    report.output = fmt::format(
        "[{} bytes of output dropped: the store did not take results, and {} bytes were already "
        "waiting for it]",
        report.output.size(), output_bytes_);
}

void Recorder::note_outage(const char* what)
{
    if (away_since_) return;
    away_since_ = Steady::now();
    spdlog::warn("recorder: the store does not take the results of runs: {}; {} wait, trying again",
                 what, waiting());
}

void Recorder::note_success()
{
    backoff_.reset();
    batch_limit_ = std::min(settings_.max_rows, batch_limit_ * 2);
    if (!away_since_ || !queue_.empty()) return;
    const std::chrono::duration<double> away = Steady::now() - *away_since_;
    away_since_.reset();
    spdlog::info(
        "recorder: the store takes results again after {:.1f} s; everything that waited is written",
        away.count());
}

}  // namespace peercron
