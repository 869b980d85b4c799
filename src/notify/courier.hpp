#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "model/run.hpp"
#include "notify/messenger.hpp"
#include "notify/send_pace.hpp"
#include "store/notice_store.hpp"
#include "store/store_pool.hpp"

#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <vector>

namespace peercron {

/// Sends what is in the outbox, while it is this node that does: to each channel one message after
/// the other, and to several channels at a time, so that one that hangs holds up no other. A
/// message is marked as sent after it was taken; when this process dies in between, the next
/// dispatcher sends it again, with the same id.
///
/// People do not get many messages at once: see SendPace.
///
/// A channel that does not answer is left alone for as long as its message waits.
///
/// Lives on the I/O thread.
class Courier {
public:
    /// @param store its own.
    /// @param written wakes it.
    /// @param is_sender whether this node sends.
    Courier(asio::any_io_executor executor, const Clock& clock, StorePool& store,
            Messenger& messenger, Event& written, std::function<bool()> is_sender,
            prometheus::Registry& metrics);

    /// Ends only by cancellation.
    asio::awaitable<void> run();

private:
    asio::awaitable<void> serve();
    asio::awaitable<void> hand_out();
    /// What one channel is to get now.
    struct Load {
        NoticeChannel channel;
        std::vector<NoticeDelivery> deliveries;
        bool as_one = false;
    };
    asio::awaitable<void> deliver(Load load);
    asio::awaitable<bool> deliver_each(Load& load);
    asio::awaitable<bool> deliver_as_one(Load& load);
    asio::awaitable<bool> store(std::span<const NoticeDelivery> deliveries);
    void note(const NoticeChannel& channel, const NoticeDelivery& delivery);
    asio::awaitable<NoticeDelivery> attempt(NoticeChannel channel, NoticeDelivery delivery);
    void leave_alone(std::int64_t channel);
    asio::awaitable<void> clean_up();

    asio::any_io_executor executor_;
    const Clock& clock_;
    StorePool& store_;
    Messenger& messenger_;
    Event& written_;
    const std::function<bool()> is_sender_;
    std::set<std::int64_t> busy_;  ///< channels
    /// A channel that takes nothing at the moment.
    struct Silence {
        std::int64_t failures = 0;  ///< in a row
        SteadyTime until{};
    };
    std::map<std::int64_t, Silence> silent_;
    std::map<std::int64_t, SendPace> paces_;  ///< of channels for people
    std::array<prometheus::Counter*, delivery_words.size()> counters_{};
    SteadyTime next_clean_up_{};
    bool has_channels_ = true;
    TaskGroup tasks_;
};

}  // namespace peercron
