#pragma once

#include "base/task_group.hpp"
#include "http/api.hpp"
#include "http/server.hpp"
#include "store/store_pool.hpp"

#include "fake_coordinator.hpp"
#include "fake_store.hpp"
#include "http_client.hpp"

#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace peercron::testing {

class FixedClock final : public Clock {
public:
    WallTime time = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);
    WallTime now() const override { return time; }
    SteadyTime steady_now() const override { return {}; }
};

/// The whole API behind a real socket, over a store in memory.
class ApiTest : public ::testing::Test {
protected:
    ApiTest();
    ~ApiTest() override;

    /// Serves from here on; settings and context must stand.
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

    Job& insert_job(std::string_view command = "php -v");

    asio::awaitable<Result<RunId>> run_now(JobId job, std::string by);
    asio::awaitable<Result<void>> end_run(RunId run, Reason why);

    asio::io_context io_{1};
    HttpSettings settings_{.address = "127.0.0.1:0"};
    FakeTables tables_;
    StorePool pool_;
    FixedClock clock_;
    FakeCoordinator coordinator_{io_.get_executor()};
    std::vector<std::vector<JobId>> announced_;
    std::string announce_error_;
    std::vector<std::pair<RunId, Reason>> ended_;
    std::vector<NodeLoad> loads_;
    std::optional<StorePool::Trouble> store_trouble_;
    std::string_view journal_ = "ok";
    std::string clock_state_ = "ok";
    std::string not_ready_;
    TaskGroup tasks_{io_.get_executor()};
    Budget budget_{io_.get_executor(), 128U << 20U, std::chrono::milliseconds(100)};
    ApiContext context_;
    std::optional<Router> router_;
    std::optional<HttpServer> server_;
};

}  // namespace peercron::testing
