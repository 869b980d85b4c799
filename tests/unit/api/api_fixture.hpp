#pragma once

#include "access/access_book.hpp"
#include "api/api.hpp"
#include "store/store_pool.hpp"

#include "fake_coordinator.hpp"
#include "fake_store.hpp"
#include "unit/http/server_fixture.hpp"

#include <spdlog/fmt/fmt.h>

#include <chrono>
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
class ApiTest : public ServerTest {
protected:
    ApiTest();
    ~ApiTest() override;

    Router make_router() override;

    Job& insert_job(std::string_view command = "php -v");

    asio::awaitable<Result<RunId>> run_now(JobId job, std::string by);
    asio::awaitable<Result<RunId>> retry_run(RunId run, std::string by);
    asio::awaitable<Result<void>> end_run(RunId run, Reason why);

    asio::awaitable<SendReport> test_channel(NoticeChannel channel);

    FakeTables tables_;
    std::vector<NoticeChannel> tested_;
    SendReport test_report_;  ///< what comes of the next test
    StorePool pool_;
    FixedClock clock_;
    AccessBook access_;
    Streams streams_{3};
    JobNews job_news_{0, std::vector<ChangedJob>()};
    FakeCoordinator coordinator_{io_.get_executor()};
    std::vector<std::vector<JobId>> announced_;
    std::string announce_error_;
    std::string refused_user_;  ///< no node runs a job as this one
    std::vector<std::pair<RunId, Reason>> ended_;
    std::vector<NodeLoad> loads_;
    std::optional<StorePool::Trouble> store_trouble_;
    std::string_view journal_ = "ok";
    std::string clock_state_ = "ok";
    std::optional<WallTime> certificate_expiry_;
    std::string not_ready_;
    Pauses pauses_;  ///< those of tables_, when they were last asked for
    ApiContext context_;
};

}  // namespace peercron::testing
