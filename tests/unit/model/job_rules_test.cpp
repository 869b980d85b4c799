#include "model/job_rules.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// The member that is refused; "" when none is.
std::string refused(const std::function<void(JobPatch&)>& give)
{
    JobPatch patch;
    give(patch);
    const auto problem = find_problem(patch);
    return problem ? problem->member : "";
}

std::string emoji(std::size_t count)
{
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += "😀";
    return text;
}

TEST(JobRulesTest, WhatTheColumnsTakeIsAllowed)
{
    EXPECT_EQ(refused([](JobPatch&) {}), "");
    EXPECT_EQ(refused([](JobPatch& patch) {
                  patch.name = emoji(128);
                  patch.command = std::string(65'535, 'x');
                  patch.remark = emoji(1024);
                  patch.start_time = 0;
                  patch.end_time = 253'402'300'799;
                  patch.timeout = 0s;
                  patch.misfire_window = std::optional(2'147'483'647s);
                  patch.max_concurrent = 10'000;
              }),
              "");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.name = ""; }), "");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.misfire_window.emplace(); }), "");
}

TEST(JobRulesTest, WhatTheyDoNotTakeIsRefused)
{
    for (const std::string& name : {emoji(129), std::string("5"), std::string(" a"),
                                    std::string("a "), std::string("a\nb"), std::string("a\xff")}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.name = name; }), "name") << name;
    }
    for (const std::string& command : {std::string(), std::string(" \n"), std::string(65'536, 'x'),
                                       std::string("a\xff"), std::string("a\0b", 3)}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.command = command; }), "command");
    }
    EXPECT_EQ(refused([](JobPatch& patch) { patch.remark = emoji(1025); }), "remark");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.cron_set = std::string(256, '*'); }), "cronSet");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.start_time = -1; }), "start_time");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.end_time = 253'402'300'800; }), "end_time");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.timeout = 2'147'483'648s; }), "timeout");
    EXPECT_EQ(refused([](JobPatch& patch) { patch.misfire_window = std::optional(-1s); }),
              "misfire_window");
    for (const std::int64_t count : {-1, 10'001}) {
        EXPECT_EQ(refused([&](JobPatch& patch) { patch.max_concurrent = count; }),
                  "max_concurrent");
    }
}

}  // namespace
}  // namespace peercron
