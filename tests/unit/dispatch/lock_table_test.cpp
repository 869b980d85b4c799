#include "dispatch/lock_table.hpp"

#include "dispatch/job_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Names = std::set<std::string>;

TEST(LockTableTest, LocksThatAJobNamesTogetherAreOneGroup)
{
    LockTable table;
    table.put(1, std::vector<LockClaim>{{"a"}, {"b"}});
    table.put(2, std::vector<LockClaim>{{"b"}, {"c"}});
    table.put(3, std::vector<LockClaim>{{"d"}});
    EXPECT_EQ(table.group_of({"a"}), (Names{"a", "b", "c"}));
    EXPECT_EQ(table.group_of({"c"}), (Names{"a", "b", "c"}));
    EXPECT_EQ(table.group_of({"d"}), (Names{"d"}));
    EXPECT_EQ(table.group_of({"unknown"}), (Names{"unknown"}));
    EXPECT_THAT(table.group_of({}), IsEmpty());

    table.put(3, std::vector<LockClaim>{{"d"}, {"a"}});
    EXPECT_EQ(table.group_of({"d"}), (Names{"a", "b", "c", "d"}));
    table.erase(2);
    EXPECT_EQ(table.group_of({"c"}), (Names{"c"}));
    EXPECT_EQ(table.group_of({"a"}), (Names{"a", "b", "d"}));
    table.put(1, {});
    EXPECT_EQ(table.group_of({"b"}), (Names{"b"}));
}

TEST(LockTableTest, ANewLimitConcernsTheJobsThatHaveTheLock)
{
    JobTable jobs("UTC");
    const auto add = [&jobs](JobId id, std::vector<std::string> locks) {
        Job job;
        job.id = id;
        job.cron_set = "* * * * * *";
        job.command = "true";
        job.locks = std::move(locks);
        jobs.put(job, {});
    };
    add(1, {"ftp:2", "db"});
    add(2, {"db"});
    add(3, {});
    EXPECT_THAT(jobs.find(1)->lock_limits.get(), ElementsAre(1, 1));
    EXPECT_THAT(jobs.set_lock_limits({{"ftp", 4, "", {}}}), ElementsAre(1));
    EXPECT_THAT(jobs.find(1)->lock_limits.get(), ElementsAre(4, 1));
    EXPECT_THAT(jobs.set_lock_limits({{"ftp", 4, "", {}}}), IsEmpty());
    EXPECT_THAT(jobs.set_lock_limits({{"db", 3, "", {}}}), ElementsAre(1, 2));
    EXPECT_THAT(jobs.find(1)->lock_limits.get(), ElementsAre(1, 3));
    add(4, {"db:2"});
    EXPECT_THAT(jobs.find(4)->lock_limits.get(), ElementsAre(3));
}

}  // namespace
}  // namespace peercron
