#include "node/local_channel.hpp"

#include "base/event.hpp"

#include <deque>

namespace peercron {
namespace {

/// What one side has said and the other has not heard yet.
struct Mailbox {
    explicit Mailbox(const asio::any_io_executor& executor) : filled(executor) {}

    std::deque<Message> messages;
    bool closed = false;  // by the side that writes
    Event filled;
};

class LocalChannel final : public Channel {
public:
    LocalChannel(std::shared_ptr<Mailbox> in, std::shared_ptr<Mailbox> out)
        : in_(std::move(in)), out_(std::move(out))
    {}
    LocalChannel(const LocalChannel&) = delete;
    LocalChannel& operator=(const LocalChannel&) = delete;
    ~LocalChannel() override { close_out(); }

    void send(const Message& message) override
    {
        if (out_->closed) return;
        out_->messages.push_back(message);
        out_->filled.notify();
    }

    asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override
    {
        for (;;) {
            while (!in_->messages.empty() && !closed_here_) {
                Message message = std::move(in_->messages.front());
                in_->messages.pop_front();
                on_message(std::move(message));
            }
            if (closed_here_ || in_->closed) break;
            co_await in_->filled.wait();
        }
        close_out();
        ChannelEnd end;
        end.why = "this node ended it";
        co_return end;
    }

    void close() override
    {
        closed_here_ = true;
        close_out();
        in_->filled.notify();
    }

private:
    void close_out()
    {
        out_->closed = true;
        out_->filled.notify();
    }

    std::shared_ptr<Mailbox> in_;
    std::shared_ptr<Mailbox> out_;
    bool closed_here_ = false;
};

}  // namespace

std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>> make_local_channels(
    const asio::any_io_executor& executor)
{
    const auto there = std::make_shared<Mailbox>(executor);
    const auto back = std::make_shared<Mailbox>(executor);
    return {std::make_unique<LocalChannel>(back, there),
            std::make_unique<LocalChannel>(there, back)};
}

}  // namespace peercron
