#pragma once

#include "base/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <string>
#include <utility>

namespace peercron {

namespace asio = boost::asio;

/// Waits for the dispatcher's answer; what goes wrong on the way is an Error as well, but for a
/// cancellation.
template <class T>
asio::awaitable<Result<T>> await_answer(asio::awaitable<Result<T>> asked)
{
    std::string failure;
    try {
        co_return co_await std::move(asked);
    } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) throw;
        failure = e.what();
    } catch (const std::exception& e) {
        failure = e.what();
    }
    co_return Error{failure};
}

}  // namespace peercron
