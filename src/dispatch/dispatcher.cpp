#include "dispatch/dispatcher.hpp"

#include "audit/finding.hpp"
#include "dispatch/dispatcher_metrics.hpp"
#include "dispatch/term_runner.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>
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
      clock_(parts_.clock,
             std::min<std::chrono::milliseconds>(settings_.lookahead, clock_tolerance)),
      jobs_(settings_.default_zone),
      job_feed_(clock_, parts_.store, jobs_),
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
            forgotten_ = clock_.now().steady;
            parts_.coordinator.raise_epoch(newest);
        }
        // Deposed and still holding the lock: the coordinator is about to hear of it.
        if (!deposed.empty()) co_await parts_.coordinator.changed().wait_for(1s);
    }
}

/// Another node may have raised the epoch of a registry that has forgotten everything: then this
/// one's epoch looks as it should, and only its lost session tells.
SteadyTime Dispatcher::registry_complete_from() const
{
    return std::max(forgotten_, parts_.coordinator.forgotten()) + registration_time;
}

asio::awaitable<void> Dispatcher::finish(SteadyTime latest)
{
    finishing_ = true;
    if (term_) term_->wake();
    while (term_ && clock_.now().steady < latest) co_await term_ended_.wait_until(latest);
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
class Dispatcher::NobodyElse : public JobFeed::User {
public:
    asio::awaitable<void> may_change() override { co_return; }
    void has_changed(const std::vector<JobId>&) override {}
    std::optional<PastQuery> wanted_past(const Job&) override { return std::nullopt; }
    void learn_unwanted(const std::vector<JobPast>&) override {}
};

asio::awaitable<void> Dispatcher::follow_jobs()
{
    NobodyElse nobody;
    try {
        co_await job_feed_.refresh(nobody);
    } catch (const StoreError&) {
        // Asked again below, after the poll interval.
    }
    if (parts_.coordinator.epoch() != 0) co_return;
    co_await parts_.coordinator.changed().wait_for(settings_.poll_interval);
}

std::string Dispatcher::clock() const
{
    const Moment own = clock_.own();
    const ClockGuard& guard = clock_.guard();
    const ClockGuard::Basis basis = guard.basis(own);
    if (term_ && basis != ClockGuard::Basis::own) {
        return fmt::format("{} s ahead of the database's; planning by {}",
                           guard.offset(own)->middle() / 1s, describe(basis));
    }
    if (!term_) {
        const std::string off = off_the_dispatchers();
        if (!off.empty()) return off;
    }
    if (const auto& step = clock_.last_step()) {
        return fmt::format("a clock was {} s ahead until {}", (step->from - step->at) / 1s,
                           time_text(step->at));
    }
    return "ok";
}

std::optional<std::chrono::milliseconds> Dispatcher::ahead_of_database() const
{
    if (!term_) return std::nullopt;
    const auto offset = clock_.guard().offset(clock_.own());
    return offset ? std::optional(offset->middle()) : std::nullopt;
}

std::optional<AuditNews> Dispatcher::last_audit() const
{
    return term_ ? term_->last_audit() : std::nullopt;
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

}  // namespace peercron
