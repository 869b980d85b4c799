#include "http/budget.hpp"

#include "http/message.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include <malloc.h>

namespace peercron {
namespace {

/// Once this much was in use and all of it is free again, the heap's free pages go back to the
/// system. For less, that is not worth the milliseconds it takes.
constexpr std::size_t worth_a_trim = 16U << 20U;

}  // namespace

/// A place in the line of waiting callers.
class Budget::Place {
public:
    explicit Place(Budget& budget) : budget_(budget)
    {
        place_ = budget_.line_.insert(budget_.line_.end(), this);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place()
    {
        budget_.line_.erase(place_);
        budget_.freed_.notify();
    }

    bool is_first() const { return budget_.line_.front() == this; }

private:
    Budget& budget_;
    std::list<const Place*>::iterator place_;
};

Budget::Share::Share(Budget& budget, std::size_t bytes) : budget_(&budget)
{
    resize(bytes);
}

Budget::Share& Budget::Share::operator=(Share&& other) noexcept
{
    if (this == &other) return *this;
    resize(0);
    budget_ = std::exchange(other.budget_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
}

void Budget::Share::resize(std::size_t bytes)
{
    if (budget_ == nullptr) return;
    const std::size_t counted = bytes > small ? bytes : 0;
    budget_->change(std::exchange(bytes_, counted), counted);
}

asio::awaitable<Budget::Share> Budget::take(std::size_t bytes)
{
    const std::size_t wanted = bytes > small ? std::min(bytes, bytes_ / 4) : 0;
    const auto deadline = std::chrono::steady_clock::now() + patience_;
    const Place place(*this);
    while (wanted > 0 && (!place.is_first() || used_ + wanted > bytes_)) {
        const bool in_time = co_await freed_.wait_until(deadline);
        if (in_time) continue;
        HttpError busy(
            http::status::service_unavailable,
            fmt::format("long answers and bodies in progress use all the memory allowed for them "
                        "({} MiB, [http] max_memory); try again, or ask for less at a time",
                        bytes_ >> 20U));
        throw busy.with(http::field::retry_after, "5");
    }
    co_return Share(*this, wanted);
}

void Budget::change(std::size_t before, std::size_t after)
{
    used_ += after;
    used_ -= before;
    most_since_trim_ = std::max(most_since_trim_, used_);
    if (after < before) freed_.notify();
    if (used_ > 0 || most_since_trim_ < worth_a_trim) return;
    ::malloc_trim(0);
    most_since_trim_ = 0;
}

}  // namespace peercron
