#include "simulation/channels.hpp"

#include "base/overloaded.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace peercron::simulation {

NetChannel::NetChannel(asio::any_io_executor executor, OpenChannels& open,
                       std::unique_ptr<Endpoint> endpoint)
    : open_(open),
      place_(open.insert(open.end(), this)),
      endpoint_(std::move(endpoint)),
      ended_(std::move(executor))
{}

NetChannel::~NetChannel()
{
    open_.erase(place_);
}

asio::awaitable<ChannelEnd> NetChannel::run(std::function<void(Message)> on_message)
{
    Endpoint::Handlers handlers;
    handlers.message = std::move(on_message);
    handlers.end = [this] {
        if (!end_) end_.emplace(ChannelEnd{"the connection is broken"});
        ended_.notify();
    };
    endpoint_->listen(std::move(handlers));
    while (!end_) co_await ended_.wait();
    co_return *end_;
}

void NetChannel::close()
{
    endpoint_->close();
    if (!end_) end_.emplace(ChannelEnd{"this side ended it"});
    ended_.notify();
}

WardenChannel::WardenChannel(const asio::any_io_executor& executor, NodeDied word,
                             std::function<void()> on_heard)
    : word_(word), on_heard_(std::move(on_heard)), over_(executor)
{}

void WardenChannel::send(const Message& message)
{
    if (is_over_ || !std::holds_alternative<DeathHeard>(message)) return;
    on_heard_();
    close();
}

asio::awaitable<ChannelEnd> WardenChannel::run(std::function<void(Message)> on_message)
{
    on_message(word_);
    while (!is_over_) co_await over_.wait();
    co_return ChannelEnd{"the warden has told"};
}

void WardenChannel::close()
{
    is_over_ = true;
    over_.notify();
}

MistakenChannel::MistakenChannel(asio::any_io_executor executor, World& world, Mutation mutation,
                                 Side side, std::unique_ptr<Channel> channel,
                                 std::function<void(RunOrders)> on_orders)
    : executor_(std::move(executor)),
      world_(world),
      mutation_(mutation),
      side_(side),
      channel_(std::move(channel)),
      on_orders_(std::move(on_orders))
{}

void MistakenChannel::send(const Message& message)
{
    if (auto answer = make_up(message)) {
        const auto hear = [listener = std::weak_ptr(on_message_), answer = std::move(*answer)] {
            if (const auto on_message = listener.lock()) (*on_message)(answer);
        };
        asio::post(executor_, hear);
        return;
    }
    if (const auto said = distort_said(message)) channel_->send(*said);
}

asio::awaitable<ChannelEnd> MistakenChannel::run(std::function<void(Message)> on_message)
{
    on_message_ = std::make_shared<std::function<void(Message)>>(std::move(on_message));
    const auto hear = [this](Message message) {
        auto heard = distort_heard(std::move(message));
        if (heard) (*on_message_)(std::move(*heard));
    };
    ChannelEnd end = co_await channel_->run(hear);
    on_message_.reset();
    co_return end;
}

std::optional<Message> MistakenChannel::make_up(const Message& asked) const
{
    if (side_ != Side::dispatchers) return std::nullopt;
    const auto* revoke = std::get_if<Revoke>(&asked);
    if (mutation_ == Mutation::asks_nobody && revoke != nullptr) {
        return Revoked{revoke->request, revoke->runs};
    }
    const auto* copy = std::get_if<StepCopy>(&asked);
    if (mutation_ == Mutation::needs_no_copies && copy != nullptr) {
        return StepKept{copy->step.id(), true};
    }
    return std::nullopt;
}

std::optional<Message> MistakenChannel::distort_said(Message message) const
{
    if (side_ != Side::nodes) return message;
    if (auto* account = std::get_if<Account>(&message)) {
        if (mutation_ == Mutation::omits_held) account->held.clear();
        if (mutation_ == Mutation::omits_running) account->running.clear();
        if (mutation_ == Mutation::omits_ended) account->ended.clear();
        const auto forget = [account](bool (*is_forgotten)(const RunOrder&)) {
            std::erase_if(account->started, is_forgotten);
        };
        if (mutation_ == Mutation::omits_daemons) forget(is_daemon);
        if (mutation_ == Mutation::omits_holders) {
            forget([](const RunOrder& order) { return !order.lock_limits.empty(); });
        }
        if (mutation_ == Mutation::places_anywhere) {
            account->labels = {"n0", "n1", "n2", "red", "blue"};
        }
    }
    if (mutation_ == Mutation::is_silent_about_ends) {
        auto* reports = std::get_if<RunReports>(&message);
        const auto is_end = [](const RunReport& report) { return is_final(report.state); };
        if (reports != nullptr && std::ranges::any_of(reports->reports, is_end)) {
            return std::nullopt;
        }
    }
    return message;
}

std::optional<Message> MistakenChannel::distort_heard(Message message)
{
    const auto change = [&](const JobChanged& changed) {
        Done done;
        done.request = changed.request;
        if (mutation_ == Mutation::answers_early) channel_->send(done);
        return true;
    };
    const auto reports = [&](RunReports& told) {
        for (RunReport& report : told.reports) {
            const bool is_good = report.state == RunState::success;
            if (mutation_ == Mutation::hurries_retries && report.ended_at) *report.ended_at -= 20s;
            if (mutation_ == Mutation::retries_successes && is_good) {
                report.state = RunState::failed;
                report.exit_code = 1;
                continue;
            }
            if (mutation_ != Mutation::repeats_successes || !is_good) continue;
            if (world_.random.once_in(20)) report.state = RunState::fenced;
        }
        return true;
    };
    const auto copy = [&](const StepCopy&) { return mutation_ != Mutation::inherits_nothing; };
    const auto orders = [&](RunOrders& given) {
        if (mutation_ != Mutation::obeys_anybody) return true;
        on_orders_(std::move(given));
        return false;
    };
    const auto as_it_is = [](const auto&) { return true; };
    const auto of_nodes = Overloaded{change, reports, copy, as_it_is};
    const auto of_dispatchers = Overloaded{orders, as_it_is};
    const bool is_heard = side_ == Side::dispatchers ? std::visit(of_nodes, message)
                                                     : std::visit(of_dispatchers, message);
    if (!is_heard) return std::nullopt;
    return message;
}

}  // namespace peercron::simulation
