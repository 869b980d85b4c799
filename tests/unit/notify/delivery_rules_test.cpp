#include "notify/delivery_rules.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon = from_unix_millis(1'795'262'400'000);

NoticeDelivery waiting()
{
    NoticeDelivery delivery;
    delivery.created_at = noon;
    delivery.due_at = noon;
    return delivery;
}

TEST(DeliveryRulesTest, PausesDoubleUpToAnHour)
{
    EXPECT_EQ(pause_after_attempts(1), 10s);
    EXPECT_EQ(pause_after_attempts(2), 20s);
    EXPECT_EQ(pause_after_attempts(5), 160s);
    EXPECT_EQ(pause_after_attempts(9), 2560s);
    EXPECT_EQ(pause_after_attempts(10), 1h);
    EXPECT_EQ(pause_after_attempts(1'000'000), 1h);
}

TEST(DeliveryRulesTest, WhatIsNotTakenWaitsWhatIsRefusedDoesNot)
{
    SendReport report;
    report.problem = "connection refused by 10.0.0.1:80\nmore";
    NoticeDelivery after = after_attempt(waiting(), report, noon + 1s);
    EXPECT_EQ(after.state, NoticeDelivery::State::waiting);
    EXPECT_EQ(after.attempts, 1);
    EXPECT_EQ(after.due_at, noon + 11s);
    EXPECT_EQ(after.answer, "connection refused by 10.0.0.1:80");
    EXPECT_FALSE(after.ended_at);
    report.is_refused = true;
    after = after_attempt(after, report, noon + 11s);
    EXPECT_EQ(after.state, NoticeDelivery::State::refused);
    EXPECT_EQ(after.ended_at, noon + 11s);
    report = {};
    report.is_sent = true;
    report.answer = "HTTP/1.1 204 No Content\n\n";
    after = after_attempt(waiting(), report, noon + 1s);
    EXPECT_EQ(after.state, NoticeDelivery::State::sent);
    EXPECT_EQ(after.answer, "HTTP/1.1 204 No Content");
}

TEST(DeliveryRulesTest, AMessageExpiresAfterADay)
{
    EXPECT_FALSE(is_expired(waiting(), noon + 24h - 1ms));
    EXPECT_TRUE(is_expired(waiting(), noon + 24h));
    EXPECT_EQ(expired(waiting(), noon + 25h).ended_at, noon + 25h);
}

}  // namespace
}  // namespace peercron
