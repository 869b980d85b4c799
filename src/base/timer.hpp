#pragma once

#include "base/virtual_loop.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <cassert>
#include <memory>
#include <optional>
#include <utility>

namespace peercron {

/// An asio::steady_timer, and in a VirtualLoop the same by that loop's time. Everything here that
/// waits for a moment uses it, so that a simulation decides when that comes.
///
/// Its moment never changes, and one wait at a time is allowed. Belongs to the executor's thread.
class Timer {
public:
    /// SteadyTime::max(): it never comes.
    Timer(const asio::any_io_executor& executor, SteadyTime when)
        : when_(when), loop_(virtual_loop_of(executor))
    {
        if (loop_ == nullptr) real_.emplace(executor, when);
    }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { cancel(); }

    /// Ends the wait, if there is one, with operation_aborted.
    void cancel()
    {
        if (real_) {
            real_->cancel();
        } else if (wait_ != nullptr) {
            loop_->cancel(*wait_);
        }
    }

    /// Completes when the moment has come, with no error; or when cancelled, with
    /// operation_aborted.
    template <class Token>
    auto async_wait(Token&& token)
    {
        return asio::async_initiate<Token, void(boost::system::error_code)>(
            [this](auto handler) { this->start(std::move(handler)); }, token);
    }

private:
    template <class Handler>
    class HandlersWait final : public VirtualLoop::Wait {
    public:
        explicit HandlersWait(Handler&& handler) : handler_(std::move(handler)) {}
        void complete(bool in_time) override
        {
            auto slot = asio::get_associated_cancellation_slot(handler_);
            if (slot.is_connected()) slot.clear();
            boost::system::error_code error;
            if (!in_time) error = asio::error::operation_aborted;
            std::move(handler_)(error);
        }

    private:
        Handler handler_;
    };

    template <class Handler>
    void start(Handler handler)
    {
        if (real_) {
            real_->async_wait(std::move(handler));
            return;
        }
        assert(wait_ == nullptr && "one wait at a time");
        const auto slot = asio::get_associated_cancellation_slot(handler);
        auto wait = std::make_unique<HandlersWait<Handler>>(std::move(handler));
        if (slot.is_connected()) {
            // The wait, not this: it lives until it has completed.
            auto stop = slot;
            stop.assign([loop = loop_, waiting = wait.get()](asio::cancellation_type) {
                loop->cancel(*waiting);
            });
        }
        loop_->start(when_, std::move(wait), wait_);
    }

    SteadyTime when_;
    VirtualLoop* loop_;
    VirtualLoop::Wait* wait_ = nullptr;
    std::optional<asio::steady_timer> real_;
};

}  // namespace peercron
