#include "api_fixture.hpp"

#include <gmock/gmock.h>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using boost::json::array;
using boost::json::value;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The fixture's clock stands at 2026-11-21T00:00:00Z.
class InsightApiTest : public testing::ApiTest {
protected:
    Job& insert(std::string name, std::string cron_set = "0 0 * * * *")
    {
        Job job;
        job.name = std::move(name);
        job.cron_set = std::move(cron_set);
        job.command = "true";
        job.effective_from = clock_.time - 240h;
        return tables_.insert(std::move(job));
    }

    /// A row, and what statistics make of it.
    LogRow& ended(const Job& job, WallTime at, RunState state,
                  std::chrono::milliseconds use_time = 1s)
    {
        LogRow row;
        row.id = 100 + std::ssize(tables_.log);
        row.run.id = {job.id, at, 1};
        row.run.state = state;
        row.run.run_server = "127.0.0.1:9991";
        row.run.started_at = at + 2ms;
        row.run.ended_at = at + 2ms + use_time;
        row.run.use_time = use_time;
        EndedRun run;
        run.scheduled_at = at;
        run.outcome = *outcome_of(state, Cause::none);
        run.started_at = row.run.started_at;
        run.use_time = use_time;
        tables_.statistics[job.id].add(run);
        return *tables_.log.insert(tables_.log.begin(), std::move(row));
    }

    value ask(const std::string& target, const std::string& body, unsigned status = 200)
    {
        const auto answer = post_json(target, body);
        EXPECT_EQ(answer.status, status) << answer.body;
        return status == 200 ? answer.data() : value(answer.message());
    }

    NodeLoad& add_node(std::string name, std::uint32_t slots)
    {
        NodeLoad& load = loads_.emplace_back();
        load.node = std::move(name);
        load.slots = slots;
        return load;
    }

    WallTime now() const { return clock_.time; }
};

TEST_F(InsightApiTest, AListShowsThePastOfItsJobs)
{
    const Job& job = insert("backup");
    ended(job, now() - 2h, RunState::success, 4s);
    ended(job, now() - 1h, RunState::failed);
    start();
    const value row = get("/cron/list?limit=10").data().at("list").at(0);
    EXPECT_EQ(row.at("schedule_in_words"), "every hour");
    EXPECT_EQ(row.at("zone"), "UTC");
    EXPECT_EQ(row.at("last_state"), "failed");
    EXPECT_EQ(row.at("failures_in_row"), 1);
    EXPECT_EQ(row.at("last_success_at"), to_unix_millis(now() - 2h));
    EXPECT_EQ(row.at("late_p99"), 2);
    EXPECT_EQ(row.at("last_runs_by"), "run");
    ASSERT_THAT(row.at("last_runs").as_array(), SizeIs(2));
    EXPECT_EQ(row.at("last_runs").at(1).at("state"), "failed");
    // All jobs at once come without strips.
    const value all = get("/cron/list").data().at(0);
    EXPECT_EQ(all.at("last_state"), "failed");
    EXPECT_FALSE(all.as_object().contains("last_runs"));
}

TEST_F(InsightApiTest, StateAndOrderAreChecked)
{
    start();
    EXPECT_EQ(get("/cron/list?state=failing&sort=-late_p99").status, 200U);
    EXPECT_THAT(get("/cron/list?state=bad").message(),
                HasSubstr("state: given \"bad\"; one of enabled, stopped, failing"));
    EXPECT_THAT(get("/cron/list?sort=-bad").message(), HasSubstr("sort: given \"-bad\"; one of"));
}

TEST_F(InsightApiTest, StatisticsOfAJob)
{
    const Job& job = insert("backup");
    for (int i = 1; i <= 4; ++i) {
        ended(job, now() - i * 1h, i == 4 ? RunState::failed : RunState::success);
    }
    start();
    const value stats = get(fmt::format("/cron/{}/stats", job.id)).data();
    EXPECT_EQ(stats.at("runs"), 4);
    EXPECT_EQ(stats.at("success_percent"), 75);
    EXPECT_EQ(get("/cron/4711/stats").status, 404U);
}

TEST_F(InsightApiTest, TheGoalOfAJobAndWhatIsUnusual)
{
    const Job& job = insert("backup");
    insert("other");
    tables_.jobs.at(job.id).late_goal = std::chrono::milliseconds(50);
    const auto second = std::chrono::floor<std::chrono::seconds>(now());
    for (int i = 1; i <= 30; ++i) {
        ended(job, second - i * 1h, RunState::success, 60s);
        EndedRun run;
        run.scheduled_at = second - i * 1h;
        run.started_at = run.scheduled_at + (i == 1 ? 60ms : 5ms);
        tables_.goals[job.id].add(run, 50ms);
    }
    tables_.oddities[job.id] = parse_oddities("slow");
    start();
    const value stats = get(fmt::format("/cron/{}/stats", job.id)).data();
    EXPECT_EQ(stats.at("late_goal"), 50);
    EXPECT_EQ(stats.at("goal_fires"), 30);
    EXPECT_EQ(stats.at("goal_met"), 29);
    EXPECT_NEAR(stats.at("goal_percent").as_double(), 96.666, 1e-9);
    EXPECT_EQ(serialize(stats.at("unusual")), R"(["slow"])");
    EXPECT_GT(stats.at("slow_after").as_int64(), 160'000);
    EXPECT_LT(stats.at("fast_before").as_int64(), 22'000);
    EXPECT_EQ(stats.at("writes"), false);
    EXPECT_EQ(stats.at("most_output"), 4096);
    const value list = get("/cron/list?limit=10").data().at("list");
    EXPECT_NEAR(list.at(0).at("goal_percent").as_double(), 96.666, 1e-9);
    EXPECT_TRUE(list.at(1).at("goal_percent").is_null());
    EXPECT_TRUE(list.at(1).at("goal_fires").is_null());
    // The record is of the goal before until the next fire.
    tables_.jobs.at(job.id).late_goal = std::chrono::milliseconds(10);
    EXPECT_EQ(get("/cron/list?limit=10").data().at("list").at(0).at("goal_fires"), 0);
}

TEST_F(InsightApiTest, TheGoalThatAJobInheritsIsShownAsItsOwn)
{
    const Job& backup = insert("backup");
    insert("other");
    tables_.jobs.at(backup.id).tags = {"db"};
    context_.inherited.tags = {
        {.tag = "db", .slow_after = 90s, .late_goal = std::chrono::milliseconds(50)}};
    context_.job_metrics = 10;
    const auto second = std::chrono::floor<std::chrono::seconds>(now());
    EndedRun run;
    run.scheduled_at = second - 1h;
    run.started_at = run.scheduled_at + 5ms;
    tables_.goals[backup.id].add(run, 50ms);
    start();
    const value stats = get(fmt::format("/cron/{}/stats", backup.id)).data();
    EXPECT_EQ(stats.at("late_goal"), 50);
    EXPECT_EQ(stats.at("goal_met"), 1);
    EXPECT_EQ(stats.at("slow_after"), 90'000);
    EXPECT_EQ(get(fmt::format("/cron/{}", backup.id)).data().at("goal_fires"), 1);
    const value list = get("/cron/list?limit=10").data().at("list");
    EXPECT_EQ(list.at(0).at("goal_fires"), 1);
    EXPECT_EQ(list.at(0).at("late_goal"), 0) << "what it says itself";
    EXPECT_TRUE(list.at(1).at("goal_fires").is_null());
    const std::string metrics = get("/metrics/jobs").body;
    EXPECT_THAT(metrics, HasSubstr("peercron_job_late_goal_seconds{cron_id=\"" +
                                   std::to_string(backup.id) + "\",name=\"backup\"} 0.05\n"));
    EXPECT_THAT(metrics, HasSubstr("peercron_job_goal_met_total{cron_id=\"" +
                                   std::to_string(backup.id) + "\",name=\"backup\"} 1\n"));
    EXPECT_THAT(metrics,
                Not(HasSubstr("goal_met_total{cron_id=\"" + std::to_string(backup.id + 1))));
}

TEST_F(InsightApiTest, TheOverviewShowsWhatIsWrongAndWhatComes)
{
    const Job& job = insert("etl");
    insert("heartbeat", "* * * * * *");
    LogRow& run = ended(job, now() - 20min, RunState::success, 100s);
    run.run.state = RunState::running;
    run.run.ended_at.reset();
    RunTally tally;
    tally.fires[static_cast<std::size_t>(Outcome::success)] = 3;
    tables_.tallies = {{std::chrono::floor<std::chrono::seconds>(now() - 1h), "a", tally},
                       {std::chrono::floor<std::chrono::seconds>(now() - 1h), "b", tally}};
    tables_.terms = {{7, "a", now() - 2h}};
    start();
    const value seen = get("/overview").data();
    EXPECT_EQ(seen.at("jobs").at("total"), 2);
    ASSERT_THAT(seen.at("running").as_array(), SizeIs(1));
    EXPECT_EQ(seen.at("running").at(0).at("name"), "etl");
    EXPECT_EQ(seen.at("running").at(0).at("elapsed"), 1'199'998);
    EXPECT_EQ(seen.at("running").at(0).at("slow"), false) << "too few runs are known";
    EXPECT_EQ(seen.at("next_total"), 3601);
    EXPECT_EQ(seen.at("next_minutes").at("fires").at(1), 60);
    ASSERT_THAT(seen.at("next").as_array(), SizeIs(2)) << "each job once";
    EXPECT_EQ(seen.at("next").at(0).at("name"), "etl");
    EXPECT_EQ(seen.at("next").at(1).at("name"), "heartbeat");
    ASSERT_THAT(seen.at("strip").at("cells").as_array(), SizeIs(1));
    EXPECT_EQ(seen.at("strip").at("cells").at(0).at("success"), 6);
    EXPECT_EQ(seen.at("dispatchers").at(0).at("node"), "a");
}

TEST_F(InsightApiTest, TheOverviewSaysWhichRunsAreSlowByWhatTheirJobsSayOrInherit)
{
    const JobId id = insert("etl").id;
    for (int i = 1; i <= 20; ++i) ended(tables_.jobs.at(id), now() - i * 1h, RunState::success, 2s);
    LogRow& run = ended(tables_.jobs.at(id), now() - 1min, RunState::success, 2s);
    run.run.state = RunState::running;
    run.run.ended_at.reset();
    context_.inherited.tags = {{.tag = "db", .slow_after = 90s}};
    start();
    const auto is_slow = [&] { return get("/overview").data().at("running").at(0).at("slow"); };
    EXPECT_EQ(is_slow(), true) << "as is usual";
    tables_.jobs.at(id).tags = {"db"};
    EXPECT_EQ(is_slow(), false) << "its tag allows it";
    tables_.jobs.at(id).slow_after = 59s;
    EXPECT_EQ(is_slow(), true) << "its own word counts";
    tables_.jobs.at(id).slow_after = 60s;
    EXPECT_EQ(is_slow(), false);
}

TEST_F(InsightApiTest, TheOverviewShowsThePartOfAFireThatFailed)
{
    Job& job = insert("thumbnails");
    job.spread = Spread::shards;
    job.shards = 4;
    const auto part = [&](RunState state, std::int32_t number) {
        LogRow& row = ended(job, now() - 1h, state);
        row.run.id.part = number;
        row.run.id.parts = 4;
        return row.id;
    };
    const std::int64_t failed = part(RunState::failed, 1);
    for (const std::int32_t number : {0, 2, 3}) part(RunState::success, number);
    for (const std::int32_t number : {0, 1, 2, 3}) {
        LogRow ahead = tables_.log.front();
        ahead.run.id = {job.id, now() + 1s, 1, number, 4};
        ahead.run.state = RunState::planned;
        tables_.log.insert(tables_.log.begin(), std::move(ahead));
    }
    start();
    const value failing = get("/overview").data().at("failing");
    ASSERT_THAT(failing.as_array(), SizeIs(1));
    EXPECT_EQ(failing.at(0).at("run").at("id"), failed);
}

TEST_F(InsightApiTest, TheOverviewSaysWhenAJobThatFailsIsTriedAgain)
{
    Job& job = insert("upload", "* * * * * *");
    job.retries = 3;
    const std::int64_t failed = ended(job, now() - 2s, RunState::failed).id;
    const auto add_planned = [&](WallTime at, std::int32_t attempt, bool rehearsal = false) {
        LogRow row;
        row.id = 200 + std::ssize(tables_.log);
        row.run.id = {job.id, at, attempt};
        row.run.rehearsal = rehearsal;
        if (attempt > 1) row.retry_at = now() + 40s;
        row.run.state = RunState::planned;
        tables_.log.insert(tables_.log.begin(), row);
    };
    start();
    EXPECT_TRUE(get("/overview").data().at("failing").at(0).at("retry_at").is_null());
    add_planned(now() - 2s, 2, true);
    EXPECT_TRUE(get("/overview").data().at("failing").at(0).at("retry_at").is_null());
    add_planned(now() - 2s, 2);
    for (const auto ahead : {1s, 2s, 3s}) add_planned(now() + ahead, 1);
    const value failing = get("/overview").data().at("failing").at(0);
    EXPECT_EQ(failing.at("retry_at"), to_unix_millis(now() + 40s));
    EXPECT_EQ(failing.at("run").at("id"), failed);
}

TEST_F(InsightApiTest, TheOverviewFindsTheFirstAttemptThatWaitsHoweverManyRowsAreNewer)
{
    const auto add_planned = [&](const Job& job, WallTime at, std::int32_t attempt,
                                 WallTime retry_at) {
        LogRow row;
        row.id = 100 + std::ssize(tables_.log);
        row.run.id = {job.id, at, attempt};
        row.run.state = RunState::planned;
        row.retry_at = retry_at;
        tables_.log.insert(tables_.log.begin(), row);
    };
    // Asked for by hand, each fire waits for itself.
    Job& job = insert("import", "0 0 0 1 1 *");
    job.retries = 3;
    const Job& spread = insert("spread");
    constexpr int fires = 30;
    for (int i = fires; i > 0; --i) ended(job, now() - i * 1min, RunState::failed);
    for (int i = 0; i < 1'200; ++i) add_planned(spread, now() - i * 1ms, 1, now() + 1s);
    for (int i = fires; i > 0; --i) add_planned(job, now() - i * 1min, 2, now() + 1h - i * 1min);
    start();
    const value failing = get("/overview").data().at("failing").at(0);
    EXPECT_EQ(failing.at("name"), "import");
    EXPECT_EQ(failing.at("retry_at"), to_unix_millis(now() + 30min));
    // Of very many that are planned only the oldest are read, but those of the newest fires are.
    for (int i = 0; i < 800; ++i) add_planned(spread, now(), 1, now() + 1s);
    add_planned(job, now(), 2, now() + 10s);
    EXPECT_EQ(get("/overview").data().at("failing").at(0).at("retry_at"),
              to_unix_millis(now() + 10s));
}

TEST_F(InsightApiTest, AHistogramIsOfAllJobsOrOfOne)
{
    const Job& job = insert("backup");
    ended(job, now() - 70min, RunState::success);
    ended(job, now() - 65min, RunState::failed);
    LogRow& waited = ended(job, now() - 64min, RunState::success);
    waited.run.started_at = now() - 50min;
    waited.retry_at = *waited.run.started_at - 2ms;
    LogRow& filled = ended(job, now() - 63min, RunState::success);
    filled.run.started_at = now();
    filled.requested_by = "backfill 7 by ann";
    RunTally tally;
    tally.fires[static_cast<std::size_t>(Outcome::missed)] = 2;
    tables_.tallies = {{std::chrono::floor<std::chrono::seconds>(now() - 1h), "a", tally}};
    start();
    const value all = get("/log/histogram?step=3600").data();
    EXPECT_EQ(all.at("step"), 3'600'000);
    EXPECT_EQ(all.at("cells").at(0).at("missed"), 2);
    EXPECT_FALSE(all.at("cells").at(0).as_object().contains("run_server"));
    EXPECT_EQ(get("/log/histogram?by=node").data().at("cells").at(0).at("run_server"), "a");
    const value one = get(fmt::format("/log/histogram?cron_id={}", job.id)).data();
    ASSERT_THAT(one.at("cells").as_array(), SizeIs(1));
    EXPECT_EQ(one.at("cells").at(0).at("success"), 3);
    EXPECT_EQ(one.at("cells").at(0).at("failed"), 1);
    EXPECT_EQ(one.at("cells").at(0).at("late_p99"), 2) << "neither has started late";
    EXPECT_THAT(get("/log/histogram?step=900").message(), HasSubstr("step: given 900"));
    EXPECT_THAT(get("/log/histogram?from=20&to=10").message(), HasSubstr("to: it must be later"));
    EXPECT_THAT(get("/log/histogram?by=job").message(), HasSubstr("by: given \"job\""));
}

TEST_F(InsightApiTest, AHistogramIsOfTheJobsWithATag)
{
    Job& dump = insert("dump");
    dump.tags = {"backup", "db"};
    Job& vacuum = insert("vacuum");
    vacuum.tags = {"db"};
    const Job& other = insert("report");
    ended(dump, now() - 70min, RunState::success);
    ended(vacuum, now() - 70min, RunState::failed);
    ended(other, now() - 70min, RunState::success);
    start();
    const value db = get("/log/histogram?tag=db").data();
    ASSERT_THAT(db.at("cells").as_array(), SizeIs(1));
    EXPECT_EQ(db.at("cells").at(0).at("success"), 1);
    EXPECT_EQ(db.at("cells").at(0).at("failed"), 1);
    EXPECT_THAT(get("/log/histogram?tag=none").data().at("cells").as_array(), IsEmpty());
    EXPECT_THAT(get("/log/histogram?tag=db&by=node").message(), HasSubstr("tag: not together"));
}

TEST_F(InsightApiTest, TagsAreToldWithTheNumberOfTheirJobs)
{
    insert("dump").tags = {"backup", "db"};
    Job& vacuum = insert("vacuum");
    vacuum.tags = {"db"};
    vacuum.stop = true;
    start();
    const value tags = get("/cron/tags").data();
    ASSERT_THAT(tags.as_array(), SizeIs(2));
    EXPECT_EQ(tags.at(0).at("name"), "backup");
    EXPECT_EQ(tags.at(1).at("name"), "db");
    EXPECT_EQ(tags.at(1).at("jobs"), 2);
    EXPECT_EQ(tags.at(1).at("stopped"), 1);
}

TEST_F(InsightApiTest, WhyAnswersForAJobThatWasDeleted)
{
    const Job job = insert("backup", "0 0 2 * * *");
    tables_.note({}, job, Edit(now() - 240h));
    tables_.planned_through = now();
    const std::string at = std::to_string(to_unix_seconds(now() - 22h));
    start();
    const std::string target = fmt::format("/cron/{}/why?at={}", job.id, at);
    EXPECT_EQ(get(target).data().at("verdict"), "forgotten");
    ended(job, now() - 22h, RunState::failed);
    const value why = get(target).data();
    EXPECT_EQ(why.at("verdict"), "failed");
    EXPECT_THAT(std::string(why.at("answer").as_string()), HasSubstr("2026-11-20 02:00:00"));
    EXPECT_EQ(why.at("run").at("state"), "failed");
    tables_.jobs.clear();
    EXPECT_EQ(get(target).data().at("verdict"), "failed");
    EXPECT_EQ(get("/cron/4711/why").status, 404U);
    EXPECT_THAT(get(fmt::format("/cron/{}/why?at=soon", job.id)).message(), HasSubstr("at: given"));
}

TEST_F(InsightApiTest, RightAfterAStopTheJobIsKnownAsItWasAtItsLastRun)
{
    const Job job = insert("backup");
    tables_.note({}, job, Edit(now() - 10h));
    ended(job, now() - 1h, RunState::success);
    LogRow taken_back;
    taken_back.id = 200;
    taken_back.run.id = {job.id, now() - 30s, 1};
    taken_back.run.state = RunState::revoked;
    tables_.log.insert(tables_.log.begin(), taken_back);
    Job& stopped = tables_.jobs.at(job.id);
    stopped.stop = true;
    stopped.effective_from = now() - 1min;
    tables_.note(job, stopped, Edit(now() - 1min));
    start();
    const value why = get(fmt::format("/cron/{}/why", job.id)).data();
    EXPECT_EQ(why.at("verdict"), "ran");
    EXPECT_EQ(why.at("zone"), "UTC");
    EXPECT_EQ(why.at("facts").at(0).at("about"), "definition");
    EXPECT_THAT(std::string(why.at("facts").at(0).at("text").as_string()), HasSubstr("in UTC"));
}

TEST_F(InsightApiTest, APreviewChangesNothing)
{
    const Job saved = insert("backup", "0 0 2 * * *");
    insert("other", "0 30 2 * * *");
    start();
    const value seen =
        ask("/cron/preview", fmt::format(R"({{"id":{},"cronSet":"0 30 2 * * *"}})", saved.id));
    EXPECT_EQ(seen.at("schedule_in_words"), "at 02:30:00");
    EXPECT_THAT(seen.at("next").as_array(), SizeIs(20));
    EXPECT_EQ(seen.at("next").at(0).at("local"), "2026-11-21T02:30:00+00:00");
    EXPECT_EQ(seen.at("collisions").at(0).at("names").at(0), "other");
    EXPECT_EQ(seen.at("week").at("come_total"), 7);
    EXPECT_EQ(seen.at("week").at("go_total"), 7);
    EXPECT_EQ(seen.at("week").at("go").at(0).at("local"), "2026-11-21T02:00:00+00:00");
    EXPECT_EQ(tables_.writes, 0U);
    EXPECT_EQ(ask("/cron/preview", R"({"every":"1h"})").at("week").at("come_total"), 167);
    EXPECT_THAT(std::string(ask("/cron/preview", "{}", 400).as_string()),
                HasSubstr("cronSet: missing"));
    EXPECT_THAT(std::string(ask("/cron/preview", R"({"cronSet":"x"})", 400).as_string()),
                HasSubstr("cronSet: "));
    ask("/cron/preview", R"({"id":4711,"cronSet":"@daily"})", 404);
    EXPECT_THAT(std::string(ask("/cron/preview", R"({"kind":"http"})", 400).as_string()),
                HasSubstr("cronSet: missing"));
}

TEST_F(InsightApiTest, APreviewOfAJobWithoutAScheduleHasNoFires)
{
    const Job saved = insert("backup", "0 0 2 * * *");
    Job& worker = insert("worker", "");
    worker.kind = JobKind::daemon;
    const JobId daemon = worker.id;
    start();
    for (const std::string& asked :
         {std::string(R"({"kind":"daemon"})"), fmt::format(R"({{"id":{}}})", daemon)}) {
        const value seen = ask("/cron/preview", asked);
        EXPECT_EQ(seen.at("cron_set"), "");
        EXPECT_EQ(seen.at("schedule_in_words"), "kept alive");
        EXPECT_EQ(seen.at("zone"), "UTC");
        EXPECT_THAT(seen.at("next").as_array(), IsEmpty());
        EXPECT_EQ(seen.at("week").at("fires"), 0);
    }
    const std::string change = fmt::format(R"({{"id":{},"kind":"daemon","cronSet":""}})", saved.id);
    EXPECT_EQ(ask("/cron/preview", change).at("week").at("go_total"), 7);
    const value chained = ask("/cron/preview", R"({"run_after":["backup"]})");
    EXPECT_EQ(chained.at("schedule_in_words"), "after the success of backup");
    EXPECT_THAT(chained.at("next").as_array(), IsEmpty());
    const std::string nonsense = R"({"kind":"daemon","cronSet":"@daily"})";
    EXPECT_THAT(std::string(ask("/cron/preview", nonsense, 400).as_string()),
                HasSubstr("cronSet: given for a job of kind daemon"));
}

TEST_F(InsightApiTest, AForecastIsFiresTimesUsualDurations)
{
    const Job& job = insert("etl", "0 30 * * * *");
    ended(job, now() - 30min, RunState::success, 20min);
    insert("stopped").stop = true;
    add_node("a", 3);
    add_node("b", 1);
    start();
    const value seen = get("/forecast?hours=2").data();
    EXPECT_EQ(seen.at("jobs"), 1);
    EXPECT_EQ(seen.at("unknown"), 0);
    EXPECT_EQ(seen.at("slots"), 4);
    ASSERT_THAT(seen.at("nodes").as_array(), SizeIs(2)) << "as far as one can say where runs go";
    EXPECT_EQ(seen.at("nodes").at(0).at("name"), "a");
    EXPECT_EQ(seen.at("nodes").at(0).at("slots"), 3);
    EXPECT_EQ(seen.at("nodes").at(0).at("peak"), 1);
    EXPECT_THAT(seen.at("cells").as_array(), SizeIs(12));
    EXPECT_EQ(seen.at("cells").at(3).at("fires"), 1);
    EXPECT_EQ(seen.at("cells").at(4).at("peak"), 1);
    EXPECT_EQ(seen.at("cells").at(2).at("peak"), 0);
    EXPECT_EQ(seen.at("busiest").at("peak"), 1);
    EXPECT_THAT(get("/forecast?hours=0").message(), HasSubstr("hours: given"));
}

TEST_F(InsightApiTest, ComingFiresAreAPagedList)
{
    insert("a", "0 */10 * * * *").tags = {"nightly"};
    insert("b");
    start();
    const value all = get("/forecast/fires?limit=3").data();
    EXPECT_EQ(all.at("total"), 7);
    ASSERT_THAT(all.at("list").as_array(), SizeIs(3));
    EXPECT_EQ(all.at("list").at(0).at("name"), "a");
    EXPECT_EQ(all.at("list").at(1).at("name"), "b");
    EXPECT_EQ(get("/forecast/fires?limit=3&page=3").data().at("list").as_array().size(), 1U);
    EXPECT_EQ(get("/forecast/fires?tag=nightly").data().at("total"), 6);
    EXPECT_THAT(get("/forecast/fires?from=20&to=10").message(), HasSubstr("to: it must be later"));
}

TEST_F(InsightApiTest, AComingFireSaysOnWhatItDepends)
{
    insert("extract", "0 0 * * * *");
    insert("report", "0 30 * * * *").required = {"extract"};
    start();
    const value fires = get("/forecast/fires").data().at("list");
    ASSERT_THAT(fires.as_array(), SizeIs(2));
    for (const value& fire : fires.as_array()) {
        const bool depends = fire.at("name") == "report";
        EXPECT_EQ(fire.at("condition"),
                  depends ? value("if extract succeeded since its fire before") : value(nullptr));
    }
}

TEST_F(InsightApiTest, FreeSlotsAreWhereLittleRuns)
{
    insert("busy", "0 0-29 * * * *");
    start();
    const value seen = get("/forecast/free?duration=15m&between=01:00-03:00").data();
    EXPECT_EQ(seen.at("slots").at(0).at("from"), to_unix_millis(now() + 90min));
    EXPECT_EQ(seen.at("slots").at(0).at("fires"), 0);
    EXPECT_THAT(get("/forecast/free").message(), HasSubstr("duration: missing"));
    EXPECT_THAT(get("/forecast/free?duration=15").data().at("slots").as_array(), SizeIs(5));
    for (const std::string wrong : {"1-2", "01:00", "01:00-25:00", "01:00-02:00-03:00", "x"}) {
        EXPECT_THAT(get("/forecast/free?duration=15m&between=" + wrong).message(),
                    HasSubstr("between: given"))
            << wrong;
    }
    EXPECT_THAT(get("/forecast/free?duration=15m&zone=Mars").message(), HasSubstr("zone: "));
}

TEST_F(InsightApiTest, ARunIsComparedWithTheSuccessBefore)
{
    const Job job = insert("backup");
    tables_.note({}, job, Edit(now() - 240h));
    ended(job, now() - 2h, RunState::success).run.output = "begin 1\ncopied\n";
    Job changed = job;
    changed.command = "false";
    tables_.note(job, changed, Edit(now() - 90min));
    LogRow& failed = ended(job, now() - 1h, RunState::failed);
    failed.run.output = "begin 2\ndisk full\n";
    const std::int64_t id = failed.id;
    start();
    const value seen = get(fmt::format("/run/{}/diff", id)).data();
    EXPECT_EQ(seen.at("run").at("state"), "failed");
    EXPECT_EQ(seen.at("success").at("state"), "success");
    EXPECT_EQ(seen.at("definition").at(0).at("field"), "command");
    EXPECT_EQ(seen.at("definition").at(0).at("success"), "true");
    EXPECT_EQ(seen.at("definition").at(0).at("run"), "false");
    EXPECT_EQ(seen.at("output_is_same"), false);
    ASSERT_THAT(seen.at("output").as_array(), SizeIs(3));
    EXPECT_EQ(seen.at("output").at(0).at("text"), "begin 2");
    EXPECT_EQ(seen.at("output").at(2).at("text"), "disk full");
    EXPECT_TRUE(get("/run/100/diff").data().at("success").is_null());
    EXPECT_EQ(get("/run/4711/diff").status, 404U);
}

TEST_F(InsightApiTest, LongStretchesThatAreTheSameAreFolded)
{
    const Job job = insert("backup");
    std::string output;
    for (int i = 0; i < 20; ++i) output += fmt::format("line {}\n", static_cast<char>('a' + i));
    ended(job, now() - 2h, RunState::success).run.output = output;
    LogRow& run = ended(job, now() - 1h, RunState::success);
    run.run.output = output;
    const std::int64_t id = run.id;
    start();
    const value seen = get(fmt::format("/run/{}/diff", id)).data();
    EXPECT_EQ(seen.at("output_is_same"), true);
    ASSERT_THAT(seen.at("output").as_array(), SizeIs(3));
    EXPECT_EQ(seen.at("output").at(0).at("text"), "line a\nline b\nline c");
    EXPECT_EQ(seen.at("output").at(1).at("lines"), 14);
    EXPECT_EQ(seen.at("output").at(2).at("text"), "line r\nline s\nline t");
}

TEST_F(InsightApiTest, SeveralJobsAreStoppedByOneCall)
{
    const JobId one = insert("one").id;
    const JobId two = insert("two").id;
    start();
    const value dry = ask("/cron/bulk", R"({"action":"stop","all":true,"dry_run":true})");
    EXPECT_EQ(dry.at("total"), 2);
    EXPECT_EQ(dry.at("done"), 0);
    EXPECT_EQ(tables_.writes, 0U);
    const value done = ask(
        "/cron/bulk",
        fmt::format(R"({{"action":"stop","ids":"{},{},4711","reason":"disk full"}})", one, two));
    EXPECT_EQ(done.at("done"), 2);
    EXPECT_EQ(done.at("failed").at(0).at("id"), 4711);
    EXPECT_TRUE(tables_.jobs.at(one).stop);
    EXPECT_EQ(tables_.revisions.back().by.why, "disk full");
    EXPECT_THAT(announced_, ElementsAre(ElementsAre(one, two)));
    post(fmt::format("/cron/stop/{}", two),
         fmt::format("until={}", to_unix_seconds(clock_.time + 1h)));
    const std::string numbers = fmt::format(R"({{"action":"start","ids":[{},"{}"]}})", one, two);
    EXPECT_EQ(ask("/cron/bulk", numbers).at("done"), 2);
    EXPECT_EQ(tables_.pauses.at(0).ended_at, clock_.time);
    const std::string number = fmt::format(R"({{"action":"stop","ids":{}}})", one);
    EXPECT_EQ(ask("/cron/bulk", number).at("done"), 1);
    EXPECT_THAT(std::string(ask("/cron/bulk", R"({"action":"stop","ids":[1.5]})", 400).as_string()),
                HasSubstr("ids: given \"1.5"));
    EXPECT_EQ(ask("/cron/bulk", R"({"action":"run","search":"true"})").at("done"), 2);
    EXPECT_EQ(ask("/cron/bulk/delete", R"({"all":1})").at("done"), 2);
    EXPECT_THAT(tables_.jobs, IsEmpty());
}

TEST_F(InsightApiTest, ManyJobsAreChangedByFewTransactions)
{
    for (int i = 0; i < 1201; ++i) insert("").stop = i == 700;
    start();
    EXPECT_EQ(ask("/cron/bulk", R"({"action":"stop","all":true})").at("done"), 1201);
    EXPECT_EQ(tables_.writes, 3U);
    EXPECT_THAT(tables_.revisions, SizeIs(1200)) << "one was stopped already";
    EXPECT_THAT(announced_, ElementsAre(SizeIs(500), SizeIs(500), SizeIs(201)));
    EXPECT_EQ(ask("/cron/bulk", R"({"action":"stop","all":true})").at("done"), 1201);
    EXPECT_THAT(tables_.revisions, SizeIs(1200)) << "nothing is changed";
}

TEST_F(InsightApiTest, WhatABulkActionHasChangedIsAnnouncedThoughTheNextChangeFails)
{
    for (int i = 0; i < 700; ++i) insert("");
    start();
    tables_.before_call = [this] { tables_.away = tables_.writes == 1; };
    EXPECT_THAT(std::string(ask("/cron/bulk", R"({"action":"stop","all":true})", 503).as_string()),
                HasSubstr("connection refused"));
    const auto is_stopped = [](const auto& entry) { return entry.second.stop; };
    EXPECT_EQ(std::ranges::count_if(tables_.jobs, is_stopped), 500);
    EXPECT_THAT(announced_, ElementsAre(SizeIs(500)));
}

TEST_F(InsightApiTest, ABulkActionSaysThatNoDispatcherKnowsOfIt)
{
    for (int i = 0; i < 501; ++i) insert("job" + std::to_string(i));  // more than at a time
    start();
    announce_error_ = "there is no dispatcher at the moment";
    EXPECT_THAT(std::string(ask("/cron/bulk", R"({"action":"stop","all":true})", 503).as_string()),
                HasSubstr("501 jobs were changed and this is stored, but no dispatcher has"));
    for (const auto& [id, job] : tables_.jobs) EXPECT_TRUE(job.stop) << id;
}

TEST_F(InsightApiTest, ABulkActionNamesItsJobsInOneWay)
{
    insert("one").tags = {"nightly"};
    start();
    for (const std::string body : {R"({"action":"stop"})", R"({"action":"stop","all":false})",
                                   R"({"action":"stop","all":true,"tag":"nightly"})"}) {
        EXPECT_THAT(std::string(ask("/cron/bulk", body, 400).as_string()),
                    HasSubstr("exactly one is allowed"))
            << body;
    }
    EXPECT_THAT(std::string(ask("/cron/bulk", R"({"action":"drop","all":1})", 400).as_string()),
                HasSubstr("action: given \"drop\"; one of start, stop, run is allowed"));
    EXPECT_THAT(std::string(ask("/cron/bulk", R"({"action":"stop","ids":""})", 400).as_string()),
                HasSubstr("ids: empty"));
    EXPECT_EQ(ask("/cron/bulk", R"({"action":"stop","tag":"nightly"})").at("done"), 1);
    EXPECT_EQ(ask("/cron/bulk", R"({"action":"start","tag":"weekly"})").at("total"), 0);
}

TEST_F(InsightApiTest, AReasonIsKeptInTheHistory)
{
    const JobId id = insert("one").id;
    start();
    EXPECT_EQ(request("POST", fmt::format("/cron/stop/{}?reason=disk%20full", id)).status, 200U);
    EXPECT_EQ(get(fmt::format("/cron/{}/history", id)).data().at("list").at(0).at("reason"),
              "disk full");
    const std::string long_reason(256, 'x');
    EXPECT_THAT(get(fmt::format("/cron/start/{}?reason={}", id, long_reason)).message(),
                HasSubstr("reason: given 256 characters; at most 255 are allowed"));
}

TEST_F(InsightApiTest, WhatHappensIfANodeStops)
{
    const Job& job = insert("etl");
    LogRow& run = ended(job, now() - 1min, RunState::success);
    run.run.state = RunState::running;
    run.run.run_server = "a";
    add_node("a", 4).held = 5;
    add_node("b", 8);
    start();
    const value seen = get("/node/a/if-stopped").data();
    EXPECT_EQ(seen.at("held"), 5);
    EXPECT_EQ(seen.at("slots_left"), 8);
    EXPECT_EQ(seen.at("running").at(0).at("name"), "etl");
    EXPECT_EQ(seen.at("others").at(0).at("name"), "b");
    EXPECT_EQ(get("/node/c/if-stopped").status, 404U);
}

TEST_F(InsightApiTest, ABadgeIsAPicture)
{
    const Job& job = insert("backup");
    ended(job, now() - 1h, RunState::failed);
    start();
    const auto picture = get("/badge/backup.svg");
    EXPECT_EQ(picture.header("Content-Type"), "image/svg+xml");
    EXPECT_THAT(picture.body, HasSubstr("backup: failed"));
    EXPECT_THAT(get(fmt::format("/badge/{}.svg", job.id)).body, HasSubstr("backup: failed"));
    EXPECT_EQ(get("/badge/other.svg").status, 404U);
    EXPECT_EQ(get("/badge/backup").status, 404U);
}

TEST_F(InsightApiTest, MetricsTellOfSingleJobsWhereThatIsWanted)
{
    const Job& backup = insert("back\"up");
    ended(backup, now() - 2h, RunState::success);
    ended(backup, now() - 1h, RunState::failed);
    insert("report");
    context_.job_metrics = 1;
    start();
    const std::string metrics = get("/metrics/jobs").body;
    const auto series = [&backup](const std::string& name, const std::string& more = "") {
        return fmt::format("\n{}{{cron_id=\"{}\",name=\"back\\\"up\"{}}} ", name, backup.id, more);
    };
    EXPECT_THAT(metrics, HasSubstr("peercron_job_runs_total{cron_id="));
    EXPECT_THAT(metrics, HasSubstr(series("peercron_job_successes_total") + "1\n"));
    EXPECT_THAT(metrics, HasSubstr(series("peercron_job_failing") + "1\n"));
    EXPECT_THAT(metrics, HasSubstr(series("peercron_job_missed") + "0\n"));
    EXPECT_THAT(metrics, HasSubstr(series("peercron_job_stopped") + "0\n"));
    EXPECT_THAT(metrics, HasSubstr(series("peercron_job_last_success_timestamp_seconds")));
    EXPECT_THAT(metrics, HasSubstr(series("peercron_job_duration_seconds", ",quantile=\"0.95\"")));
    EXPECT_THAT(metrics, Not(HasSubstr("report"))) << "no more jobs than are wanted";
    EXPECT_THAT(metrics, HasSubstr("\npeercron_jobs_left_out 1\n"));
}

TEST_F(InsightApiTest, MetricsOfSingleJobsAreOffUnlessSomebodyWantsThem)
{
    insert("backup");
    start();
    EXPECT_EQ(get("/metrics/jobs").status, 404U);
}

TEST_F(InsightApiTest, MetricsTellOfTheProcess)
{
    start();
    const std::string metrics = get("/metrics").body;
    EXPECT_THAT(metrics, HasSubstr("peercron_build_info{version=\"1.2.3\"} 1"));
    for (const std::string name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                                   "process_open_fds", "process_start_time_seconds"}) {
        EXPECT_THAT(metrics, ContainsRegex("\n" + name + " [0-9]")) << name;
    }
}

}  // namespace
}  // namespace peercron
