#pragma once

#include "config/config.hpp"
#include "http/server.hpp"

#include <prometheus/registry.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace peercron {

/// The API for users of this machine, at a socket in a folder. In the usual place another node may
/// be already, or no folder can be made: that stops no node, and the log says so. Lives on the I/O
/// thread.
class LocalServer {
public:
    /// @throws std::runtime_error when it cannot listen at the socket that the configuration names.
    LocalServer(const asio::any_io_executor& executor, const Config& config, const Router& router,
                prometheus::Registry& metrics, Budget& budget);

    bool is_open() const { return server_.has_value(); }
    /// As HttpServer::run(). To be called when it is open.
    asio::awaitable<void> run() { return server_->run(); }

    /// What --url has to name when it is open; empty: the command line looks there by itself.
    std::string url_for_commands() const;

private:
    const std::filesystem::path path_;
    std::optional<HttpServer> server_;
};

}  // namespace peercron
