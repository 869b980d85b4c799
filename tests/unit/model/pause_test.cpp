#include "model/pause.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

Pause pause(WallTime from, std::optional<WallTime> until)
{
    Pause pause;
    pause.begins_at = from;
    pause.until = until;
    pause.made_by = "ops";
    return pause;
}

Job job_with(JobId id, std::vector<std::string> tags)
{
    Job job;
    job.id = id;
    job.tags = std::move(tags);
    return job;
}

TEST(Pause, IsFromItsBeginningOnAndBeforeItsEnd)
{
    Pause lunch = pause(noon, noon + 1h);
    EXPECT_FALSE(lunch.covers(noon - 1ms));
    EXPECT_TRUE(lunch.covers(noon));
    EXPECT_TRUE(lunch.covers(noon + 1h - 1ms));
    EXPECT_FALSE(lunch.covers(noon + 1h));
    lunch.ended_at = noon + 10s;
    EXPECT_FALSE(lunch.covers(noon + 10s));
    EXPECT_TRUE(pause(noon, std::nullopt).covers(noon + 24h * 365));
}

TEST(Pause, OneThatIsEndedBeforeItBeginsIsNever)
{
    Pause later = pause(noon + 1h, noon + 2h);
    later.ended_at = noon;
    EXPECT_FALSE(later.covers(noon + 90min));
}

TEST(Pauses, AreOfAJobOfATagOrOfAll)
{
    Pause of_job = pause(noon, noon + 1h);
    of_job.job = 7;
    Pause of_tag = pause(noon, noon + 1h);
    of_tag.tag = "db";
    const Job tagged = job_with(1, {"db", "nightly"});
    const Job other = job_with(2, {"web"});
    const Job seventh = job_with(7, {});
    const Pauses two({of_job, of_tag});
    EXPECT_NE(two.find(tagged, noon), nullptr);
    EXPECT_EQ(two.find(other, noon), nullptr);
    EXPECT_NE(two.find(seventh, noon), nullptr);
    EXPECT_NE(Pauses({pause(noon, noon + 1h)}).find(other, noon), nullptr);
}

TEST(Pauses, IsAboutItsJobOrThoseOfItsTagOrAll)
{
    const Job job = job_with(7, {"db", "web"});
    Pause one = pause(noon, noon + 1h);
    EXPECT_TRUE(is_about(one, job));
    one.tag = "web";
    EXPECT_TRUE(is_about(one, job));
    one.tag = "Web";
    EXPECT_FALSE(is_about(one, job));
    one.tag.clear();
    one.job = 7;
    EXPECT_TRUE(is_about(one, job));
    one.job = 8;
    EXPECT_FALSE(is_about(one, job));
}

TEST(Pauses, OfSeveralTheOneThatEndsLastSaysWhy)
{
    Pause longer = pause(noon, noon + 2h);
    longer.reason = "db upgrade";
    const Pauses both({pause(noon, noon + 1h), longer, pause(noon, noon + 90min)});
    EXPECT_EQ(to_string(reason_of(*both.find(job_with(1, {}), noon))), "paused: db upgrade (ops)");
    EXPECT_EQ(to_string(reason_of(pause(noon, noon + 1h))), "paused: by ops");
}

TEST(Pauses, TheNextOpenMomentIsBehindAllThatFollowOnOneAnother)
{
    const Job job = job_with(1, {});
    const Pauses chain({pause(noon + 1h, noon + 2h), pause(noon, noon + 1h)});
    EXPECT_EQ(chain.next_open(job, noon + 1s), noon + 2h);
    EXPECT_EQ(chain.next_open(job, noon - 1s), noon - 1s);
    EXPECT_EQ(Pauses({pause(noon, std::nullopt)}).next_open(job, noon), WallTime::max());
}

}  // namespace
}  // namespace peercron
