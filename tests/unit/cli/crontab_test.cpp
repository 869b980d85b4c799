#include "cli/crontab.hpp"

#include "schedule/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>
#include <string>

namespace peercron {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

CrontabPlan read_user(std::string_view text)
{
    CrontabForm form;
    form.source = "test";
    form.current_user = "root";
    return read_crontab(text, form);
}

CrontabPlan read_system(std::string_view text)
{
    CrontabForm form;
    form.source = "test";
    form.has_user = true;
    form.current_user = "root";
    return read_crontab(text, form);
}

std::string only_command(std::string_view text)
{
    const CrontabPlan plan = read_user(text);
    EXPECT_THAT(plan.jobs, SizeIs(1));
    return plan.jobs.empty() ? "" : plan.jobs[0].command;
}

std::vector<std::string> notes(const CrontabPlan& plan)
{
    std::vector<std::string> texts;
    for (const CrontabNote& note : plan.notes) {
        texts.push_back(std::to_string(note.line) + ": " + note.text);
    }
    return texts;
}

TEST(CrontabTest, ALineIsAJobWithTheCommentAboveIt)
{
    const CrontabPlan plan = read_user("# the backup\n30 2 * * 1-5\t/usr/local/bin/backup --all\n");
    ASSERT_THAT(plan.jobs, SizeIs(1));
    EXPECT_EQ(plan.jobs[0].line, 2U);
    EXPECT_EQ(plan.jobs[0].cron_set, "30 2 * * 1-5");
    EXPECT_EQ(plan.jobs[0].command, "/usr/local/bin/backup --all");
    EXPECT_EQ(plan.jobs[0].remark, "the backup");
    EXPECT_THAT(plan.jobs[0].name, StartsWith("crontab/test/backup-"));
    EXPECT_THAT(plan.notes, IsEmpty());
}

TEST(CrontabTest, ACommentFartherAboveBelongsToNobody)
{
    EXPECT_EQ(read_user("# of the file\n\n* * * * * true").jobs.at(0).remark, "");
    EXPECT_EQ(read_user("# of the variable\nA=1\n* * * * * true").jobs.at(0).remark, "");
}

TEST(CrontabTest, TheSameLineHasTheSameNameWhereverItStands)
{
    const std::string line = "0 4 * * * /usr/bin/report\n";
    const CrontabPlan once = read_user(line);
    const CrontabPlan later = read_user("# moved\n\n1 1 * * * true\n" + line + line);
    EXPECT_EQ(once.jobs.at(0).name, later.jobs.at(1).name);
    EXPECT_EQ(later.jobs.at(2).name, once.jobs.at(0).name + "-2") << "a second one is another job";
    EXPECT_NE(read_user("0 5 * * * /usr/bin/report").jobs.at(0).name, once.jobs.at(0).name);
}

TEST(CrontabTest, ACommandThatEndsInASeparatorHasAName)
{
    for (const std::string command :
         {"[ -x /usr/bin/foo ] &", "cd /tmp;", "[ -f /tmp/x ];", "test -f x ;", "if true;"}) {
        EXPECT_THAT(read_user("* * * * * " + command).jobs, SizeIs(1)) << command;
    }
}

TEST(CrontabTest, TheZoneIsThatOfTheMachineUnlessItIsNamed)
{
    CrontabForm form;
    form.source = "test";
    form.time_zone = "Europe/Berlin";
    const CrontabPlan plan =
        read_crontab("1 1 * * * a\nCRON_TZ=Asia/Tokyo\n1 1 * * * b\nCRON_TZ=\n1 1 * * * c\n", form);
    ASSERT_THAT(plan.jobs, SizeIs(3));
    EXPECT_EQ(plan.jobs[0].time_zone, "Europe/Berlin");
    EXPECT_EQ(plan.jobs[1].time_zone, "Asia/Tokyo");
    EXPECT_EQ(plan.jobs[2].time_zone, "Europe/Berlin");
}

TEST(CrontabTest, WhatIsNotUtf8IsNotTakenOver)
{
    const CrontabPlan plan =
        read_user("# caf\xe9\n0 4 * * * /bin/a\n0 5 * * * /bin/b\xff\n0 6 * * * /bin/c\n");
    ASSERT_THAT(plan.jobs, SizeIs(2));
    EXPECT_EQ(plan.jobs[0].remark, "");
    EXPECT_THAT(notes(plan), ElementsAre(StartsWith("2: the comment above it is not imported"),
                                         StartsWith("3: \"0 5 * * * /bin/b\\xff\" is not")));
}

TEST(CrontabTest, ALongCommentIsCutBetweenCharacters)
{
    std::string comment = "a";
    for (int i = 0; i < 2000; ++i) comment += "é";
    const CrontabPlan plan = read_user("# " + comment + "\n* * * * * true\n");
    ASSERT_THAT(plan.jobs, SizeIs(1));
    EXPECT_EQ(plan.jobs[0].remark, comment.substr(0, 1 + 2 * 1023));
}

TEST(CrontabTest, WhatANodeWouldRefuseIsNotTakenOver)
{
    CrontabForm form;
    form.source = std::string(200, 's');
    EXPECT_THAT(notes(read_crontab("* * * * * true\n", form)),
                ElementsAre(HasSubstr("name: given 2")));
    EXPECT_THAT(notes(read_user("* * * * * " + std::string(70'000, 'x'))),
                ElementsAre(HasSubstr("command: given 70000 bytes")));
}

TEST(CrontabTest, SecondsAndYearsAreNoCommands)
{
    for (const std::string line :
         {"*/10 * * * * * echo", "0 30 2 * * 1-5 * echo", "*/5 * * * * 2027 echo", "@daily * echo",
          "0 0 2 * * MON-FRI * echo", "*/10 * * * * ? * echo", "0 0 12 1 * SUN 2027 echo"}) {
        for (const CrontabPlan& plan : {read_user(line), read_system(line)}) {
            EXPECT_THAT(plan.jobs, IsEmpty()) << line;
            EXPECT_EQ(plan.refused, 1U) << line;
            EXPECT_THAT(notes(plan), ElementsAre(HasSubstr("more than five fields"))) << line;
        }
    }
    EXPECT_THAT(read_user("* * * * * 7z a x").jobs, SizeIs(1));
    EXPECT_THAT(read_user("* * * * * /bin/true").jobs, SizeIs(1));
}

TEST(CrontabTest, AByteOrderMarkIsPassedOver)
{
    EXPECT_THAT(read_user("\xEF\xBB\xBF* * * * * true\n").jobs, SizeIs(1));
}

TEST(CrontabTest, ARandomRangeMayLackASide)
{
    EXPECT_EQ(read_user("~30 5~ * * * true").jobs.at(0).cron_set, "H(0-30) H(5-23) * * *");
}

TEST(CrontabTest, RandomRangesStandInListsAndTakeSteps)
{
    EXPECT_EQ(read_user("0~10,30~40 1,~,7 * * * true").jobs.at(0).cron_set,
              "H(0-10),H(30-40) 1,H,7 * * *");
    EXPECT_EQ(read_user("0~20/5 ~/6 * * * true").jobs.at(0).cron_set, "H(0-20)/5 H/6 * * *");
}

TEST(CrontabTest, AWrongRandomRangeIsQuotedAsItWasTyped)
{
    for (const std::string element : {"50~10", "0~60", "MON~FRI", "~~", "1~-", "-1~5"}) {
        const CrontabPlan plan = read_user("5," + element + " * * * * true\n");
        EXPECT_THAT(plan.jobs, IsEmpty()) << element;
        EXPECT_EQ(plan.refused, 1U);
        EXPECT_THAT(notes(plan), ElementsAre(AllOf(HasSubstr("minute '" + element + "'"),
                                                   HasSubstr("0 to 59"), Not(HasSubstr("H(")))));
    }
}

TEST(CrontabTest, ALineThatWasCommentedOutIsNoRemark)
{
    for (const std::string comment :
         {"0 2 * * * /usr/bin/old", " @daily /usr/bin/old", "@reboot start", "PATH=/bin",
          "MAILTO = root", "  *  *  *  *  * user-name command to be executed",
          " m h  dom mon dow   command", "-0 2 * * * /usr/bin/old"}) {
        const CrontabPlan plan = read_user("# of the old one\n#" + comment + "\n1 1 * * * true\n");
        ASSERT_THAT(plan.jobs, SizeIs(1)) << comment;
        EXPECT_EQ(plan.jobs[0].remark, "") << comment;
        EXPECT_THAT(plan.notes, IsEmpty()) << comment;
    }
    for (const std::string comment : {"every 5 minutes on the hour", "@daily", "0 2 * * *"}) {
        EXPECT_EQ(read_user("# " + comment + "\n1 1 * * * true").jobs.at(0).remark, comment);
    }
}

CrontabPlan read_with_users(std::string_view text)
{
    CrontabForm form;
    form.source = "test";
    form.is_user = [](const std::string& name) { return name == "root" || name == "sync"; };
    return read_crontab(text, form);
}

TEST(CrontabTest, ASystemCrontabReadAsAUsersIsSeen)
{
    const CrontabPlan plan =
        read_with_users("1 1 * * * root touch /tmp/x\n@daily\troot\ttouch /tmp/y\n");
    EXPECT_THAT(plan.jobs, SizeIs(2));
    EXPECT_TRUE(plan.looks_like_system);
    EXPECT_THAT(notes(plan), ElementsAre(AllOf(StartsWith("1: "), HasSubstr("'root', a user"),
                                               HasSubstr("--system")),
                                         StartsWith("2: ")));
}

TEST(CrontabTest, AProgramNamedLikeAUserMakesNoSystemCrontab)
{
    const CrontabPlan plan = read_with_users("1 1 * * * sync -f /srv\n1 1 * * * backup\n");
    EXPECT_FALSE(plan.looks_like_system);
    EXPECT_THAT(plan.notes, SizeIs(1));
    EXPECT_THAT(read_with_users("1 1 * * * sync\n").notes, IsEmpty());
    EXPECT_FALSE(read_with_users("").looks_like_system);
}

TEST(CrontabTest, LinesThatEndEarlyAreRefused)
{
    for (const std::string line :
         {"-", "- ", "-\t-", "@", "- @", "@daily", "-@daily", "*", "* * * * *", "- * * * *", "~",
          ",", "* * * * ,", "@reboot", "%", "\\"}) {
        const CrontabPlan plan = read_user(line + "\n");
        EXPECT_THAT(plan.jobs, IsEmpty()) << line;
        EXPECT_EQ(plan.refused, 1U) << line;
        EXPECT_THAT(plan.notes, SizeIs(1)) << line;
        EXPECT_EQ(read_system(line).refused, 1U) << line;
    }
}

TEST(CrontabTest, NoTextCrashes)
{
    std::mt19937 random(1);
    const auto below = [&random](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
    };
    constexpr std::array<std::string_view, 22> pieces{
        "*", "0",   "~", "-",  "@", "@daily", "@reboot",  " ",    "\t",       "\n", "#",
        "%", "\\%", "=", "\"", "'", "A=1",    "CRON_TZ=", "root", "* * * * ", ",",  "\xff"};
    for (int i = 0; i < 50'000; ++i) {
        std::string text;
        for (std::size_t n = below(30); n > 0; --n) text += pieces.at(below(pieces.size()));
        const CrontabPlan plan = below(2) == 0 ? read_with_users(text) : read_system(text);
        EXPECT_LE(plan.jobs.size(), text.size());
    }
}

TEST(CrontabTest, VariablesGoIntoTheCommandsAfterThem)
{
    const CrontabPlan plan = read_user(
        "* * * * * before\n"
        "PATH = /usr/bin:/bin\n"
        "NAME=\"it's quoted \"\n"
        "* * * * * after\n");
    ASSERT_THAT(plan.jobs, SizeIs(2));
    EXPECT_EQ(plan.jobs[0].command, "before");
    EXPECT_THAT(plan.jobs[1].command,
                AllOf(HasSubstr("export PATH=/usr/bin:/bin; "), HasSubstr("export NAME="),
                      HasSubstr("quoted "), EndsWith("after")));
}

TEST(CrontabTest, AnotherShellIsCalled)
{
    EXPECT_EQ(only_command("SHELL=/bin/bash\n* * * * * echo <(date)"),
              "/bin/bash -c 'echo <(date)'");
    EXPECT_EQ(only_command("SHELL=/bin/sh\n* * * * * date"), "date");
}

TEST(CrontabTest, WhatFollowsAPercentSignIsRead)
{
    EXPECT_EQ(only_command("* * * * * mail -s hello joe%dear Joe,%bye"),
              "printf '%s\\n' 'dear Joe,\nbye' | { mail -s hello joe\n}");
    EXPECT_EQ(only_command("* * * * * date +\\%Y-\\%m"), "date +%Y-%m");
}

TEST(CrontabTest, AnotherUserIsChangedTo)
{
    const CrontabPlan plan = read_system(
        "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n"
        "5 4 * * * www-data [ -x /usr/lib/x ] && /usr/lib/x clean\n");
    ASSERT_THAT(plan.jobs, SizeIs(2));
    EXPECT_EQ(plan.jobs[0].command, "cd / && run-parts --report /etc/cron.hourly");
    EXPECT_THAT(plan.jobs[0].name, StartsWith("crontab/test/run-parts-"));
    EXPECT_EQ(plan.jobs[1].command,
              "runuser -u www-data -- /bin/sh -c '[ -x /usr/lib/x ] && /usr/lib/x clean'");
    EXPECT_THAT(notes(plan), ElementsAre(AllOf(StartsWith("2: "), HasSubstr("www-data"))));
}

TEST(CrontabTest, ATimeZoneHoldsForTheLinesAfterIt)
{
    const CrontabPlan plan =
        read_user("0 1 * * * a\nCRON_TZ=Asia/Tokyo\n0 2 * * * b\nCRON_TZ=\n0 3 * * * c");
    EXPECT_EQ(plan.jobs.at(0).time_zone, "");
    EXPECT_EQ(plan.jobs.at(1).time_zone, "Asia/Tokyo");
    EXPECT_EQ(plan.jobs.at(2).time_zone, "");
}

TEST(CrontabTest, WhatIsNotTakenOverIsSaid)
{
    const CrontabPlan plan = read_user(
        "MAILTO=root\n"
        "RANDOM_DELAY=30\n"
        "@reboot /usr/bin/start\n"
        "99 * * * * true\n"
        "* * * * *\n"
        "nonsense\n"
        "CRON_TZ=Mars/Olympus\n"
        "1 1 * * * true\n");
    EXPECT_THAT(plan.jobs, IsEmpty());
    EXPECT_THAT(notes(plan),
                ElementsAre(StartsWith("1: MAILTO"), StartsWith("2: RANDOM_DELAY"),
                            StartsWith("3: @reboot"), AllOf(StartsWith("4: "), HasSubstr("0-59")),
                            AllOf(StartsWith("5: "), HasSubstr("no command")), StartsWith("6: "),
                            AllOf(StartsWith("8: "), HasSubstr("Mars/Olympus"))));
}

TEST(CrontabTest, WordsStepsNamesAndRangesOfCronieAreTaken)
{
    const CrontabPlan plan = read_user(
        "@daily a\n@hourly b\n*/15 0-6,22 * jan-mar mon c\n~ 3~5 * * * d\n-0 1 * * * e\n");
    std::vector<std::string> sets;
    for (const CrontabJob& job : plan.jobs) {
        sets.push_back(job.cron_set);
        EXPECT_TRUE(Schedule::make(job.cron_set, "UTC", 1)) << job.cron_set;
    }
    EXPECT_THAT(sets, ElementsAre("@daily", "@hourly", "*/15 0-6,22 * jan-mar mon",
                                  "H H(3-5) * * *", "0 1 * * *"));
    EXPECT_THAT(plan.notes, IsEmpty());
}

TEST(CrontabTest, LinesOfDosTabsAndNoLastBreakDoNoHarm)
{
    const CrontabPlan plan = read_user("A=1\r\n\t 0\t1  * * *\t true \t\r\n\r\n5 5 * * * last");
    ASSERT_THAT(plan.jobs, SizeIs(2));
    EXPECT_EQ(plan.jobs[0].cron_set, "0 1 * * *");
    EXPECT_EQ(plan.jobs[0].command, "export A=1; true");
    EXPECT_THAT(plan.jobs[1].command, EndsWith("last"));
    EXPECT_THAT(read_user("").jobs, IsEmpty());
    EXPECT_THAT(read_user("\n\n#\n").jobs, IsEmpty());
}

/// Crontabs as packages of Debian 12 install them.
struct DebianFile {
    std::string_view name;
    std::string_view text;
    std::size_t jobs;
    std::size_t notes;
};

class DebianCrontabTest : public ::testing::TestWithParam<DebianFile> {};

TEST_P(DebianCrontabTest, IsTakenOverWhole)
{
    const CrontabPlan plan = read_system(GetParam().text);
    EXPECT_THAT(plan.jobs, SizeIs(GetParam().jobs));
    EXPECT_THAT(plan.notes, SizeIs(GetParam().notes));
    std::set<std::string> names;
    for (const CrontabJob& job : plan.jobs) {
        names.insert(job.name);
        EXPECT_TRUE(Schedule::make(job.cron_set, "UTC", 1)) << job.cron_set;
        EXPECT_THAT(job.command, HasSubstr("/")) << GetParam().name;
    }
    EXPECT_EQ(names.size(), plan.jobs.size());
}

INSTANTIATE_TEST_SUITE_P(
    All, DebianCrontabTest,
    ::testing::Values(
        DebianFile{"crontab",
                   "SHELL=/bin/sh\n"
                   "# You can also override PATH, but by default, newer versions inherit it\n"
                   "#PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin\n"
                   "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n"
                   "25 6\t* * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report "
                   "/etc/cron.daily; }\n"
                   "47 6\t* * 7\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report "
                   "/etc/cron.weekly; }\n"
                   "52 6\t1 * *\troot\ttest -x /usr/sbin/anacron || { cd / && run-parts --report "
                   "/etc/cron.monthly; }\n#\n",
                   4, 0},
        DebianFile{
            "e2scrub_all",
            "30 3 * * 0 root test -e /run/systemd/system || SERVICE_MODE=1 "
            "/usr/lib/x86_64-linux-gnu/e2fsprogs/e2scrub_all_cron\n"
            "10 3 * * * root test -e /run/systemd/system || SERVICE_MODE=1 /sbin/e2scrub_all "
            "-A -r\n",
            2, 0},
        DebianFile{"php",
                   "# Look for and purge old sessions every 30 minutes\n"
                   "09,39 *     * * *     root   [ -x /usr/lib/php/sessionclean ] && if [ ! -d "
                   "/run/systemd/system ]; then /usr/lib/php/sessionclean; fi\n",
                   1, 0},
        DebianFile{"sysstat",
                   "PATH=/usr/lib/sysstat:/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                   "5-55/10 * * * * root command -v debian-sa1 > /dev/null && debian-sa1 1 1\n"
                   "59 23 * * * root command -v debian-sa1 > /dev/null && debian-sa1 60 2\n",
                   2, 0},
        DebianFile{
            "certbot",
            "SHELL=/bin/sh\nPATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin\n"
            "0 */12 * * * root test -x /usr/bin/certbot -a \\! -d /run/systemd/system && perl "
            "-e 'sleep int(rand(43200))' && certbot -q renew --no-random-sleep-on-renew\n",
            1, 0},
        DebianFile{
            "anacron",
            "SHELL=/bin/sh\nPATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin\n"
            "30 7-23 * * *\troot\t[ -x /etc/init.d/anacron ] && if [ ! -d "
            "/run/systemd/system ]; then /usr/sbin/invoke-rc.d anacron start >/dev/null; fi\n",
            1, 0},
        DebianFile{
            "mdadm",
            "57 0 * * 0 root if [ -x /usr/share/mdadm/checkarray ] && [ $(date +\\%d) -le 7 ]; "
            "then /usr/share/mdadm/checkarray --cron --all --idle --quiet; fi\n",
            1, 0},
        DebianFile{"munin",
                   "MAILTO=root\n"
                   "*/5 * * * *     munin if [ -x /usr/bin/munin-cron ]; then /usr/bin/munin-cron; "
                   "fi\n",
                   1, 2}),
    [](const ::testing::TestParamInfo<DebianFile>& file) { return std::string(file.param.name); });

}  // namespace
}  // namespace peercron
