#include "simulated_node.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <variant>

namespace peercron::bench {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t slots = 10'000;

}  // namespace

SimulatedNode::SimulatedNode(asio::any_io_executor executor, const Clock& clock, NodeName name,
                             OnEnded on_ended)
    : clock_(clock),
      name_(std::move(name)),
      on_ended_(std::move(on_ended)),
      started_(clock.steady_now()),
      more_held_(executor),
      answered_(std::move(executor))
{}

asio::awaitable<void> SimulatedNode::serve(std::unique_ptr<Channel> channel)
{
    struct Attached {
        SimulatedNode& node;
        Channel* channel;
        ~Attached()
        {
            if (node.channel_ == channel) node.channel_ = nullptr;
        }
    };
    channel_ = channel.get();
    const Attached attached{*this, channel_};
    const auto on_message = [this](Message message) { hear(std::move(message)); };
    co_await channel->run(on_message);
}

asio::awaitable<void> SimulatedNode::run()
{
    for (;;) {
        const WallTime now = clock_.now();
        end_due(now);
        if (held_.empty()) {
            co_await more_held_.wait();
        } else {
            co_await more_held_.wait_for(std::max(held_.begin()->first - now, 1ms));
        }
    }
}

asio::awaitable<void> SimulatedNode::announce(std::vector<JobId> jobs)
{
    if (channel_ == nullptr) throw std::runtime_error(name_ + " has no dispatcher");
    JobChanged change;
    change.request = ++last_request_;
    change.jobs = std::move(jobs);
    channel_->send(change);
    while (done_ < change.request) co_await answered_.wait();
}

void SimulatedNode::hear(Message message)
{
    std::visit([this](auto& heard) { hear(heard); }, message);
}

void SimulatedNode::hear(const TermHello& hello)
{
    Account account;
    account.node = name_;
    account.incarnation = 1;
    account.uptime =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady_now() - started_);
    account.newest_epoch = hello.epoch;
    account.slots = slots;
    channel_->send(account);
}

void SimulatedNode::hear(RunOrders& orders)
{
    orders_ += orders.orders.size();
    for (RunOrder& order : orders.orders) held_[order.start_at].push_back(std::move(order));
    more_held_.notify();
}

void SimulatedNode::hear(const Revoke& revoke)
{
    Revoked answer;
    answer.request = revoke.request;
    for (auto& [at, orders] : held_) {
        std::erase_if(orders, [&](const RunOrder& order) {
            const bool named =
                std::find(revoke.runs.begin(), revoke.runs.end(), order.id) != revoke.runs.end();
            if (named) answer.revoked.push_back(order.id);
            return named;
        });
    }
    channel_->send(answer);
}

void SimulatedNode::hear(const DispatcherBeat& beat)
{
    ++beats_;
    NodeBeat answer;
    answer.echo = beat.sent_at;
    answer.sent_at = clock_.now();
    answer.load.node = name_;
    answer.load.slots = slots;
    channel_->send(answer);
}

void SimulatedNode::hear(const StepCopy& copy)
{
    channel_->send(StepKept{copy.step.id(), true});
}

void SimulatedNode::hear(const Done& done)
{
    if (!done.error.empty()) throw std::runtime_error("the dispatcher refuses: " + done.error);
    done_ = done.request;
    answered_.notify();
}

void SimulatedNode::end_due(WallTime now)
{
    if (channel_ == nullptr) return;
    RunReports running;
    RunReports ended;
    for (; !held_.empty() && held_.begin()->first <= now; held_.erase(held_.begin())) {
        for (const RunOrder& order : held_.begin()->second) {
            RunReport report;
            report.id = order.id;
            report.run_server = name_;
            report.dispatch_server = order.dispatch_server;
            report.epoch = order.epoch;
            report.started_at = now;
            running.reports.push_back(report);
            report.state = RunState::success;
            report.ended_at = now;
            report.exit_code = 0;
            ended.reports.push_back(std::move(report));
        }
    }
    if (ended.reports.empty()) return;
    channel_->send(running);
    channel_->send(ended);
    if (on_ended_) on_ended_(ended.reports);
}

}  // namespace peercron::bench
