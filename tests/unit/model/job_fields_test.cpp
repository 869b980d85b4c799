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
                  patch.set(&Job::env,
                            std::vector<std::string>(100, "A_1=" + std::string(600, 'x')));
                  patch.set(&Job::work_dir, "/");
                  patch.set(&Job::umask, "777");
                  patch.set(&Job::stdin_text, std::string(65'535, '\n'));
                  patch.set(&Job::nice, -20);
                  patch.set(&Job::success_codes, {"0", "3", "10-255"});
                  patch.set(&Job::kill_grace, 3600s);
                  patch.set(&Job::run_as, "www-data");
                  patch.set(&Job::secrets, {"db-password", "tls.key"});
                  patch.set(&Job::memory_max, 1 << 20);
                  patch.set(&Job::inputs, {"A", "B=", "C=a=b", "D:x|y z|"});
                  patch.set(&Job::cpu_max, 102'400);
                  patch.set(&Job::pids_max, 1);
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
    for (const std::string& command :
         {std::string(65'536, 'x'), std::string("a\xff"), std::string("a\0b", 3)}) {
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
    for (const std::string& variable :
         {std::string("A"), std::string("=1"), std::string("1A=1"), std::string("A B=1"),
          std::string("A=1\nB=2"), std::string("A=1\r"), std::string("PEERCRON_NODE=x"),
          std::string("A=\xff"), std::string("A=\0", 3), "A=" + std::string(4095, 'x')}) {
        EXPECT_EQ(refused([&](JobPatch& patch) {
                      patch.set(&Job::env, {"B=2", variable});
                  }),
                  "env")
            << variable;
    }
    EXPECT_EQ(refused([](JobPatch& patch) {
                  patch.set(&Job::env, std::vector<std::string>(101, "A=1"));
              }),
              "env");
    EXPECT_EQ(refused([](JobPatch& patch) {
                  patch.set(&Job::env, std::vector<std::string>(100, "A=" + std::string(700, 'x')));
              }),
              "env")
        << "too much in all";
    for (const std::string& folder : {std::string("relative"), std::string("./a"), std::string("~"),
                                      std::string("/a\nb"), "/" + std::string(1024, 'x')}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::work_dir, folder); }), "work_dir");
    }
    for (const std::string mask : {"22", "0022", "028", "-22", "u=rw"}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::umask, mask); }), "umask") << mask;
    }
    EXPECT_EQ(
        refused([](JobPatch& patch) { patch.set(&Job::stdin_text, std::string(65'536, 'x')); }),
        "stdin");
    for (const std::int64_t nice : {-21, 20}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::nice, nice); }), "nice");
    }
    for (const std::string codes : {"256", "-1", "19-10", "1-", "-", "x", "1.5", "0001", "1-256"}) {
        EXPECT_EQ(refused([&](JobPatch& patch) {
                      patch.set(&Job::success_codes, {"0", codes});
                  }),
                  "success_codes")
            << codes;
    }
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::kill_grace, 3601s); }), "kill_grace");
    for (const std::string user : {"-x", "1000", "a b", "a/b", "a:b", "ä", "a\n"}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::run_as, user); }), "run_as")
            << user;
    }
    for (const std::int64_t bytes :
         {std::int64_t{-1}, std::int64_t{1}, std::int64_t{1048575}, std::int64_t{1} << 41U}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::memory_max, bytes); }),
                  "memory_max");
    }
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::cpu_max, 102'401); }), "cpu_max");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::pids_max, 4'194'305); }), "pids_max");
    for (const std::string& input : {std::string(), std::string("1A"), std::string("A B=1"),
                                     std::string("A=1\n"), "A=" + std::string(511, 'x')}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::inputs, {input}); }), "inputs");
    }
    for (const std::string secret : {"a/b", "..", ".hidden", "a b", ""}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::secrets, {secret}); }), "secrets")
            << secret;
    }
    for (const std::int64_t count : {-1, 10'001}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.set(&Job::max_concurrent, count); }),
                  "max_concurrent");
    }
    EXPECT_EQ(refused([](JobPatch& patch) { patch.set(&Job::retries, 101); }), "retries");
    for (const char* word : {"lost", "256", "!failed", "9-3"}) {
        EXPECT_EQ(refused([&](JobPatch& patch) {
                      patch.set(&Job::retry_on, {"failed", word});
                  }),
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
