#pragma once

#include "base/task_group.hpp"
#include "http/budget.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

#include "http_client.hpp"

#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

namespace peercron::testing {

/// A server at a port of its own, and its clients; all share the test's thread. Each fixture stops
/// it in its destructor, before what it serves is gone.
class ServerTest : public ::testing::Test {
protected:
    /// What is served.
    virtual Router make_router() = 0;

    /// Serves from here on; settings and what the router is made of must stand.
    void start();

    /// Stops the server and waits for its end.
    void stop();

    /// A connection; starts the server if need be.
    HttpClient connect();

    /// One request on a connection of its own. `headers` end with \r\n each.
    Reply request(std::string_view method, std::string_view target, std::string_view headers = "",
                  std::string_view body = "");

    Reply get(std::string_view target, std::string_view headers = "");

    /// As `curl -d FORM`.
    Reply post(std::string_view target, std::string_view form);

    Reply post_json(std::string_view target, std::string_view json);

    asio::io_context io_{1};
    HttpSettings settings_{.address = "127.0.0.1:0"};
    std::shared_ptr<prometheus::Registry> metrics_ = std::make_shared<prometheus::Registry>();
    TaskGroup tasks_{io_.get_executor()};
    Budget budget_{io_.get_executor(), 128U << 20U, std::chrono::milliseconds(100)};
    std::optional<Router> router_;
    std::optional<HttpServer> server_;
};

}  // namespace peercron::testing
