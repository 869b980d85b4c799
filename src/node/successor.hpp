#pragma once

#include "base/clock.hpp"
#include "cluster/coordinator.hpp"
#include "dispatch/dispatcher.hpp"

#include <boost/asio/awaitable.hpp>

namespace peercron {

/// Waits until a dispatcher that is told to stop has another node that can take over, for some
/// seconds. When all nodes are restarted one after the other, the one before may not be back yet,
/// and nobody would plan. Alone, or without others that were there lately, there is nothing to wait
/// for.
asio::awaitable<void> await_successor(const Dispatcher& dispatcher, const Coordinator& coordinator,
                                      NodeName self, const Clock& clock);

}  // namespace peercron
