#include "model/job_kinds.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

using ::testing::HasSubstr;

Job request()
{
    Job job;
    job.kind = JobKind::http;
    job.http_url = "http://example.com/";
    return job;
}

/// "field: what", with all fields given.
std::string problem_of(const Job& job)
{
    JobPatch all;
    all.values = job;
    all.given.set();
    const auto problem = find_contradiction(job, all);
    return problem ? std::string(problem->field->name) + ": " + problem->what : "";
}

TEST(JobKinds, AUrlWithoutACommandMakesARequest)
{
    JobPatch patch;
    patch.set(&Job::http_url, "http://example.com/");
    imply_kind(patch);
    EXPECT_EQ(patch.values.kind, JobKind::http);
    EXPECT_TRUE(patch.has(&Job::kind));
}

TEST(JobKinds, WhatWasSaidIsNotChanged)
{
    JobPatch with_command;
    with_command.set(&Job::http_url, "http://example.com/");
    with_command.set(&Job::command, "true");
    imply_kind(with_command);
    EXPECT_FALSE(with_command.has(&Job::kind));

    JobPatch with_kind;
    with_kind.set(&Job::http_url, "http://example.com/");
    with_kind.set(&Job::kind, JobKind::command);
    imply_kind(with_kind);
    EXPECT_EQ(with_kind.values.kind, JobKind::command);

    JobPatch neither;
    imply_kind(neither);
    EXPECT_FALSE(neither.has(&Job::kind));
}

TEST(JobKinds, WhatDoesNotGoWithEveryNodeIsRefused)
{
    Job job;
    job.command = "true";
    job.spread = Spread::every;
    EXPECT_EQ(problem_of(job), "");
    EXPECT_TRUE(runs_at_every_node(job));
    job.shards = 4;
    EXPECT_EQ(problem_of(job), "shards: given 4 without spread \"shards\"");
    job.shards = 1;
    job.locks = {"db"};
    EXPECT_THAT(problem_of(job), HasSubstr("locks: given for a job with spread \"every\""));
    EXPECT_FALSE(runs_at_every_node(job)) << "written by hand";
    job.locks.clear();
    job.required = {"extract"};
    EXPECT_THAT(problem_of(job), HasSubstr("requires: given for a job with spread \"every\""));
    job.required.clear();
    job.kind = JobKind::daemon;
    EXPECT_THAT(problem_of(job), HasSubstr("spread: given \"every\" for a job of kind daemon"));
    EXPECT_FALSE(runs_at_every_node(job));
}

TEST(JobKinds, ShardsAndTheirSpreadSayTheSame)
{
    Job job;
    job.command = "true";
    job.spread = Spread::shards;
    job.shards = 2;
    EXPECT_EQ(problem_of(job), "");
    EXPECT_EQ(parts_of(job), 2);
    job.shards = 1;
    EXPECT_THAT(problem_of(job), HasSubstr("shards: given 1; with spread \"shards\""));
    EXPECT_EQ(parts_of(job), 1);
    job.spread = Spread::one;
    EXPECT_EQ(problem_of(job), "");
    job.shards = 4;
    EXPECT_EQ(problem_of(job), "shards: given 4 without spread \"shards\"");
    EXPECT_EQ(parts_of(job), 1);
    job.kind = JobKind::daemon;
    job.shards = 1;
    job.spread = Spread::shards;
    EXPECT_THAT(problem_of(job), HasSubstr("spread: given \"shards\" for a job of kind daemon"));
    EXPECT_EQ(parts_of(job), 1);
}

TEST(JobKinds, EachKindHasItsOwnFields)
{
    EXPECT_EQ(problem_of(request()), "");
    Job job;
    job.command = "true";
    EXPECT_EQ(problem_of(job), "");
    job.http_body = "x";
    EXPECT_EQ(problem_of(job), "http_body: given for a job of kind command, which has none");
    job = request();
    job.work_dir = "/tmp";
    EXPECT_EQ(problem_of(job), "work_dir: given for a job of kind http, which has none");
    job = request();
    job.command = "true";
    EXPECT_THAT(problem_of(job), HasSubstr("a job of kind http has no command"));
}

TEST(JobKinds, ADaemonHasNeitherFiresNorAttempts)
{
    Job daemon;
    daemon.kind = JobKind::daemon;
    EXPECT_THAT(problem_of(daemon), HasSubstr("command: given"));
    daemon.command = "worker";
    daemon.restart = Restart::on_failure;
    daemon.start_limit = 3;
    daemon.work_dir = "/tmp";
    EXPECT_EQ(problem_of(daemon), "");
    Job job = daemon;
    job.cron_set = "* * * * *";
    EXPECT_EQ(problem_of(job), "cron_set: given for a job of kind daemon, which has none");
    job = daemon;
    job.timeout = std::chrono::seconds(5);
    EXPECT_EQ(problem_of(job), "timeout: given for a job of kind daemon, which has none");
    job = daemon;
    job.slow_after = std::chrono::seconds(5);
    EXPECT_EQ(problem_of(job), "slow_after: given for a job of kind daemon, which has none");
    job = daemon;
    job.expect_every = std::chrono::hours(1);
    EXPECT_EQ(problem_of(job), "expect_every: given for a job of kind daemon, which has none");
    job = daemon;
    job.expect_by = "04:00";
    EXPECT_EQ(problem_of(job), "expect_by: given for a job of kind daemon, which has none");
    job = daemon;
    job.kind = JobKind::command;
    EXPECT_EQ(problem_of(job), "restart: given for a job of kind command, which has none");
    EXPECT_EQ(concurrency_of(daemon), (Concurrency{1, Overlap::queue}));

    JobPatch patch;
    patch.set(&Job::retries, 2);
    job = daemon;
    job.retries = 2;
    EXPECT_TRUE(find_contradiction(job, patch)) << "that alone is given";
}

TEST(JobKinds, WhatItIsDoneWithHasToBeThere)
{
    Job job;
    job.command = " \n";
    EXPECT_THAT(problem_of(job), HasSubstr("command: given"));
    job = request();
    job.http_url.clear();
    EXPECT_EQ(problem_of(job), "http_url: missing; a job of kind http needs it");
}

TEST(JobKinds, ABodyNeedsAMethodThatSendsIt)
{
    Job job = request();
    EXPECT_EQ(method_of(job), HttpMethod::get);
    job.http_body = "x";
    EXPECT_EQ(method_of(job), HttpMethod::post);
    EXPECT_EQ(problem_of(job), "");
    job.http_method = HttpMethod::head;
    EXPECT_THAT(problem_of(job), HasSubstr("http_body: given together with http_method HEAD"));
}

TEST(JobKinds, PlaceholdersHaveToBeKnown)
{
    Job job = request();
    job.http_url = job.http_url.get() + "{{job}}/{{jop}}";
    EXPECT_EQ(problem_of(job),
              "http_url: given \"{{jop}}\"; {{job}}, {{scheduled_at}}, {{attempt}}, "
              "{{shard}} and {{shards}} are allowed");
    job = request();
    job.http_headers = {"A: {{attempt}}", "B: {{b}}"};
    EXPECT_THAT(problem_of(job), HasSubstr("http_headers: given \"{{b}}\""));
    job = request();
    job.http_body = "{{secret.KEY}}";
    EXPECT_THAT(problem_of(job), HasSubstr("there are no secrets in requests yet"));
}

TEST(JobKinds, WhatAChangeDoesNotTouchIsNotJudged)
{
    Job broken;  // no command
    JobPatch patch;
    patch.set(&Job::remark, "mended later");
    EXPECT_FALSE(find_contradiction(broken, patch));
    patch.set(&Job::command, "");
    EXPECT_TRUE(find_contradiction(broken, patch));
}

TEST(JobKinds, AJobThatBecomesAnotherKindIsToldWhatItStillHas)
{
    Job job;
    job.command = "work";
    job.cron_set = "@daily";
    job.kind = JobKind::daemon;
    JobPatch patch;
    patch.set(&Job::kind, JobKind::daemon);
    auto found = find_contradiction(job, patch);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->field, &field_of(&Job::kind));
    EXPECT_EQ(found->what,
              "given \"daemon\", but the job has cronSet, which a job of kind daemon has not; give "
              "cronSet as \"\", too");
    patch.set(&Job::cron_set, "@daily");
    found = find_contradiction(job, patch);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->field, &field_of(&Job::cron_set)) << "it was given";
}

TEST(JobKinds, ARequestHasATimeoutOfItsOwn)
{
    Job job;
    EXPECT_EQ(timeout_of(job).count(), 0);
    job = request();
    EXPECT_EQ(timeout_of(job).count(), 30);
    job.timeout = std::chrono::seconds(5);
    EXPECT_EQ(timeout_of(job).count(), 5);
}

}  // namespace
}  // namespace peercron
