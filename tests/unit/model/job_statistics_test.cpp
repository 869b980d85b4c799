#include "model/job_statistics.hpp"

#include <gmock/gmock.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr WallTime t0 = from_unix_millis(1'795'219'200'000);

EndedRun ended(WallTime at, Outcome outcome, std::chrono::milliseconds use_time = 1s)
{
    EndedRun run;
    run.scheduled_at = at;
    run.outcome = outcome;
    run.use_time = use_time;
    if (outcome != Outcome::skipped && outcome != Outcome::missed) run.started_at = at + 3ms;
    return run;
}

TEST(JobStatisticsTest, KnowsNothingAtFirst)
{
    const JobStatistics none;
    EXPECT_EQ(none.last_outcome(), std::nullopt);
    EXPECT_EQ(none.usual_time(), std::nullopt);
    EXPECT_THAT(none.ticks(), IsEmpty());
    EXPECT_EQ(JobStatistics::parse(none.to_text()), none);
}

TEST(JobStatisticsTest, CountsRunsAndSuccesses)
{
    JobStatistics past;
    past.add(ended(t0, Outcome::success));
    past.add(ended(t0 + 1h, Outcome::failed));
    past.add(ended(t0 + 2h, Outcome::skipped));
    past.add(ended(t0 + 3h, Outcome::missed));
    EXPECT_EQ(past.runs(), 2);
    EXPECT_EQ(past.successes(), 1);
    EXPECT_EQ(past.last_outcome(), Outcome::missed);
    EXPECT_EQ(past.last_success_at(), t0);
}

TEST(JobStatisticsTest, UsualFiguresAreThoseOfRunsThatSucceeded)
{
    JobStatistics past;
    for (int i = 0; i < 100; ++i) past.add(ended(t0 + i * 1h, Outcome::success, 1000ms));
    past.add(ended(t0 + 100h, Outcome::failed, 50ms));
    past.add(ended(t0 + 101h, Outcome::timeout, 90'000ms));
    EXPECT_NEAR(static_cast<double>(past.usual_time()->count()), 1000, 1000 / 16.0);
    EXPECT_NEAR(static_cast<double>(past.usual_p95()->count()), 1000, 1000 / 16.0);
    EXPECT_EQ(past.lateness().quantile(0.99), 3);
}

TEST(JobStatisticsTest, AFireWhoseFurtherAttemptDoesNotRunHasEndedAsBefore)
{
    for (const Outcome before : {Outcome::failed, Outcome::timeout, Outcome::lost}) {
        for (const Outcome not_run : {Outcome::skipped, Outcome::missed}) {
            JobStatistics past;
            past.add(ended(t0, before));
            EndedRun further = ended(t0, not_run);
            further.attempt = 2;
            past.add(further);
            EXPECT_EQ(past.last_outcome(), before);
            ASSERT_THAT(past.ticks(), SizeIs(1));
            EXPECT_EQ(past.ticks().front().outcome, before);
            EXPECT_EQ(past.failures_in_row(), is_failure(before) ? 1 : 0);
            EXPECT_EQ(past.runs(), 1);
        }
    }
    // The row of the attempt before may come later, or have been deleted.
    JobStatistics past;
    EndedRun further = ended(t0, Outcome::skipped);
    further.attempt = 2;
    past.add(further);
    EXPECT_EQ(past.last_outcome(), Outcome::failed);
    EXPECT_EQ(past.runs(), 0);
}

TEST(JobStatisticsTest, FailuresInARowEndWithASuccess)
{
    JobStatistics past;
    past.add(ended(t0, Outcome::failed));
    past.add(ended(t0 + 1h, Outcome::skipped));
    past.add(ended(t0 + 2h, Outcome::timeout));
    EXPECT_EQ(past.failures_in_row(), 2);
    EXPECT_EQ(past.failing_since(), t0);
    past.add(ended(t0 + 3h, Outcome::success));
    EXPECT_EQ(past.failures_in_row(), 0);
    EXPECT_EQ(past.failing_since(), std::nullopt);
}

TEST(JobStatisticsTest, AFurtherAttemptIsTheSameFire)
{
    JobStatistics past;
    EndedRun run = ended(t0, Outcome::failed);
    past.add(run);
    run.attempt = 2;
    past.add(run);
    EXPECT_EQ(past.failures_in_row(), 1);
    EXPECT_THAT(past.ticks(), SizeIs(1));
    run.attempt = 3;
    run.outcome = Outcome::success;
    past.add(run);
    EXPECT_EQ(past.failures_in_row(), 0);
    EXPECT_EQ(past.runs(), 3);
    ASSERT_THAT(past.ticks(), SizeIs(1));
    EXPECT_EQ(past.ticks().front().outcome, Outcome::success);
    EXPECT_EQ(past.ticks().front().runs, 1);
    EXPECT_EQ(past.lateness().count(), 1) << "further attempts are not late";
}

TEST(JobStatisticsTest, TheTruthAboutALostRunReplacesIt)
{
    JobStatistics past;
    past.add(ended(t0, Outcome::lost));
    EXPECT_EQ(past.last_outcome(), Outcome::lost);
    EndedRun truth = ended(t0, Outcome::success);
    truth.was_lost = true;
    past.add(truth);
    EXPECT_EQ(past.last_outcome(), Outcome::success);
    EXPECT_EQ(past.runs(), 1);
    EXPECT_EQ(past.ticks().front().outcome, Outcome::success);

    EndedRun never_ran = ended(t0 + 1h, Outcome::lost);
    past.add(never_ran);
    never_ran.outcome = Outcome::skipped;
    never_ran.was_lost = true;
    past.add(never_ran);
    EXPECT_EQ(past.runs(), 1);
}

TEST(JobStatisticsTest, FiresOfOneMinuteAreOneTick)
{
    JobStatistics past;
    for (int i = 0; i < 180; ++i) past.add(ended(t0 + i * 1s, Outcome::success, i * 1ms));
    past.add(ended(t0 + 180s, Outcome::success));
    past.add(ended(t0 + 181s, Outcome::failed));
    past.add(ended(t0 + 182s, Outcome::success));
    ASSERT_THAT(past.ticks(), SizeIs(4));
    EXPECT_EQ(past.ticks()[0], (RunTick{t0 + 59s, Outcome::success, 59ms, 60}));
    EXPECT_EQ(past.ticks()[3].outcome, Outcome::failed) << "the worst of them";
    EXPECT_EQ(past.ticks()[3].runs, 3);
    EXPECT_TRUE(past.is_by_minute());
}

TEST(JobStatisticsTest, KeepsTheNewestTicksInTheOrderOfTime)
{
    JobStatistics past;
    for (int i = 0; i < 40; ++i) past.add(ended(t0 + i * 1h, Outcome::success));
    ASSERT_THAT(past.ticks(), SizeIs(JobStatistics::most_ticks));
    EXPECT_EQ(past.ticks().front().at, t0 + 10h);
    EXPECT_FALSE(past.is_by_minute());

    // A long run ends after later ones; one that is older than all changes no tick.
    past.add(ended(t0 + 35h + 30min, Outcome::timeout));
    past.add(ended(t0 + 1min, Outcome::failed));
    ASSERT_THAT(past.ticks(), SizeIs(JobStatistics::most_ticks));
    EXPECT_EQ(past.ticks().front().at, t0 + 11h);
    EXPECT_EQ(past.ticks()[25].outcome, Outcome::timeout);
    EXPECT_EQ(past.last_outcome(), Outcome::success) << "of the newest fire";
}

EndedRun part(WallTime at, std::int32_t number, Outcome outcome, std::int32_t attempt = 1)
{
    EndedRun run = ended(at, outcome);
    run.part = number;
    run.parts = 3;
    run.attempt = attempt;
    return run;
}

TEST(JobStatisticsTest, AFireWithSeveralPartsCountsOnceAndHasSucceededWhenAllHave)
{
    JobStatistics past;
    past.add(part(t0, 0, Outcome::success));
    past.add(part(t0, 2, Outcome::success));
    EXPECT_EQ(past.last_outcome(), std::nullopt) << "one is under way";
    EXPECT_EQ(past.runs(), 0);
    past.add(part(t0, 1, Outcome::success));
    EXPECT_EQ(past.last_outcome(), Outcome::success);
    EXPECT_EQ(past.runs(), 1);
    EXPECT_EQ(past.successes(), 1);
    EXPECT_EQ(past.last_success_at(), t0);
    ASSERT_THAT(past.ticks(), SizeIs(1));
    EXPECT_EQ(past.ticks()[0].runs, 1);
}

TEST(JobStatisticsTest, TheWorstPartCountsUntilItsFurtherAttemptSucceeds)
{
    JobStatistics past;
    past.add(part(t0, 1, Outcome::failed));
    past.add(part(t0, 2, Outcome::timeout));
    past.add(part(t0, 0, Outcome::success));
    EXPECT_EQ(past.last_outcome(), Outcome::failed);
    EXPECT_EQ(past.failures_in_row(), 1);
    EXPECT_EQ(past.runs(), 1);
    past.add(part(t0, 1, Outcome::success, 2));
    EXPECT_EQ(past.last_outcome(), Outcome::timeout);
    past.add(part(t0, 2, Outcome::success, 2));
    EXPECT_EQ(past.last_outcome(), Outcome::success);
    EXPECT_EQ(past.failures_in_row(), 0);
    EXPECT_EQ(past.successes(), 1);
    ASSERT_THAT(past.ticks(), SizeIs(1));
    EXPECT_EQ(past.ticks()[0].outcome, Outcome::success);
}

TEST(JobStatisticsTest, PartsOfOneFireMayEndAfterThoseOfTheNext)
{
    JobStatistics past;
    for (int fire = 0; fire < 6; ++fire) {
        past.add(part(t0 + fire * 1h, 0, Outcome::success));
        past.add(part(t0 + fire * 1h, 1, Outcome::success));
    }
    past.add(part(t0 + 4h, 2, Outcome::success));
    EXPECT_EQ(past.successes(), 1);
    EXPECT_EQ(JobStatistics::parse(past.to_text()), past);
    past.add(part(t0 + 5h, 2, Outcome::failed));
    EXPECT_EQ(past.last_outcome(), Outcome::failed);
    EXPECT_EQ(JobStatistics::parse(past.to_text()), past);
    past.add(part(t0, 2, Outcome::success));
    EXPECT_EQ(past.successes(), 2);
    EXPECT_EQ(past.runs(), 3);
}

TEST(JobStatisticsTest, PartsOfAFireThatIsForgottenAreNoFiresOfTheirOwn)
{
    JobStatistics past;
    for (int fire = 0; fire < 5; ++fire) {
        for (int number = 0; number < 3; ++number) {
            past.add(part(t0 + fire * 1h, number, Outcome::success));
        }
    }
    past = JobStatistics::parse(past.to_text()).value();
    past.add(part(t0, 0, Outcome::failed, 2));
    past.add(part(t0, 1, Outcome::failed, 2));
    EXPECT_EQ(past.runs(), 5);
    EXPECT_EQ(past.successes(), 5);
    EXPECT_EQ(past.failures_in_row(), 0);
}

TEST(JobStatisticsTest, FiresOfWhichAPartNeverEndsAreKeptUpToALimit)
{
    JobStatistics past;
    for (int fire = 0; fire < 200; ++fire) {
        past.add(part(t0 + fire * 1h, 0, Outcome::success));
        past.add(part(t0 + fire * 1h, 1, Outcome::success));
    }
    EXPECT_LT(past.to_text().size(), 2000U);
    EXPECT_EQ(JobStatistics::parse(past.to_text()), past);
    past.add(part(t0 + 1h, 2, Outcome::failed));
    EXPECT_EQ(past.runs(), 0) << "too long ago to know the others";
    past.add(part(t0 + 150h, 2, Outcome::success));
    EXPECT_EQ(past.successes(), 1);
}

TEST(JobStatisticsTest, AFireOfWhichOnePartDidNotRunHasFailedWhenTheOthersHaveEnded)
{
    JobStatistics past;
    past.add(part(t0, 1, Outcome::skipped));
    EXPECT_EQ(past.last_outcome(), std::nullopt) << "the others are under way";
    past.add(part(t0, 0, Outcome::success));
    EXPECT_EQ(past.last_outcome(), std::nullopt);
    past.add(part(t0, 2, Outcome::success));
    EXPECT_EQ(past.last_outcome(), Outcome::failed);
    EXPECT_EQ(past.runs(), 1);
    EXPECT_EQ(past.failures_in_row(), 1);
    for (int number = 0; number < 3; ++number) past.add(part(t0 + 1h, number, Outcome::skipped));
    EXPECT_EQ(past.last_outcome(), Outcome::skipped) << "none of them ran";
    EXPECT_EQ(past.runs(), 1);
}

TEST(JobStatisticsTest, APartThatIsRunAgainChangesItsFireAndAddsNone)
{
    JobStatistics past;
    for (int number = 0; number < 3; ++number) past.add(part(t0, number, Outcome::success));
    past.add(part(t0, 1, Outcome::failed, 2));
    EXPECT_EQ(past.runs(), 1);
    EXPECT_EQ(past.successes(), 0);
    past = JobStatistics::parse(past.to_text()).value();
    past.add(part(t0, 1, Outcome::success, 3));
    EXPECT_EQ(past.runs(), 1);
    EXPECT_EQ(past.successes(), 1);
}

TEST(JobStatisticsTest, AFireWhosePartIsTriedAgainWhileOthersAreUnderWayCountsOnce)
{
    JobStatistics past;
    past.add(part(t0, 0, Outcome::failed));
    past.add(part(t0, 0, Outcome::success, 2));
    past.add(part(t0, 1, Outcome::success));
    past.add(part(t0, 2, Outcome::success));
    EXPECT_EQ(past.runs(), 1);
    EXPECT_EQ(past.successes(), 1);
    EXPECT_EQ(past.last_outcome(), Outcome::success);
}

TEST(JobStatisticsTest, IsReadBackFromItsText)
{
    JobStatistics past;
    for (int i = 0; i < 500; ++i) {
        EndedRun run = ended(t0 + i * 7min, static_cast<Outcome>(i % 8), i * 13ms);
        run.output_bytes = i * 100;
        run.max_rss = i * 4096;
        past.add(run);
    }
    EXPECT_EQ(JobStatistics::parse(past.to_text()), past);
    EXPECT_LT(past.to_text().size(), 3000U);
}

TEST(JobStatisticsTest, AnotherTextIsToBeMadeAgain)
{
    EXPECT_EQ(JobStatistics::parse(""), std::nullopt);
    EXPECT_EQ(JobStatistics::parse("2 0 0"), std::nullopt);
    const std::string text = JobStatistics().to_text();
    EXPECT_EQ(JobStatistics::parse(text.substr(0, text.size() - 3)), std::nullopt);
    EXPECT_EQ(JobStatistics::parse(text + " 1 2 3"), std::nullopt);
    EXPECT_EQ(JobStatistics::parse(text + " 1 99 3 1"), std::nullopt);
}

TEST(RunTallyTest, CountsHowFiresEnded)
{
    RunTally tally;
    tally.add(ended(t0, Outcome::success));
    tally.add(ended(t0, Outcome::failed));
    EndedRun gap = ended(t0, Outcome::missed);
    gap.fires = 12;
    tally.add(gap);
    tally.add(ended(t0, Outcome::lost));
    EndedRun truth = ended(t0, Outcome::success);
    truth.was_lost = true;
    tally.add(truth);
    EXPECT_EQ(tally.of(Outcome::success), 2);
    EXPECT_EQ(tally.of(Outcome::failed), 1);
    EXPECT_EQ(tally.of(Outcome::missed), 12);
    EXPECT_EQ(tally.of(Outcome::lost), 0);
    EXPECT_EQ(tally.lateness.quantile(0.5), 3);
    EXPECT_EQ(RunTally::parse(tally.to_text()), tally);
    RunTally twice = tally;
    twice.merge(tally);
    EXPECT_EQ(twice.of(Outcome::missed), 24);
    EXPECT_EQ(RunTally::parse(""), std::nullopt);
}

TEST(RunTallyTest, TenMinutesBeginAtTheFullOnes)
{
    const std::chrono::sys_seconds begin{std::chrono::seconds(1'795'219'200)};
    EXPECT_EQ(tally_of(t0), begin);
    EXPECT_EQ(tally_of(t0 + 599'999ms), begin);
    EXPECT_EQ(tally_of(t0 + 600s), begin + 600s);
}

}  // namespace
}  // namespace peercron
