#include "exec/executor.hpp"

#include "run_coroutine.hpp"
#include "unit/http_client/raw_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::ok;
using testing::RawServer;
using ::testing::SizeIs;
using ::testing::StartsWith;

/// Requests with the real executor and client, against a server of bytes.
class HttpExecutorTest : public ::testing::Test {
protected:
    /// What a test does while requests are under way.
    using Meddle = std::function<asio::awaitable<void>(Executor&)>;

    RunOrder order(Job job = {})
    {
        job.kind = JobKind::http;
        if (job.http_url.empty()) job.http_url = server_->url();
        RunOrder order;
        order.id = RunId{++last_job_, clock_.now(), 1};
        order.fields = NodeFields::of(job);
        order.start_at = order.id.scheduled_at;
        order.start_by = order.start_at + 10min;
        order.epoch = 7;
        return order;
    }

    void answer(RawServer::Answer answer)
    {
        server_.emplace(io_.get_executor(), std::move(answer));
    }

    /// Runs the orders to their ends; the last report is that of the last one that ended.
    RunReport run(std::vector<RunOrder> orders, Meddle meddle = {})
    {
        testing::run(io_, go(*this, std::move(orders), std::move(meddle)));
        return reports_.back();
    }
    RunReport run(RunOrder one, Meddle meddle = {})
    {
        return run(std::vector<RunOrder>{std::move(one)}, std::move(meddle));
    }

    static asio::awaitable<void> be_heard(Executor& executor)
    {
        for (;;) {
            executor.dispatcher_heard(7);
            executor.stops_known(executor.stops());
            co_await sleep_for(50ms);
        }
    }

    static asio::awaitable<void> go(HttpExecutorTest& self, std::vector<RunOrder> orders,
                                    Meddle meddle)
    {
        std::optional<HttpClient> client;
        client.emplace(self.io_.get_executor(), HttpClientSettings{});
        {
            Event reported(self.io_.get_executor());
            std::size_t ended = 0;
            const auto keep = [&](const RunReport& report) {
                self.reports_.push_back(report);
                if (is_final(report.state)) ++ended;
                reported.notify();
            };
            ExecSettings settings;
            settings.node = "127.0.0.1:9991";
            Executor executor(self.io_.get_executor(), self.clock_, settings, keep, nullptr,
                              nullptr, &*client);
            TaskGroup tasks(self.io_.get_executor());
            tasks.spawn("executor", executor.run());
            tasks.spawn("dispatcher", be_heard(executor));
            const std::size_t count = orders.size();
            RunOrders message;
            message.orders = std::move(orders);
            executor.accept(std::move(message));
            while (meddle && self.server_->requests.size() < count) co_await sleep_for(1ms);
            if (meddle) co_await meddle(executor);
            while (!self.is_left_ && ended < count) co_await reported.wait();
            tasks.cancel();
            co_await tasks.join();
        }
        client.reset();
        self.server_->stop();
    }

    asio::io_context io_{1};
    SystemClock clock_;
    std::optional<RawServer> server_;
    std::vector<RunReport> reports_;
    JobId last_job_ = 0;
    bool is_left_ = false;  ///< it is stopped before the requests have ended
};

TEST_F(HttpExecutorTest, ReportsTheStartAndTheEnd)
{
    answer([](auto&) { return RawServer::Reply{ok("fine")}; });
    const RunReport end = run(order());
    ASSERT_THAT(reports_, SizeIs(2));
    EXPECT_EQ(reports_[0].state, RunState::running);
    EXPECT_EQ(reports_[0].started_at, end.started_at);
    EXPECT_EQ(end.state, RunState::success) << end.reason.detail;
    EXPECT_EQ(end.http_status, 200);
    EXPECT_EQ(end.exit_code, std::nullopt);
    EXPECT_THAT(end.output, AllOf(StartsWith("HTTP/1.1 200 from 127.0.0.1:"),
                                  EndsWith("\nContent-Length: 4\n\nfine")));
    EXPECT_EQ(end.output_bytes, static_cast<std::int64_t>(end.output.size()));
}

TEST_F(HttpExecutorTest, WhatTheServerSaysIsTextThatAnyStoreTakes)
{
    answer([](auto&) { return RawServer::Reply{ok(std::string("a\0b\xFF", 4), "X: \xFF\r\n")}; });
    EXPECT_THAT(run(order()).output, AllOf(HasSubstr("X: \uFFFD\n"), EndsWith("a\uFFFDb\uFFFD")));
}

TEST_F(HttpExecutorTest, ATimeoutEndsTheRequest)
{
    answer([](auto&) { return RawServer::Reply{}; });
    RunOrder slow = order();
    slow.timeout = 1s;
    const RunReport end = run(slow);
    EXPECT_EQ(end.state, RunState::timeout);
    EXPECT_THAT(end.reason.detail,
                StartsWith("ran longer than its timeout of 1 s, waiting for the answer of 127."));
    EXPECT_EQ(end.http_status, std::nullopt);
}

TEST_F(HttpExecutorTest, APersonEndsARequestAtOnce)
{
    answer([](auto&) { return RawServer::Reply{}; });
    const RunOrder endless = order();
    const RunReport end = run(endless, [&](Executor& executor) -> asio::awaitable<void> {
        EXPECT_TRUE(executor.kill(endless.id, Reason{Cause::on_request, "by ann"}));
        co_return;
    });
    EXPECT_EQ(end.state, RunState::killed);
    EXPECT_EQ(end.reason.cause, Cause::on_request);
    EXPECT_THAT(end.reason.detail, StartsWith("by ann, waiting for the answer of 127."));
    EXPECT_LT(end.use_time, 4s) << "there is no grace for a request";
}

TEST_F(HttpExecutorTest, AStopEndsRequestsAndReportsThem)
{
    answer([](auto&) { return RawServer::Reply{}; });
    is_left_ = true;
    const RunReport end =
        run({order(), order()}, [](Executor&) -> asio::awaitable<void> { co_return; });
    EXPECT_EQ(end.state, RunState::killed);
    EXPECT_EQ(end.reason.cause, Cause::node_stopped);
    EXPECT_THAT(reports_, SizeIs(4));
}

TEST_F(HttpExecutorTest, ADrainWaitsForRequests)
{
    answer([](auto&) { return RawServer::Reply{}; });
    const RunReport end = run(order(), [&](Executor& executor) -> asio::awaitable<void> {
        const bool all = co_await executor.drain(clock_.steady_now() + 200ms);
        EXPECT_TRUE(all) << "it was ended then";
        EXPECT_EQ(reports_.size(), 2U);
    });
    EXPECT_EQ(end.state, RunState::killed);
    EXPECT_EQ(end.reason.cause, Cause::node_stopped);
}

TEST_F(HttpExecutorTest, ALimitHoldsForRequests)
{
    answer([](auto&) { return RawServer::Reply{}; });
    RunOrder first = order();
    first.concurrency.limit = 1;
    first.timeout = 1s;
    RunOrder second = first;
    second.id.scheduled_at += 1ms;
    second.start_at += 1ms;
    run({first, second});
    ASSERT_THAT(reports_, SizeIs(3));
    EXPECT_EQ(reports_[1].state, RunState::skipped);
    EXPECT_EQ(reports_[1].reason.cause, Cause::mutex);
    EXPECT_EQ(reports_[2].state, RunState::timeout);
}

TEST_F(HttpExecutorTest, ARequestThatCannotBeMadeFails)
{
    answer([](auto&) { return RawServer::Reply{}; });
    Job job;
    job.http_url = "http://127.0.0.1:1/";
    EXPECT_EQ(run(order(job)).reason.detail, "connection refused by 127.0.0.1:1");
    job.http_url = "gopher://x/";
    answer([](auto&) { return RawServer::Reply{}; });
    io_.restart();
    EXPECT_THAT(run(order(job)).reason.detail, HasSubstr("neither of http nor of https"));
}

TEST_F(HttpExecutorTest, AnOrderOfADispatcherThatKnowsNoRequestsIsNoSuccess)
{
    answer([](auto&) { return RawServer::Reply{}; });
    RunOrder empty = order();
    empty.fields = {};
    const RunReport end = run(empty);
    EXPECT_EQ(end.state, RunState::failed);
    EXPECT_THAT(end.reason.detail, StartsWith("it has no command; if its job is of another kind"));
}

}  // namespace
}  // namespace peercron
