#include "cli/arguments.hpp"
#include "cli/client_commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Words = std::vector<std::string>;

class ArgumentsTest : public ::testing::Test {
protected:
    ArgumentsTest()
    {
        app_.require_subcommand(1);
        add_client_commands(app_, chosen_);
    }

    Words sorted(Words words) { return with_options_last(app_, std::move(words)); }

    /// What is said of arguments that make no sense.
    std::string complaint(Words words)
    {
        std::ranges::reverse(words);
        try {
            app_.parse(std::move(words));
        } catch (const CLI::ParseError& error) {
            return explain(app_, error);
        }
        return "they are fine";
    }

    std::string named(const Words& command, const std::string& message)
    {
        const CLI::App* at = &app_;
        for (const std::string& word : command) at = at->get_subcommand(word);
        return with_option_names(*at, message);
    }

    CLI::App app_{"It runs jobs.", "peercron"};
    Action chosen_;
};

TEST_F(ArgumentsTest, OptionsBeforeTheCommandComeBehindIt)
{
    EXPECT_THAT(sorted({"--json", "status"}), ElementsAre("status", "--json"));
    EXPECT_THAT(sorted({"--url", "http://a:1", "job", "--json", "list", "--limit", "3"}),
                ElementsAre("job", "list", "--url", "http://a:1", "--json", "--limit", "3"));
    EXPECT_THAT(sorted({"--token=t", "--token-file", "job", "log", "follow"}),
                ElementsAre("log", "follow", "--token=t", "--token-file", "job"));
    EXPECT_THAT(sorted({"--json", "job", "add", "--", "job", "--json"}),
                ElementsAre("job", "add", "--json", "--", "job", "--json"));
}

TEST_F(ArgumentsTest, OthersStayWhereTheyAre)
{
    for (const Words& words :
         {Words{}, Words{"--version"}, Words{"job", "list", "--json"},
          Words{"run", "kill", "7", "--url", "http://a:1"}, Words{"--help", "job"}, Words{"--json"},
          Words{"--url"}, Words{"job", "add", "--command", "x --json"}}) {
        EXPECT_EQ(sorted(words), words);
    }
}

TEST_F(ArgumentsTest, AnUnknownCommandIsNamedWithWhatWasLikelyMeant)
{
    EXPECT_EQ(complaint({"jbo", "list"}),
              "there is no `peercron jbo`; did you mean `peercron job`? "
              "see `peercron --help`");
    EXPECT_THAT(complaint({"job", "lst"}), HasSubstr("; did you mean `peercron job list`?"));
    EXPECT_THAT(complaint({"history"}), HasSubstr("did you mean `peercron job history`?"));
    EXPECT_THAT(complaint({"list"}), HasSubstr("`peercron job list`"));
    EXPECT_EQ(complaint({"frobnicate"}),
              "there is no `peercron frobnicate`; see `peercron --help`");
    EXPECT_THAT(complaint({"job"}), StartsWith("`peercron job` needs a command"));
}

TEST_F(ArgumentsTest, AnUnknownOptionIsNamedWithWhatWasLikelyMeant)
{
    EXPECT_EQ(complaint({"job", "list", "--serach", "x"}),
              "`peercron job list` has no option --serach; did you mean --search? see "
              "`peercron job list --help`");
    EXPECT_THAT(
        complaint({"job", "list", "--state", "failed"}),
        StartsWith("`peercron job list` has no option --state; `peercron log list` has it"));
    EXPECT_THAT(complaint({"job", "list", "--state=failed"}), Not(HasSubstr("--state=")));
    EXPECT_THAT(complaint({"job", "list", "a", "b"}),
                HasSubstr("takes no further words, found: a b"));
    EXPECT_THAT(complaint({"job", "add", "--timeuot", "x", "--", "true"}),
                HasSubstr("mean --timeout?"));
    EXPECT_THAT(complaint({"job", "add", "backup.sh", "--everything"}),
                HasSubstr("has no option --everything (put options of the job's own command "
                          "after --)"));
}

TEST_F(ArgumentsTest, TheApisParametersAreSaidAsTheOptionsOfTheCommand)
{
    EXPECT_EQ(named({"job", "add"}, "cronSet: minute '99': 99 is out of range"),
              "--cron: minute '99': 99 is out of range");
    EXPECT_EQ(named({"job", "add"},
                    "cronSet: names the time zone \"time_zone\", and time_zone is \"UTC\""),
              "--cron: names the time zone \"time_zone\", and --tz is \"UTC\"");
    EXPECT_EQ(
        named({"job", "add"}, "end_time: the window from start_time 5 to end_time 4 is empty"),
        "--end: the window from --start 5 to --end 4 is empty");
    EXPECT_EQ(named({"job", "update"}, "name: given 200 characters; the name's limit is 128"),
              "--name: given 200 characters; the name's limit is 128");
    EXPECT_EQ(named({"log", "list"}, "limit: given 5000; 1 to 1000 is allowed"),
              "--limit: given 5000; 1 to 1000 is allowed");
    EXPECT_EQ(named({"log", "list"}, "from: given x"), "--since: given x");
    EXPECT_EQ(named({"job", "add"}, "time_zone: [exec] time_zone is empty"),
              "--tz: [exec] time_zone is empty");
    // What the command does not have stays as it is.
    EXPECT_EQ(named({"job", "stop"}, "cronSet: wrong"), "cronSet: wrong");
    EXPECT_EQ(named({"job", "add"}, "there are 5 jobs; at most 5"), "there are 5 jobs; at most 5");
    EXPECT_EQ(named({"job", "add"}, ""), "");
}

}  // namespace
}  // namespace peercron
