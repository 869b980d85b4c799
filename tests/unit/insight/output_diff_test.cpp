#include "insight/output_diff.hpp"

#include <gmock/gmock.h>

#include <random>

namespace peercron {
namespace {

using Kind = DiffPart::Kind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MaskTest, LeavesOutWhatDiffersFromRunToRun)
{
    EXPECT_EQ(mask("2026-11-21 08:00:03.5 copied 12 files"), "#-#-# #:#:#.# copied # files");
    EXPECT_EQ(mask("commit 9f8e7d6c5b4a done"), "commit # done");
    EXPECT_EQ(mask("0xdeadbeef01 pid4711"), "#xdeadbeef# pid#");
    EXPECT_EQ(mask("facade feedface"), "facade feedface") << "words, not hashes";
    EXPECT_EQ(mask("磁盘 80%"), "磁盘 #%");
    EXPECT_EQ(mask(""), "");
}

TEST(OutputDiffTest, EqualButForNumbersIsTheSame)
{
    EXPECT_THAT(diff_outputs("took 3 s\nok\n", "took 17 s\nok\n"),
                ElementsAre(DiffPart{Kind::same, 2, "took 17 s\nok"}));
    EXPECT_THAT(diff_outputs("", ""), IsEmpty());
}

TEST(OutputDiffTest, ShowsWhatIsGoneAndWhatIsNew)
{
    EXPECT_THAT(diff_outputs("begin\ncopy a\ncopy b\ndone\n", "begin\ncopy a\ndisk full\n"),
                ElementsAre(DiffPart{Kind::same, 2, "begin\ncopy a"},
                            DiffPart{Kind::gone, 2, "copy b\ndone"},
                            DiffPart{Kind::fresh, 1, "disk full"}));
    EXPECT_THAT(diff_outputs("", "a\n\nb"), ElementsAre(DiffPart{Kind::fresh, 3, "a\n\nb"}));
    EXPECT_THAT(diff_outputs("a", ""), ElementsAre(DiffPart{Kind::gone, 1, "a"}));
}

TEST(OutputDiffTest, FindsWhatIsInTheMiddle)
{
    EXPECT_THAT(diff_outputs("a\nb\nc\nd", "a\nx\nc\ny\nd"),
                ElementsAre(DiffPart{Kind::same, 1, "a"}, DiffPart{Kind::gone, 1, "b"},
                            DiffPart{Kind::fresh, 1, "x"}, DiffPart{Kind::same, 1, "c"},
                            DiffPart{Kind::fresh, 1, "y"}, DiffPart{Kind::same, 1, "d"}));
}

TEST(OutputDiffTest, TheNewOutputIsWhatIsSameAndNew)
{
    std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same each time
    for (int round = 0; round < 200; ++round) {
        const auto make = [&random] {
            std::string text;
            for (auto lines = random() % 12; lines > 0; --lines) {
                text += static_cast<char>('a' + random() % 4);
                text += '\n';
            }
            return text;
        };
        const std::string before = make();
        const std::string after = make();
        std::string old_text;
        std::string new_text;
        for (const DiffPart& part : diff_outputs(before, after)) {
            if (part.kind != Kind::fresh) old_text += part.text + '\n';
            if (part.kind != Kind::gone) new_text += part.text + '\n';
        }
        EXPECT_EQ(old_text, before);
        EXPECT_EQ(new_text, after);
    }
}

TEST(OutputDiffTest, LongOutputsThatHaveNothingInCommonAreNotSearched)
{
    std::string before;
    std::string after;
    for (int i = 0; i < 5000; ++i) {
        before += i % 2 == 0 ? "x\n" : "y\n";
        after += i % 3 == 0 ? "p\n" : "q\n";
    }
    const auto parts = diff_outputs(before, after);
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].lines, 5000U);
    EXPECT_EQ(parts[1].lines, 5000U);
}

}  // namespace
}  // namespace peercron
