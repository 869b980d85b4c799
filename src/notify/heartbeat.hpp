#pragma once

#include "http_client/http_client.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>

namespace peercron {

/// Pings an outside watcher each minute while all is well, so that it tells when everything here is
/// dead (a dead man's switch). Belongs to the client's thread.
class Heartbeat {
public:
    /// @param url secret: it is in no line of the log.
    /// @param is_well whether this node dispatches, and can plan and store.
    Heartbeat(HttpClient& http, std::string url, std::function<bool()> is_well)
        : http_(http), url_(std::move(url)), is_well_(std::move(is_well))
    {}

    /// Ends only by cancellation.
    asio::awaitable<void> run();

private:
    HttpClient& http_;
    const std::string url_;
    const std::function<bool()> is_well_;
};

}  // namespace peercron
