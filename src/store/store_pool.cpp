#include "store/store_pool.hpp"

#include <stdexcept>

namespace peercron {

StorePool::StorePool(asio::any_io_executor io, std::size_t sessions, Open open)
    : freed_(std::move(io)), threads_(sessions)
{
    for (std::size_t slot = 0; slot < sessions; ++slot) {
        sessions_.push_back(open());
        free_.push_back(slot);
    }
}

StorePool::~StorePool() { threads_.join(); }

StorePool::Loan::~Loan()
{
    if (pool_ == nullptr) return;
    pool_->free_.push_back(slot_);
    pool_->freed_.notify();
}

asio::awaitable<StorePool::Loan> StorePool::borrow()
{
    while (free_.empty()) co_await freed_.wait();
    const std::size_t slot = free_.back();
    free_.pop_back();
    co_return Loan(*this, slot);
}

}  // namespace peercron
