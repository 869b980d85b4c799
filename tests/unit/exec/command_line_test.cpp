#include "exec/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

TEST(CommandLineTest, PlainWordsAreSplitOnBlanks)
{
    EXPECT_THAT(plain_words("/usr/bin/php  artisan\tqueue:work --tries=3 "),
                Optional(ElementsAre("/usr/bin/php", "artisan", "queue:work", "--tries=3")));
    EXPECT_THAT(plain_words("sleep 1"), Optional(ElementsAre("sleep", "1")));
    EXPECT_THAT(plain_words("dd if=/dev/zero bs=1"),
                Optional(ElementsAre("dd", "if=/dev/zero", "bs=1")));
}

TEST(CommandLineTest, EmojiNeedNoShell)
{
    EXPECT_THAT(plain_words("notify 🎉 grüße"), Optional(ElementsAre("notify", "🎉", "grüße")));
}

class NeedsShell : public ::testing::TestWithParam<const char*> {};

TEST_P(NeedsShell, BecauseOnlyAShellKnowsWhatItMeans)
{
    EXPECT_EQ(plain_words(GetParam()), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Characters, NeedsShell,
                         ::testing::Values("a | b", "a & b", "a;b", "a <b", "a >b", "(a)", "a $B",
                                           "a `b`", "a \\b", "a \"b\"", "a 'b'", "a *", "a ?",
                                           "a [b]", "a #b", "~/bin/a", "a ~b", "a %1", "a {b,c}",
                                           "a !b", "a\nb", "a\rb", "a ^b", "", "  \t "));

INSTANTIATE_TEST_SUITE_P(Words, NeedsShell,
                         ::testing::Values("A=1 b", "a=b", "cd /", "exit 3", "export A", "if a",
                                           "for a", "while a", "until a", "wait", ":", ". file",
                                           "exec a", "ulimit -n", "kill 1", "time a", "source a",
                                           "echo -e a", "true --help", "test a"));

TEST(CommandLineTest, EchoTrueAndFalseExistAsPrograms)
{
    EXPECT_THAT(plain_words("echo a -b"), Optional(ElementsAre("echo", "a", "-b")));
    EXPECT_THAT(plain_words("true"), Optional(ElementsAre("true")));
    EXPECT_THAT(plain_words("false"), Optional(ElementsAre("false")));
}

}  // namespace
}  // namespace peercron
