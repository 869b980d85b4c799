#include "model/job_fields.hpp"

#include "job_samples.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// The field that is refused; "" when none is.
std::string refused(const std::function<void(JobPatch&)>& give)
{
    JobPatch patch;
    give(patch);
    const auto problem = find_problem(patch);
    return problem ? std::string(problem->field->name) : "";
}

std::string emoji(std::size_t count)
{
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += "😀";
    return text;
}

TEST(JobFieldsTest, WhatTheColumnsTakeIsAllowed)
{
    EXPECT_EQ(refused([](JobPatch&) {}), "");
    EXPECT_EQ(refused([](JobPatch& patch) {
                  patch.set(&Job::name, emoji(128));
                  patch.set(&Job::command, std::string(65'535, 'x'));
                  patch.set(&Job::remark, emoji(1024));
                  patch.set(&Job::start_time, 0);
                  patch.set(&Job::end_time, 253'402'300'799);
                  patch.set(&Job::timeout, 0s);
                  patch.set(&Job::misfire_window, std::optional(2'147'483'647s));
                  patch.set(&Job::max_concurrent, 10'000);
              }),
              "");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::name, ""); }), "");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::misfire_window, std::nullopt); }), "");
}

TEST(JobFieldsTest, WhatTheyDoNotTakeIsRefused)
{
    for (const std::string& name : {emoji(129), std::string("5"), std::string(" a"),
                                    std::string("a "), std::string("a\nb"), std::string("a\xff")}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::name, name); }), "name") << name;
    }
    for (const std::string& command : {std::string(), std::string(" \n"), std::string(65'536, 'x'),
                                       std::string("a\xff"), std::string("a\0b", 3)}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::command, command); }), "command");
    }
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::remark, emoji(1025)); }), "remark");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::cron_set, std::string(256, '*')); }),
              "cron_set");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::start_time, -1); }), "start_time");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::end_time, 253'402'300'800); }),
              "end_time");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::timeout, 2'147'483'648s); }),
              "timeout");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::misfire_window, std::optional(-1s)); }),
              "misfire_window");
    for (const std::int64_t count : {-1, 10'001}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::max_concurrent, count); }),
                  "max_concurrent");
    }
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::retries, 101); }), "retries");
    for (const char* word : {"lost", "256", "!failed", "9-3"}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::retry_on, {"failed", word}); }),
                  "retry_on");
    }
}

TEST(JobFieldsTest, EachFieldIsCarriedByItself)
{
    for (std::size_t i = 0; i < job_fields.size(); ++i) {
        const JobField& field = job_fields[i];
        SCOPED_TRACE(field.name);
        const FieldValue value = testing::sample_value(field);
        EXPECT_NE(value, stored_value(field, Job()));
        Job job;
        ASSERT_TRUE(assign(field, job, value));
        EXPECT_EQ(stored_value(field, job), value);
        const FieldSet only = differences(Job(), job);
        EXPECT_EQ(only, FieldSet().set(i));
        const JobPatch patch = patch_of(testing::sample_job(), only);
        EXPECT_EQ(apply(Job(), patch), job);
        EXPECT_EQ(find_problem(patch).has_value(), false);
        EXPECT_EQ(find_field(field.name), &field);
    }
    EXPECT_EQ(find_field("id"), nullptr);
}

TEST(JobFieldsTest, AValueOfAnotherTypeChangesNothing)
{
    for (const JobField& field : job_fields) {
        SCOPED_TRACE(field.name);
        const Job before = testing::sample_job();
        for (const FieldValue& value :
             {FieldValue(), FieldValue(true), FieldValue(std::int64_t{1}), FieldValue("no word"),
              FieldValue(std::vector<std::string>{"a"})}) {
            Job job = before;
            if (assign(field, job, value)) continue;
            EXPECT_EQ(job, before);
        }
    }
    Job job;
    EXPECT_FALSE(assign(field_of(&Job::overlap), job, "wait"));
    EXPECT_FALSE(assign(field_of(&Job::timeout), job, "5"));
    EXPECT_FALSE(assign(field_of(&Job::stop), job, std::int64_t{1}));
    EXPECT_FALSE(assign(field_of(&Job::command), job, FieldValue()));
}

TEST(JobFieldsTest, UntilNextIsAWordForPeople)
{
    const JobField& field = field_of(&Job::misfire_window);
    Job job;
    ASSERT_TRUE(assign(field, job, "until_next"));
    EXPECT_EQ(job.misfire_window, until_next);
    EXPECT_EQ(shown_value(field, job), FieldValue("until_next"));
    EXPECT_EQ(stored_value(field, job), FieldValue(std::int64_t{4'294'967'295}));
    ASSERT_TRUE(assign(field, job, FieldValue()));
    EXPECT_EQ(job.misfire_window, std::nullopt);
}

TEST(JobFieldsTest, WordsAreTakenApartAtCommas)
{
    using Words = std::vector<std::string>;
    EXPECT_EQ(split_words(""), Words());
    EXPECT_EQ(split_words(" , ,"), Words());
    EXPECT_EQ(split_words("a"), Words({"a"}));
    EXPECT_EQ(split_words(" a b ,c,, a b"), Words({"a b", "c"}));
    EXPECT_EQ(split_words(join_words({"a b", "c"})), Words({"a b", "c"}));
}

}  // namespace
}  // namespace peercron
