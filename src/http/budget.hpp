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
/// Bodies and answers of up to `small` bytes are not counted: the number of connections bounds
/// them. For a longer one the caller takes a share before it reads, of the largest size that is
/// possible, and corrects it when the true size is known. Lives on the I/O thread; outlives every
/// share.
class Budget {
public:
    static constexpr std::size_t small = 64U * 1024U;

    /// How long a caller waits for a share. Then the answer is 503, and clients try again.
    static constexpr std::chrono::seconds usual_patience{10};

    /// @param bytes the most that shares take together, unless an estimate was too low.
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

        /// Replaces the estimate by the true size, even if that exceeds the budget.
        void resize(std::size_t bytes);
        std::size_t bytes() const { return bytes_; }

    private:
        Budget* budget_ = nullptr;
        std::size_t bytes_ = 0;
    };

    /// Waits, first come first served, until there is room for `bytes`. More than a quarter of the
    /// budget counts as a quarter, so that nothing is too large to be served, and one caller does
    /// not shut out all others.
    /// @throws HttpError 503 with Retry-After when no room is found in time.
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
    std::list<const Place*> line_;  // the waiting ones, each in the frame of its coroutine
};

}  // namespace peercron
