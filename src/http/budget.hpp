#pragma once

#include "base/event.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <list>
#include <utility>

namespace peercron {

/// The memory that long bodies and answers in progress may take, all clients of a node together.
///
/// What is at most `small` bytes is not counted: the number of connections bounds it. Who wants
/// more takes a share before he reads, by the most that it can be, and corrects it when he knows.
/// Lives on the I/O thread; outlives every share.
class Budget {
public:
    static constexpr std::size_t small = 64U * 1024U;

    /// How long somebody waits for a share. The answer then is 503, which clients repeat.
    static constexpr std::chrono::seconds usual_patience{10};

    /// @param bytes at most, but for what somebody estimated too low.
    Budget(asio::any_io_executor executor, std::size_t bytes,
           std::chrono::milliseconds patience = usual_patience)
        : freed_(std::move(executor)), bytes_(bytes), patience_(patience)
    {}
    Budget(const Budget&) = delete;
    Budget& operator=(const Budget&) = delete;
    ~Budget() = default;

    /// A part of the budget, given back by the destructor.
    class Share {
    public:
        Share() = default;
        Share(Budget& budget, std::size_t bytes);
        Share(Share&& other) noexcept
            : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0))
        {}
        Share& operator=(Share&& other) noexcept;
        ~Share() { resize(0); }

        /// From an estimate to what it truly is; also beyond the budget.
        void resize(std::size_t bytes);
        std::size_t bytes() const { return bytes_; }

    private:
        Budget* budget_ = nullptr;
        std::size_t bytes_ = 0;
    };

    /// Waits, in line, until there is room for so much. A quarter of the budget stands for all that
    /// is more, so that nothing is too large for ever, and one does not shut out all others.
    /// @throws HttpError 503 with Retry-After when there is none for too long.
    asio::awaitable<Share> take(std::size_t bytes);

    std::size_t used() const { return used_; }

private:
    class Place;

    void change(std::size_t before, std::size_t after);

    Event freed_;
    const std::size_t bytes_;
    const std::chrono::milliseconds patience_;
    std::size_t used_ = 0;
    std::size_t most_since_trim_ = 0;
    std::list<const Place*> line_;  // who waits, each in the frame of its coroutine
};

}  // namespace peercron
