#include "dispatch/job_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Job job(JobId id, std::string command = "true")
{
    Job job;
    job.id = id;
    job.cron_set = "0 0 0 * * *";
    job.command = std::move(command);
    return job;
}

TEST(JobTable, RemembersWhichJobsHaveChanged)
{
    JobTable table("UTC");
    EXPECT_EQ(table.changes(), 0U);
    table.put(job(1), {});
    table.put(job(2), {});
    EXPECT_THAT(table.changed_after(0).value(), ElementsAre(1, 2));
    const std::uint64_t seen = table.changes();
    EXPECT_THAT(table.changed_after(seen).value(), IsEmpty());
    table.put(job(1), {});  // the same again
    EXPECT_THAT(table.changed_after(seen).value(), IsEmpty());
    table.put(job(1, "false"), {});
    table.erase(2);
    table.erase(3);  // it was never there
    EXPECT_THAT(table.changed_after(seen).value(), ElementsAre(1, 2));
}

TEST(JobTable, OfMoreChangesThanItRemembersItSaysSo)
{
    JobTable table("UTC");
    for (JobId id = 1; id <= 1001; ++id) table.put(job(id), {});
    EXPECT_EQ(table.changed_after(0), std::nullopt);
    EXPECT_EQ(table.changed_after(1).value().size(), 1000U);
}

TEST(JobTable, DoesWithoutRemarksAndYetSeesThatOneHasChanged)
{
    JobTable table("UTC");
    Job one = job(1);
    one.remark = "for sales";
    EXPECT_TRUE(table.put(one, {}));
    EXPECT_TRUE(table.find(1)->job.remark.empty());
    EXPECT_FALSE(table.put(one, {})) << "the same again";
    one.remark = "for the board";
    EXPECT_TRUE(table.put(one, {})) << "changed in the database itself";
    EXPECT_FALSE(table.put(one, {}));
    one.remark.clear();
    EXPECT_TRUE(table.put(one, {}));
}

TEST(JobTable, HasWhatManyJobsHaveInCommonOnce)
{
    JobTable table("UTC");
    for (JobId id = 1; id <= 100; ++id) {
        Job one = job(id);
        one.tags = {id % 2 == 0 ? "sales" : "board", "nightly"};
        one.calendar = {"!holidays"};
        one.jitter = std::chrono::minutes(id % 3);
        table.put(std::move(one), {});
    }
    EXPECT_EQ(table.shared_values(), 2U + 1U + 2U) << "tags, calendars and what nodes must know";
    const PlannedJob& first = *table.find(1);
    const PlannedJob& third = *table.find(3);
    EXPECT_THAT(first.job.tags, ElementsAre("board", "nightly"));
    EXPECT_EQ(&first.job.tags.get(), &third.job.tags.get());
    EXPECT_EQ(&first.job.calendar.get(), &table.find(2)->job.calendar.get());
    EXPECT_EQ(&first.node_fields.text(), &table.find(4)->node_fields.text());
    EXPECT_EQ(first.node_fields.job().jitter, std::chrono::minutes(1));
    EXPECT_EQ(table.find(2)->node_fields.job().jitter, std::chrono::minutes(2));
    EXPECT_TRUE(third.node_fields.empty());
}

}  // namespace
}  // namespace peercron
