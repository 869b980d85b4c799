#include "thing_server.hpp"

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>
#include <boost/json/parse.hpp>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view health = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

class HttpServerTest : public testing::ThingServerTest {
protected:
    /// What comes back when a client sends this and waits for the end.
    std::string raw(std::string_view bytes)
    {
        auto client = connect();
        client.send(bytes);
        return client.read_to_end();
    }
};

TEST_F(HttpServerTest, KeepsAConnectionForManyRequests)
{
    auto client = connect();
    for (int i = 0; i < 10; ++i) {
        const auto reply = client.exchange(health);
        EXPECT_EQ(reply.status, 200U);
        EXPECT_TRUE(reply.keep_alive);
    }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInTheirOrder)
{
    auto client = connect();
    std::string all;
    for (const std::string path : {"/health", "/nothing", "/thing/list", "/thing/abc"}) {
        all += "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
    }
    all +=
        "POST /thing/add HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        "Content-Length: 34\r\n\r\n{\"name\":\"thing1\",\"colour\":\"green\"}";
    all += health;
    client.send(all);
    for (const unsigned status : {200U, 404U, 200U, 400U, 200U, 200U}) {
        EXPECT_EQ(client.read().status, status);
    }
}

TEST_F(HttpServerTest, ClosesWhenTheClientAsksForIt)
{
    EXPECT_THAT(raw("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
                StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(raw("GET /health HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.0 200 OK\r\n"));
}

TEST_F(HttpServerTest, AnHttp10ClientGetsALongListWithoutChunks)
{
    things_.assign(5000, std::string(100, 'x'));
    const std::string reply = raw("GET /thing/list HTTP/1.0\r\n\r\n");
    EXPECT_THAT(reply.substr(0, 500), Not(HasSubstr("chunked")));
    const auto body = boost::json::parse(reply.substr(reply.find("\r\n\r\n") + 4));
    EXPECT_EQ(body.at("data").as_array().size(), 5000U);
}

TEST_F(HttpServerTest, HeadIsGetWithoutTheBody)
{
    things_.assign(3, "a");
    auto client = connect();
    client.send("HEAD /thing/list HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto head = client.read(true);
    EXPECT_EQ(head.status, 200U);
    EXPECT_EQ(head.header("Content-Length"), std::to_string(get("/thing/list").body.size()));
    EXPECT_EQ(client.exchange(health).status, 200U);  // nothing stands between the answers
}

TEST_F(HttpServerTest, HeadChangesNothing)
{
    things_ = {"a"};
    const auto reply = request("HEAD", "/thing/paint/1");
    EXPECT_EQ(reply.status, 405U);
    EXPECT_EQ(reply.header("Allow"), "GET, POST");
    EXPECT_EQ(things_.front(), "a");
}

TEST_F(HttpServerTest, AWrongMethodIsToldTheRightOnes)
{
    const auto get_of_add = get("/thing/add");
    EXPECT_EQ(get_of_add.status, 405U);
    EXPECT_EQ(get_of_add.header("Allow"), "POST");
    EXPECT_EQ(get_of_add.json().at("code"), 405);
    const auto post_of_list = post("/thing/list", "");
    EXPECT_EQ(post_of_list.status, 405U);
    EXPECT_EQ(post_of_list.header("Allow"), "GET, HEAD");
    EXPECT_EQ(request("DELETE", "/thing/paint/1").status, 405U);
    EXPECT_EQ(request("OPTIONS", "/thing/list").status, 405U);
    EXPECT_EQ(request("BREW", "/thing/list").status, 405U);
}

TEST_F(HttpServerTest, AnUnknownPathIsNotFound)
{
    for (const std::string path : {"/", "/thing", "/nothing", "/thing/list/", "//thing/list",
                                   "/thing/paint/1/2", "/THING/LIST"}) {
        EXPECT_EQ(get(path).status, 404U) << path;
    }
    EXPECT_THAT(get("/nothing").message(), HasSubstr("\"/nothing\""));
}

TEST_F(HttpServerTest, PathsAreDecodedAndThePlusStaysInThem)
{
    things_ = {"a"};
    EXPECT_EQ(get("/th%69ng/%6cist").status, 200U);
    EXPECT_EQ(get("/thing/%31").status, 200U);
    EXPECT_EQ(get("/thing/+1").status, 400U);
    EXPECT_EQ(get("/thing/%zz").status, 400U);
    EXPECT_EQ(get("/thing/%").status, 400U);
    EXPECT_EQ(get("/thing%2Flist").status, 404U);  // an encoded slash separates nothing
    EXPECT_EQ(get("http://localhost:9990/thing/list").status, 200U);
}

TEST_F(HttpServerTest, WhatIsNotHttpIsRefusedAndTheConnectionEnds)
{
    for (const std::string bytes :
         {"NONSENSE\r\n\r\n", "GET /health\r\n\r\n", "GET /health HTTP/3.0\r\nHost: a\r\n\r\n",
          "GET /hea lth HTTP/1.1\r\nHost: a\r\n\r\n", "GET /health HTTP/1.1\r\n\r\n",
          "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
          "GET /health HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
          "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
          "GET health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
          "POST /thing/add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
          "Content-Length: 3\r\n\r\nabc",
          "POST /thing/add HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: "
          "4\r\n\r\nabc",
          "POST /thing/add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc",
          "POST /thing/add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\nabc",
          "POST /thing/add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
        const std::string reply = raw(bytes);
        EXPECT_THAT(reply, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << bytes;
        EXPECT_THAT(reply, HasSubstr(R"({"code":400,"data":null,"message":")")) << bytes;
    }
    EXPECT_EQ(get("/health").status, 200U);
}

TEST_F(HttpServerTest, OnlyChunkedAloneIsUnderstoodAsTransferEncoding)
{
    for (const std::string coding :
         {"Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, chunked\r\n",
          "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: \"chunked\", chunked\r\n"}) {
        const std::string reply =
            raw("POST /thing/add HTTP/1.1\r\nHost: a\r\n" + coding + "\r\n0\r\n\r\n");
        EXPECT_THAT(reply, StartsWith("HTTP/1.1 501 Not Implemented\r\n")) << coding;
        EXPECT_THAT(reply, HasSubstr("Transfer-Encoding: given")) << coding;
    }
    EXPECT_THAT(raw("POST /thing/add HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                HasSubstr("400 Bad Request"));
}

TEST_F(HttpServerTest, FieldsOfATrailerAreNoneOfTheHeader)
{
    tokens_ = {{"root", "a-secret", Role::admin}};
    const std::string body = "\r\n3\r\na=1\r\n0\r\nX-Real-IP: 192.0.2.1\r\n";
    const std::string late = "Authorization: Bearer a-secret\r\n\r\n";
    const std::string line =
        "POST /thing/paint/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";
    EXPECT_THAT(raw(line + body + late), StartsWith("HTTP/1.1 401 "));
    things_ = {"a"};
    auto client = connect();
    const auto reply = client.exchange(
        fmt::format("POST /thing/paint/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                    "Content-Type: application/x-www-form-urlencoded\r\n{}{}{}",
                    late.substr(0, late.size() - 2), body, late));
    EXPECT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(things_.front(), "127.0.0.1");
    EXPECT_EQ(client.exchange(health).status, 200U);
}

TEST_F(HttpServerTest, EmptyLinesBeforeARequestArePassedOver)
{
    auto client = connect();
    EXPECT_EQ(client.exchange(fmt::format("\r\n{}", health)).status, 200U);
    EXPECT_EQ(client.exchange(fmt::format("\r\n\r\n{}", health)).status, 200U);
    client.send("\r");
    client.send("\n");
    EXPECT_EQ(client.exchange(health).status, 200U);
    EXPECT_THAT(raw("\r\n\r\n\r\n\r\n\r\n\r\n" + std::string(health)), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(raw("\rGET /health HTTP/1.1\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, WhoIsRefusedByTheHeaderIsToldBeforeTheBodyComes)
{
    tokens_ = {{"root", "a-secret", Role::admin}, {"viewer", "r-secret", Role::read}};
    settings_.max_body = 1000;
    const auto status = [this](std::string_view line, std::string_view token, int size) {
        auto client = connect();
        // Nothing of the body is ever sent.
        const auto reply = client.exchange(
            fmt::format("{} HTTP/1.1\r\nHost: a\r\nX-Peercron-Token: {}\r\nContent-Length: {}\r\n"
                        "\r\n",
                        line, token, size));
        EXPECT_FALSE(reply.keep_alive) << line;
        return reply.status;
    };
    EXPECT_EQ(status("POST /thing/add", "wrong", 900), 401U);
    EXPECT_EQ(status("POST /thing/add", "r-secret", 900), 403U);
    EXPECT_EQ(status("POST /nothing", "a-secret", 900), 404U);
    EXPECT_EQ(status("PUT /thing/add", "a-secret", 900), 405U);
    EXPECT_EQ(status("POST /thing/add", "a-secret", 1001), 413U);
    EXPECT_EQ(status("POST /thing/add", "wrong", 1001), 401U);
}

TEST_F(HttpServerTest, AHugeBodyIsRefusedWithoutBeingRead)
{
    settings_.max_body = 1000;
    EXPECT_EQ(post("/thing/add", std::string(1001, 'x')).status, 413U);
    EXPECT_THAT(post("/thing/add", std::string(1001, 'x')).message(), HasSubstr("1000 bytes"));
    EXPECT_EQ(post("/thing/add", std::string(5'000'000, 'x')).status, 413U);
    EXPECT_EQ(post("/thing/add", std::string(1000, 'x')).status, 400U);
    EXPECT_THAT(raw("POST /thing/add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "10000\r\n" +
                    std::string(65536, 'x') + "\r\n0\r\n\r\n"),
                StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, AHugeHeaderIsRefused)
{
    const std::string many(20'000, 'x');
    EXPECT_EQ(get("/health?" + many).status, 431U);
    EXPECT_EQ(get("/health", "X-Long: " + many + "\r\n").status, 431U);
    EXPECT_EQ(get("/health?" + many.substr(0, 10'000)).status, 200U);
}

TEST_F(HttpServerTest, AnExpectingClientIsToldToGoOnBeforeItSendsTheBody)
{
    auto client = connect();
    const std::string_view body = "name=thing1&colour=green";
    client.send(
        fmt::format("POST /thing/add HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Type: application/x-www-form-urlencoded\r\n"
                    "Content-Length: {}\r\n\r\n",
                    body.size()));
    EXPECT_EQ(client.read_some(), "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(client.exchange(body).status, 200U);
}

TEST_F(HttpServerTest, AnExpectingClientWithAHugeBodyIsRefusedAtOnce)
{
    auto client = connect();
    EXPECT_EQ(client
                  .exchange("POST /thing/add HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                            "Content-Length: 5000000\r\n\r\n")
                  .status,
              413U);
}

TEST_F(HttpServerTest, ChunkedBodiesAreRead)
{
    auto client = connect();
    const auto reply = client.exchange(
        "POST /thing/add HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        "a\r\nname=abcde\r\ne\r\nfgh&colour=red\r\n0\r\n\r\n");
    EXPECT_EQ(reply.status, 200U) << reply.body;
    EXPECT_THAT(things_, ElementsAre("abcdefgh"));
}

TEST_F(HttpServerTest, ARequestThatComesByteByByteIsUnderstood)
{
    auto client = connect();
    for (const char byte : health) client.send(std::string(1, byte));
    EXPECT_EQ(client.read().status, 200U);
}

TEST_F(HttpServerTest, HalfARequestAndSilenceIsClosedAndHarmsNobody)
{
    settings_.request_timeout = 100ms;
    auto client = connect();
    client.send("POST /thing/add HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nname");
    EXPECT_EQ(get("/health").status, 200U);
    EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(HttpServerTest, ASilentConnectionIsClosed)
{
    settings_.idle_timeout = 100ms;
    auto client = connect();
    EXPECT_EQ(client.read_to_end(), "");
    auto second = connect();
    EXPECT_EQ(second.exchange(health).status, 200U);
    EXPECT_EQ(second.read_to_end(), "");
}

TEST_F(HttpServerTest, ServesManyClientsAtOnce)
{
    std::vector<testing::HttpClient> clients;
    for (int i = 0; i < 200; ++i) clients.push_back(connect());
    for (auto& client : clients) client.send(health);
    for (auto& client : clients) EXPECT_EQ(client.read().status, 200U);
    for (auto& client : clients) EXPECT_EQ(client.exchange(health).status, 200U);
}

TEST_F(HttpServerTest, OneTooManyIsTurnedAwayWhileAllOthersAreAtWork)
{
    settings_.max_connections = 2;
    std::vector<testing::HttpClient> busy;
    for (int i = 0; i < 2; ++i) {
        busy.push_back(connect());
        busy.back().send(
            "POST /thing/add HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 24\r\n\r\n");
        EXPECT_EQ(busy.back().read_some(), "HTTP/1.1 100 Continue\r\n\r\n");
    }
    auto third = connect();
    const auto reply = third.exchange(health);
    EXPECT_EQ(reply.status, 503U);
    EXPECT_THAT(reply.message(), HasSubstr("too many connections"));
    EXPECT_EQ(reply.header("Retry-After"), "1");
    EXPECT_EQ(third.read_to_end(), "");
    for (auto& client : busy) {
        EXPECT_EQ(client.exchange("name=thing1&colour=green").status, 200U);
    }
    EXPECT_EQ(get("/health").status, 200U);
}

TEST_F(HttpServerTest, TheConnectionThatHasBeenIdleForLongestMakesWay)
{
    settings_.max_connections = 3;
    auto silent = connect();
    EXPECT_EQ(silent.exchange(health).status, 200U);
    auto half = connect();
    half.send("GET /health HTTP/1.1\r\n");
    auto active = connect();
    EXPECT_EQ(active.exchange(health).status, 200U);
    std::vector<testing::HttpClient> fresh;
    for (testing::HttpClient* goes : {&silent, &half}) {
        fresh.push_back(connect());
        EXPECT_EQ(fresh.back().exchange(health).status, 200U);
        EXPECT_EQ(goes->read_to_end(), "");
        EXPECT_EQ(active.exchange(health).status, 200U);
    }
}

TEST(HttpSettingsTest, ConnectionsLeaveDescriptorsToOthers)
{
    EXPECT_EQ(connections_within(1024, 1'048'576), 1024U);
    EXPECT_EQ(connections_within(1024, 1024), 256U);
    EXPECT_EQ(connections_within(10, 1024), 10U);
    EXPECT_EQ(connections_within(1024, 20), 8U);
}

TEST_F(HttpServerTest, AStopAnswersTheRequestInProgressAndEndsTheIdleConnections)
{
    is_held_ = true;
    auto idle = connect();
    EXPECT_EQ(idle.exchange(health).status, 200U);
    auto busy = connect();
    busy.send("GET /thing/list HTTP/1.1\r\nHost: a\r\n\r\n");
    while (lists_ == 0) io_.run_one_for(1min);
    tasks_.cancel();
    EXPECT_EQ(idle.read_to_end(), "");
    is_held_ = false;
    list_.notify();
    const auto reply = busy.read();
    EXPECT_EQ(reply.status, 200U);
    EXPECT_FALSE(reply.keep_alive);
    stop();
}

TEST_F(HttpServerTest, AStopCutsWhatTakesTooLong)
{
    settings_.drain_timeout = 50ms;
    things_.assign(50'000, std::string(1000, 'x'));
    auto client = connect();
    client.send("GET /thing/list HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THAT(client.read_some(), StartsWith("HTTP/1.1 200 OK"));  // and reads no further
    auto half = connect();
    half.send("GET /health HTTP/1.1\r\n");
    stop();
    EXPECT_EQ(half.read_to_end(), "");
}

TEST_F(HttpServerTest, SaysWhichAddressIsTakenOrWrong)
{
    start();
    const auto listen = [this](const std::string& address) -> std::string {
        try {
            HttpServer(io_.get_executor(), {.address = address}, *router_, *metrics_, budget_);
        } catch (const std::runtime_error& e) {
            return e.what();
        }
        return "";
    };
    const std::string taken = fmt::format("127.0.0.1:{}", server_->endpoint().port());
    EXPECT_THAT(listen(taken), HasSubstr(taken));
    EXPECT_THAT(listen(taken), HasSubstr("another program"));
    EXPECT_THAT(listen("127.0.0.1"), HasSubstr("HOST:PORT"));
    EXPECT_THAT(listen("127.0.0.1:70000"), HasSubstr("65535"));
    EXPECT_THAT(listen("127.0.0.1:9x"), HasSubstr("65535"));
    EXPECT_EQ(listen("0.0.0.0:0"), "");
    EXPECT_EQ(listen("localhost:0"), "");
}

TEST_F(HttpServerTest, CountsRequestsByRouteAndStatus)
{
    things_ = {"a"};
    get("/thing/1");
    get("/thing/77");
    get("/thing/78");
    get("/anything");
    raw("NONSENSE\r\n\r\n");
    const std::string metrics = prometheus::TextSerializer().Serialize(metrics_->Collect());
    const auto counted = [&metrics](std::string_view labels) {
        const auto at = metrics.find(fmt::format("peercron_http_requests_total{{{}}} ", labels));
        if (at == std::string::npos) return std::string("absent");
        const auto begin = metrics.find("} ", at) + 2;
        return metrics.substr(begin, metrics.find('\n', begin) - begin);
    };
    const auto either = [&counted](std::string_view route, std::string_view code) {
        const auto one = counted(fmt::format(R"(code="{}",route="{}")", code, route));
        if (one != "absent") return one;
        return counted(fmt::format(R"(route="{}",code="{}")", route, code));
    };
    EXPECT_EQ(either("/thing/{id}", "200"), "1");
    EXPECT_EQ(either("/thing/{id}", "404"), "2");
    EXPECT_EQ(either("other", "404"), "1");
    EXPECT_EQ(either("other", "400"), "1");
    EXPECT_THAT(metrics, HasSubstr("peercron_http_request_duration_seconds_bucket"));
    EXPECT_THAT(metrics, HasSubstr("peercron_http_connections"));
}

TEST_F(HttpServerTest, AnswersCarryTheHeadersThatKeepBrowsersOut)
{
    const auto reply = get("/thing/list");
    EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(reply.header("Cache-Control"), "no-store");
    EXPECT_NE(reply.header("Content-Security-Policy"), "");
    EXPECT_NE(reply.header("Date"), "");
}

TEST_F(HttpServerTest, AnErrorIsAnsweredAsExplainedAndAsABugOtherwise)
{
    explain_ = [](const std::exception_ptr& error, const Request& request, const Route& route) {
        std::optional<HttpError> explained;
        try {
            std::rethrow_exception(error);
        } catch (const std::out_of_range& far) {
            const std::string target(request.message.target());
            explained.emplace(http::status::service_unavailable,
                              fmt::format("{} of {}: {}", target, route.pattern, far.what()));
            explained->with(http::field::retry_after, "7");
        } catch (const std::exception&) {
        }
        return explained;
    };
    failure_ = std::make_exception_ptr(std::out_of_range("far away"));
    const auto explained = get("/thing/list?a=b");
    EXPECT_EQ(explained.status, 503U);
    EXPECT_EQ(explained.message(), "/thing/list?a=b of /thing/list: far away");
    EXPECT_EQ(explained.header("Retry-After"), "7");
    failure_ = std::make_exception_ptr(std::runtime_error("a secret"));
    const auto bug = get("/thing/list");
    EXPECT_EQ(bug.status, 500U);
    EXPECT_THAT(bug.message(), HasSubstr("internal error"));
    EXPECT_THAT(bug.body, Not(HasSubstr("secret")));
    failure_ = nullptr;
    EXPECT_EQ(get("/thing/list").status, 200U);
}

}  // namespace
}  // namespace peercron
