#include "cli/job_arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::chrono::sys_seconds now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21);

boost::json::value fields(const JobArguments& given)
{
    auto made = job_fields(given, now);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made ? boost::json::value(*made) : boost::json::value();
}

std::string refusal(const JobArguments& given)
{
    const auto made = new_job_fields(given, now);
    return made ? "it was taken" : made.error().message;
}

JobArguments simple()
{
    JobArguments job;
    job.cron = "*/5 * * * *";
    job.command = "date";
    return job;
}

TEST(JobArguments, TextThatIsNotUtf8IsRefusedByItsOption)
{
    JobArguments given;
    given.name = "bad\xff";
    const auto fields = job_fields(given, {});
    ASSERT_FALSE(fields);
    EXPECT_EQ(fields.error().message, "--name: \"bad\\xff\" is not UTF-8");
}

TEST(JobArguments, OnlyWhatWasGivenIsSent)
{
    JobArguments job;
    EXPECT_EQ(fields(job), boost::json::parse("{}"));
    job.name = "";
    job.mutex = false;
    EXPECT_EQ(fields(job), boost::json::parse(R"({"name":"","is_mutex":false})"));
}

TEST(JobArguments, AllOfThemArriveUnderTheApisNames)
{
    JobArguments job = simple();
    job.name = "backup";
    job.remark = "nightly";
    job.limit = "3";
    job.timeout = "1h30m";
    job.time_zone = "Europe/Berlin";
    job.start = "2026-11-21T00:00:10Z";
    job.end = "1795219300";
    job.misfire_window = "2m";
    job.delivery = "at_least_once";
    job.misfire_policy = "run_latest";
    job.overlap = "queue";
    job.max_concurrent = "3";
    job.mutex = true;
    job.stop = true;
    EXPECT_EQ(fields(job), boost::json::parse(R"({
        "cronSet": "*/5 * * * *", "command": "date", "name": "backup", "remark": "nightly",
        "run_limit": 3, "timeout": "5400", "time_zone": "Europe/Berlin", "start_time": 1795219210,
        "end_time": 1795219300, "misfire_window": "120", "delivery": "at_least_once",
        "misfire_policy": "run_latest", "overlap": "queue", "max_concurrent": 3,
        "is_mutex": true, "stop": true})"));
}

TEST(JobArguments, WordsBecomeACommandLineOfTheSameWords)
{
    JobArguments job;
    job.words = {"backup.sh", "--to", "my disk"};
    EXPECT_EQ(fields(job), boost::json::parse(R"({"command":"backup.sh --to 'my disk'"})"));
}

TEST(JobArguments, DurationsAndMomentsAreUnderstoodHere)
{
    JobArguments every;
    every.every = "1h30m";
    EXPECT_EQ(fields(every), boost::json::parse(R"({"every":"5400"})"));
    JobArguments after;
    after.after = "90s";
    EXPECT_EQ(fields(after), boost::json::parse(R"({"after":"90"})"));
    JobArguments at;
    at.at = "2027-01-01T01:00:00+01:00";
    EXPECT_EQ(fields(at), boost::json::parse(R"({"at":"2027-01-01T00:00:00Z"})"));
}

TEST(JobArguments, NoneOpensAWindowAgain)
{
    JobArguments job;
    job.start = "none";
    job.end = "0";
    EXPECT_EQ(fields(job), boost::json::parse(R"({"start_time":0,"end_time":0})"));
}

TEST(JobArguments, TheMisfireWindowCanBeTheConfiguredOneAgain)
{
    JobArguments job;
    job.misfire_window = "default";
    EXPECT_EQ(fields(job), boost::json::parse(R"({"misfire_window":"default"})"));
}

TEST(JobArguments, ANewJobNeedsOneScheduleAndOneCommand)
{
    EXPECT_TRUE(new_job_fields(simple(), now));
    JobArguments job = simple();
    job.cron.reset();
    EXPECT_THAT(refusal(job), HasSubstr("--every"));
    job = simple();
    job.every = "5s";
    EXPECT_THAT(refusal(job), HasSubstr("only one of"));
    job = simple();
    job.command.reset();
    EXPECT_THAT(refusal(job), HasSubstr("--command"));
    job = simple();
    job.words = {"date"};
    EXPECT_THAT(refusal(job), HasSubstr("twice"));
}

TEST(JobArguments, AMistakeNamesItsOption)
{
    JobArguments job = simple();
    job.timeout = "soon";
    EXPECT_THAT(refusal(job), StartsWith("--timeout: 'soon'"));
    job = simple();
    job.limit = "-1";
    EXPECT_THAT(refusal(job), StartsWith("--limit: '-1'"));
    job = simple();
    job.start = "someday";
    EXPECT_THAT(refusal(job), StartsWith("--start: cannot read the time 'someday'"));
    job = simple();
    job.misfire_window = "1x";
    EXPECT_THAT(refusal(job), StartsWith("--misfire-window: '1x'"));
    job = simple();
    job.overlap = "wait";
    EXPECT_EQ(refusal(job), "--overlap: 'wait' is none of allow, skip, queue, replace");
    job = simple();
    job.delivery = "";
    EXPECT_THAT(refusal(job), StartsWith("--delivery: ''"));
    job = simple();
    job.misfire_policy = "all";
    EXPECT_THAT(refusal(job), StartsWith("--misfire-policy: 'all'"));
    job = simple();
    job.max_concurrent = "many";
    EXPECT_THAT(refusal(job), StartsWith("--max-concurrent: 'many'"));
    job = simple();
    job.cron.reset();
    job.at = "later";
    EXPECT_THAT(refusal(job), StartsWith("--at: cannot read the time 'later'"));
}

}  // namespace
}  // namespace peercron
