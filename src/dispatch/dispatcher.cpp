#include "dispatch/dispatcher.hpp"

#include "audit/finding.hpp"
#include "dispatch/dispatcher_metrics.hpp"
#include "dispatch/term_runner.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
#include <set>
#include <unordered_set>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How long the nodes may take to register again with a service that has forgotten them.
constexpr auto registration_time = 5s;
/// See ClockGuard.
constexpr auto clock_tolerance = 1s;

}  // namespace

Dispatcher::Dispatcher(asio::any_io_executor executor, Parts parts, NodeName self,
                       DispatchSettings settings)
    : executor_(std::move(executor)),
      parts_(std::move(parts)),
      self_(std::move(self)),
      settings_(std::move(settings)),
      clock_guard_(std::min<std::chrono::milliseconds>(settings_.lookahead, clock_tolerance)),
      jobs_(settings_.default_zone),
      metrics_(std::make_unique<Metrics>(parts_.metrics)),
      missed_(executor_, jobs_, parts_.metrics),
      term_ended_(executor_)
{}

Dispatcher::~Dispatcher() = default;

asio::awaitable<void> Dispatcher::run()
{
    while (!finishing_) {
        if (parts_.coordinator.epoch() == 0) {
            co_await follow_jobs();
            continue;
        }
        term_ = std::make_unique<TermRunner>(*this, parts_.coordinator.epoch());
        std::exception_ptr failure;
        std::string deposed;
        Epoch newest = 0;
        try {
            // A coroutine thread of its own: it ends with its cancellation disabled, and this one
            // goes on and has to be cancelled later.
            co_await asio::co_spawn(executor_, term_->run(), asio::use_awaitable);
        } catch (const Deposed& error) {
            deposed = error.what();
            newest = error.newest();
        } catch (...) {
            failure = std::current_exception();
        }
        const Epoch ended = term_->epoch();
        term_.reset();
        metrics_->term_ended();
        term_ended_.notify();
        if (failure) std::rethrow_exception(failure);
        if (finishing_) co_return;
        spdlog::warn("dispatch: this node no longer dispatches (epoch {}): {}", ended,
                     deposed.empty() ? "the lock was lost" : deposed);
        if (newest > last_epoch) {
            spdlog::error(
                "dispatch: epoch {} is impossibly high, so it is a mistake; no node can dispatch "
                "until column epoch of table term is set to the greatest epoch of table log",
                newest);
        } else if (newest != 0) {
            forgotten_until_ = now().steady + registration_time;
            parts_.coordinator.raise_epoch(newest);
        }
        // Deposed and still holding the lock: the coordinator is about to hear of it.
        if (!deposed.empty()) co_await parts_.coordinator.changed().wait_for(1s);
    }
}

asio::awaitable<void> Dispatcher::finish(SteadyTime latest)
{
    finishing_ = true;
    if (term_) term_->wake();
    while (term_ && now().steady < latest) co_await term_ended_.wait_until(latest);
    if (!term_) co_return;
    spdlog::warn(
        "dispatch: this node stops while its last plan still waits for the database, its journal "
        "or another node; fires that were not handed out run late elsewhere or after the next "
        "start, or end as lost");
}

Epoch Dispatcher::epoch() const
{
    return term_ ? term_->epoch() : 0;
}

std::vector<NodeLoad> Dispatcher::loads() const
{
    return term_ ? term_->loads() : std::vector<NodeLoad>();
}

/// While nobody plans.
class Dispatcher::NobodyElse : public Dispatcher::TableUser {
public:
    asio::awaitable<void> may_change() override { co_return; }
    void has_changed(const std::vector<JobId>&) override {}
    std::optional<PastQuery> wanted_past(const Job&) override { return std::nullopt; }
    void learn_unwanted(const std::vector<JobPast>&) override {}
};

asio::awaitable<void> Dispatcher::follow_jobs()
{
    NobodyElse nobody;
    std::string trouble;
    try {
        co_await refresh_jobs(nobody);
    } catch (const StoreError& error) {
        trouble = error.what();
    }
    tell_of_jobs(trouble);
    if (parts_.coordinator.epoch() != 0) co_return;
    co_await parts_.coordinator.changed().wait_for(settings_.poll_interval);
}

void Dispatcher::tell_of_jobs(const std::string& trouble)
{
    if (!trouble.empty() && !jobs_unread_) {
        spdlog::warn(
            "dispatch: cannot read the jobs; going on with the known ones, and trying again: {}",
            trouble);
    }
    if (trouble.empty() && jobs_unread_) spdlog::info("dispatch: can read the jobs again");
    jobs_unread_ = !trouble.empty();
}

/// Reads what changed in table cron since the last time.
asio::awaitable<void> Dispatcher::refresh_jobs(TableUser& user)
{
    const auto read = [cursor = cursor_](Store& store) { return store.changes_since(cursor); };
    JobChanges changes = co_await parts_.store.call(read);
    const std::vector<JobPast> pasts = co_await read_pasts(changes.changed, user);
    co_await user.may_change();
    std::vector<JobId> changed;
    const WallTime seen = now().wall;
    for (Job& job : changes.changed) {
        const JobId id = job.id;
        if (jobs_.put(std::move(job), seen)) changed.push_back(id);
    }
    cursor_ = std::move(changes.next);
    const bool same_ids = changes.count == static_cast<std::int64_t>(jobs_.size()) &&
                          changes.id_sum == jobs_.id_sum();
    user.learn_unwanted(pasts);
    user.has_changed(changed);
    if (same_ids) co_return;

    const auto read_ids = [](Store& store) { return store.job_ids(); };
    const std::vector<JobId> ids = co_await parts_.store.call(read_ids);
    co_await user.may_change();
    std::vector<JobId> gone = jobs_.missing_from(ids);
    for (const JobId id : gone) jobs_.erase(id);
    std::vector<JobId> unknown;
    const auto is_unknown = [this](JobId id) { return jobs_.find(id) == nullptr; };
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(unknown), is_unknown);
    user.has_changed(gone);
    if (!unknown.empty()) co_await reload_jobs(std::move(unknown), user);
}

/// Reads these rows again.
asio::awaitable<void> Dispatcher::reload_jobs(std::vector<JobId> ids, TableUser& user)
{
    const auto read = [&ids](Store& store) { return store.find_jobs_by_id(ids); };
    std::vector<Job> rows = co_await parts_.store.call(read);
    const std::vector<JobPast> pasts = co_await read_pasts(rows, user);
    co_await user.may_change();
    const WallTime seen = now().wall;
    std::unordered_set<JobId> gone(ids.begin(), ids.end());
    std::vector<JobId> changed;
    for (Job& row : rows) {
        const JobId id = row.id;
        gone.erase(id);
        if (jobs_.put(std::move(row), seen)) changed.push_back(id);
    }
    for (const JobId id : gone) {
        if (jobs_.erase(id)) changed.push_back(id);
    }
    user.learn_unwanted(pasts);
    user.has_changed(changed);
}

/// What these jobs were between the table's version and the row's, where that matters.
asio::awaitable<std::vector<JobPast>> Dispatcher::read_pasts(const std::vector<Job>& rows,
                                                             TableUser& user)
{
    std::vector<PastQuery> queries;
    for (const Job& row : rows) {
        if (const auto query = user.wanted_past(row)) queries.push_back(*query);
    }
    co_return co_await read_pasts(std::move(queries));
}

asio::awaitable<std::vector<JobPast>> Dispatcher::read_pasts(std::vector<PastQuery> queries)
{
    std::vector<JobPast> pasts;
    if (queries.empty()) co_return pasts;
    const auto read = [&queries](Store& store) {
        std::vector<JobPast> found;
        for (const PastQuery& query : queries) {
            for (JobPast& past : store.find_pasts(query)) found.push_back(std::move(past));
        }
        return found;
    };
    pasts = co_await parts_.store.call(read);
    co_return pasts;
}

Moment Dispatcher::own_now() const
{
    return Moment{parts_.clock.now(), parts_.clock.steady_now()};
}

Moment Dispatcher::now() const
{
    return clock_guard_.trusted(own_now());
}

std::string Dispatcher::clock() const
{
    const Moment own = own_now();
    const ClockGuard::Basis basis = clock_guard_.basis(own);
    if (term_ && basis != ClockGuard::Basis::own) {
        return fmt::format("{} s ahead of the database's; planning by {}",
                           clock_guard_.offset(own)->middle() / 1s, basis_text(basis));
    }
    if (!term_) {
        const std::string off = off_the_dispatchers();
        if (!off.empty()) return off;
    }
    if (last_clock_step_) {
        return fmt::format("a clock was {} s ahead until {}",
                           (last_clock_step_->from - last_clock_step_->at) / 1s,
                           time_text(last_clock_step_->at));
    }
    return "ok";
}

/// What the dispatcher says of this node's clock; empty: nothing that matters.
std::string Dispatcher::off_the_dispatchers() const
{
    for (const NodeLoad& node : parts_.roster().nodes) {
        if (node.node != self_ || !node.clock_known) continue;
        const auto by = std::chrono::abs(node.clock_offset);
        if (by <= settings_.lookahead) return "";
        return fmt::format("{} s {} the dispatcher's; this node gets no runs", by / 1s,
                           node.clock_offset > 0ms ? "ahead of" : "behind");
    }
    return "";
}

std::string_view Dispatcher::basis_text(ClockGuard::Basis basis)
{
    switch (basis) {
        case ClockGuard::Basis::own:
            break;
        case ClockGuard::Basis::own_by_votes:
            return "this one, since more nodes agree with it";
        case ClockGuard::Basis::own_as_even:
            return "this one, since the database's was set back";
        case ClockGuard::Basis::database:
            return "the database's, and this node gets no runs";
    }
    return "this one";
}

}  // namespace peercron
