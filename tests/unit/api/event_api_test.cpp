#include "api_fixture.hpp"

#include <gmock/gmock.h>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EventApiTest : public testing::ApiTest {
protected:
    /// Connected, and it is known how things are.
    testing::HttpClient watch(std::string_view query = "", std::string_view headers = "")
    {
        auto client = connect();
        client.send(
            fmt::format("GET /events{} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", query, headers));
        read_to(client, "retry: 1000\n\n");
        return client;
    }

    static std::string read_to(testing::HttpClient& client, std::string_view wanted)
    {
        std::string all;
        while (all.find(wanted) == std::string::npos) all += client.read_some();
        return all;
    }

    /// Lets the server work.
    void turn(std::chrono::milliseconds time)
    {
        const auto limit = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < limit) {
            io_.restart();
            io_.run_one_for(std::chrono::milliseconds(20));
        }
    }

    void insert_row(std::int64_t id, RunState state)
    {
        LogRow row;
        row.id = id;
        row.run.id = RunId{5, from_unix_millis(1795330800000), 2};
        row.run.state = state;
        tables_.log.insert(tables_.log.begin(), row);
    }
};

TEST_F(EventApiTest, TellsOfARunThatIsNewAndOfItsEnd)
{
    insert_row(16, RunState::success);
    auto client = watch();
    insert_row(17, RunState::running);
    EXPECT_THAT(read_to(client, "event: run"),
                HasSubstr("event: run\ndata: {\"id\":17,\"cron_id\":5,\"state\":\"running\","
                          "\"attempt\":2,\"part\":0,\"scheduled_at\":1795330800000}\n\n"));
    tables_.log.front().run.state = RunState::failed;
    EXPECT_THAT(read_to(client, "event: run"),
                HasSubstr("\"id\":17,\"cron_id\":5,\"state\":\"failed\""));
}

TEST_F(EventApiTest, TellsOfJobsNodesAndHealth)
{
    auto client = watch();
    job_news_ = {1, std::vector<ChangedJob>{{5, "backup", false}}};
    EXPECT_THAT(read_to(client, "event: job"),
                HasSubstr("event: job\ndata: {\"id\":5,\"name\":\"backup\",\"deleted\":false}\n"));
    NodeLoad load;
    load.node = "127.0.0.1:9977";
    load.slots = 4;
    load.connected = true;
    loads_.push_back(load);
    const std::string node = read_to(client, "event: node");
    EXPECT_THAT(node, HasSubstr("event: node\ndata: {\"name\":\"127.0.0.1:9977\""));
    EXPECT_THAT(node, HasSubstr("\"connected\":true,\"slots\":4"));
    loads_.front().clock_offset = std::chrono::milliseconds(3);  // is no news
    clock_state_ = "behind";
    EXPECT_THAT(read_to(client, "event: health"), HasSubstr("event: health\ndata: {\"node\":"));
    loads_.clear();
    EXPECT_THAT(read_to(client, "gone"),
                HasSubstr("event: node\ndata: {\"name\":\"127.0.0.1:9977\",\"gone\":true}"));
}

TEST_F(EventApiTest, OnlyTheTopicsThatAreAskedFor)
{
    auto client = watch("?topics=health,job");
    insert_row(17, RunState::running);
    job_news_ = {1, std::vector<ChangedJob>{{5, "", true}}};
    clock_state_ = "behind";
    const std::string all = read_to(client, "event: health");
    EXPECT_THAT(all, HasSubstr("data: {\"id\":5,\"name\":\"\",\"deleted\":true}"));
    EXPECT_THAT(all, Not(HasSubstr("event: run")));
}

TEST_F(EventApiTest, MoreJobsThanAreRememberedAreToBeReadAgain)
{
    auto client = watch();
    job_news_ = {5000, std::nullopt};
    EXPECT_THAT(read_to(client, "reload"), HasSubstr("event: job\ndata: {\"reload\":true}\n\n"));
}

TEST_F(EventApiTest, AClientThatComesAgainHasToReadAgain)
{
    auto client = watch("?topics=run", "Last-Event-ID: 7\r\n");
    EXPECT_THAT(read_to(client, "reload"), HasSubstr("event: run\ndata: {\"reload\":true}"));
}

TEST_F(EventApiTest, WhenTheStoreIsBackRunsAreToBeReadAgain)
{
    tables_.away = true;
    auto client = watch("?topics=run");
    insert_row(17, RunState::running);
    tables_.away = false;
    EXPECT_THAT(read_to(client, "reload"), HasSubstr("event: run\ndata: {\"reload\":true}\n\n"));
}

TEST_F(EventApiTest, AnUnknownTopicIsRefused)
{
    const auto reply = get("/events?topics=run,weather");
    EXPECT_EQ(reply.status, 400U);
    EXPECT_THAT(reply.message(), HasSubstr("\"weather\"; run, job, node and health are allowed"));
    EXPECT_EQ(streams_.size(), 0U);
}

TEST_F(EventApiTest, NobodyIsAskedWhenNobodyListens)
{
    std::size_t asked = 0;
    tables_.before_call = [&asked] { ++asked; };
    watch();
    EXPECT_GT(asked, 0U);
    turn(std::chrono::milliseconds(1500));  // the look that finds that nobody listens
    asked = 0;
    turn(std::chrono::milliseconds(1500));
    EXPECT_EQ(asked, 0U);
}

}  // namespace
}  // namespace peercron
