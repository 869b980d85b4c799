#include "http/stream.hpp"

#include "base/event.hpp"

#include "server_fixture.hpp"

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>
#include <spdlog/fmt/fmt.h>

#include <memory>
#include <optional>
#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// What all streams of a test tell.
struct Told {
    explicit Told(asio::any_io_executor executor) : changed(std::move(executor)) {}

    Event changed;
    int last = 0;          ///< the numbers up to this one are told
    std::string padding;   ///< of each event
    bool is_over = false;  ///< nothing comes after them
    int asked = 0;         ///< events that were taken from a stream
};

/// Tells numbers, each as an event.
class NumberStream final : public EventStream {
public:
    NumberStream(Streams& streams, Told& told) : EventStream(streams), told_(told) {}

private:
    asio::awaitable<void> collect(std::string& out, SteadyTime latest) override
    {
        if (next_ > told_.last && !told_.is_over) co_await told_.changed.wait_until(latest);
        if (next_ <= told_.last) {
            ++told_.asked;
            append_event(out, "number", fmt::format("{}{}", next_, told_.padding), next_);
            ++next_;
        } else if (told_.is_over) {
            finish();
        }
    }
    void wake() override { told_.changed.notify(); }

    Told& told_;
    int next_ = 1;
};

class StreamTest : public testing::ServerTest {
protected:
    StreamTest() { settings_.drain_timeout = 200ms; }
    ~StreamTest() override { stop(); }

    Router make_router() override
    {
        Router router{Access(AccessRules{.trusted_proxies = {"127.0.0.1"}})};
        router.add({
            .pattern = "/numbers",
            .methods = {http::verb::get},
            .handler = [this](const Call&) { return numbers(); },
        });
        return router;
    }

    asio::awaitable<Response> numbers()
    {
        co_return EventStream::answer(std::make_unique<NumberStream>(streams_, told_));
    }

    testing::HttpClient watch(std::string_view version = "1.1")
    {
        auto client = connect();
        client.send(fmt::format("GET /numbers HTTP/{}\r\nHost: a\r\n\r\n", version));
        return client;
    }

    void tell(int count)
    {
        told_.last += count;
        told_.changed.notify();
    }

    /// Reads until `wanted` has come.
    static std::string read_to(testing::HttpClient& client, std::string_view wanted)
    {
        std::string all;
        while (all.find(wanted) == std::string::npos) all += client.read_some();
        return all;
    }

    /// Lets the server work until `is_so`, or ten seconds have passed.
    template <class Condition>
    bool becomes(Condition is_so)
    {
        const auto limit = std::chrono::steady_clock::now() + 10s;
        while (!is_so() && std::chrono::steady_clock::now() < limit) {
            io_.restart();
            io_.run_one_for(10ms);
        }
        return is_so();
    }

    Streams streams_{3};
    Told told_{io_.get_executor()};
};

TEST_F(StreamTest, SendsEachEventAsItComes)
{
    auto client = watch();
    const std::string head = read_to(client, "retry: 1000\n\n");
    EXPECT_THAT(head, HasSubstr("Content-Type: text/event-stream\r\n"));
    EXPECT_THAT(head, HasSubstr("X-Accel-Buffering: no\r\n"));
    EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
    tell(1);
    EXPECT_THAT(read_to(client, "data: 1\n\n"), HasSubstr("id: 1\nevent: number\ndata: 1\n\n"));
    tell(1);
    EXPECT_THAT(read_to(client, "data: 2\n\n"), HasSubstr("id: 2\nevent: number\ndata: 2\n\n"));
}

TEST_F(StreamTest, EndsInGoodOrderAndTheConnectionServesOn)
{
    auto client = watch();
    tell(1);
    told_.is_over = true;
    const auto reply = client.read();
    EXPECT_THAT(reply.body, EndsWith("data: 1\n\n"));
    EXPECT_TRUE(reply.keep_alive);
    EXPECT_EQ(client.exchange("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").status, 404U);
    EXPECT_EQ(streams_.size(), 0U);
}

TEST_F(StreamTest, AnHttp10ClientGetsItWithoutChunks)
{
    auto client = watch("1.0");
    tell(1);
    told_.is_over = true;
    const std::string reply = client.read_to_end();
    EXPECT_THAT(reply, Not(HasSubstr("chunked")));
    EXPECT_THAT(reply, EndsWith("\r\n\r\nretry: 1000\n\nid: 1\nevent: number\ndata: 1\n\n"));
}

TEST_F(StreamTest, HeadTellsWhatItWouldBe)
{
    auto client = connect();
    client.send("HEAD /numbers HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto head = client.read(true);
    EXPECT_EQ(head.header("Content-Type"), "text/event-stream");
    EXPECT_EQ(streams_.size(), 0U);
}

TEST_F(StreamTest, OneMoreThanThereMayBeIsToldSo)
{
    std::vector<testing::HttpClient> clients;
    for (int i = 0; i < 3; ++i) {
        clients.push_back(watch());
        read_to(clients.back(), "retry: 1000\n\n");
    }
    const auto refused = get("/numbers");
    EXPECT_EQ(refused.status, 503U);
    EXPECT_THAT(refused.message(), HasSubstr("serves 3 at a time ([http] max_streams)"));
    EXPECT_EQ(refused.header("Retry-After"), "5");
    clients.pop_back();
    ASSERT_TRUE(becomes([this] { return streams_.size() == 2; }));
    auto client = watch();
    EXPECT_THAT(read_to(client, "retry: 1000\n\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(StreamTest, AClientThatGoesAwayFreesItsPlaceAtOnce)
{
    {
        auto client = watch();
        read_to(client, "retry: 1000\n\n");
        EXPECT_EQ(streams_.size(), 1U);
    }
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_TRUE(becomes([this] { return streams_.size() == 0; }));
    EXPECT_LT(std::chrono::steady_clock::now() - begun, EventStream::heartbeat);
}

TEST_F(StreamTest, AClientThatDoesNotReadIsAskedForNothingMore)
{
    told_.padding.assign(64U * 1024U, 'x');
    auto client = watch();
    tell(10'000);
    // Until no socket takes any more.
    int asked = -1;
    ASSERT_TRUE(becomes([&] {
        const bool stands = told_.asked > 0 && asked == told_.asked;
        asked = told_.asked;
        return stands;
    }));
    EXPECT_LT(told_.asked, 1000);
    const int before = told_.asked;
    for (int i = 0; i < 200; ++i) client.read_some();
    EXPECT_TRUE(becomes([&] { return told_.asked > before; }));
}

TEST_F(StreamTest, AClientThatDoesNotReadForTooLongIsCutOff)
{
    settings_.idle_timeout = 100ms;
    told_.padding.assign(64U * 1024U, 'x');
    auto client = watch();
    tell(10'000);
    EXPECT_TRUE(becomes([this] { return streams_.size() == 1; }));
    EXPECT_TRUE(becomes([this] { return streams_.size() == 0; }));
}

TEST_F(StreamTest, SilenceIsNoReasonToCutItOff)
{
    settings_.idle_timeout = 100ms;
    auto client = watch();
    read_to(client, "retry: 1000\n\n");
    EXPECT_THAT(read_to(client, ":\n\n"), HasSubstr(":\n\n"));  // the heartbeat, after five seconds
    tell(1);
    EXPECT_THAT(read_to(client, "data: 1"), HasSubstr("event: number"));
}

TEST_F(StreamTest, ANodeThatStopsSaysGoodbyeAtOnceAndTakesNoMore)
{
    auto client = watch();
    read_to(client, "retry: 1000\n\n");
    streams_.close();
    EXPECT_THAT(read_to(client, "bye"), HasSubstr("event: bye\ndata: {}\n\n"));
    const auto refused = get("/numbers");
    EXPECT_EQ(refused.status, 503U);
    EXPECT_THAT(refused.message(), HasSubstr("stopping"));
}

TEST_F(StreamTest, AServerThatStopsDoesNotWaitForStreams)
{
    settings_.drain_timeout = 60s;
    auto client = watch();
    read_to(client, "retry: 1000\n\n");
    const auto begun = std::chrono::steady_clock::now();
    stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
    EXPECT_THAT(client.read_to_end(), HasSubstr("event: bye\n"));
}

TEST_F(StreamTest, IsCountedWhenItBegins)
{
    auto client = watch();
    read_to(client, "retry: 1000\n\n");
    const std::string metrics = prometheus::TextSerializer().Serialize(metrics_->Collect());
    EXPECT_THAT(metrics, HasSubstr(R"(peercron_http_streams 1)"));
    EXPECT_THAT(metrics, HasSubstr(R"(requests_total{code="200",route="/numbers"} 1)"));
}

}  // namespace
}  // namespace peercron
