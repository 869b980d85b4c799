#include "api_fixture.hpp"

#include <gmock/gmock.h>

namespace peercron {
namespace {

using ::testing::HasSubstr;

using NodeApiTest = testing::ApiTest;

TEST_F(NodeApiTest, NodesAreShownAsTheRegistryAndTheDispatcherKnowThem)
{
    NodeLoad load;
    load.node = "127.0.0.1:9991";
    load.slots = 128;
    load.running = 3;
    load.held = 12;
    load.queued = 1;
    load.draining = true;
    load.clock_offset = std::chrono::milliseconds(-7);
    loads_ = {load};
    EXPECT_EQ(
        get("/node/list").body,
        R"({"code":200,"data":{"nodes":[{"name":"127.0.0.1:9991",)"
        R"("http_address":"127.0.0.1:9990","version":"1.2.3",)"
        R"("labels":["address=127.0.0.1","address=127.0.0.1:9991","db","host=db1"],)"
        R"("passing":true,"is_dispatcher":true,"connected":true,"slots":128,"running":3,"held":12,)"
        R"("queued":1,"draining":true,"clock_offset_ms":-7},{"name":"127.0.0.1:9993",)"
        R"("http_address":"127.0.0.1:9992","version":"1.2.2",)"
        R"("labels":["address=127.0.0.1","address=127.0.0.1:9993"],"passing":false,)"
        R"("is_dispatcher":false,"connected":false,"slots":null,"running":null,"held":null,)"
        R"("queued":null,"draining":null,"clock_offset_ms":null}],)"
        R"("dispatcher":"127.0.0.1:9991","epoch":17,"store_away_since":null,)"
        R"("store_trouble":""},"message":"ok"})");
}

TEST_F(NodeApiTest, ANodeThatLeftTheRegistryButIsConnectedIsShown)
{
    NodeLoad load;
    load.node = "127.0.0.1:9999";
    load.version = "1.0.0";
    loads_ = {load};
    const auto node = get("/node/list").data().at("nodes").at(2);
    EXPECT_EQ(node.at("name"), "127.0.0.1:9999");
    EXPECT_EQ(node.at("version"), "1.0.0");
    EXPECT_EQ(node.at("passing"), false);
    EXPECT_EQ(node.at("connected"), true);
}

TEST_F(NodeApiTest, OfANodeThatHasLeftNoFiguresAreShown)
{
    NodeLoad gone;
    gone.node = "127.0.0.1:9999";
    gone.draining = true;
    gone.connected = false;
    gone.slots = gone.held = 7;
    loads_.push_back(gone);
    const auto node = get("/node/list").data().at("nodes").at(2);
    EXPECT_EQ(node.at("draining"), true);
    EXPECT_EQ(node.at("connected"), false);
    EXPECT_TRUE(node.at("slots").is_null());
    EXPECT_TRUE(node.at("held").is_null());
    EXPECT_TRUE(node.at("clock_offset_ms").is_null());
}

TEST_F(NodeApiTest, SaysSinceWhenAndWhyTheStoreIsAway)
{
    auto answer = get("/node/list").data();
    EXPECT_TRUE(answer.at("store_away_since").is_null());
    EXPECT_EQ(answer.at("store_trouble"), "");
    store_trouble_ = StorePool::Trouble{from_unix_millis(1'795'219'200'000), "it is gone"};
    answer = get("/node/list").data();
    EXPECT_EQ(answer.at("store_away_since"), 1'795'219'200'000);
    EXPECT_EQ(answer.at("store_trouble"), "it is gone");
}

TEST_F(NodeApiTest, HealthDoesNotAskTheStore)
{
    tables_.away = true;
    tables_.before_call = [] { ADD_FAILURE() << "the store was asked"; };
    EXPECT_EQ(get("/health").body,
              R"({"code":200,"data":{"node":"127.0.0.1:9991","version":"1.2.3",)"
              R"("dispatcher":"127.0.0.1:9991","is_dispatcher":true,"epoch":17,"store":"ok",)"
              R"("journal":"ok","clock":"ok","time_zone":"UTC","certificate_expires_at":null,)"
              R"("paused":""},"message":"ok"})");
    store_trouble_ = StorePool::Trouble{from_unix_millis(1'795'219'200'000), "gone"};
    journal_ = "failing";
    clock_state_ = "3600 s ahead of the database's";
    coordinator_.dispatcher_name = "";
    const auto reply = get("/health");
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.data().at("store"), "away");
    EXPECT_EQ(reply.data().at("journal"), "failing");
    EXPECT_EQ(reply.data().at("clock"), "3600 s ahead of the database's");
    EXPECT_EQ(reply.data().at("dispatcher"), "");
    EXPECT_EQ(reply.data().at("is_dispatcher"), false);
}

TEST_F(NodeApiTest, ReadinessSaysWhyNoCallsShouldCome)
{
    context_.rules.tokens = {{"ci", "secret", Role::read}};
    const auto ready = get("/health/ready");
    EXPECT_EQ(ready.status, 200U);
    EXPECT_EQ(ready.body, get("/health").body);
    not_ready_ = "the store is away";
    const auto reply = get("/health/ready");
    EXPECT_EQ(reply.status, 503U);
    EXPECT_EQ(reply.message(), "the store is away");
    EXPECT_EQ(reply.header("Retry-After"), "1");
    EXPECT_EQ(get("/health").status, 200U);
}

TEST_F(NodeApiTest, MetricsAreThoseOfTheRegistry)
{
    prometheus::BuildCounter().Name("peercron_test_total").Register(*metrics_).Add({});
    const auto reply = get("/metrics");
    EXPECT_THAT(reply.header("Content-Type"), HasSubstr("text/plain; version=0.0.4"));
    EXPECT_THAT(reply.body, HasSubstr("peercron_test_total 0"));
}

TEST_F(NodeApiTest, ASecondServerMayServeTheOperatorsCallsAlone)
{
    context_.rules.tokens = {{"ci", "secret", Role::read}};
    start();
    const Router operations = make_operations_router(context_);
    HttpServer server(io_.get_executor(), settings_, operations, *metrics_, budget_);
    tasks_.spawn("operations", server.run());
    const auto ask = [&](std::string_view path) {
        testing::HttpClient client(io_, server.endpoint());
        return client.exchange(fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", path)).status;
    };
    EXPECT_EQ(ask("/health"), 200U);
    EXPECT_EQ(ask("/metrics"), 200U);
    EXPECT_EQ(ask("/cron/list"), 404U);
    stop();
}

}  // namespace
}  // namespace peercron
