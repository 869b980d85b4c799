#include "model/run_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Texts = std::vector<std::string>;

TEST(RunRequestTest, IsOneTextAndReadBack)
{
    EXPECT_EQ(to_string(RunRequest{"alice from 10.0.0.7"}), "alice from 10.0.0.7");
    const RunRequest request{"alice from 10.0.0.7",
                             {"DAY=2026-11-21", "NOTE=a \"b\" {c} =d", "E="}};
    EXPECT_EQ(to_string(request),
              R"(alice from 10.0.0.7 {"DAY":"2026-11-21","NOTE":"a \"b\" {c} =d","E":""})");
    for (const RunRequest& one :
         {request, RunRequest{""}, RunRequest{"", {"A=1"}}, RunRequest{"x {\"A\":\"1\"", {"A= {}"}},
          RunRequest{"who {is}"}, RunRequest{"a", {"A={\"B\":\"1\"}"}}}) {
        EXPECT_EQ(parse_request(to_string(one)), one) << to_string(one);
    }
}

TEST(RunRequestTest, ARehearsalSaysSo)
{
    RunRequest request{"alice from 10.0.0.7", {"DAY=2026-11-21"}};
    request.rehearsal = true;
    EXPECT_EQ(to_string(request), R"(alice from 10.0.0.7 (rehearsal) {"DAY":"2026-11-21"})");
    EXPECT_EQ(parse_request(to_string(request)), request);
    EXPECT_TRUE(is_rehearsal(to_string(request)));
    EXPECT_TRUE(is_of_person(to_string(request)));
    request.without_chain = true;
    EXPECT_EQ(parse_request(to_string(request)), request);
    EXPECT_FALSE(is_rehearsal("alice from 10.0.0.7"));
    EXPECT_FALSE(is_rehearsal("")) << "planned by its schedule";
    EXPECT_FALSE(is_rehearsal(R"x(alice {"NOTE":"a (rehearsal)"})x")) << "an input";
}

TEST(RunRequestTest, ARetryOfWhatAPersonHasAskedForSaysSo)
{
    const ParentEnd parent{"extract", 12, 1, RunState::success, 0};
    const RunRequest asked{"alice from 10.0.0.7", {"DAY=2026-11-21"}, true, parent};
    RunRequest retry = asked;
    retry.is_retry = true;
    const std::string text = request_of_retry(to_string(asked));
    EXPECT_EQ(text,
              "alice from 10.0.0.7 (retry), after extract (job 12: success, exit code 0)"
              " (without its chain) {\"DAY\":\"2026-11-21\"}");
    EXPECT_EQ(parse_request(text), retry);
    EXPECT_EQ(request_of_retry(text), text);
    EXPECT_TRUE(is_of_person(text));

    for (const std::string& same :
         {std::string(), to_string(RunRequest{"", {}, false, parent}),
          std::string("backfill 3 by alice"), std::string(longest_request, 'a')}) {
        EXPECT_EQ(request_of_retry(same), same);
    }
}

TEST(RunRequestTest, WhatIsNoInputsIsTheCaller)
{
    for (const char* text :
         {"", "}", "a }", "a {}x", "a {\"A\":1}", "{\"A\":\"1\"}", "a {\"A\"}"}) {
        EXPECT_EQ(parse_request(text), RunRequest{text}) << text;
    }
}

TEST(RunInputsTest, OnlyWhatIsDeclaredIsTaken)
{
    const Texts declared{"DAY", "NOTE=none", "LEVEL:incremental|full"};
    EXPECT_EQ(find_input_problem(declared, {}), std::nullopt);
    EXPECT_EQ(find_input_problem(declared, Texts{"DAY=", "NOTE=a=b", "LEVEL=full"}), std::nullopt);
    EXPECT_EQ(find_input_problem(declared, Texts{"OTHER=1"}),
              "given \"OTHER=1\"; NAME=value is allowed, where NAME is one of DAY, NOTE, LEVEL");
    EXPECT_EQ(find_input_problem(declared, Texts{"day=1"}),
              "given \"day=1\"; NAME=value is allowed, where NAME is one of DAY, NOTE, LEVEL");
    EXPECT_EQ(find_input_problem({}, Texts{"DAY=1"}), "given \"DAY=1\"; the job has no inputs");
    EXPECT_EQ(find_input_problem(declared, Texts{"DAY"}), "given \"DAY\"; DAY=value is allowed");
    EXPECT_EQ(find_input_problem(declared, Texts{"DAY=1", "DAY=2"}), "DAY is given twice");
    EXPECT_EQ(find_input_problem(declared, Texts{"LEVEL=ful"}),
              "given \"ful\"; one of incremental, full is allowed for LEVEL");
    EXPECT_TRUE(find_input_problem(declared, Texts{"DAY=a\rb"}));
}

TEST(RunInputsTest, EachDeclaredOneIsAVariable)
{
    const Texts declared{"DAY", "NOTE=none", "LEVEL:incremental|full"};
    EXPECT_THAT(input_variables(declared, {}),
                ElementsAre("PEERCRON_INPUT_DAY=", "PEERCRON_INPUT_NOTE=none",
                            "PEERCRON_INPUT_LEVEL=incremental"));
    EXPECT_THAT(
        input_variables(declared, Texts{"NOTE=", "LEVEL=full", "DAY=a=b"}),
        ElementsAre("PEERCRON_INPUT_DAY=a=b", "PEERCRON_INPUT_NOTE=", "PEERCRON_INPUT_LEVEL=full"));
    EXPECT_THAT(input_variables({}, Texts{"DAY=1"}), IsEmpty()) << "no longer declared";
    EXPECT_THAT(input_variables(Texts{"LEVEL:a|b"}, Texts{"LEVEL=c"}),
                ElementsAre("PEERCRON_INPUT_LEVEL=a"))
        << "no longer a choice";
}

}  // namespace
}  // namespace peercron
