#include "model/unusual.hpp"

#include <gtest/gtest.h>

#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kib = 1024;
constexpr std::int64_t mib = kib * kib;

EndedRun usual_one(int number = 0)
{
    EndedRun run;
    run.scheduled_at = from_unix_millis(1'795'219'200'000) + number * 1h;
    run.started_at = run.scheduled_at;
    run.use_time = 60s;
    run.output_bytes = 10 * kib;
    run.max_rss = 100 * mib;
    return run;
}

JobStatistics past(int runs = 20, const EndedRun& like = usual_one())
{
    JobStatistics statistics;
    for (int i = 0; i < runs; ++i) {
        EndedRun run = like;
        run.scheduled_at += i * 1h;
        run.started_at = run.scheduled_at;
        statistics.add(run);
    }
    return statistics;
}

std::string words(const EndedRun& run, const JobStatistics& before = past(),
                  std::chrono::seconds slow_after = 0s)
{
    return to_string(oddities_of(run, usual_run_of(before), slow_after));
}

TEST(UnusualTest, AsUsualIsNothing)
{
    EXPECT_EQ(words(usual_one()), "");
    EndedRun other = usual_one();
    other.use_time = 150s;
    other.output_bytes = 25 * kib;
    other.max_rss = 180 * mib;
    EXPECT_EQ(words(other), "");
}

TEST(UnusualTest, EachOddityIsTold)
{
    EndedRun run = usual_one();
    run.use_time = 200s;
    EXPECT_EQ(words(run), "slow");
    run.use_time = 10s;
    EXPECT_EQ(words(run), "fast");
    run = usual_one();
    run.output_bytes = 0;
    EXPECT_EQ(words(run), "silent");
    run.output_bytes = 40 * kib;
    EXPECT_EQ(words(run), "more-output");
    run = usual_one();
    run.max_rss = 250 * mib;
    EXPECT_EQ(words(run), "more-memory");
    run.use_time = 200s;
    run.output_bytes = mib;
    EXPECT_EQ(words(run), "slow,more-output,more-memory");
}

TEST(UnusualTest, FewRunsSayNothingButWhatTheJobSaysHolds)
{
    EndedRun run = usual_one();
    run.use_time = 1h;
    run.output_bytes = mib;
    EXPECT_EQ(words(run, past(19)), "");
    EXPECT_EQ(words(run, past(19), 30min), "slow");
    run.use_time = 200s;
    run.output_bytes = 10 * kib;
    EXPECT_EQ(words(run, past(), 30min), "") << "in place of what is usual";
}

TEST(UnusualTest, ARunThatFailedIsNeitherFastNorSilent)
{
    EndedRun run = usual_one();
    run.outcome = Outcome::failed;
    run.use_time = 1s;
    run.output_bytes = 0;
    EXPECT_EQ(words(run), "");
    run.use_time = 1h;
    EXPECT_EQ(words(run), "slow");
    run.outcome = Outcome::killed;
    EXPECT_EQ(words(run), "") << "a person, or its node, ended it";
    run.outcome = Outcome::failed;
    run.started_at.reset();
    EXPECT_EQ(words(run), "");
}

TEST(UnusualTest, OfLittleADifferenceSaysLittle)
{
    EndedRun small = usual_one();
    small.output_bytes = 10;
    small.max_rss = 2 * mib;
    EndedRun run = small;
    run.output_bytes = 4 * kib;
    run.max_rss = 20 * mib;
    EXPECT_EQ(words(run, past(20, small)), "");
    run.output_bytes = 5 * kib;
    run.max_rss = 40 * mib;
    EXPECT_EQ(words(run, past(20, small)), "more-output,more-memory");
    small.output_bytes = 0;
    small.max_rss = 0;
    run = small;
    run.max_rss = 500 * mib;
    EXPECT_EQ(words(run, past(20, small)), "") << "none was known of the others";
}

TEST(UnusualTest, WordsAreReadBack)
{
    for (unsigned bits = 0; bits < 32; ++bits) {
        const Oddities oddities(bits);
        EXPECT_EQ(parse_oddities(to_string(oddities)), oddities);
    }
    EXPECT_EQ(to_string(parse_oddities("slow,later-word,fast")), "slow,fast");
    EXPECT_FALSE(parse_oddity(""));
    for (const std::string_view word : oddity_words) {
        for (const std::string_view other : oddity_words) {
            EXPECT_TRUE(word == other || other.find(word) == other.npos)
                << "the store looks for a word in the text";
        }
    }
}

}  // namespace
}  // namespace peercron
