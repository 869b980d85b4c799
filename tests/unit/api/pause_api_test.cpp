#include "api_fixture.hpp"

#include <gmock/gmock.h>
#include <boost/json/array.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PauseApiTest : public testing::ApiTest {
protected:
    std::string seconds_from_now(std::chrono::seconds time) const
    {
        return std::to_string(to_unix_seconds(clock_.time + time));
    }
    void expect_refused(const std::string& fields, const std::string& message)
    {
        const auto reply = post("/pause", fields);
        EXPECT_EQ(reply.status, 400U) << fields;
        EXPECT_THAT(reply.message(), HasSubstr(message)) << fields;
        EXPECT_THAT(tables_.pauses, IsEmpty());
    }
};

TEST_F(PauseApiTest, PausesAllJobsAndTellsTheDispatcher)
{
    const auto reply = post("/pause", "until=" + seconds_from_now(1h) + "&reason=db upgrade");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    ASSERT_THAT(tables_.pauses, SizeIs(1));
    const Pause& pause = tables_.pauses[0];
    EXPECT_EQ(pause.begins_at, clock_.time);
    EXPECT_EQ(to_unix_seconds(*pause.until), to_unix_seconds(clock_.time + 1h));
    EXPECT_EQ(to_string(reason_of(pause)), "paused: db upgrade (anonymous)");
    EXPECT_THAT(announced_, ElementsAre(IsEmpty()));
    EXPECT_EQ(reply.data().at("active"), true);
    EXPECT_EQ(get("/health").data().at("paused"), "db upgrade (anonymous)");
    EXPECT_THAT(get("/overview").data().at("pauses").as_array(), SizeIs(1));
}

TEST_F(PauseApiTest, BadInputIsRefusedWithWhatIsAllowed)
{
    expect_refused("until=" + seconds_from_now(-1s), "until: given");
    expect_refused("until=" + seconds_from_now(-1s), "it must be later than now");
    expect_refused("from=" + seconds_from_now(1h) + "&until=" + seconds_from_now(30min),
                   "it must be later than from");
    expect_refused("from=" + seconds_from_now(-1h), "from: it is past");
    expect_refused("tag=a,b", "tag: ");
    expect_refused("tag=", "tag: given \"\"; a word without commas");
    expect_refused("reason=" + std::string(256, 'x'), "reason: given 256 characters");
    expect_refused("job=12", "job");
}

TEST_F(PauseApiTest, ADispatcherThatDoesNotConfirmIsSaid)
{
    announce_error_ = "nobody answers";
    const auto reply = post("/pause", "tag=db");
    EXPECT_EQ(reply.status, 503U);
    EXPECT_THAT(reply.message(), HasSubstr("tag db paused, and this is stored, but no dispatcher"));
    EXPECT_THAT(tables_.pauses, SizeIs(1));
}

TEST_F(PauseApiTest, ResumeEndsThoseOfItsScopeAlone)
{
    post("/pause", "tag=db");
    post("/pause", "");
    const auto reply = post("/resume", "");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    ASSERT_THAT(reply.data().as_array(), SizeIs(1));
    EXPECT_EQ(reply.data().as_array()[0].at("tag"), "");
    EXPECT_EQ(reply.data().as_array()[0].at("ended_by"), "anonymous");
    const auto list = get("/pause/list").data().as_array();
    ASSERT_THAT(list, SizeIs(1));
    EXPECT_EQ(list[0].at("tag"), "db");
    EXPECT_THAT(get("/pause/list?all=1").data().as_array(), SizeIs(2));
    EXPECT_THAT(post("/resume", "id=1").data().as_array(), SizeIs(1));
    EXPECT_THAT(post("/resume", "tag=db").data().as_array(), IsEmpty());
    EXPECT_EQ(post("/resume", "tag=db&id=1").status, 400U);
}

TEST_F(PauseApiTest, AJobIsStoppedUntilAMoment)
{
    Job& job = insert_job();
    job.cron_set = "0 * * * * *";
    const std::string id = std::to_string(job.id);
    const auto reply =
        post("/cron/stop/" + id, "until=" + seconds_from_now(10min) + "&reason=backup");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    EXPECT_FALSE(tables_.jobs.at(job.id).stop);
    ASSERT_THAT(tables_.pauses, SizeIs(1));
    EXPECT_EQ(tables_.pauses[0].job, job.id);
    EXPECT_EQ(reply.data().at("paused").at("reason"), "backup");
    EXPECT_GE(reply.data().at("next_run_at").as_int64(), to_unix_millis(clock_.time + 10min));
    EXPECT_THAT(announced_, ElementsAre(ElementsAre(job.id)));
    EXPECT_EQ(get("/cron/" + id).data().at("paused").at("id"), 1);
    EXPECT_EQ(get("/cron/list").data().as_array()[0].at("paused").at("id"), 1);

    const auto started = post("/cron/start/" + id, "");
    EXPECT_TRUE(started.data().at("paused").is_null());
    EXPECT_EQ(tables_.pauses[0].ended_at, clock_.time);
    EXPECT_EQ(post("/cron/stop/" + id, "until=1").status, 400U);
    EXPECT_EQ(post("/cron/stop/99", "until=" + seconds_from_now(1h)).status, 404U);
}

TEST_F(PauseApiTest, ComingFiresSayThatTheyWillBeSkipped)
{
    Job& job = insert_job();
    job.cron_set = "0 0 * * * *";
    job.tags = {"db"};
    post("/pause", "tag=db&until=" + seconds_from_now(90min));
    const auto fires = get("/forecast/fires?to=" + seconds_from_now(3h)).data().at("list");
    std::vector<bool> skipped;
    for (const auto& fire : fires.as_array()) skipped.push_back(!fire.at("excluded").is_null());
    EXPECT_THAT(skipped, ::testing::Contains(true));
    EXPECT_THAT(skipped, ::testing::Contains(false));
    EXPECT_THAT(fires.as_array()[0].at("excluded").as_string().c_str(), HasSubstr("paused: by "));
}

}  // namespace
}  // namespace peercron
