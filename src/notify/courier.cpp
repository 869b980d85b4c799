#include "notify/courier.hpp"

#include "base/shared_pause.hpp"
#include "notify/delivery_rules.hpp"
#include "notify/notice_json.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr auto send_interval = 1s;
/// Who writes something for a new channel says so (`written`).
constexpr auto send_interval_without_channels = 20s;
constexpr std::size_t messages_at_once = 20;  // to a channel
constexpr std::size_t messages_in_one = 500;
constexpr std::size_t channels_at_once = 16;
constexpr auto clean_up_interval = 10min;
constexpr std::size_t kept_messages = 100;  // of each channel, however old
constexpr auto kept_for = std::chrono::days(7);
constexpr std::size_t deleted_at_once = 500;

/// A body that cannot be read was written into the table by somebody, and cannot be sent.
std::optional<Notice> notice_of(const NoticeDelivery& delivery)
{
    try {
        return read_notice(boost::json::parse(delivery.body));
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

}  // namespace

Courier::Courier(asio::any_io_executor executor, const Clock& clock, StorePool& store,
                 Messenger& messenger, Event& written, std::function<bool()> is_sender,
                 prometheus::Registry& metrics)
    : executor_(executor),
      clock_(clock),
      store_(store),
      messenger_(messenger),
      written_(written),
      is_sender_(std::move(is_sender)),
      tasks_(std::move(executor))
{
    auto& family = prometheus::BuildCounter()
                       .Name("peercron_notices_total")
                       .Help("Attempts to send notices to channels, by what came of them")
                       .Register(metrics);
    for (std::size_t i = 0; i < delivery_words.size(); ++i) {
        counters_.at(i) = &family.Add({{"result", std::string(delivery_words.at(i))}});
    }
}

asio::awaitable<void> Courier::run()
{
    tasks_.spawn("outbox", serve());
    std::exception_ptr reason;
    try {
        co_await tasks_.join();
    } catch (...) {
        reason = std::current_exception();
    }
    // Cancelled from outside, the children do not know it yet.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    tasks_.cancel();
    try {
        co_await tasks_.join();
    } catch (...) {
        if (!reason) reason = std::current_exception();
    }
    if (reason) std::rethrow_exception(reason);
}

asio::awaitable<void> Courier::serve()
{
    bool is_told = false;
    for (;;) {
        const auto interval = has_channels_ ? send_interval : send_interval_without_channels;
        const SteadyTime::duration pause = shared_pause(interval, clock_.exact_now());
        co_await written_.wait_until(clock_.steady_now() + pause);
        if (!is_sender_()) {
            has_channels_ = true;  // there may be some by the time that it is
            continue;
        }
        std::string trouble;
        try {
            co_await hand_out();
            co_await clean_up();
        } catch (const StoreError& error) {
            trouble = error.what();
        }
        if (!trouble.empty() && !is_told) {
            spdlog::warn("notices: cannot read what is to be sent, trying again: {}", trouble);
        }
        is_told = !trouble.empty();
    }
}

/// Throws StoreError.
asio::awaitable<void> Courier::hand_out()
{
    const SteadyTime now = clock_.steady_now();
    std::set<std::int64_t> not_now = busy_;
    std::set<std::int64_t> as_one;
    for (const auto& [channel, silence] : silent_) {
        if (silence.until > now) not_now.insert(channel);
    }
    for (auto& [channel, pace] : paces_) {
        const auto until = pace.gathers_until(now);
        if (until) (*until > now ? not_now : as_one).insert(channel);
    }
    const std::size_t room = channels_at_once - std::min(channels_at_once, busy_.size());
    bool has_channels = false;
    const auto work = [&, room, at = clock_.now()](Store& store) {
        std::vector<Load> loads;
        std::vector<NoticeChannel> channels = store.notices().channels();
        has_channels = !channels.empty();
        for (NoticeChannel& channel : channels) {
            if (loads.size() == room) break;
            if (channel.stop || not_now.contains(channel.id)) continue;
            const bool is_one = as_one.contains(channel.id);
            auto due = store.notices().due_deliveries(channel.id, at,
                                                      is_one ? messages_in_one : messages_at_once);
            if (!due.empty()) loads.push_back({std::move(channel), std::move(due), is_one});
        }
        return loads;
    };
    std::vector<Load> loads = co_await store_.call(work);
    has_channels_ = has_channels;
    for (Load& load : loads) {
        busy_.insert(load.channel.id);
        const std::string name = "notices to " + load.channel.name;
        tasks_.spawn(name, deliver(std::move(load)));
    }
}

asio::awaitable<void> Courier::deliver(Load load)
{
    bool is_taking = false;
    if (load.as_one && load.deliveries.size() > 1) {
        is_taking = co_await deliver_as_one(load);
    } else {
        is_taking = co_await deliver_each(load);
    }
    const std::int64_t channel = load.channel.id;
    busy_.erase(channel);
    if (is_taking) {
        silent_.erase(channel);
        written_.notify();  // there may be more
    } else {
        leave_alone(channel);
    }
}

/// False: the channel takes nothing at the moment.
asio::awaitable<bool> Courier::deliver_each(Load& load)
{
    const NoticeChannel& channel = load.channel;
    const ChannelKind* const kind = find_channel_kind(channel.kind);
    const bool is_for_people = kind != nullptr && kind->is_for_people;
    if (load.as_one) paces_[channel.id].gathered();
    for (NoticeDelivery& delivery : load.deliveries) {
        if (!is_sender_()) co_return true;
        if (is_for_people && paces_[channel.id].gathers_until(clock_.steady_now())) co_return true;
        delivery = co_await attempt(channel, std::move(delivery));
        note(channel, delivery);
        if (is_for_people) paces_[channel.id].sent(clock_.steady_now());
        const std::span<const NoticeDelivery> this_one(&delivery, 1);
        const bool is_stored = co_await store(this_one);
        if (!is_stored || delivery.state == NoticeDelivery::State::waiting) co_return false;
    }
    co_return true;
}

/// The same for a channel of people that has got many messages.
asio::awaitable<bool> Courier::deliver_as_one(Load& load)
{
    const NoticeChannel& channel = load.channel;
    const WallTime now = clock_.now();
    std::vector<Notice> notices;
    std::vector<NoticeDelivery> sent;
    std::vector<NoticeDelivery> given_up;
    for (NoticeDelivery& delivery : load.deliveries) {
        std::optional<Notice> notice = notice_of(delivery);
        if (!notice || is_expired(delivery, now)) {
            given_up.push_back(expired(std::move(delivery), now));
        } else {
            notices.push_back(*std::move(notice));
            sent.push_back(std::move(delivery));
        }
    }
    bool is_taking = true;
    if (!notices.empty()) {
        const SendReport report = co_await messenger_.send(channel, grouped(std::move(notices)));
        for (NoticeDelivery& delivery : sent) {
            delivery = after_attempt(std::move(delivery), report, clock_.now());
        }
        is_taking = sent.front().state != NoticeDelivery::State::waiting;
    }
    if (is_taking) paces_[channel.id].gathered();
    std::ranges::move(given_up, std::back_inserter(sent));
    for (const NoticeDelivery& delivery : sent) note(channel, delivery);
    const bool is_stored = co_await store(sent);
    co_return is_taking&& is_stored;
}

/// False: it was not stored, and is sent again, with the same id.
asio::awaitable<bool> Courier::store(std::span<const NoticeDelivery> deliveries)
{
    std::string trouble;
    const auto write = [deliveries](Store& store) {
        store.notices().update_deliveries(deliveries);
    };
    try {
        co_await store_.call(write);
    } catch (const StoreError& error) {
        trouble = error.what();
    }
    if (!trouble.empty()) spdlog::warn("notices: cannot store what came of them: {}", trouble);
    co_return trouble.empty();
}

/// Of one that was given up nothing is sent.
asio::awaitable<NoticeDelivery> Courier::attempt(NoticeChannel channel, NoticeDelivery delivery)
{
    if (is_expired(delivery, clock_.now())) co_return expired(std::move(delivery), clock_.now());
    SendReport report;
    if (std::optional<Notice> notice = notice_of(delivery)) {
        report = co_await messenger_.send(std::move(channel), *std::move(notice));
    } else {
        report.is_refused = true;
        report.problem = "its text in table notice_delivery cannot be read";
    }
    co_return after_attempt(std::move(delivery), report, clock_.now());
}

void Courier::note(const NoticeChannel& channel, const NoticeDelivery& delivery)
{
    counters_.at(static_cast<std::size_t>(delivery.state))->Increment();
    switch (delivery.state) {
        case NoticeDelivery::State::sent:
            break;
        case NoticeDelivery::State::waiting:
            spdlog::warn("notices: {} could not be sent to channel {} (attempt {}): {}",
                         delivery.notice, channel.name, delivery.attempts, delivery.answer);
            break;
        case NoticeDelivery::State::refused:
            spdlog::error("notices: {} is refused by channel {}, and given up: {}", delivery.notice,
                          channel.name, delivery.answer);
            break;
        case NoticeDelivery::State::expired:
            spdlog::error(
                "notices: {} was not taken by channel {} within a day, and is given up: {}",
                delivery.notice, channel.name, delivery.answer);
            break;
    }
}

void Courier::leave_alone(std::int64_t channel)
{
    Silence& silence = silent_[channel];
    ++silence.failures;
    silence.until = clock_.steady_now() + pause_after_attempts(silence.failures);
}

/// Throws StoreError.
asio::awaitable<void> Courier::clean_up()
{
    if (clock_.steady_now() < next_clean_up_) co_return;
    const auto work = [before = clock_.now() - kept_for](Store& store) {
        return store.notices().clean_up(before, kept_messages, deleted_at_once);
    };
    const std::size_t deleted = co_await store_.call(work);
    if (deleted < deleted_at_once) next_clean_up_ = clock_.steady_now() + clean_up_interval;
}

}  // namespace peercron
