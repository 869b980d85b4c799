#include "cli/exit_status.hpp"

#include <gtest/gtest.h>

#include <set>

namespace peercron {
namespace {

TEST(ExitStatus, FollowsTheHttpStatus)
{
    EXPECT_EQ(exit_status_of_http(400), ExitStatus::usage);
    EXPECT_EQ(exit_status_of_http(413), ExitStatus::usage);
    EXPECT_EQ(exit_status_of_http(401), ExitStatus::not_allowed);
    EXPECT_EQ(exit_status_of_http(403), ExitStatus::not_allowed);
    EXPECT_EQ(exit_status_of_http(404), ExitStatus::not_found);
    EXPECT_EQ(exit_status_of_http(409), ExitStatus::conflict);
    EXPECT_EQ(exit_status_of_http(429), ExitStatus::unavailable);
    EXPECT_EQ(exit_status_of_http(503), ExitStatus::unavailable);
    EXPECT_EQ(exit_status_of_http(504), ExitStatus::unavailable);
    EXPECT_EQ(exit_status_of_http(500), ExitStatus::failed);
    EXPECT_EQ(exit_status_of_http(302), ExitStatus::failed);
}

TEST(ExitStatus, IsAPromiseToScripts)
{
    EXPECT_EQ(static_cast<int>(ExitStatus::done), 0);
    EXPECT_EQ(static_cast<int>(ExitStatus::failed), 1);
    EXPECT_EQ(static_cast<int>(ExitStatus::usage), 2);
    EXPECT_EQ(static_cast<int>(ExitStatus::not_found), 3);
    EXPECT_EQ(static_cast<int>(ExitStatus::conflict), 4);
    EXPECT_EQ(static_cast<int>(ExitStatus::not_allowed), 5);
    EXPECT_EQ(static_cast<int>(ExitStatus::unavailable), 6);
    EXPECT_EQ(static_cast<int>(ExitStatus::unsuccessful), 10);
    EXPECT_EQ(static_cast<int>(ExitStatus::not_clean), 11);
}

TEST(ExitStatus, IsDescribedOnceEach)
{
    std::set<ExitStatus> described;
    for (const ExitStatusText& text : exit_statuses()) {
        EXPECT_TRUE(described.insert(text.status).second);
        EXPECT_FALSE(text.meaning.empty());
    }
    EXPECT_EQ(described.size(), 9U);
}

}  // namespace
}  // namespace peercron
