#include "base/contain.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <utility>

namespace peercron {

asio::awaitable<void> contain(std::string name, asio::awaitable<void> task)
{
    try {
        co_await std::move(task);
    } catch (const boost::system::system_error& error) {
        if (error.code() == asio::error::operation_aborted) throw;
        spdlog::error("{}: failed: {}", name, error.what());
    } catch (const std::exception& error) {
        spdlog::error("{}: failed: {}", name, error.what());
    }
}

}  // namespace peercron
