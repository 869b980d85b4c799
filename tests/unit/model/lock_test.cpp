#include "model/lock.hpp"

#include "model/job_fields.hpp"
#include "model/job_kinds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

TEST(LockTest, AWordNamesALockAndPerhapsHowMuchOfIt)
{
    EXPECT_THAT(parse_lock("db"), Optional(LockClaim{"db", 1}));
    EXPECT_THAT(parse_lock("ftp:2"), Optional(LockClaim{"ftp", 2}));
    EXPECT_THAT(parse_lock("a.b-c_D9:10000"), Optional(LockClaim{"a.b-c_D9", 10'000}));
    for (const char* bad : {"", ":2", "ftp:", "ftp:0", "ftp:01", "ftp:-1", "ftp:10001", "ftp:2x",
                            "ftp 2", "a/b", "ftp:2:3"}) {
        EXPECT_FALSE(parse_lock(bad)) << bad;
    }
    EXPECT_FALSE(parse_lock(std::string(65, 'a')));
}

TEST(LockTest, WhatWasWrittenByHandStillExcludesOthers)
{
    const std::vector<std::string> words{"db:x", "ftp:2", "ftp"};
    EXPECT_THAT(read_locks(words), ElementsAre(LockClaim{"db", 1}, LockClaim{"ftp", 2}));
}

TEST(LockTest, ALockIsNamedOnce)
{
    EXPECT_FALSE(find_doubled_lock(std::vector<std::string>{"a", "b:2"}));
    EXPECT_THAT(find_doubled_lock(std::vector<std::string>{"a", "b", "a:2"}),
                Optional(std::string("names the lock a twice; each lock once is allowed")));
}

TEST(LockTest, ALockWhoseLimitNobodyHasSetHasOne)
{
    const std::vector<LockLimit> limits{{"ftp", 4, "ops", {}}};
    EXPECT_EQ(limit_of("ftp", limits), 4);
    EXPECT_EQ(limit_of("db", limits), 1);
    const std::vector<LockClaim> fits{{"db", 1}, {"ftp", 4}};
    EXPECT_FALSE(find_oversized_lock(fits, limits));
    const std::vector<LockClaim> too_much{{"ftp", 1}, {"db", 2}};
    EXPECT_THAT(find_oversized_lock(too_much, limits),
                Optional(std::string("takes 2 of the lock db, whose limit is 1")));
}

TEST(LockTest, EveryKindOfJobButADaemonMayHaveLocks)
{
    const JobField& locks = field_of(&Job::locks);
    EXPECT_TRUE(is_for(locks, JobKind::command));
    EXPECT_TRUE(is_for(locks, JobKind::http));
    EXPECT_FALSE(is_for(locks, JobKind::daemon));
    Job job;
    job.command = "true";
    job.locks = {"a", "a:2"};
    const auto problem = find_contradiction(job, patch_of(job, differences(job, Job())));
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->field, &locks);
}

}  // namespace
}  // namespace peercron
