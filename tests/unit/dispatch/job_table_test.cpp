#include "dispatch/job_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace peercron
