#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace peercron::testing {

/// Turns `io` until `work` is done, and returns what it returns.
template <class T>
T await(boost::asio::io_context& io, boost::asio::awaitable<T> work)
{
    std::optional<T> result;
    std::exception_ptr error;
    bool done = false;
    boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr e, T value) {
        error = e;
        result = std::move(value);
        done = true;
    });
    while (!done) {
        io.restart();
        if (io.run_one_for(std::chrono::seconds(60)) == 0) throw std::runtime_error("it hangs");
    }
    if (error) std::rethrow_exception(error);
    return std::move(*result);
}

}  // namespace peercron::testing
