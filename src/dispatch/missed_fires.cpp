#include "dispatch/missed_fires.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace peercron {
namespace {

/// "job 12 (backup)".
std::string label_of(const JobTable& jobs, JobId id)
{
    const PlannedJob* planned = jobs.find(id);
    if (planned == nullptr || planned->job.name.empty()) return fmt::format("job {}", id);
    return fmt::format("job {} ({})", id, planned->job.name);
}

std::string moment_text(const RunId& id)
{
    const std::string text = to_string(id);
    return text.substr(text.find(" at ") + 4);
}

}  // namespace

std::optional<std::string> MissedReport::add(const EndedFires& ended, std::string_view cause,
                                             const std::string& label, SteadyTime now)
{
    if (!begun_ || (now - *begun_ >= time && left_.empty())) begin(now);
    const bool is_told = told_.size() >= most_lines || told_.contains(ended.id.job);
    if (is_told) {
        left_[cause] += ended.fires;
        others_.insert(ended.id.job);
        return std::nullopt;
    }
    told_.insert(ended.id.job);
    if (ended.fires == 1) {
        return fmt::format("{} missed its fire of {}: {} ({})", label, moment_text(ended.id),
                           to_string(ended.state), to_string(ended.reason));
    }
    return fmt::format("{} missed {} fires from {} to {}: {} ({})", label, ended.fires,
                       moment_text(ended.id), moment_text({ended.id.job, ended.until, 1}),
                       to_string(ended.state), to_string(ended.reason));
}

std::optional<SteadyTime> MissedReport::due() const
{
    if (left_.empty()) return std::nullopt;
    return *begun_ + time;
}

std::string MissedReport::take_summary()
{
    std::int64_t fires = 0;
    std::string causes;
    for (const auto& [cause, count] : left_) {
        fires += count;
        causes += fmt::format("{}{} {}", causes.empty() ? "" : ", ", cause, count);
    }
    std::string text = fmt::format(
        "{} more fires of {} jobs were missed within {} s ({}); `peercron log list --missed` shows "
        "them",
        fires, others_.size(), time.count(), causes);
    begun_.reset();
    left_.clear();
    return text;
}

void MissedReport::begin(SteadyTime now)
{
    begun_ = now;
    told_.clear();
    others_.clear();
}

MissedFires::MissedFires(asio::any_io_executor executor, const JobTable& jobs,
                         prometheus::Registry& metrics)
    : jobs_(jobs), noted_(std::move(executor))
{
    auto& family = prometheus::BuildCounter()
                       .Name("peercron_missed_fires_total")
                       .Help(
                           "Due fires that did not run for a reason that nobody asked for, by "
                           "cause, as decided by this node")
                       .Register(metrics);
    for (std::size_t i = 0; i < missed_words.size(); ++i) {
        counters_[i] = &family.Add({{"cause", std::string(missed_words[i])}});
    }
}

void MissedFires::note(const EndedFires& ended)
{
    const PlannedJob* planned = jobs_.find(ended.id.job);
    Delivery delivery = planned == nullptr ? Delivery::at_most_once : planned->job.delivery;
    // It is started again.
    if (planned != nullptr && planned->is_daemon()) delivery = Delivery::at_least_once;
    const auto word = missed_word(ended.state, ended.reason.cause, delivery);
    if (!word) return;
    const auto* const place = std::ranges::find(missed_words, *word);
    counters_[static_cast<std::size_t>(place - missed_words.begin())]->Increment(
        static_cast<double>(ended.fires));
    const auto line =
        report_.add(ended, *word, label_of(jobs_, ended.id.job), std::chrono::steady_clock::now());
    if (line) {
        spdlog::warn("dispatch: {}", *line);
    } else {
        noted_.notify();
    }
}

asio::awaitable<void> MissedFires::run()
{
    for (;;) {
        while (!report_.due()) co_await noted_.wait();
        const SteadyTime due = *report_.due();
        while (std::chrono::steady_clock::now() < due) co_await noted_.wait_until(due);
        spdlog::warn("dispatch: {}", report_.take_summary());
    }
}

}  // namespace peercron
