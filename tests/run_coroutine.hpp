#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <utility>

namespace peercron::testing {

/// Runs `test` and everything it starts to the end; throws what it throws.
/// Returning is itself a check: no work may be left behind.
inline void run(boost::asio::io_context& io, boost::asio::awaitable<void> test)
{
    auto rethrow = [](const std::exception_ptr& error) {
        if (error) std::rethrow_exception(error);
    };
    boost::asio::co_spawn(io, std::move(test), rethrow);
    io.run();
}

}  // namespace peercron::testing
