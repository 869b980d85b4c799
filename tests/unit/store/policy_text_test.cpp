#include "store/policy_text.hpp"
#include "store/definition_text.hpp"

#include "job_samples.hpp"
#include "store/store.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <thread>

namespace peercron {
namespace {

/// Everything that is logged by `work`, on a thread that has logged nothing before.
template <class Work>
std::string log_of(const Work& work)
{
    std::ostringstream text;
    const auto before = spdlog::default_logger();
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("", std::move(sink)));
    spdlog::set_pattern("%l %v");
    std::thread(work).join();
    spdlog::set_default_logger(before);
    return text.str();
}

TEST(PolicyTextTest, AKnownWordIsThatPolicy)
{
    EXPECT_EQ(log_of([] {
                  for (const Overlap each :
                       {Overlap::allow, Overlap::skip, Overlap::queue, Overlap::replace}) {
                      Job job;
                      read_choice(field_of(&Job::overlap), job, policy_name(each));
                      EXPECT_EQ(job.overlap, each);
                  }
              }),
              "");
}

TEST(PolicyTextTest, AnUnknownWordIsTheDefaultAndIsToldOnceForAll)
{
    const std::string log = log_of([] {
        for (int i = 0; i < 3; ++i) {
            Job job;
            job.id = 12;
            read_choice(field_of(&Job::overlap), job, "wait");
            EXPECT_EQ(job.overlap, Overlap::allow);
            read_choice(field_of(&Job::delivery), job, "");
            EXPECT_EQ(job.delivery, Delivery::at_most_once);
        }
    });
    EXPECT_EQ(log,
              "warning store: job 12 has overlap \"wait\", which counts as allow; allowed: allow, "
              "skip, queue, replace\n");
}

TEST(PolicyTextTest, ADefinitionOfAnOlderVersionHasTheDefaults)
{
    const Job job = read_definition(7, R"({"name":"","cron_set":"@daily","command":"a"})");
    EXPECT_EQ(job.delivery, Delivery::at_most_once);
    EXPECT_EQ(job.misfire_policy, Misfire::run_all);
    EXPECT_EQ(job.overlap, Overlap::allow);
    EXPECT_EQ(job.max_concurrent, 0);
}

TEST(PolicyTextTest, ADefinitionIsReadAsItWasWritten)
{
    for (const int variant : {0, 1}) {
        Job job = testing::sample_job(variant);
        job.id = 7;
        EXPECT_EQ(read_definition(7, definition_text(job)), job);
        EXPECT_TRUE(definition_text(job).starts_with(definition_beginning(job.name)));
    }
    EXPECT_EQ(read_definition(0, definition_text(Job())), Job());
}

TEST(PolicyTextTest, AValueOfAnotherTypeIsAnErrorWithItsName)
{
    try {
        read_definition(7, R"({"command":"a","timeout":"x"})");
        FAIL();
    } catch (const StoreError& error) {
        EXPECT_STREQ(error.what(),
                     "table cron_revision has a definition of job 7 that cannot be read: timeout "
                     "is \"x\"");
    }
}

TEST(PolicyTextTest, ADefinitionOfANewerVersionIsRead)
{
    Job job;
    log_of([&job] { job = read_definition(7, R"({"command":"a","overlap":"wait"})"); });
    EXPECT_EQ(job.command, "a");
    EXPECT_EQ(job.overlap, Overlap::allow);
}

}  // namespace
}  // namespace peercron
