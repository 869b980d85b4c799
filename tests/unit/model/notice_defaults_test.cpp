#include "model/notice_defaults.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Job 12 has the tags "nightly" and "db"; the configuration asks for "db" first.
class NoticeDefaultsTest : public ::testing::Test {
protected:
    NoticeDefaultsTest()
    {
        job_.id = 12;
        job_.cron_set = "0 * * * * *";
        job_.tags = {"nightly", "db"};
        defaults_.tags = {{.tag = "db"}, {.tag = "other"}, {.tag = "nightly"}};
    }

    TagNotices& db() { return defaults_.tags[0]; }
    TagNotices& other() { return defaults_.tags[1]; }
    TagNotices& nightly() { return defaults_.tags[2]; }

    RunLimits limits() const { return run_limits(defaults_, job_); }
    Expectation expected() const { return expectation_of(defaults_, job_); }

    Job job_;
    NoticeDefaults defaults_;
};

TEST_F(NoticeDefaultsTest, WithoutAWordNothingIsExpectedAndNothingIsMeasured)
{
    EXPECT_EQ(expected(), Expectation());
    EXPECT_TRUE(expected().is_none());
    EXPECT_EQ(limits().slow_after, 0s);
    EXPECT_EQ(limits().late_goal, 0ms);
}

TEST_F(NoticeDefaultsTest, TheJobComesFirstThenTheFirstTagOfTheConfigurationThenAllJobs)
{
    defaults_.slow_after = 1min;
    defaults_.late_goal = 1s;
    EXPECT_EQ(limits().slow_after, 1min);
    EXPECT_EQ(limits().late_goal, 1s);
    other().slow_after = 9min;
    other().late_goal = 9s;
    EXPECT_EQ(limits().slow_after, 1min) << "it has no such tag";
    EXPECT_EQ(limits().late_goal, 1s);
    nightly().slow_after = 2min;
    nightly().late_goal = 2s;
    EXPECT_EQ(limits().slow_after, 2min);
    EXPECT_EQ(limits().late_goal, 2s);
    db().slow_after = 3min;
    EXPECT_EQ(limits().slow_after, 3min) << "in the order of the configuration";
    EXPECT_EQ(limits().late_goal, 2s) << "each setting by itself";
    job_.slow_after = 4min;
    job_.late_goal = 4s;
    EXPECT_EQ(limits().slow_after, 4min);
    EXPECT_EQ(limits().late_goal, 4s);
}

TEST_F(NoticeDefaultsTest, WhatIsExpectedComesFromSeveralPlaces)
{
    defaults_.expect_every = 24h;
    defaults_.expect_by = "04:00";
    EXPECT_EQ(expected(), (Expectation{24h, "04:00"}));
    nightly().expect_by = "05:00";
    EXPECT_EQ(expected(), (Expectation{24h, "05:00"}));
    db().expect_every = 1h;
    EXPECT_EQ(expected(), (Expectation{1h, "05:00"}));
    job_.expect_by = "06:00";
    EXPECT_EQ(expected(), (Expectation{1h, "06:00"}));
    EXPECT_EQ(inherited_expectation(defaults_, job_), (Expectation{1h, ""}));
}

TEST_F(NoticeDefaultsTest, NoneEndsWhatIsExpectedByOthers)
{
    defaults_.expect_every = 24h;
    defaults_.expect_by = "04:00";
    nightly().expect_by = "none";
    EXPECT_EQ(expected(), Expectation()) << "of a tag: what all jobs say";
    nightly().expect_every = 2h;
    EXPECT_EQ(expected(), (Expectation{2h, ""})) << "but not what it says itself";
    db().expect_by = "05:00";
    EXPECT_EQ(expected(), (Expectation{2h, "05:00"})) << "nor what stands before it";
    job_.expect_by = "none";
    EXPECT_EQ(expected(), Expectation());
    EXPECT_EQ(inherited_expectation(defaults_, job_), Expectation());
    job_.expect_every = 60s;
    EXPECT_EQ(expected(), (Expectation{60s, ""}));
    EXPECT_EQ(inherited_expectation(defaults_, job_), Expectation());
}

TEST_F(NoticeDefaultsTest, ADaemonInheritsNothingOfFires)
{
    defaults_.slow_after = 1min;
    defaults_.late_goal = 1s;
    db().expect_every = 1h;
    job_.kind = JobKind::daemon;
    EXPECT_EQ(expected(), Expectation());
    EXPECT_EQ(limits().slow_after, 0s);
    EXPECT_EQ(limits().late_goal, 0ms);
}

TEST_F(NoticeDefaultsTest, AJobThatOnlyPeopleStartInheritsNoExpectation)
{
    defaults_.expect_by = "04:00";
    db().expect_every = 1h;
    job_.cron_set = "";
    EXPECT_EQ(expected(), Expectation());
    EXPECT_EQ(inherited_expectation(defaults_, job_), Expectation());
    job_.expect_by = "05:00";
    EXPECT_EQ(expected(), (Expectation{0s, "05:00"}));
    EXPECT_EQ(own_expectation(job_), (Expectation{0s, "05:00"}));
    job_.run_after = {"extract"};
    EXPECT_EQ(expected(), (Expectation{1h, "05:00"}));
    EXPECT_EQ(own_expectation(job_), (Expectation{0s, "05:00"}));
}

/// Which is what the stores look for.
TEST_F(NoticeDefaultsTest, TheFirstPlaceThatSaysAnythingSaysWhetherSomethingIsExpected)
{
    const std::array<std::pair<std::chrono::seconds, std::string>, 6> words{
        {{0s, ""}, {0s, "none"}, {0s, "04:00"}, {1h, ""}, {1h, "none"}, {1h, "04:00"}}};
    for (const auto& of_job : words) {
        for (const auto& of_db : words) {
            for (const auto& of_all : words) {
                std::tie(job_.expect_every, job_.expect_by) = of_job;
                std::tie(db().expect_every, db().expect_by) = of_db;
                std::tie(defaults_.expect_every, defaults_.expect_by) = of_all;
                bool is_expected = false;
                for (const auto& place : {of_job, of_db, of_all}) {
                    const auto says = expects_success(place.first, place.second);
                    is_expected = says.value_or(false);
                    if (says) break;
                }
                EXPECT_EQ(!expected().is_none(), is_expected)
                    << of_job.second << of_db.second << of_all.second;
            }
        }
    }
}

}  // namespace
}  // namespace peercron
