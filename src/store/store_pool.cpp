#include "store/store_pool.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace peercron {
namespace {

const SystemClock system_clock;

}  // namespace

/// A place in the queue, given up when the coroutine that waits ends, however it ends.
class StorePool::Place {
public:
    explicit Place(StorePool& pool)
        : pool_(pool), waiter_(pool.waiting_.emplace(pool.waiting_.end(), pool.io_))
    {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { pool_.waiting_.erase(waiter_); }

    Timer& woken() { return waiter_->woken; }
    std::optional<std::size_t> slot() const { return waiter_->slot; }

private:
    StorePool& pool_;
    std::list<Waiter>::iterator waiter_;
};

StorePool::StorePool(asio::any_io_executor io, std::size_t sessions, const Open& open,
                     TooLong too_long)
    : StorePool(std::move(io), system_clock, std::make_unique<SessionThreads>(sessions, open),
                too_long)
{}

StorePool::StorePool(asio::any_io_executor io, const Clock& clock,
                     std::unique_ptr<StoreSessions> sessions, TooLong too_long)
    : io_(std::move(io)), clock_(clock), too_long_(too_long), sessions_(std::move(sessions))
{
    for (std::size_t slot = 0; slot < sessions_->count(); ++slot) free_.push_back(slot);
}

StorePool::Loan::~Loan()
{
    if (pool_ != nullptr) pool_->release(slot_);
}

void StorePool::note(std::optional<std::string> trouble)
{
    if (!trouble) {
        trouble_.reset();
        return;
    }
    if (!trouble_) trouble_.emplace(Trouble{clock_.now(), ""});
    trouble_->why = std::move(*trouble);
}

void StorePool::release(std::size_t slot)
{
    for (Waiter& waiter : waiting_) {
        if (waiter.slot) continue;  // has been woken, and has not run yet
        waiter.slot = slot;
        waiter.woken.cancel();
        return;
    }
    free_.push_back(slot);
}

asio::awaitable<StorePool::Loan> StorePool::borrow()
{
    if (!free_.empty()) {
        const std::size_t slot = free_.back();
        free_.pop_back();
        co_return Loan(*this, slot);
    }
    Place place(*this);
    boost::system::error_code woken;
    co_await place.woken().async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const std::optional<std::size_t> slot = place.slot();
    if (!slot) throw boost::system::system_error(asio::error::operation_aborted);
    co_return Loan(*this, *slot);
}

}  // namespace peercron
