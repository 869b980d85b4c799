#include "cli/answer_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

namespace peercron {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(AnswerFieldsTest, OfAListOnlyTheTextsAreTexts)
{
    const auto value = boost::json::parse(R"({"tags":["a",1,null,"b"],"none":[],"word":"a"})");
    const AnswerFields fields(value);
    EXPECT_THAT(fields.texts("tags"), ElementsAre("a", "b"));
    EXPECT_EQ(fields.joined_texts("tags"), "a, b");
    EXPECT_EQ(fields.joined_texts("tags", ","), "a,b");
    for (const char* name : {"none", "word", "missing"}) {
        EXPECT_THAT(fields.texts(name), IsEmpty());
        EXPECT_EQ(fields.joined_texts(name), "");
    }
}

}  // namespace
}  // namespace peercron
