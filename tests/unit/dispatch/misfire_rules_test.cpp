#include "dispatch/misfire_rules.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;

// 2026-11-21T00:00:00Z: a whole minute.
constexpr WallTime midnight = from_unix_millis(1'795'219'200'000);

Job every_ten_seconds()
{
    Job job;
    job.id = 1;
    job.cron_set = "*/10 * * * * *";
    return job;
}

class MisfireRulesTest : public ::testing::Test {
protected:
    bool is_too_late(const Job& job, std::chrono::milliseconds ago) const
    {
        const JobTable table("UTC");
        return rules_.is_too_late(table.compile(job), midnight - ago, midnight);
    }

    DispatchSettings settings_;  // a misfire window of 60 s
    MisfireRules rules_{settings_};
};

TEST_F(MisfireRulesTest, AJobsWindowCountsBeforeTheConfiguredOne)
{
    Job job = every_ten_seconds();
    EXPECT_EQ(rules_.oldest_fire(job, midnight), midnight - 60s);
    job.misfire_window = 5s;
    EXPECT_EQ(rules_.oldest_fire(job, midnight), midnight - 5s);
    job.misfire_window = 0s;
    EXPECT_EQ(rules_.oldest_fire(job, midnight), WallTime()) << "no limit";
    job.misfire_window = until_next;
    EXPECT_EQ(rules_.oldest_fire(job, midnight), WallTime());
    job.misfire_window.reset();
    settings_.misfire_window = 0ms;
    EXPECT_EQ(rules_.oldest_fire(job, midnight), WallTime());
}

TEST_F(MisfireRulesTest, AFireIsTooLateAfterItsWindow)
{
    EXPECT_FALSE(is_too_late(every_ten_seconds(), 60s));
    EXPECT_TRUE(is_too_late(every_ten_seconds(), 70s));
}

TEST_F(MisfireRulesTest, UntilTheNextFireIsDueNoneIsTooLate)
{
    Job job = every_ten_seconds();
    job.misfire_window = until_next;
    EXPECT_TRUE(is_too_late(job, 20s));
    EXPECT_TRUE(is_too_late(job, 10s));
    EXPECT_FALSE(is_too_late(job, 0s)) << "the next one is still to come";
    job.cron_set = "* * * * * *";
    EXPECT_FALSE(is_too_late(job, 3s)) << "a change of dispatchers takes as long";
    EXPECT_TRUE(is_too_late(job, 4s));
}

TEST_F(MisfireRulesTest, ThePolicySaysWhatRunsOfAGap)
{
    Job job = every_ten_seconds();
    Planner::LateRule rule = rules_.late_rule(job, midnight);
    EXPECT_EQ(rule.from, midnight - 60s);
    EXPECT_FALSE(rule.newest_only);

    job.misfire_policy = Misfire::run_latest;
    rule = rules_.late_rule(job, midnight);
    EXPECT_EQ(rule.from, midnight - 3s);
    EXPECT_TRUE(rule.newest_only);
    EXPECT_EQ(rule.oldest, midnight - 60s);

    job.misfire_policy = Misfire::skip;
    rule = rules_.late_rule(job, midnight);
    EXPECT_EQ(rule.from, midnight - 3s);
    EXPECT_FALSE(rule.newest_only);

    job.misfire_policy = Misfire::run_all;
    job.misfire_window = until_next;
    rule = rules_.late_rule(job, midnight);
    EXPECT_EQ(rule.from, midnight - 3s);
    EXPECT_TRUE(rule.newest_only);
    EXPECT_EQ(rule.oldest, WallTime());
}

TEST_F(MisfireRulesTest, TheReasonNamesThePolicyTheWindowOrTheLedger)
{
    Job job = every_ten_seconds();
    Gap gap;
    gap.last = midnight - 70s;
    const auto why = [&](std::optional<WallTime> held_from) {
        return rules_.why_dropped(job, gap, held_from, midnight);
    };
    EXPECT_EQ(why({}), (Reason{Cause::misfire, "longer ago than the misfire window of 60 s"}));
    EXPECT_EQ(why(midnight - 70s).cause, Cause::misfire) << "due before it was held";
    EXPECT_EQ(why(midnight - 71s),
              (Reason{Cause::overload,
                      "the ledger was too far behind; longer ago than the misfire "
                      "window of 60 s"}));

    job.misfire_window = until_next;
    EXPECT_EQ(why({}), (Reason{Cause::misfire, "a later fire of the job was due by then"}));

    job.misfire_policy = Misfire::run_latest;
    EXPECT_EQ(why({}).cause, Cause::misfire) << "none of them runs";
    gap.another_runs = true;
    EXPECT_EQ(why({}), (Reason{Cause::misfire_policy, "the job's misfire policy is run_latest"}));
    job.misfire_policy = Misfire::skip;
    EXPECT_EQ(why({}).cause, Cause::misfire_policy);
}

}  // namespace
}  // namespace peercron
