#pragma once

#include <boost/asio/awaitable.hpp>

#include <string>

namespace peercron {

namespace asio = boost::asio;

/// Carries out a task whose failure is nobody else's: one that somebody's request has begun, in a
/// TaskGroup whose other tasks have to go on. What it throws is logged, with its name; that it was
/// cancelled is thrown.
asio::awaitable<void> contain(std::string name, asio::awaitable<void> task);

}  // namespace peercron
