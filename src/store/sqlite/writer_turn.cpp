#include "store/sqlite/writer_turn.hpp"

namespace peercron {

WriterTurn::WriterTurn(WriterQueue& queue) : queue_(queue)
{
    std::unique_lock lock(queue_.mutex_);
    const std::uint64_t ticket = ++queue_.last_ticket_;
    queue_.moved_.wait(lock, [&] { return queue_.serving_ == ticket; });
}

WriterTurn::~WriterTurn()
{
    {
        const std::lock_guard lock(queue_.mutex_);
        ++queue_.serving_;
    }
    queue_.moved_.notify_all();
}

}  // namespace peercron
