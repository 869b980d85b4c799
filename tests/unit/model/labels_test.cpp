#include "model/labels.hpp"

#include "base/label_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LabelsTest, ALabelIsAWordOrAKeyAndAValue)
{
    for (const char* label : {"db", "zone=eu", "a.b/c@d:[1]-_", "host=db1"}) {
        EXPECT_TRUE(is_label(label)) << label;
        EXPECT_TRUE(is_run_on_term(std::string("!") + label)) << label;
    }
    for (const char* other : {"", "=", "a=", "=a", "a=b=c", "a b", "a,b", "!a", "\xc3\xa4"}) {
        EXPECT_FALSE(is_label(other)) << other;
    }
    for (const char* other : {"", "!", "!!a", "! a"}) EXPECT_FALSE(is_run_on_term(other)) << other;
    EXPECT_TRUE(is_own_label("host=db1"));
    EXPECT_TRUE(is_own_label("address=10.0.0.7"));
    EXPECT_FALSE(is_own_label("hostage"));
}

TEST(LabelsTest, ANodeHasItsAddressAndItsHostByItself)
{
    EXPECT_THAT(host_labels("db1"), ElementsAre("host=db1"));
    EXPECT_THAT(host_labels("d b"), IsEmpty());
    EXPECT_THAT(host_labels(""), IsEmpty());
    EXPECT_THAT(labels_of("10.0.0.7:9991", {"host=db1", "ssd"}),
                ElementsAre("address=10.0.0.7", "address=10.0.0.7:9991", "host=db1", "ssd"));
    EXPECT_TRUE(labels_of("[::1]:9991", {}).contains("address=[::1]"));
}

TEST(LabelsTest, AllTermsMustHold)
{
    const Labels node{"db", "zone=eu", "host=db1"};
    EXPECT_TRUE(may_run_on({}, node));
    EXPECT_TRUE(may_run_on({"db"}, node));
    EXPECT_TRUE(may_run_on({"db", "zone=eu", "!spare"}, node));
    EXPECT_FALSE(may_run_on({"db", "zone=us"}, node));
    EXPECT_FALSE(may_run_on({"db", "!zone=eu"}, node));
    EXPECT_FALSE(may_run_on({"zone"}, node)) << "a key alone is another label";
    EXPECT_FALSE(may_run_on({"DB"}, node));
    EXPECT_TRUE(may_run_on({"!db"}, Labels()));
}

/// The node that each of 300 jobs prefers.
std::map<JobId, NodeName> preferences(const std::vector<NodeName>& nodes)
{
    std::map<JobId, NodeName> preferences;
    for (JobId job = 1; job <= 300; ++job) {
        preferences[job] = *std::ranges::max_element(
            nodes, {}, [job](const NodeName& node) { return sticky_rank(job, node); });
    }
    return preferences;
}

TEST(LabelsTest, OnlyTheJobsOfANodeThatGoesMove)
{
    const std::vector<NodeName> nodes{"10.0.0.1:9991", "10.0.0.2:9991", "10.0.0.3:9991"};
    const auto before = preferences(nodes);
    const auto after = preferences({nodes[0], nodes[2]});
    std::map<NodeName, int> jobs;
    for (const auto& [job, node] : before) {
        ++jobs[node];
        if (node == nodes[1]) continue;
        EXPECT_EQ(after.at(job), node) << job;
    }
    for (const NodeName& node : nodes) EXPECT_GT(jobs[node], 60) << node;
}

TEST(LabelsTest, WhichNodeAStickyJobPrefersIsTheSameInEveryVersion)
{
    EXPECT_EQ(sticky_rank(1, "10.0.0.1:9991"), 6863374632474600830ULL);
    EXPECT_EQ(sticky_rank(2, "10.0.0.1:9991"), 7514536767855401915ULL);
}

}  // namespace
}  // namespace peercron
