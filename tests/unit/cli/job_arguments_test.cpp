#include "cli/job_arguments.hpp"

#include "cli/field_text.hpp"
#include "cli/job_options.hpp"
#include "job_samples.hpp"

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
    auto made = job_parameters(given, now);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    return made ? boost::json::value(*made) : boost::json::value();
}

std::string refusal(const JobArguments& given)
{
    const auto made = new_job_parameters(given, now);
    return made ? "it was taken" : made.error().message;
}

JobArguments simple()
{
    JobArguments job;
    job.fields["cron_set"] = "*/5 * * * *";
    job.fields["command"] = "date";
    return job;
}

TEST(JobArguments, TextThatIsNotUtf8IsRefusedByItsOption)
{
    JobArguments given;
    given.fields["name"] = "bad\xff";
    const auto fields = job_parameters(given, {});
    ASSERT_FALSE(fields);
    EXPECT_EQ(fields.error().message, "--name: \"bad\\xff\" is not UTF-8");
}

TEST(JobArguments, OnlyWhatWasGivenIsSent)
{
    JobArguments job;
    EXPECT_EQ(fields(job), boost::json::parse("{}"));
    job.fields["name"] = "";
    job.fields["is_mutex"] = "false";
    EXPECT_EQ(fields(job), boost::json::parse(R"({"name":"","is_mutex":false})"));
}

TEST(JobArguments, AllOfThemArriveUnderTheApisNames)
{
    JobArguments job = simple();
    job.fields["name"] = "backup";
    job.fields["remark"] = "nightly";
    job.fields["run_limit"] = "3";
    job.fields["timeout"] = "1h30m";
    job.fields["time_zone"] = "Europe/Berlin";
    job.fields["start_time"] = "2026-11-21T00:00:10Z";
    job.fields["end_time"] = "1795219300";
    job.fields["misfire_window"] = "2m";
    job.fields["delivery"] = "at_least_once";
    job.fields["misfire_policy"] = "run_latest";
    job.fields["overlap"] = "queue";
    job.fields["max_concurrent"] = "3";
    job.fields["is_mutex"] = "true";
    job.fields["stop"] = "true";
    EXPECT_EQ(fields(job), boost::json::parse(R"({
        "cronSet": "*/5 * * * *", "command": "date", "name": "backup", "remark": "nightly",
        "run_limit": 3, "timeout": "5400", "time_zone": "Europe/Berlin", "start_time": 1795219210,
        "end_time": 1795219300, "misfire_window": "120", "delivery": "at_least_once",
        "misfire_policy": "run_latest", "overlap": "queue", "max_concurrent": 3,
        "is_mutex": true, "stop": true})"));
}

TEST(JobArguments, EachFieldHasAnOptionThatTakesWhatIsShownOfIt)
{
    const Job job = testing::sample_job();
    for (const JobField& field : job_fields) {
        SCOPED_TRACE(field.name);
        const JobOption& option = option_of(field);
        EXPECT_EQ(option.field, field.name);
        EXPECT_THAT(option.option, StartsWith("--"));
        EXPECT_FALSE(option.text.empty());
        JobArguments given;
        given.fields[field.name] = field_text(field, job);
        const auto made = job_parameters(given, now);
        ASSERT_TRUE(made) << made.error().message;
        ASSERT_EQ(made->size(), 1U);
        const auto& sent = made->at(field.parameter_name());
        Job read = job;
        ASSERT_TRUE(assign(field, read, stored_value(field, Job())));
        if (std::holds_alternative<std::vector<std::string>>(stored_value(field, job))) {
            assign(field, read, split_list(field, sent.as_string()));
        } else if (sent.is_string() && std::get_if<kind::Choice>(&field.kind) == nullptr &&
                   std::holds_alternative<std::int64_t>(stored_value(field, job))) {
            assign(field, read, std::int64_t{std::stoll(std::string(sent.as_string()))});
        } else {
            read_row_value(field, read, sent);
        }
        EXPECT_EQ(read, job);
    }
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
    job.fields["start_time"] = "none";
    job.fields["end_time"] = "0";
    EXPECT_EQ(fields(job), boost::json::parse(R"({"start_time":0,"end_time":0})"));
}

TEST(JobArguments, TheMisfireWindowCanBeTheConfiguredOneAgain)
{
    JobArguments job;
    job.fields["misfire_window"] = "default";
    EXPECT_EQ(fields(job), boost::json::parse(R"({"misfire_window":"default"})"));
}

TEST(JobArguments, ANewJobNeedsOneScheduleAndOneCommand)
{
    EXPECT_TRUE(new_job_parameters(simple(), now));
    JobArguments job = simple();
    job.fields.erase("cron_set");
    EXPECT_THAT(refusal(job), HasSubstr("--every"));
    job = simple();
    job.every = "5s";
    EXPECT_THAT(refusal(job), HasSubstr("only one of"));
    job = simple();
    job.fields.erase("command");
    EXPECT_THAT(refusal(job), HasSubstr("--command"));
    job = simple();
    job.words = {"date"};
    EXPECT_THAT(refusal(job), HasSubstr("twice"));
}

TEST(JobArguments, AMistakeNamesItsOption)
{
    JobArguments job = simple();
    job.fields["timeout"] = "soon";
    EXPECT_THAT(refusal(job), StartsWith("--timeout: 'soon'"));
    job = simple();
    job.fields["run_limit"] = "-1";
    EXPECT_THAT(refusal(job), StartsWith("--limit: '-1'"));
    job = simple();
    job.fields["start_time"] = "someday";
    EXPECT_THAT(refusal(job), StartsWith("--start: cannot read the time 'someday'"));
    job = simple();
    job.fields["misfire_window"] = "1x";
    EXPECT_THAT(refusal(job), StartsWith("--misfire-window: '1x'"));
    job = simple();
    job.fields["overlap"] = "wait";
    EXPECT_EQ(refusal(job), "--overlap: 'wait' is not one of allow, skip, queue, replace");
    job = simple();
    job.fields["delivery"] = "";
    EXPECT_THAT(refusal(job), StartsWith("--delivery: ''"));
    job = simple();
    job.fields["misfire_policy"] = "all";
    EXPECT_THAT(refusal(job), StartsWith("--misfire-policy: 'all'"));
    job = simple();
    job.fields["max_concurrent"] = "many";
    EXPECT_THAT(refusal(job), StartsWith("--max-concurrent: 'many'"));
    job = simple();
    job.fields.erase("cron_set");
    job.at = "later";
    EXPECT_THAT(refusal(job), StartsWith("--at: cannot read the time 'later'"));
}

}  // namespace
}  // namespace peercron
