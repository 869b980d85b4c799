#include "base/rare.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Rare, HasNothingInMemoryWhileItIsAsItWasMade)
{
    EXPECT_TRUE(Rare<std::string>().empty());
    EXPECT_TRUE(RareText("").empty());
    EXPECT_TRUE(RareText(std::string()).empty());
    EXPECT_TRUE(RareWords(std::vector<std::string>()).empty());
    EXPECT_FALSE(RareText(" ").empty());
    EXPECT_FALSE(RareWords{""}.empty()) << "a list of one word, which is empty";
    EXPECT_EQ(RareText().get(), "");
    EXPECT_THAT(RareWords(), IsEmpty());
}

TEST(Rare, SharesOneValueAmongItsCopies)
{
    RareText first = "a text that is too long to be within a string itself";
    EXPECT_FALSE(first.is_shared());
    RareText second = first;
    EXPECT_TRUE(first.is_shared());
    EXPECT_TRUE(second.is_shared());
    EXPECT_EQ(&first.get(), &second.get());
    const RareText third = std::move(second);
    EXPECT_EQ(&first.get(), &third.get());
    EXPECT_FALSE(RareText().is_shared()) << "there is nothing to share";
}

TEST(Rare, OfACopyIsNotChangedWithTheOther)
{
    RareWords first{"a", "b"};
    RareWords second = first;
    first = {"c"};
    EXPECT_THAT(second, ElementsAre("a", "b"));
    EXPECT_FALSE(second.is_shared());
    second.clear();
    EXPECT_THAT(first, ElementsAre("c"));
    EXPECT_THAT(second, IsEmpty());
}

TEST(Rare, IsEqualByWhatItHolds)
{
    const RareText text = "here";
    EXPECT_EQ(text, RareText("here"));
    EXPECT_EQ(text, "here");
    EXPECT_EQ(text, std::string("here"));
    EXPECT_EQ(std::string_view("here"), text);
    EXPECT_NE(text, RareText("there"));
    EXPECT_NE(text, RareText());
    EXPECT_EQ(RareText(), "");
    const RareWords words{"a", "b"};
    EXPECT_EQ(words, (std::vector<std::string>{"a", "b"}));
    EXPECT_NE(words, (RareWords{"b", "a"}));
    EXPECT_NE(words, RareWords());
}

TEST(Rare, StandsForWhatItHolds)
{
    const RareText text = "here";
    const std::string& as_string = text;
    const std::string_view as_view = text;
    EXPECT_EQ(as_string, as_view);
    const RareWords words{"a", "b"};
    const std::vector<std::string>& list = words;
    EXPECT_EQ(&list, &words.get());
    EXPECT_EQ(words.front() + words[1], "ab");
}

}  // namespace
}  // namespace peercron
