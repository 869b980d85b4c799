#include "cluster/solo_coordinator.hpp"

#include <algorithm>
#include <utility>

namespace peercron {

SoloCoordinator::SoloCoordinator(asio::any_io_executor executor, Member self,
                                 std::function<asio::awaitable<Epoch>()> newest_epoch)
    : newest_epoch_(std::move(newest_epoch)), changed_(std::move(executor))
{
    self.passing = true;
    members_.push_back(std::move(self));
}

asio::awaitable<void> SoloCoordinator::run()
{
    const Epoch newest = co_await newest_epoch_();
    begin(std::min(newest, last_epoch - 1) + 1);
    for (;;) co_await changed_.wait();
}

SteadyTime SoloCoordinator::session_confirmed() const
{
    return std::chrono::steady_clock::now();
}

asio::awaitable<void> SoloCoordinator::resign()
{
    resigned_ = true;
    epoch_ = 0;
    dispatcher_.clear();
    changed_.notify();
    co_return;
}

void SoloCoordinator::raise_epoch(Epoch used)
{
    if (used < last_epoch) begin(std::max(epoch_, used + 1));
}

void SoloCoordinator::begin(Epoch epoch)
{
    if (resigned_) return;
    epoch_ = epoch;
    dispatcher_ = members_.front().name;
    changed_.notify();
}

}  // namespace peercron
