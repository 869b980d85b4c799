#pragma once

#include "dispatch/channel.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <utility>

namespace peercron {

/// The two sides of a conversation inside this process, for the dispatcher and its own node:
/// either may be destroyed first.
std::pair<std::unique_ptr<Channel>, std::unique_ptr<Channel>> make_local_channels(
    const asio::any_io_executor& executor);

}  // namespace peercron
