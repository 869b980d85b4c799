#include "dispatch/job_reader.hpp"

#include "base/shared_pause.hpp"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace peercron {

JobReader::JobReader(asio::any_io_executor executor, const PlanClock& clock, JobFeed& feed,
                     Historian& historian, NodeRequests& requests, TermRules& rules, NodeName self,
                     const DispatchSettings& settings, std::function<void()> wake)
    : clock_(clock),
      feed_(feed),
      historian_(historian),
      requests_(requests),
      rules_(rules),
      self_(std::move(self)),
      settings_(settings),
      wake_(std::move(wake)),
      turn_(executor),
      read_wanted_(std::move(executor))
{}

asio::awaitable<void> JobReader::read_all(const StoreCalls& calls)
{
    const auto attempt = [this] { return poll(); };
    co_await calls.until_it_works("", attempt);  // JobFeed says what is wrong
}

asio::awaitable<void> JobReader::run()
{
    for (;;) {
        const SteadyTime next_poll = clock_.now().steady + until_next_poll();
        while (clock_.now().steady < next_poll) {
            if (changes_to_read_.empty() && runs_to_read_.empty()) {
                co_await read_wanted_.wait_until(next_poll);
            } else {
                co_await read_asked();
            }
        }
        co_await poll_once();
    }
}

SteadyTime::duration JobReader::until_next_poll() const
{
    if (!settings_.is_alone) return settings_.poll_interval;
    return shared_pause(settings_.poll_interval, clock_.machine().exact_now());
}

void JobReader::read_for(NodeRequest<JobChanged> change)
{
    changes_to_read_.push_back(std::move(change));
    read_wanted_.notify();
}

void JobReader::read_for(NodeRequest<RunNow> run)
{
    runs_to_read_.push_back(std::move(run));
    read_wanted_.notify();
}

asio::awaitable<void> JobReader::poll()
{
    const struct Polling {
        explicit Polling(bool& flag) : is_polling(flag) { is_polling = true; }
        ~Polling() { is_polling = false; }
        bool& is_polling;
    } polling(is_polling_);
    const WallTime asked = clock_.now().wall;
    co_await feed_.refresh(*this);
    if (rules_.has_begun()) polled_at_ = asked;
}

asio::awaitable<void> JobReader::poll_once()
{
    try {
        co_await poll();
    } catch (const StoreError&) {
        // JobFeed says so, and the next poll asks again.
    }
}

asio::awaitable<void> JobReader::read_asked()
{
    std::vector<NodeRequest<JobChanged>> changes = std::exchange(changes_to_read_, {});
    std::vector<NodeRequest<RunNow>> runs = std::exchange(runs_to_read_, {});
    std::set<JobId> named;
    for (const auto& change : changes) {
        named.insert(change.asked.jobs.begin(), change.asked.jobs.end());
    }
    for (const auto& run : runs) named.insert(run.asked.job);
    std::string error;
    try {
        std::vector<JobId> ids(named.begin(), named.end());
        co_await feed_.reload(std::move(ids), *this);
    } catch (const StoreError& failure) {
        error = fmt::format("the dispatcher {} cannot read the job: {}", self_, failure.what());
    }
    go_on(std::move(changes), error);
    go_on(std::move(runs), error);
    wake_();
}

template <class Asked>
void JobReader::go_on(std::vector<NodeRequest<Asked>> requests, const std::string& error)
{
    for (auto& request : requests) {
        if (error.empty()) {
            requests_.add(std::move(request));
        } else {
            requests_.answer(request.node, request.asked.request, error);
        }
    }
}

asio::awaitable<void> JobReader::give_turn()
{
    turn_given_ = true;
    turn_.notify();
    while (turn_given_) co_await turn_.wait();
}

asio::awaitable<void> JobReader::may_change()
{
    if (!rules_.has_begun()) co_return;
    turn_wanted_ = clock_.now().wall;
    wake_();
    while (!turn_given_) co_await turn_.wait();
}

void JobReader::has_changed(const std::vector<JobId>& jobs)
{
    if (is_polling_) historian_.notice(jobs);
    if (!rules_.has_begun()) return;
    note_changed(jobs);
    turn_wanted_.reset();
    turn_given_ = false;
    turn_.notify();
    wake_();
}

/// A take-over reads it with the ledger.
std::optional<PastQuery> JobReader::wanted_past(const Job& row)
{
    if (!rules_.has_begun()) return std::nullopt;
    return rules_.wanted_past(row);
}

void JobReader::learn_unwanted(const std::vector<JobPast>& pasts)
{
    rules_.learn_unwanted(pasts);
}

}  // namespace peercron
