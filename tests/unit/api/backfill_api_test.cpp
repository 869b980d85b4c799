#include "api_fixture.hpp"

#include <gmock/gmock.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The job's fire of an hour ago has failed.
class BackfillApiTest : public testing::ApiTest {
protected:
    BackfillApiTest()
    {
        Job& job = insert_job();
        job.cron_set = "0 0 * * * *";
        job_ = job.id;
        LogRow row;
        row.id = 17;
        row.run.id = RunId{job_, clock_.time - 1h, 1};
        row.run.state = RunState::failed;
        tables_.log.push_back(row);
        announced_.clear();
    }

    testing::Reply begin(std::string_view more)
    {
        return post(fmt::format("/cron/backfill/{}", job_),
                    fmt::format("from={}&only=failed{}", to_unix_seconds(clock_.time - 2h), more));
    }

    void wait_for_announcement()
    {
        const auto limit = std::chrono::steady_clock::now() + 10s;
        while (announced_.empty() && std::chrono::steady_clock::now() < limit) {
            io_.restart();
            io_.run_one_for(10ms);
        }
    }

    JobId job_ = 0;
};

TEST_F(BackfillApiTest, TheDispatcherIsToldOfABackfillSoThatItBeginsAtOnce)
{
    const auto reply = begin("");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(reply.data().at("fires"), 1);
    wait_for_announcement();
    EXPECT_THAT(announced_, ElementsAre(IsEmpty())) << "no job has changed";
}

TEST_F(BackfillApiTest, NobodyIsToldOfADryRunOrOfNothingToRun)
{
    const auto dry = begin("&dry_run=1");
    ASSERT_EQ(dry.status, 200U) << dry.body;
    EXPECT_TRUE(dry.data().at("id").is_null());
    EXPECT_EQ(dry.data().at("fires"), 1);
    tables_.log.front().run.state = RunState::success;
    EXPECT_EQ(begin("").data().at("fires"), 0);
    EXPECT_THAT(tables_.backfills, IsEmpty());
    EXPECT_THAT(announced_, IsEmpty());
}

}  // namespace
}  // namespace peercron
