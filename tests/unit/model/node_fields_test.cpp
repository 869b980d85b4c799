#include "model/node_fields.hpp"

#include "job_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NodeFieldsTest, AJobAtItsDefaultsHasNone)
{
    const NodeFields fields = NodeFields::of(Job());
    EXPECT_TRUE(fields.empty());
    EXPECT_EQ(fields.text(), "");
    EXPECT_THAT(fields.needs(), IsEmpty());
    EXPECT_EQ(fields.job(), Job());
}

TEST(NodeFieldsTest, OnlyMarkedFieldsThatAreNotAtTheirDefaultsGoToTheNode)
{
    Job job;
    job.remark = "stays";
    job.tags = {"stays"};
    EXPECT_TRUE(NodeFields::of(job).empty());
}

TEST(NodeFieldsTest, EveryFieldTravelsAsText)
{
    FieldSet all;
    all.set();
    const NodeFields fields(patch_of(peercron::testing::sample_job(), all));
    const auto read = NodeFields::parse(fields.text());
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, fields);
    EXPECT_EQ(read->job(), fields.job());
    EXPECT_EQ(read->needs(), fields.needs());
}

TEST(NodeFieldsTest, AChoiceNeedsItsWordToBeKnownToo)
{
    JobPatch patch;
    patch.set(&Job::overlap, Overlap::queue);
    patch.set(&Job::remark, "x");
    EXPECT_THAT(NodeFields(patch).needs(), ElementsAre("remark", "overlap", "overlap=queue"));
    EXPECT_THAT(names_of_needs(patch.given),
                ElementsAre("remark", "overlap", "overlap=allow", "overlap=skip", "overlap=queue",
                            "overlap=replace"));
}

TEST(NodeFieldsTest, WhatThisProgramDoesNotKnowIsRefused)
{
    EXPECT_TRUE(NodeFields::parse(""));
    EXPECT_TRUE(NodeFields::parse(R"({"overlap":"queue"})"));
    EXPECT_FALSE(NodeFields::parse(R"({"overlap":"someday"})"));
    EXPECT_FALSE(NodeFields::parse(R"({"colour":"red"})"));
    EXPECT_FALSE(NodeFields::parse(R"({"remark":1})"));
    EXPECT_FALSE(NodeFields::parse(R"({"remark":)"));
    EXPECT_FALSE(NodeFields::parse("[]"));
}

}  // namespace
}  // namespace peercron
