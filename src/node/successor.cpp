#include "node/successor.hpp"

#include "base/event.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How long a dispatcher that is told to stop waits for a node that can take over: one that has
/// just been started again needs a second until it is registered, passing and connected.
constexpr auto successor_limit = 5s;

bool has_successor(const Dispatcher& dispatcher, const Coordinator& coordinator,
                   const NodeName& self)
{
    const std::vector<NodeLoad> loads = dispatcher.loads();
    return std::ranges::any_of(coordinator.members(), [&](const Member& member) {
        const auto is_ready = [&](const NodeLoad& load) {
            return load.node == member.name && load.connected && !load.draining;
        };
        const bool is_other = member.name != self;
        return is_other && member.passing && std::ranges::any_of(loads, is_ready);
    });
}

}  // namespace

asio::awaitable<void> await_successor(const Dispatcher& dispatcher, const Coordinator& coordinator,
                                      NodeName self, const Clock& clock)
{
    if (dispatcher.loads().size() < 2) co_return;
    const auto latest = clock.steady_now() + successor_limit;
    while (dispatcher.epoch() != 0 && !has_successor(dispatcher, coordinator, self) &&
           clock.steady_now() < latest) {
        co_await sleep_for(50ms);
    }
}

}  // namespace peercron
