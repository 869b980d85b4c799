#include "model/reason.hpp"

#include <gtest/gtest.h>

#include <set>

namespace peercron {
namespace {

TEST(ReasonTest, EachCauseHasAWordAndIsReadFromIt)
{
    std::set<std::string_view> words;
    for (std::size_t i = 1; i < cause_words.size(); ++i) {
        const auto cause = static_cast<Cause>(i);
        EXPECT_TRUE(words.insert(to_string(cause)).second);
        for (const std::string detail : {"", "for people: \"x\": y", "mutex: z"}) {
            const Reason reason{cause, detail};
            EXPECT_EQ(parse_reason(to_string(reason)), reason) << to_string(reason);
        }
    }
    EXPECT_EQ(to_string(Reason{Cause::mutex, "it runs"}), "mutex: it runs");
    EXPECT_EQ(to_string(Reason{Cause::job_changed}), "job-changed");
}

// Words stand in ledgers, where they stay.
TEST(ReasonTest, WordsOfOldLedgersMeanWhatTheyMeant)
{
    EXPECT_EQ(parse_reason("misfire-policy: late").cause, Cause::misfire_policy);
    EXPECT_EQ(parse_reason("owner-unreachable: x").cause, Cause::owner_unreachable);
    EXPECT_EQ(parse_reason("node-isolated").cause, Cause::node_isolated);
    EXPECT_EQ(parse_reason("node-stopped:").cause, Cause::node_stopped);
}

TEST(ReasonTest, WhatBeginsWithNoCauseIsAllDetail)
{
    for (const std::string text :
         {"", ": x", "ran longer than its timeout of 2 s", "legacy: outcome not recorded",
          "mutexes: x", "a future cause: x"}) {
        EXPECT_EQ(parse_reason(text), (Reason{Cause::none, text}));
        EXPECT_EQ(to_string(parse_reason(text)), text);
    }
}

}  // namespace
}  // namespace peercron
