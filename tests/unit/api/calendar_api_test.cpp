#include "api_fixture.hpp"

#include <gmock/gmock.h>
#include <boost/json/array.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CalendarApiTest : public testing::ApiTest {
protected:
    JobId insert(std::vector<std::string> calendar)
    {
        Job& job = insert_job();
        job.calendar = std::move(calendar);
        return job.id;
    }
    void add_freeze()
    {
        const auto added = post("/calendar/add", "name=freeze&dates=12-20..01-06");
        ASSERT_EQ(added.status, 200U) << added.body;
    }
    static std::string job_with(const std::string& calendar)
    {
        return "cronSet=0 0 12 * * *&command=true&calendar=" + calendar;
    }
};

TEST_F(CalendarApiTest, ACalendarIsAddedAndShown)
{
    const auto added = post("/calendar/add",
                            "name=freeze&dates=2026-12-24..2026-12-26&remark=end of the year&"
                            "time_zone=Europe/Berlin");
    ASSERT_EQ(added.status, 200U) << added.body;
    const auto shown = get("/calendar/show?name=freeze&time_zone=Europe/Berlin").data().as_object();
    EXPECT_EQ(added.data(), shown);
    EXPECT_EQ(shown.at("remark"), "end of the year");
    EXPECT_EQ(shown.at("dates"), "2026-12-24..2026-12-26");
    EXPECT_EQ(shown.at("active"), false);
    ASSERT_THAT(shown.at("spans").as_array(), SizeIs(1));
    EXPECT_EQ(shown.at("spans").at(0).at("from"), 1'798'066'800'000);
    EXPECT_EQ(shown.at("spans").at(0).at("to"), 1'798'326'000'000);
    EXPECT_THAT(shown.at("history").as_array(), SizeIs(1));
    EXPECT_EQ(post("/calendar/add", "name=freeze&dates=fri").status, 409U);
}

TEST_F(CalendarApiTest, TheListHasThoseThatAreAlwaysThere)
{
    add_freeze();
    const JobId job = insert({"workdays", "!freeze"});
    const auto list = get("/calendar/list").data().as_array();
    ASSERT_THAT(list, SizeIs(3));
    EXPECT_EQ(list[0].at("name"), "freeze");
    EXPECT_TRUE(list[0].at("ical").is_null());
    EXPECT_EQ(list[0].at("jobs").at(0).at("id"), job);
    EXPECT_EQ(list[0].at("jobs").at(0).at("excludes"), true);
    EXPECT_EQ(list[1].at("name"), "weekends");
    EXPECT_EQ(list[2].at("name"), "workdays");
    EXPECT_EQ(list[2].at("built_in"), true);
    EXPECT_EQ(list[2].at("jobs").at(0).at("excludes"), false);
    EXPECT_EQ(post("/calendar/set", "name=workdays&dates=sun..thu").status, 409U);
    EXPECT_EQ(post("/calendar/add", "name=workdays&dates=sun..thu").status, 409U);
    EXPECT_EQ(post("/calendar/delete", "name=workdays").status, 409U);
}

TEST_F(CalendarApiTest, AChangeKeepsWhatIsNotGivenAndWhatItSaid)
{
    add_freeze();
    const JobId job = insert({"!freeze"});
    insert({"workdays"});
    announced_.clear();
    clock_.time += 1h;
    const auto set = post("/calendar/set", "name=freeze&remark=longer");
    ASSERT_EQ(set.status, 200U) << set.body;
    EXPECT_EQ(set.data().at("dates"), "12-20..01-06");
    EXPECT_THAT(announced_, ElementsAre(ElementsAre(job)));
    const auto history = set.data().at("history").as_array();
    ASSERT_THAT(history, SizeIs(2));
    EXPECT_TRUE(history[0].at("ended_at").is_null());
    EXPECT_EQ(history[1].at("ended_at"), history[0].at("set_at"));
    EXPECT_EQ(history[1].at("deleted_by"), "");
    EXPECT_EQ(history[1].at("remark"), "");
    EXPECT_EQ(post("/calendar/set", "name=freeze").status, 400U);
    EXPECT_EQ(post("/calendar/set", "name=none&dates=fri").status, 404U);
}

TEST_F(CalendarApiTest, BadTextsAreRefusedWithTheirLineAndChangeNothing)
{
    EXPECT_THAT(post("/calendar/add", "name=a b&dates=fri").message(), HasSubstr("name: given"));
    EXPECT_THAT(post("/calendar/add", "name=x").message(), HasSubstr("dates: missing"));
    EXPECT_THAT(post("/calendar/add", "name=x&dates=fri%0A2026-13-01").message(),
                HasSubstr("dates: line 2: given \"2026-13-01\""));
    const auto refused =
        post("/calendar/add", "name=x&ical=BEGIN:VCALENDAR%0ABEGIN:VTODO%0AEND:VTODO");
    EXPECT_EQ(refused.status, 400U);
    EXPECT_THAT(refused.message(), HasSubstr("ical: line 2: VTODO is not supported"));
    EXPECT_THAT(tables_.calendars, IsEmpty());
}

TEST_F(CalendarApiTest, ADryRunAnswersAndChangesNothing)
{
    const auto dry = post("/calendar/add", "name=x&dates=mon..sun&dry_run=1");
    ASSERT_EQ(dry.status, 200U) << dry.body;
    EXPECT_EQ(dry.data().at("active"), true);
    EXPECT_TRUE(dry.data().at("spans").at(0).at("to").is_null());
    EXPECT_THAT(tables_.calendars, IsEmpty());
    add_freeze();
    insert({"!freeze"});
    announced_.clear();
    EXPECT_EQ(post("/calendar/set", "name=freeze&dates=fri&dry_run=1").data().at("dates"), "fri");
    EXPECT_EQ(tables_.calendars.size(), 1U);
    EXPECT_THAT(announced_, IsEmpty());
}

TEST_F(CalendarApiTest, ACalendarThatJobsNameIsNotDeleted)
{
    add_freeze();
    const JobId job = insert({"!freeze"});
    tables_.jobs.at(job).name = "report";
    const auto refused = post("/calendar/delete", "name=freeze");
    EXPECT_EQ(refused.status, 409U);
    EXPECT_THAT(refused.message(), HasSubstr("the calendar freeze is used by report (job"));
    tables_.jobs.at(job).calendar.clear();
    EXPECT_EQ(post("/calendar/delete", "name=freeze").status, 200U);
    EXPECT_EQ(post("/calendar/delete", "name=freeze").status, 404U);
    EXPECT_EQ(get("/calendar/show?name=freeze").status, 404U);
    ASSERT_THAT(tables_.calendars, SizeIs(1));
    EXPECT_TRUE(tables_.calendars[0].ended_at.has_value());
    // It may come back, with what it said before.
    clock_.time += 1s;
    add_freeze();
    const auto again = get("/calendar/show?name=freeze");
    EXPECT_THAT(again.data().at("history").as_array(), SizeIs(2));
    EXPECT_NE(again.data().at("history").at(1).at("deleted_by"), "");
}

TEST_F(CalendarApiTest, SaysWhenNoDispatcherHasConfirmedAChange)
{
    add_freeze();
    insert({"!freeze"});
    announce_error_ = "there is no dispatcher";
    const auto set = post("/calendar/set", "name=freeze&dates=fri");
    EXPECT_EQ(set.status, 503U);
    EXPECT_THAT(set.message(), HasSubstr("is stored, but no dispatcher has confirmed"));
    EXPECT_EQ(tables_.calendars.back().dates, "fri");
}

TEST_F(CalendarApiTest, AJobNamesCalendarsThatAreThere)
{
    add_freeze();
    const auto refused = post("/cron/add", job_with("workdays,!freezer"));
    EXPECT_EQ(refused.status, 400U);
    EXPECT_THAT(refused.message(),
                HasSubstr("calendar: given \"!freezer\", and there is no such calendar; did you "
                          "mean freeze?"));
    EXPECT_THAT(post("/cron/add", job_with("!!freeze")).message(), HasSubstr("calendar: given"));
    const auto added = post("/cron/add", job_with("workdays,!freeze"));
    ASSERT_EQ(added.status, 200U) << added.body;
    EXPECT_EQ(added.data().at("calendar"), (boost::json::array{"workdays", "!freeze"}));
}

TEST_F(CalendarApiTest, AJobWhoseCalendarsExcludeEverythingIsRefused)
{
    const auto both = post("/cron/add", job_with("workdays,weekends"));
    EXPECT_EQ(both.status, 400U);
    EXPECT_THAT(both.message(), HasSubstr("excludes every moment of the next ten years"));
    const auto sundays = post("/cron/add", "cronSet=0 0 12 * * sun&command=true&calendar=workdays");
    EXPECT_EQ(sundays.status, 400U);
    EXPECT_THAT(sundays.message(),
                HasSubstr("calendar: every fire of the job in the next ten years is excluded"));
    const auto added = post("/cron/add", job_with("workdays"));
    ASSERT_EQ(added.status, 200U) << added.body;
    const auto id = added.data().at("id").to_number<JobId>();
    const auto changed =
        post("/cron/update", "id=" + std::to_string(id) + "&cronSet=0 0 12 * * sun");
    EXPECT_EQ(changed.status, 400U);
    EXPECT_THAT(changed.message(), HasSubstr("cronSet: every fire"));
}

TEST_F(CalendarApiTest, NextFiresAreThoseThatAreNotExcluded)
{
    const JobId id = insert({"workdays"});
    tables_.jobs.at(id).cron_set = "0 0 12 * * *";
    // A Saturday.
    clock_.time = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));
    const auto job = get("/cron/" + std::to_string(id)).data();
    EXPECT_EQ(job.at("next").at(0), "2026-11-23T12:00:00+00:00");
    EXPECT_EQ(job.at("next").at(5 - 1), "2026-11-27T12:00:00+00:00");
    const auto fires = get("/forecast/fires?from=1795219200&to=1795478400").data();
    ASSERT_THAT(fires.at("list").as_array(), SizeIs(3));
    EXPECT_EQ(fires.at("list").at(0).at("excluded"), "calendar: not in workdays");
    EXPECT_TRUE(fires.at("list").at(2).at("excluded").is_null());
    const auto preview = post("/cron/preview", "cronSet=0 0 12 * * *&calendar=weekends").data();
    EXPECT_EQ(preview.at("next").at(2).at("local"), "2026-11-28T12:00:00+00:00");
    EXPECT_EQ(preview.at("week").at("fires"), 2);
    const auto why = get("/cron/" + std::to_string(id) + "/why?at=1795262400").data();
    EXPECT_THAT(std::string(why.at("answer").as_string()),
                HasSubstr("It will be skipped: calendar: not in workdays."));
    const auto schemas = get("/openapi.json").json().at("components").at("schemas");
    const auto fact = schemas.at("Explanation").at("properties").at("facts").at("items");
    const auto known = fact.at("properties").at("about").at("enum").as_array();
    std::vector<boost::json::value> about;
    for (const auto& one : why.at("facts").as_array()) about.push_back(one.at("about"));
    EXPECT_THAT(about, Contains("calendar"));
    for (const auto& word : about) EXPECT_THAT(known, Contains(word));
}

TEST_F(CalendarApiTest, TheAnswerToAChangeOfAJobKnowsItsCalendars)
{
    using std::chrono::sys_days;
    using std::chrono::year;
    ASSERT_EQ(post("/calendar/add", "name=freeze&dates=2026-11-20..2026-11-30").status, 200U);
    clock_.time = WallTime(sys_days(year(2026) / 11 / 21));
    const std::int64_t thaw = to_unix_millis(WallTime(sys_days(year(2026) / 12 / 1)) + 12h);
    const auto added = post("/cron/add", job_with("!freeze"));
    ASSERT_EQ(added.status, 200U) << added.body;
    EXPECT_EQ(added.data().at("next_run_at"), thaw);
    const std::string id = std::to_string(added.data().at("id").to_number<JobId>());
    const std::string an_hour_on = std::to_string(to_unix_millis(clock_.time + 1h) / 1000);
    EXPECT_EQ(post("/cron/update", "id=" + id + "&remark=noon").data().at("next_run_at"), thaw);
    EXPECT_EQ(post("/cron/stop/" + id, "until=" + an_hour_on).data().at("next_run_at"), thaw);
    EXPECT_TRUE(post("/cron/stop/" + id, "").data().at("next_run_at").is_null());
    EXPECT_EQ(post("/cron/start/" + id, "").data().at("next_run_at"), thaw);
    EXPECT_EQ(post("/cron/delete/" + id, "").data().at("next_run_at"), thaw);
}

TEST_F(CalendarApiTest, TheListOfAllJobsReadsCalendarsOnce)
{
    add_freeze();
    // The first piece has none that names any.
    for (int i = 0; i < 600; ++i) insert({});
    for (int i = 0; i < 1000; ++i) insert({"!freeze"});
    tables_.calendar_reads = 0;
    const auto list = get("/cron/list").data().as_array();
    ASSERT_THAT(list, SizeIs(1600));
    EXPECT_EQ(tables_.calendar_reads, 1U);
    const std::int64_t thaw =
        to_unix_millis(std::chrono::sys_days(std::chrono::year(2027) / 1 / 7));
    clock_.time = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 12 / 24));
    const auto later = get("/cron/list").data().as_array();
    EXPECT_EQ(later.at(700).at("next_run_at"), thaw);
    EXPECT_EQ(later.back().at("next_run_at"), thaw);
}

TEST_F(CalendarApiTest, AVersionNeverBeginsBeforeTheEndOfAnEarlierOne)
{
    add_freeze();
    // The node that deleted it had a clock ahead.
    tables_.calendars[0].ended_at = clock_.time + 1min;
    tables_.calendars[0].ended_by = "root";
    add_freeze();
    ASSERT_THAT(tables_.calendars, SizeIs(2));
    EXPECT_EQ(tables_.calendars[1].set_at, clock_.time + 1min);
    ASSERT_EQ(post("/calendar/set", "name=freeze&dates=fri").status, 200U);
    ASSERT_THAT(tables_.calendars, SizeIs(3));
    EXPECT_EQ(tables_.calendars[2].set_at, clock_.time + 1min);
    EXPECT_EQ(tables_.calendars[1].ended_at, clock_.time + 1min);
}

}  // namespace
}  // namespace peercron
