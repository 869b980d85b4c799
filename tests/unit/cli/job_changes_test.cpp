#include "cli/job_changes.hpp"

#include "cli/field_text.hpp"
#include "job_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace peercron {

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace json = boost::json;

Job job(JobId id, std::string name)
{
    Job job;
    job.id = id;
    job.name = std::move(name);
    job.cron_set = "@daily";
    job.command = "x";
    return job;
}

FileJob wanted(Job job, std::optional<bool> stop = {})
{
    job.id = 0;
    job.stop = stop.value_or(false);
    return {std::move(job), stop, 1};
}

std::vector<std::string> names(const JobChange& change)
{
    std::vector<std::string> names;
    for (const FieldChange& field : change.fields) names.push_back(field.name);
    return names;
}

TEST(JobChangesTest, ReadsAJobOfTheApi)
{
    const Job read = job_of(json::parse(R"({
        "id": 4, "name": "n", "cron_set": "@daily", "command": "c", "remark": "r", "stop": true,
        "is_mutex": true, "start_time": 5, "end_time": 9, "time_zone": "UTC", "timeout": 7,
        "run_limit": 3, "misfire_window": 0, "delivery": "at_least_once",
        "misfire_policy": "skip", "overlap": "replace", "max_concurrent": 2, "run_num": 2, "last_run_at": 1, "next_run_at": 2})"));
    Job same = job(4, "n");
    same.command = "c";
    same.remark = "r";
    same.stop = true;
    same.is_mutex = true;
    same.start_time = 5;
    same.end_time = 9;
    same.time_zone = "UTC";
    same.timeout = 7s;
    same.run_limit = 3;
    same.misfire_window = 0s;
    same.delivery = Delivery::at_least_once;
    same.misfire_policy = Misfire::skip;
    same.overlap = Overlap::replace;
    same.max_concurrent = 2;
    EXPECT_EQ(read, same);
    EXPECT_EQ(job_of(json::parse(R"({"id": 4, "misfire_window": "until_next"})")).misfire_window,
              until_next);
    EXPECT_EQ(job_of(json::parse(R"({"id": 4, "misfire_window": null})")).misfire_window,
              std::nullopt);
}

TEST(JobChangesTest, EachFieldIsComparedAndSentByItself)
{
    const Job plain = job(7, "a");
    for (const JobField& field : job_fields) {
        if (field.name == "name") continue;
        SCOPED_TRACE(field.name);
        Job after = plain;
        ASSERT_TRUE(assign(field, after, testing::sample_value(field)));
        const JobComparison changes =
            compare_jobs(std::vector{wanted(after, after.stop)}, std::vector{plain}, false);
        ASSERT_THAT(changes.changes, SizeIs(1));
        EXPECT_THAT(names(changes.changes[0]), ElementsAre(field.name));
        json::value row = changes.changes[0].request;
        ASSERT_THAT(row.as_object(), SizeIs(2));
        const json::value sent = row.at(field.parameter_name());  // a copy: the object may move
        row.as_object()[field.name] = sent;
        Job read = plain;
        read_row_value(field, read, row.at(field.name));
        EXPECT_EQ(read, after);
    }
}

TEST(JobChangesTest, ANodeThatKnowsNoPoliciesHasTheDefaults)
{
    EXPECT_EQ(job_of(json::parse(R"({"name": "n", "cron_set": "@daily", "command": "x"})")),
              job(0, "n"));
}

TEST(JobChangesTest, PoliciesAreToldByTheirNames)
{
    Job before = job(7, "a");
    before.overlap = Overlap::skip;
    before.delivery = Delivery::at_least_once;
    Job after = job(7, "a");
    after.misfire_policy = Misfire::run_latest;
    after.overlap = Overlap::queue;
    after.max_concurrent = 3;
    const JobComparison changes =
        compare_jobs(std::vector{wanted(after)}, std::vector{before}, false);
    ASSERT_THAT(changes.changes, SizeIs(1));
    EXPECT_EQ(changes.changes[0].request,
              json::parse(R"({"id":7,"delivery":"at_most_once","misfire_policy":"run_latest",
                              "overlap":"queue","max_concurrent":3})"));
    EXPECT_EQ(changes.changes[0].fields[2].before, "skip");
    EXPECT_EQ(changes.changes[0].fields[2].after, "queue");
}

TEST(JobChangesTest, AddsWhatIsMissingWithWhatIsNotTheDefault)
{
    Job added = job(0, "new");
    added.timeout = 90s;
    const std::vector file{wanted(added)};
    const JobComparison changes = compare_jobs(file, {}, false);
    ASSERT_THAT(changes.changes, SizeIs(1));
    EXPECT_EQ(changes.changes[0].kind, JobChange::Kind::add);
    EXPECT_THAT(names(changes.changes[0]), ElementsAre("cron_set", "command", "timeout"));
    EXPECT_EQ(changes.changes[0].request,
              json::parse(R"({"name":"new","cronSet":"@daily","command":"x","timeout":90})"));
}

TEST(JobChangesTest, ChangesOnlyWhatIsDifferent)
{
    Job before = job(7, "a");
    before.misfire_window = 5s;
    before.remark = "r";
    Job after = job(7, "a");
    after.cron_set = "@hourly";
    const std::vector file{wanted(after)};
    const std::vector node{before};
    const JobComparison changes = compare_jobs(file, node, false);
    ASSERT_THAT(changes.changes, SizeIs(1));
    EXPECT_EQ(
        changes.changes[0].request,
        json::parse(R"({"id":7,"cronSet":"@hourly","remark":"","misfire_window":"default"})"));
    EXPECT_EQ(changes.changes[0].fields[0].before, "@daily");
    EXPECT_EQ(changes.changes[0].fields[0].after, "@hourly");
}

TEST(JobChangesTest, WhatIsTheSameIsNotTouched)
{
    const std::vector file{wanted(job(0, "a")), wanted(job(0, "b"))};
    Job counted = job(2, "b");
    counted.counters.run_num = 5;
    counted.effective_from = WallTime(1s);
    const std::vector node{job(1, "a"), counted};
    const JobComparison changes = compare_jobs(file, node, true);
    EXPECT_THAT(changes.changes, IsEmpty());
    EXPECT_EQ(changes.unchanged, 2U);
}

TEST(JobChangesTest, StopCountsOnlyWhenItIsSaid)
{
    Job stopped = job(1, "a");
    stopped.stop = true;
    const std::vector node{stopped};
    EXPECT_THAT(compare_jobs(std::vector{wanted(job(0, "a"))}, node, false).changes, IsEmpty());
    EXPECT_THAT(compare_jobs(std::vector{wanted(job(0, "a"), true)}, node, false).changes,
                IsEmpty());
    const auto started = compare_jobs(std::vector{wanted(job(0, "a"), false)}, node, false).changes;
    ASSERT_THAT(started, SizeIs(1));
    EXPECT_EQ(started[0].request, json::parse(R"({"id":1,"stop":false})"));
    const auto fresh = compare_jobs(std::vector{wanted(job(0, "b"), true)}, node, false).changes;
    ASSERT_THAT(fresh, SizeIs(1));
    EXPECT_EQ(fresh[0].request.at("stop"), true);
}

TEST(JobChangesTest, OnlyPruneDeletesAndNeverAJobWithoutAName)
{
    const std::vector node{job(1, "a"), job(2, ""), job(3, "c")};
    const std::vector file{wanted(job(0, "a"))};
    const JobComparison kept = compare_jobs(file, node, false);
    EXPECT_THAT(kept.changes, IsEmpty());
    EXPECT_THAT(kept.others, ElementsAre("c"));
    const JobComparison pruned = compare_jobs(file, node, true);
    EXPECT_THAT(pruned.others, IsEmpty());
    ASSERT_THAT(pruned.changes, SizeIs(1));
    EXPECT_EQ(pruned.changes[0].kind, JobChange::Kind::remove);
    EXPECT_EQ(pruned.changes[0].id, 3);
}

TEST(JobChangesTest, AJobComesAfterThoseThatItRequires)
{
    Job report = job(0, "a-report");
    report.required = {"load"};
    Job load = job(0, "load");
    load.cron_set = "";
    load.run_after = {"z-extract"};
    const std::vector<FileJob> file{wanted(report), wanted(load), wanted(job(0, "z-extract"))};
    std::vector<std::string> order;
    for (const JobChange& change : compare_jobs(file, {}, false).changes) {
        order.push_back(change.name);
    }
    EXPECT_THAT(order, ElementsAre("z-extract", "load", "a-report"));
}

}  // namespace
}  // namespace peercron
