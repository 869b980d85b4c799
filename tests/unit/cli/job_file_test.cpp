#include "cli/job_file.hpp"

#include "job_samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The only job of a file without mistakes.
FileJob only(std::string_view text)
{
    const JobFile file = read_job_file(text, "jobs.toml");
    EXPECT_THAT(file.mistakes, IsEmpty());
    EXPECT_THAT(file.jobs, SizeIs(1));
    return file.jobs.empty() ? FileJob{} : file.jobs.front();
}

std::vector<std::string> mistakes(std::string_view text)
{
    return read_job_file(text, "jobs.toml").mistakes;
}

/// What is wrong with one key of a job that is fine without it.
std::vector<std::string> mistakes_of_key(const std::string& line)
{
    return mistakes("[job.a]\ncommand = 'x'\nevery = 5\n" + line + "\n");
}

TEST(JobFileTest, AZoneInTheExpressionIsTheJobs)
{
    const auto job = only("[job.a]\ncron_set = 'CRON_TZ=Asia/Tokyo 0 9 * * *'\ncommand = 'x'").job;
    EXPECT_EQ(job.time_zone, "Asia/Tokyo");
    EXPECT_EQ(job.cron_set, "0 9 * * *");
    const std::string text = "[job.a]\ncommand = 'x'\ntime_zone = 'UTC'\ncron_set = ";
    EXPECT_THAT(mistakes(text + "'TZ=Asia/Tokyo 0 9 * * *'"),
                ElementsAre(HasSubstr("4:12: job 'a', key 'cron_set': names the time zone "
                                      "'Asia/Tokyo', and time_zone is 'UTC'")));
    EXPECT_EQ(only(text + "'TZ=UTC 0 9 * * *'").job.time_zone, "UTC");
    EXPECT_THAT(mistakes("[job.a]\ncommand = 'x'\ncron_set = 'TZ= 0 9 * * *'"),
                ElementsAre(HasSubstr("the zone after the = is missing")));
    EXPECT_THAT(mistakes("[job.a]\ncommand = 'x'\ncron_set = 'TZ=Mars 0 9 * * *'"),
                ElementsAre(HasSubstr("3:12: job 'a': time zone")));
}

TEST(JobFileTest, ChannelsStandBesideJobs)
{
    const JobFile file = read_job_file(
        "[channel.ops]\nkind = 'webhook'\nurl = '@/etc/url'\ntags = ['db', 'web']\nstop = true\n"
        "[channel.all]\nkind = 'ntfy'\nurl = 'https://ntfy.sh/x'\nevery_job = true\n"
        "[job.a]\nevery = 5\ncommand = 'x'\nnotify = ['ops']\n",
        "jobs.toml");
    EXPECT_THAT(file.mistakes, IsEmpty());
    EXPECT_THAT(file.jobs, SizeIs(1));
    NoticeChannel all;
    all.name = "all";
    all.kind = "ntfy";
    all.settings = {{"url", "https://ntfy.sh/x"}};
    all.every_job = true;
    NoticeChannel ops;
    ops.name = "ops";
    ops.kind = "webhook";
    ops.settings = {{"url", "@/etc/url"}};
    ops.tags = {"db", "web"};
    ops.stop = true;
    EXPECT_THAT(file.channels, ElementsAre(all, ops));
}

TEST(JobFileTest, MistakesInChannelsAreAllTold)
{
    EXPECT_THAT(mistakes("channel.a = 5\n[channel.b]\nurl = 'http://x'\n[channel.c]\nkind = 'fax'\n"
                         "every_job = 1\ntags = 'db'\nurl = 7\nurll = 'x'\n"),
                ElementsAre(HasSubstr("1:13: channel 'a': found an integer, expected a table "
                                      "[channel.NAME]"),
                            HasSubstr("2:1: channel 'b': the kind is missing: webhook, mail"),
                            HasSubstr("5:8: channel 'c': key 'kind': found 'fax', expected one of"),
                            HasSubstr("6:13: channel 'c': key 'every_job': found an integer, "
                                      "expected true or false"),
                            HasSubstr("7:8: channel 'c': key 'tags': found a text"),
                            HasSubstr("8:7: channel 'c': key 'url': found an integer, expected a "
                                      "text"),
                            HasSubstr("9:8: channel 'c': unknown key 'urll'")));
}

TEST(JobFileTest, CalendarsStandBesideJobs)
{
    const JobFile file = read_job_file(
        "[job.a]\nevery = 5\ncommand = 'x'\ncalendar = ['!freeze']\n"
        "[calendar.holidays]\ndates = \"\"\"\n12-25..12-26  # Christmas\n05-01\"\"\"\n"
        "[calendar.freeze]\ndates = '12-20..01-06'\nremark = 'end of the year'\n",
        "jobs.toml");
    EXPECT_THAT(file.mistakes, IsEmpty());
    EXPECT_THAT(file.jobs, SizeIs(1));
    Calendar freeze;
    freeze.name = "freeze";
    freeze.dates = "12-20..01-06";
    freeze.remark = "end of the year";
    Calendar holidays;
    holidays.name = "holidays";
    holidays.dates = "12-25..12-26  # Christmas\n05-01";
    EXPECT_THAT(file.calendars, ElementsAre(freeze, holidays));
}

TEST(JobFileTest, MistakesInCalendarsAreToldWithThoseOfJobs)
{
    EXPECT_THAT(
        mistakes("calendar.a = 5\n[calendar.b]\nremark = 'x'\n[calendar.'c d']\ndates = 'fri'\n"
                 "[calendar.workdays]\ndates = 'fri'\n[calendar.e]\ndates = ['fri']\nical = 5\n"
                 "day = 'fri'\n[job.f]\nevery = 5\n"),
        ElementsAre(
            HasSubstr("1:14: calendar 'a': found an integer, expected a table [calendar.NAME]"),
            HasSubstr("2:1: calendar 'b': its days are missing: dates, or ical, or both"),
            HasSubstr("4:1: calendar 'c d': the name of a calendar, of at most 64 letters, "
                      "digits, _, - and ., is allowed"),
            HasSubstr("6:1: calendar 'workdays': it is always there (mon..fri), and cannot be "
                      "changed; another name is allowed"),
            HasSubstr("9:9: calendar 'e': key 'dates': found a list, expected a text"),
            HasSubstr("10:8: calendar 'e': key 'ical': found an integer, expected a text"),
            HasSubstr("11:7: calendar 'e': unknown key 'day'; allowed are dates, ical and remark"),
            HasSubstr("12:1: job 'f': the command is missing")));
}

TEST(JobFileTest, TextThatNestsVeryDeepIsAMistake)
{
    std::string deep = "a";
    for (int i = 0; i < 100'000; ++i) deep += ".a";
    EXPECT_THAT(mistakes("\n" + deep + " = 1\n"), ElementsAre(HasSubstr("jobs.toml:2:1: tables")));
    EXPECT_THAT(mistakes("[job.a]\n\"x\"." + deep + " = 1"),
                ElementsAre("jobs.toml:2:1: tables, lists and the parts of keys may nest at most "
                            "100 deep"));
}

TEST(JobFileTest, ReadsEveryKey)
{
    const FileJob file = only(R"(
[job."nightly backup"]
cron_set = "0 0 3 * * *"
command = "/usr/local/bin/backup"
remark = "of the databases"
time_zone = "Europe/Berlin"
start_time = 2027-01-01T08:00:00+01:00
end_time = 1900000000
is_mutex = true
timeout = "1h30m"
run_limit = 12
misfire_window = 90
delivery = "at_least_once"
misfire_policy = "run_latest"
overlap = "queue"
max_concurrent = 3
stop = true
)");
    Job job;
    job.name = "nightly backup";
    job.cron_set = "0 0 3 * * *";
    job.command = "/usr/local/bin/backup";
    job.remark = "of the databases";
    job.time_zone = "Europe/Berlin";
    job.start_time = 1'798'786'800;
    job.end_time = 1'900'000'000;
    job.is_mutex = true;
    job.timeout = 90min;
    job.run_limit = 12;
    job.misfire_window = 90s;
    job.delivery = Delivery::at_least_once;
    job.misfire_policy = Misfire::run_latest;
    job.overlap = Overlap::queue;
    job.max_concurrent = 3;
    job.stop = true;
    EXPECT_EQ(file.job, job);
    EXPECT_EQ(file.stop, true);
    EXPECT_EQ(file.line, 2U);
}

TEST(JobFileTest, WhatIsLeftOutIsTheDefault)
{
    const FileJob file = only("[job.a]\ncommand = 'x'\nevery = '2m'\n");
    Job job;
    job.name = "a";
    job.command = "x";
    job.cron_set = "@every 120s";
    EXPECT_EQ(file.job, job);
    EXPECT_EQ(file.stop, std::nullopt);
}

TEST(JobFileTest, OneMomentIsAnExpression)
{
    EXPECT_EQ(only("job.a = {command = 'x', at = 2027-01-01T01:00:00+01:00}").job.cron_set,
              "@at 2027-01-01T00:00:00Z");
}

TEST(JobFileTest, JobsComeByName)
{
    const JobFile file = read_job_file(
        "[job.b]\nevery = 5\ncommand = 'x'\n[job.a]\nevery = 5\ncommand = 'y'\n", "f");
    ASSERT_THAT(file.jobs, SizeIs(2));
    EXPECT_EQ(file.jobs[0].job.command, "y");
}

TEST(JobFileTest, AnEmptyFileHasNoJobs)
{
    EXPECT_THAT(read_job_file("", "f").jobs, IsEmpty());
    EXPECT_THAT(read_job_file("# only a comment\n[job]\n", "f").mistakes, IsEmpty());
}

TEST(JobFileTest, AllMistakesAreNamedByTheirPlace)
{
    EXPECT_THAT(
        mistakes("x = 1\n[job.b]\ncomand = 'x'\ncron_set = '99 * * * * *'\ntimeout = 'soon'\n"),
        ElementsAre(
            "jobs.toml:1:5: found 'x'; a job file has tables [job.NAME], [channel.NAME] and "
            "[calendar.NAME]",
            "jobs.toml:2:1: job 'b': the command is missing",
            HasSubstr("jobs.toml:3:10: job 'b': unknown key 'comand'; allowed are cron_set"),
            "jobs.toml:4:12: job 'b': second '99': 99 is out of range; allowed is 0-59",
            HasSubstr("jobs.toml:5:11: job 'b', key 'timeout': found a text, expected")));
}

TEST(JobFileTest, EachKeyIsCheckedOnce)
{
    for (const std::string line : {"timeout = -1",
                                   "timeout = 1.5",
                                   "timeout = ''",
                                   "timeout = 3000000000",
                                   "run_limit = -1",
                                   "run_limit = '3'",
                                   "delivery = 'twice'",
                                   "misfire_policy = 1",
                                   "overlap = ''",
                                   "max_concurrent = -1",
                                   "max_concurrent = 10001",
                                   "max_concurrent = '3'",
                                   "misfire_window = 'default'",
                                   "is_mutex = 1",
                                   "stop = 'no'",
                                   "start_time = '2027-01-01'",
                                   "start_time = 2027-01-01",
                                   "start_time = 2027-01-01T00:00:00",
                                   "end_time = -1",
                                   "remark = 5",
                                   "time_zone = 'Mars'",
                                   "cron_set = '* * * * *'",
                                   "at = 2027-01-01T00:00:00Z",
                                   "start_time = 5\nend_time = 5",
                                   "env = 'A=1'",
                                   "env = ['A']",
                                   "env = ['A=1', 2]",
                                   "env = [\"A=1\\nB=2\"]",
                                   "env = ['PEERCRON_X=1']",
                                   "work_dir = 'relative'",
                                   "work_dir = 5",
                                   "umask = 27",
                                   "umask = '999'",
                                   "stdin = 5",
                                   "nice = 20",
                                   "nice = '5'",
                                   "success_codes = '0'",
                                   "success_codes = ['256']",
                                   "stop_signal = 'KILL'",
                                   "stop_signal = 9",
                                   "kill_grace = '2h'",
                                   "run_as = 'a b'",
                                   "run_as = 1000",
                                   "secrets = 'db'",
                                   "inputs = ['A B']",
                                   "secrets = ['../db']",
                                   "memory_max = '512'",
                                   "memory_max = '512M'",
                                   "memory_max = 1000",
                                   "memory_max = -1",
                                   "cpu_max = '50%'",
                                   "cpu_max = -1",
                                   "pids_max = 5000000",
                                   "id = 5"}) {
        EXPECT_THAT(mistakes_of_key(line), SizeIs(1)) << line;
    }
    EXPECT_THAT(mistakes("[job.a]\ncommand = 'x'\nevery = 'soon'\n"), SizeIs(1));
    EXPECT_THAT(mistakes("[job.a]\ncommand = 'x'\ncron_set = 5\n"), SizeIs(1));
    EXPECT_THAT(mistakes("[job.a]\ncommand = 'x'\n"),
                ElementsAre(HasSubstr("schedule is missing")));
    EXPECT_THAT(mistakes("[job.a]\ncommand = ' '\nevery = 5\n"),
                ElementsAre(HasSubstr("command is missing")));
    EXPECT_THAT(mistakes("[job.a]\ncommand = 'x'\ncron_set = '0 0 0 30 2 *'\n"),
                ElementsAre(HasSubstr("never")));
    EXPECT_THAT(mistakes("[job.'']\ncommand = 'x'\nevery = 5\n"),
                ElementsAre(HasSubstr("needs a name")));
    EXPECT_THAT(mistakes("job = [1]"), SizeIs(1));
    EXPECT_THAT(mistakes("job.a = 5"), ElementsAre(HasSubstr("found an integer")));
}

TEST(JobFileTest, WhatANodeWouldRefuseIsAMistakeOfTheFile)
{
    EXPECT_THAT(mistakes("[job.5]\ncommand = 'x'\nevery = 5\n"),
                ElementsAre(HasSubstr("key 'name'")));
    EXPECT_THAT(mistakes_of_key("remark = '" + std::string(1025, 'x') + "'"),
                ElementsAre(HasSubstr("jobs.toml:4:10: job 'a', key 'remark': given 1025 char")));
    EXPECT_THAT(mistakes_of_key("end_time = 999999999999999"),
                ElementsAre(HasSubstr("key 'end_time': given 999999999999999")));
    EXPECT_THAT(mistakes_of_key("start_time = 1900-01-01T00:00:00Z"),
                ElementsAre(HasSubstr("key 'start_time': given -")));
    EXPECT_THAT(mistakes("[job.a]\nevery = 5\ncommand = \"a\\u0000\"\n"),
                ElementsAre(HasSubstr("key 'command': given")));
    EXPECT_THAT(mistakes("[job.a]\nevery = 5\ncommand = 'x'\ntime_zone = 'Mars'\n"),
                ElementsAre(HasSubstr("jobs.toml:4:13: job 'a': time zone")));
    EXPECT_THAT(mistakes("[job.a]\ncron_set = '99 * * * *'\ncommand = 'x'\ntime_zone = 'Mars'\n"),
                ElementsAre(HasSubstr("jobs.toml:2:12: job 'a': minute '99'"),
                            HasSubstr("jobs.toml:4:13: job 'a': time zone")));
    EXPECT_THAT(mistakes("[job.a]\ncommand = 'x'\ntime_zone = 'Mars'\n"),
                ElementsAre(HasSubstr("the schedule is missing"), HasSubstr("time zone")));
}

TEST(JobFileTest, AnUnknownPolicyIsToldWithThoseThatThereAre)
{
    EXPECT_THAT(mistakes_of_key("overlap = 'wait'"),
                ElementsAre("jobs.toml:4:11: job 'a', key 'overlap': found 'wait', expected one of "
                            "allow, skip, queue, replace"));
    EXPECT_THAT(mistakes_of_key("delivery = true"),
                ElementsAre(HasSubstr("found true or false, expected one of at_most_once, at_")));
    EXPECT_THAT(mistakes_of_key("max_concurrent = 10001"),
                ElementsAre(HasSubstr("given 10001; 0 to 10000 is allowed")));
}

TEST(JobFileTest, BrokenTomlIsNamedByItsPlace)
{
    EXPECT_THAT(mistakes("[job.a]\ncommand = \n"), ElementsAre(HasSubstr("jobs.toml:2:")));
    EXPECT_THAT(mistakes("[job.a]\nevery = 5\ncommand = 'x'\n[job.a]\n"),
                ElementsAre(HasSubstr("jobs.toml:4:")));
}

bool is_control(char c)
{
    return static_cast<unsigned char>(c) < ' ';
}

TEST(JobFileTest, WhatIsWrittenIsReadBack)
{
    std::vector<Job> jobs;
    for (const std::string text :
         {"plain", "it's", "\"both\" 'quotes'", "back\\slash", "two\nlines\n", "tab\there", "\x01",
          "世界 😀", " spaces ", "a.b", "[x]", "#", "'''", "\"\"\"", "ends with \\", "\r\n"}) {
        Job job;
        job.name = std::any_of(text.begin(), text.end(), is_control)
                       ? "n" + std::to_string(jobs.size())
                       : "n " + text + " n";
        job.cron_set = "*/5 * * * * *";
        job.command = "echo " + text;
        job.remark = text;
        jobs.push_back(job);
    }
    Job full;
    full.name = "full";
    full.cron_set = "@every 90s";
    full.command = "x";
    full.time_zone = "Europe/Berlin";
    full.start_time = 1'800'000'000;
    full.end_time = 4'102'444'800;
    full.is_mutex = true;
    full.timeout = 3661s;
    full.run_limit = 7;
    full.misfire_window = until_next;
    full.delivery = Delivery::at_least_once;
    full.misfire_policy = Misfire::run_latest;
    full.overlap = Overlap::queue;
    full.max_concurrent = 3;
    full.stop = true;
    jobs.push_back(full);

    const JobFile file = read_job_file(write_job_file(jobs), "f");

    EXPECT_THAT(file.mistakes, IsEmpty());
    ASSERT_EQ(file.jobs.size(), jobs.size());
    std::ranges::sort(jobs, {}, &Job::name);
    for (std::size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(file.jobs[i].job, jobs[i]);
}

TEST(JobFileTest, EachFieldComesBackFromTheFileThatWasWritten)
{
    for (const JobKind kind : {JobKind::command, JobKind::http, JobKind::daemon}) {
        for (const int variant : {0, 1}) {
            const Job job = testing::sample_job_of(kind, variant);
            const std::string text = write_job_file(std::vector{job});
            EXPECT_EQ(only(text).job, job) << text;
        }
    }
}

TEST(JobFileTest, AllFieldsButTheNameAreKeys)
{
    const auto keys = job_file_keys();
    EXPECT_EQ(keys.size(), job_fields.size() + 1);
    EXPECT_EQ(std::ranges::count(keys, "name"), 0);
    EXPECT_THAT(mistakes_of_key("name = 'b'"), ElementsAre(HasSubstr("unknown key 'name'")));
}

}  // namespace
}  // namespace peercron
