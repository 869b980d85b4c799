#include "cluster/consul_client.hpp"

#include "base/task_group.hpp"
#include "integration/servers/child_process.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <stdexcept>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view hello =
    "HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nContent-Length: 5\r\n\r\nhello";

/// Answers each connection from a list: the texts to send on it, each after one request.
/// A connection whose list is used up is closed.
class FakeAgent {
public:
    using Script = std::vector<std::vector<std::string_view>>;

    FakeAgent(asio::io_context& io, Script script)
        : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          script_(std::move(script)),
          address_("127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()))
    {}

    const std::string& address() const { return address_; }

    asio::awaitable<void> serve()
    {
        for (const auto& answers : script_) {
            tcp::socket peer = co_await acceptor_.async_accept(asio::use_awaitable);
            for (const std::string_view answer : answers) {
                const auto request = asio::dynamic_buffer(requests.emplace_back());
                co_await asio::async_read_until(peer, request, "\r\n\r\n", asio::use_awaitable);
                co_await asio::async_write(peer, asio::buffer(answer), asio::use_awaitable);
            }
            peer.close();
            ++closed;
        }
        acceptor_.close();
    }

    std::vector<std::string> requests;
    int closed = 0;  // connections

private:
    tcp::acceptor acceptor_;
    Script script_;
    std::string address_;
};

/// Calls `count` times and keeps the answers.
asio::awaitable<void> call_again(ConsulClient& client, ConsulCall call, int count,
                                 std::vector<Result<ConsulAnswer, NoAnswer>>& answers)
{
    for (int i = 0; i < count; ++i) {
        auto answer = co_await client.call(call);
        answers.push_back(std::move(answer));
    }
}

/// Calls, waits until the agent has closed that connection, and calls again.
asio::awaitable<void> call_after_close(ConsulClient& client, FakeAgent& agent, ConsulCall call,
                                       std::vector<Result<ConsulAnswer, NoAnswer>>& answers)
{
    co_await call_again(client, call, 1, answers);
    while (agent.closed == 0) co_await asio::post(asio::use_awaitable);
    co_await call_again(client, call, 1, answers);
}

class ConsulClientTest : public ::testing::Test {
protected:
    ConsulCall call(std::chrono::milliseconds timeout = 10s) const
    {
        ConsulCall call;
        call.target = "/v1/status/leader";
        call.timeout = timeout;
        return call;
    }

    /// Runs the client against the agent until the client is done.
    void run(ConsulClient& client, FakeAgent& agent, const ConsulCall& what, int count = 1)
    {
        tasks_.spawn("agent", agent.serve());
        testing::run(io_, call_and_stop(client, what, count));
    }

    asio::awaitable<void> call_and_stop(ConsulClient& client, ConsulCall what, int count)
    {
        co_await call_again(client, std::move(what), count, answers_);
        tasks_.cancel();
        co_await tasks_.join();
    }

    asio::io_context io_{1};
    TaskGroup tasks_{io_.get_executor()};
    std::vector<Result<ConsulAnswer, NoAnswer>> answers_;
};

TEST_F(ConsulClientTest, ReturnsStatusIndexAndBody)
{
    FakeAgent agent(io_, {{hello}});
    ConsulClient client(io_.get_executor(), agent.address(), "");
    run(client, agent, call());
    ASSERT_TRUE(answers_.at(0));
    EXPECT_EQ(answers_[0]->status, 200U);
    EXPECT_EQ(answers_[0]->index, 7U);
    EXPECT_EQ(answers_[0]->body, "hello");
    EXPECT_THAT(agent.requests.at(0), HasSubstr("GET /v1/status/leader HTTP/1.1\r\n"));
    EXPECT_THAT(agent.requests.at(0), Not(HasSubstr("X-Consul-Token")));
}

TEST_F(ConsulClientTest, AnIndexThatIsNoNumberIsNoIndex)
{
    FakeAgent agent(
        io_, {{"HTTP/1.1 404 Not Found\r\nX-Consul-Index: 7x\r\nContent-Length: 0\r\n\r\n"}});
    ConsulClient client(io_.get_executor(), agent.address(), "");
    run(client, agent, call());
    ASSERT_TRUE(answers_.at(0));
    EXPECT_EQ(answers_[0]->status, 404U);
    EXPECT_FALSE(answers_[0]->ok());
    EXPECT_FALSE(answers_[0]->index);
}

TEST_F(ConsulClientTest, SendsTheToken)
{
    FakeAgent agent(io_, {{hello}});
    ConsulClient client(io_.get_executor(), agent.address(), "secret-token");
    run(client, agent, call());
    EXPECT_THAT(agent.requests.at(0), HasSubstr("X-Consul-Token: secret-token\r\n"));
}

TEST_F(ConsulClientTest, KeepsTheConnectionForTheNextCall)
{
    FakeAgent agent(io_, {{hello, hello, hello}});
    ConsulClient client(io_.get_executor(), agent.address(), "");
    run(client, agent, call(), 3);
    EXPECT_TRUE(answers_.at(2));
}

TEST_F(ConsulClientTest, TakesANewConnectionWhenTheKeptOneWasClosed)
{
    FakeAgent agent(io_, {{hello}, {hello}});
    ConsulClient client(io_.get_executor(), agent.address(), "");
    tasks_.spawn("agent", agent.serve());
    tasks_.spawn("client", call_after_close(client, agent, call(), answers_));
    testing::run(io_, tasks_.join());
    EXPECT_TRUE(answers_.at(0));
    EXPECT_TRUE(answers_.at(1));
}

TEST_F(ConsulClientTest, NeverMakesACallTwice)
{
    // The kept connection is closed instead of answering: the agent may have done what it was told.
    FakeAgent agent(io_, {{hello, ""}, {hello}});
    ConsulClient client(io_.get_executor(), agent.address(), "");
    run(client, agent, call(), 3);
    EXPECT_TRUE(answers_.at(0));
    EXPECT_FALSE(answers_.at(1));
    EXPECT_TRUE(answers_.at(2));
    EXPECT_EQ(agent.requests.size(), 3U);
}

TEST_F(ConsulClientTest, ANewConnectionThatIsClosedIsNoAnswer)
{
    FakeAgent agent(io_, {{""}});
    ConsulClient client(io_.get_executor(), agent.address(), "");
    run(client, agent, call());
    ASSERT_FALSE(answers_.at(0));
    EXPECT_FALSE(answers_[0].error().timed_out);
    EXPECT_THAT(answers_[0].error().reason, HasSubstr(agent.address()));
}

TEST_F(ConsulClientTest, GarbageIsNoAnswer)
{
    FakeAgent agent(io_, {{"SSH-2.0-OpenSSH_9.2\r\n\r\n"}});
    ConsulClient client(io_.get_executor(), agent.address(), "");
    run(client, agent, call());
    EXPECT_FALSE(answers_.at(0));
}

TEST_F(ConsulClientTest, SilenceIsNoAnswerAfterTheTimeout)
{
    tcp::acceptor silent(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    ConsulClient client(io_.get_executor(),
                        "127.0.0.1:" + std::to_string(silent.local_endpoint().port()), "");
    testing::run(io_, call_again(client, call(20ms), 2, answers_));
    ASSERT_FALSE(answers_.at(1));
    EXPECT_TRUE(answers_[1].error().timed_out);
}

TEST_F(ConsulClientTest, ARefusedConnectionIsNoAnswerAndNoTimeout)
{
    const std::string address = "127.0.0.1:" + std::to_string(testing::free_port());
    ConsulClient client(io_.get_executor(), address, "");
    testing::run(io_, call_again(client, call(), 1, answers_));
    ASSERT_FALSE(answers_.at(0));
    EXPECT_FALSE(answers_[0].error().timed_out);
    EXPECT_EQ(answers_[0].error().reason, address + ": Connection refused");
}

TEST_F(ConsulClientTest, AnAddressThatCannotBeResolvedIsNoAnswer)
{
    ConsulClient client(io_.get_executor(), "127.0.0.1:no-such-service", "");
    testing::run(io_, call_again(client, call(), 1, answers_));
    EXPECT_FALSE(answers_.at(0));
}

TEST_F(ConsulClientTest, CancellingEndsACallThatWaits)
{
    tcp::acceptor silent(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    ConsulClient client(io_.get_executor(),
                        "127.0.0.1:" + std::to_string(silent.local_endpoint().port()), "");
    tasks_.spawn("client", call_again(client, call(24h), 1, answers_));
    io_.run_one();
    while (io_.poll() != 0) {
    }
    tasks_.cancel();
    testing::run(io_, tasks_.join());
    EXPECT_TRUE(answers_.empty());
}

TEST_F(ConsulClientTest, RefusesAnAddressThatIsNotHostAndPort)
{
    for (const char* const wrong :
         {"", "localhost", ":8500", "localhost:", "http://localhost:8500"}) {
        EXPECT_THROW(ConsulClient(io_.get_executor(), wrong, ""), std::invalid_argument) << wrong;
    }
}

}  // namespace
}  // namespace peercron
