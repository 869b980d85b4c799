#include "store/sqlite/writer_turn.hpp"

#include <map>

namespace peercron {

std::shared_ptr<WriterQueue> WriterQueue::of(const std::filesystem::path& file)
{
    static std::mutex mutex;
    static std::map<std::filesystem::path, std::weak_ptr<WriterQueue>> queues;
    const std::filesystem::path name = std::filesystem::weakly_canonical(file);
    const std::lock_guard lock(mutex);
    std::erase_if(queues, [](const auto& entry) { return entry.second.expired(); });
    std::shared_ptr<WriterQueue> queue = queues[name].lock();
    if (!queue) {
        queue = std::make_shared<WriterQueue>();
        queues[name] = queue;
    }
    return queue;
}

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
