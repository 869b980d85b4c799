#include "exec/revocations_under_way.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

RunId run_of(JobId job)
{
    return RunId{job, WallTime(std::chrono::seconds(1'800'000'000)), 1};
}

class RevocationsUnderWayTest : public ::testing::Test {
protected:
    using Answered = std::optional<std::vector<RunId>>;

    static RevocationsUnderWay::Answer into(Answered& answered)
    {
        return [&answered](std::vector<RunId> revoked) { answered = std::move(revoked); };
    }

    RevocationsUnderWay revocations_;
    Answered first_;
    Answered second_;
};

TEST_F(RevocationsUnderWayTest, OfRunsThatDoNotStartNowAreAnsweredAtOnce)
{
    revocations_.add({run_of(1)}, {}, into(first_));
    EXPECT_THAT(first_, Optional(ElementsAre(run_of(1))));
}

TEST_F(RevocationsUnderWayTest, AreAnsweredWhenTheLastRunHasStarted)
{
    revocations_.add({run_of(1)}, {run_of(2), run_of(3)}, into(first_));
    EXPECT_TRUE(revocations_.wait_for(run_of(2)));
    EXPECT_FALSE(revocations_.wait_for(run_of(1)));
    revocations_.started(run_of(2));
    revocations_.started(run_of(4));
    EXPECT_FALSE(first_.has_value());
    EXPECT_FALSE(revocations_.wait_for(run_of(2)));
    revocations_.started(run_of(3));
    EXPECT_THAT(first_, Optional(ElementsAre(run_of(1))));
}

TEST_F(RevocationsUnderWayTest, SayWhichOfThemCouldNotBeStarted)
{
    revocations_.add({}, {run_of(1), run_of(2)}, into(first_));
    revocations_.add({run_of(3)}, {run_of(2)}, into(second_));
    revocations_.taken_back(run_of(2));
    EXPECT_THAT(second_, Optional(ElementsAre(run_of(3), run_of(2))));
    EXPECT_FALSE(first_.has_value());
    revocations_.started(run_of(1));
    EXPECT_THAT(first_, Optional(ElementsAre(run_of(2))));
}

TEST_F(RevocationsUnderWayTest, MayBeFollowedByAnotherFromTheAnswer)
{
    revocations_.add({}, {run_of(1)}, [this](const std::vector<RunId>&) {
        revocations_.add({}, {run_of(2)}, into(second_));
    });
    revocations_.started(run_of(1));
    EXPECT_FALSE(second_.has_value());
    revocations_.started(run_of(2));
    EXPECT_THAT(second_, Optional(IsEmpty()));
}

}  // namespace
}  // namespace peercron
