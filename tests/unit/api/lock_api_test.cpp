#include "api_fixture.hpp"

#include <gmock/gmock.h>
#include <boost/json/array.hpp>

#include <string>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LockApiTest : public testing::ApiTest {
protected:
    JobId insert(std::vector<std::string> locks)
    {
        Job& job = insert_job();
        job.locks = std::move(locks);
        return job.id;
    }
};

TEST_F(LockApiTest, ASetLimitIsListedWithWhoHoldsAndWhoWaits)
{
    const JobId one = insert({"ftp:2"});
    const JobId other = insert({"ftp", "db"});
    const auto set = post("/lock/set", "name=ftp&limit=4");
    ASSERT_EQ(set.status, 200U) << set.body;
    EXPECT_EQ(set.data().at("limit"), 4);
    EXPECT_THAT(announced_, ElementsAre(ElementsAre(one, other)));

    LogRow running;
    running.id = 7;
    running.run.id = {one, clock_.time, 1};
    running.run.state = RunState::running;
    running.run.run_server = "10.0.0.1:9991";
    LogRow waiting;
    waiting.id = 8;
    waiting.run.id = {other, clock_.time, 1};
    waiting.run.state = RunState::planned;
    LogRow to_come = waiting;
    to_come.id = 9;
    to_come.run.id.scheduled_at += std::chrono::seconds(1);
    tables_.log = {to_come, waiting, running};

    const auto list = get("/lock/list").data().as_array();
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].at("name"), "db");
    EXPECT_EQ(list[0].at("limit"), 1);
    EXPECT_EQ(list[0].at("is_set"), false);
    EXPECT_EQ(list[0].at("waiting").as_array().size(), 1U);
    EXPECT_EQ(list[1].at("name"), "ftp");
    EXPECT_EQ(list[1].at("jobs"), 2);
    EXPECT_EQ(list[1].at("taken"), 2);
    EXPECT_EQ(list[1].at("owners").at(0).at("id"), 7);
    EXPECT_EQ(list[1].at("waiting").as_array().size(), 1U);
    EXPECT_EQ(list[1].at("waiting").at(0).at("id"), 8);
}

TEST_F(LockApiTest, BadLimitsAreRefusedWithWhatIsAllowed)
{
    EXPECT_THAT(post("/lock/set", "name=ftp&limit=0").message(), HasSubstr("stop them"));
    EXPECT_EQ(post("/lock/set", "name=ftp&limit=0").status, 400U);
    EXPECT_EQ(post("/lock/set", "name=ftp&limit=10001").status, 400U);
    EXPECT_EQ(post("/lock/set", "name=ftp").status, 400U);
    EXPECT_THAT(post("/lock/set", "name=a b&limit=1").message(), HasSubstr("name: given \"a b\""));
    EXPECT_EQ(post("/lock/delete", "name=ftp").status, 404U);
    EXPECT_THAT(tables_.lock_limits, IsEmpty());
}

TEST_F(LockApiTest, ALimitThatAJobExceedsIsRefused)
{
    ASSERT_EQ(post("/lock/set", "name=ftp&limit=4").status, 200U);
    insert({"ftp:3"});
    const auto lower = post("/lock/set", "name=ftp&limit=2");
    EXPECT_EQ(lower.status, 409U);
    EXPECT_THAT(lower.message(), HasSubstr("takes 3 of it"));
    EXPECT_EQ(post("/lock/delete", "name=ftp").status, 409U);
    EXPECT_EQ(tables_.lock_limits.at("ftp").limit, 4);
    EXPECT_EQ(post("/lock/set", "name=ftp&limit=3").status, 200U);
}

TEST_F(LockApiTest, AJobThatTakesMoreThanTheLimitIsRefused)
{
    const std::string job = "cronSet=0 * * * * *&command=true&locks=";
    const auto refused = post("/cron/add", job + "db,ftp:2");
    EXPECT_EQ(refused.status, 400U);
    EXPECT_THAT(refused.message(), HasSubstr("locks: takes 2 of the lock ftp, whose limit is 1"));
    EXPECT_THAT(post("/cron/add", job + "ftp:0").message(), HasSubstr("locks: given \"ftp:0\""));
    EXPECT_THAT(post("/cron/add", job + "ftp,ftp:2").message(), HasSubstr("twice"));
    ASSERT_EQ(post("/lock/set", "name=ftp&limit=2").status, 200U);
    const auto added = post("/cron/add", job + "db,ftp:2");
    EXPECT_EQ(added.status, 200U) << added.body;
    EXPECT_EQ(added.data().at("locks"), (boost::json::array{"db", "ftp:2"}));
}

TEST_F(LockApiTest, AJobWhoseLockHasNotRoomForAllPartsIsSavedWithAWarning)
{
    const auto has_warnings = [](const testing::Reply& answer) {
        EXPECT_EQ(answer.status, 200U) << answer.body;
        return answer.data().as_object().contains("warnings");
    };
    const auto added = post("/cron/add",
                            "name=cut&cronSet=@daily&command=true&locks=ftp&spread=shards"
                            "&shards=4");
    ASSERT_TRUE(has_warnings(added));
    const boost::json::value data = added.data();
    EXPECT_THAT(std::string(data.at("warnings").at(0).as_string()),
                HasSubstr("the 4 parts of a fire take 4 of the lock ftp, whose limit is 1"));
    const std::string update = fmt::format("id={}&", data.at("id").as_int64());
    EXPECT_TRUE(has_warnings(post("/cron/update", update + "overlap=skip")));
    EXPECT_FALSE(has_warnings(post("/cron/update", update + "overlap=queue"))) << "they wait";
    EXPECT_TRUE(has_warnings(post("/cron/update", update + "overlap=allow")));
    ASSERT_EQ(post("/lock/set", "name=ftp&limit=4").status, 200U);
    EXPECT_FALSE(has_warnings(post("/cron/update", update + "remark=x"))) << "there is room";
    EXPECT_TRUE(has_warnings(post("/cron/update", update + "shards=5")));
    EXPECT_FALSE(has_warnings(post("/cron/update", update + "spread=one&shards=1")));
}

TEST_F(LockApiTest, SaysWhenNoDispatcherHasConfirmedALimit)
{
    insert({"ftp"});
    announce_error_ = "there is no dispatcher";
    const auto set = post("/lock/set", "name=ftp&limit=4");
    EXPECT_EQ(set.status, 503U);
    EXPECT_THAT(set.message(), HasSubstr("is stored, but no dispatcher has confirmed"));
    EXPECT_EQ(tables_.lock_limits.at("ftp").limit, 4);
}

}  // namespace
}  // namespace peercron
