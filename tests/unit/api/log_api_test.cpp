#include "api_fixture.hpp"

#include <gmock/gmock.h>
#include <boost/json/serialize.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class LogApiTest : public testing::ApiTest {
protected:
    LogRow& insert_row(std::int64_t id)
    {
        LogRow row;
        row.id = id;
        row.time = 1526772008;
        row.dispatch_time = 1526772006;
        row.run.id.job = 1633;
        row.run.id.scheduled_at = from_unix_millis(1526772008000);
        row.run.state = RunState::success;
        row.run.output = "line\r\n\x01 \"quoted\" 🎉\n";
        row.run.use_time = std::chrono::milliseconds(48);
        row.run.dispatch_server = "127.0.0.1:9991";
        row.run.run_server = "127.0.0.1:9993";
        row.run.started_at = from_unix_millis(1526772008001);
        row.run.ended_at = from_unix_millis(1526772008049);
        row.run.exit_code = 0;
        row.run.epoch = 17;
        return *tables_.log.insert(tables_.log.begin(), row);
    }

    std::size_t count(std::string_view query)
    {
        return get(fmt::format("/log/list?{}", query)).data().at("list").as_array().size();
    }

    void expect_refused(std::string_view query, std::string_view part)
    {
        const auto reply = get(fmt::format("/log/list?{}", query));
        EXPECT_EQ(reply.status, 400U) << query;
        EXPECT_THAT(reply.message(), HasSubstr(part));
    }
};

TEST_F(LogApiTest, ARowHasTheReferencesFieldsFirst)
{
    insert_row(6620495);
    EXPECT_EQ(
        get("/log/list?limit=1").body,
        R"({"code":200,"data":{"list":[{"id":6620495,"cron_id":1633,"time":1526772008,)"
        R"("output":"line\r\n\u0001 \"quoted\" 🎉\n","use_time":48,)"
        R"("dispatch_server":"127.0.0.1:9991","run_server":"127.0.0.1:9993",)"
        R"("dispatch_time":1526772006,"scheduled_at":1526772008000,)"
        R"("started_at":1526772008001,"ended_at":1526772008049,"state":"success",)"
        R"("reason":"","cause":"","exit_code":0,"term_signal":null,"http_status":null,"attempt":1,"part":0,"parts":1,"for_node":"","epoch":17,"requested_by":"",)"
        R"("rehearsal":false,"retry_at":null,)"
        R"("cpu_time":0,"max_rss":0,"output_bytes":0,"output_cut":false,"unusual":[],"name":null}],)"
        R"("total":1},"message":"ok"})");
}

TEST_F(LogApiTest, RowsAreThoseOfTheJobsWithATag)
{
    insert_row(1);
    insert_row(2).run.id.job = 7;
    Job job;
    job.id = 7;
    job.tags = {"db"};
    tables_.insert(job);
    const auto found = get("/log/list?tag=db").data();
    EXPECT_EQ(found.at("total"), 1);
    EXPECT_EQ(found.at("list").at(0).at("id"), 2);
    EXPECT_EQ(count("tag=web"), 0U);
}

TEST_F(LogApiTest, ARowHasTheNameThatItsJobHasNow)
{
    insert_row(1);
    Job job;
    job.id = tables_.log.front().run.id.job;
    job.name = "report";
    tables_.insert(job);
    for (const char* const list : {"/log/list", "/log/list?full=1"}) {
        EXPECT_EQ(get(list).data().at("list").at(0).at("name"), "report");
    }
    EXPECT_EQ(get("/log/1").data().at("name"), "report");
    tables_.jobs.at(job.id).name = "";
    EXPECT_EQ(get("/log/1").data().at("name"), "");
    tables_.jobs.clear();
    EXPECT_EQ(get("/log/1").data().at("name"), nullptr);
}

TEST_F(LogApiTest, ARowShowsWhatElseWasReportedOfItsRun)
{
    insert_row(1);
    EXPECT_FALSE(get("/log/1").data().as_object().contains("doubled"));
    DoubledRun doubled;
    doubled.other.id = 1;
    doubled.other.report.run_server = "127.0.0.1:9995";
    doubled.other.report.state = RunState::failed;
    doubled.other.report.exit_code = 3;
    doubled.other.report.started_at = from_unix_millis(1526772008002);
    doubled.other.report.output = "another";
    tables_.doubled = {doubled};
    const auto shown = get("/log/1").data().at("doubled").at(0);
    EXPECT_EQ(shown.at("run_server"), "127.0.0.1:9995");
    EXPECT_EQ(shown.at("state"), "failed");
    EXPECT_EQ(shown.at("exit_code"), 3);
    EXPECT_EQ(shown.at("started_at"), 1526772008002);
    EXPECT_EQ(shown.at("output"), "another");
    EXPECT_FALSE(get("/log/list").data().at("list").at(0).as_object().contains("doubled"));
}

TEST_F(LogApiTest, WhatIsNotKnownIsNullAndAGapTellsItsFires)
{
    LogRow& row = insert_row(1);
    row.run.state = RunState::skipped;
    row.run.reason = parse_reason("misfire");
    row.run.started_at.reset();
    row.run.ended_at.reset();
    row.run.exit_code.reset();
    row.run.term_signal = 9;
    row.run.http_status = 503;
    row.fires = 98;
    row.gap_end = from_unix_millis(1526772108000);
    const auto shown = get("/log/list").data().at("list").at(0);
    EXPECT_TRUE(shown.at("started_at").is_null());
    EXPECT_TRUE(shown.at("ended_at").is_null());
    EXPECT_TRUE(shown.at("exit_code").is_null());
    EXPECT_EQ(shown.at("term_signal"), 9);
    EXPECT_EQ(shown.at("http_status"), 503);
    EXPECT_EQ(shown.at("state"), "skipped");
    EXPECT_EQ(shown.at("reason"), "misfire");
    EXPECT_EQ(shown.at("fires"), 98);
    EXPECT_EQ(shown.at("gap_end"), 1526772108000);
}

TEST_F(LogApiTest, EachFilterNarrowsTheList)
{
    insert_row(1);
    LogRow& other = insert_row(2);
    other.run.id.job = 7;
    other.run.id.scheduled_at = from_unix_millis(1526780000000);
    other.run.output = "100% done";
    other.run.dispatch_server = "d";
    other.run.run_server = "r";
    other.run.state = RunState::failed;
    EXPECT_EQ(count(""), 2U);
    EXPECT_EQ(count("cron_id=7"), 1U);
    EXPECT_EQ(count("cron_id=8"), 0U);
    EXPECT_EQ(count("search=100%25+done"), 1U);
    EXPECT_EQ(count("dispatch_server=d"), 1U);
    EXPECT_EQ(count("run_server=r"), 1U);
    EXPECT_EQ(count("state=failed"), 1U);
    EXPECT_EQ(count("from=1526780000"), 1U);
    EXPECT_EQ(count("to=1526780000"), 1U);
    EXPECT_EQ(count("from=2018-05-20T01:33:20Z"), 1U);
    EXPECT_EQ(count("from=2018-05-20T03:33:20%2B02:00"), 1U);
    EXPECT_EQ(count("from=2018-05-20T03:33:20+02:00"), 1U);        // the plus came as a space
    EXPECT_EQ(count("cron_id=&search=&state=&page=&limit="), 2U);  // as an empty form sends it
    EXPECT_EQ(count("_=1526780000"), 2U);                          // as jQuery's cache buster
}

TEST_F(LogApiTest, PlannedRowsAreShownOnlyWhenAskedFor)
{
    insert_row(1).run.state = RunState::planned;
    EXPECT_EQ(count(""), 0U);
    EXPECT_FALSE(tables_.log_read.filter.state);
    EXPECT_EQ(count("state=planned"), 1U);
}

TEST_F(LogApiTest, OnlyWhatWasUnusualIsShownWhenThatIsAskedFor)
{
    insert_row(1).oddities = parse_oddities("slow,more-memory");
    insert_row(2).oddities = parse_oddities("silent");
    insert_row(3);
    EXPECT_EQ(count("unusual=any"), 2U);
    EXPECT_EQ(count("unusual=slow"), 1U);
    EXPECT_EQ(count("unusual=fast"), 0U);
    EXPECT_EQ(count("unusual="), 3U);
    const auto words = get("/log/list?unusual=slow").data().at("list").at(0).at("unusual");
    EXPECT_EQ(serialize(words), R"(["slow","more-memory"])");
    EXPECT_THAT(get("/log/list?unusual=quick").message(),
                HasSubstr("unusual: given \"quick\"; any, slow, fast, silent, more-output, "
                          "more-memory is allowed"));
}

TEST_F(LogApiTest, OnlyWhatWasMissedIsShownWhenThatIsAskedFor)
{
    LogRow& missed = insert_row(1);
    missed.run.state = RunState::skipped;
    missed.run.reason = parse_reason("misfire: missed while no node was planning");
    LogRow& asked_for = insert_row(2);
    asked_for.run.state = RunState::skipped;
    asked_for.run.reason = parse_reason("mutex: the previous run is still running");
    insert_row(3);
    EXPECT_EQ(count("missed=1"), 1U);
    EXPECT_EQ(count("missed=1&state=skipped"), 1U);
    EXPECT_EQ(count("missed=0"), 3U);
    EXPECT_EQ(count("state=skipped"), 2U) << "another list than the missed ones";
}

TEST_F(LogApiTest, PagesHaveFiftyRowsUnlessToldOtherwise)
{
    for (int i = 1; i <= 120; ++i) insert_row(i);
    EXPECT_EQ(count(""), 50U);
    EXPECT_EQ(count("page=3"), 20U);
    EXPECT_EQ(count("page=4"), 0U);
    EXPECT_EQ(count("limit=1000"), 120U);
    const auto second = get("/log/list?page=2&limit=100").data();
    EXPECT_EQ(second.at("total"), 120);
    EXPECT_EQ(second.at("list").at(0).at("id"), 20);
}

TEST_F(LogApiTest, AListThatEndsOnThePageIsNotCountedBesides)
{
    for (int i = 1; i <= 60; ++i) insert_row(i);
    int calls = 0;
    tables_.before_call = [&calls] { ++calls; };
    const auto calls_for = [&](std::string_view query, std::int64_t total) {
        calls = 0;
        EXPECT_EQ(get(fmt::format("/log/list?{}", query)).data().at("total"), total) << query;
        return calls;
    };
    EXPECT_EQ(calls_for("page=2", 60), 2) << "the rows, and the names of their jobs";
    EXPECT_EQ(calls_for("limit=100", 60), 2);
    EXPECT_EQ(calls_for("cron_id=4711", 0), 1);
    EXPECT_EQ(calls_for("limit=60", 60), 3) << "there may be more";
    EXPECT_EQ(calls_for("page=3", 60), 2) << "it ended before";
}

TEST_F(LogApiTest, TheStoreIsToldWhereTheRowsOfALongListAreWhenAPageIsFar)
{
    for (int i = 1; i <= 2'100; ++i) insert_row(i);
    EXPECT_EQ(count("page=40"), 50U);
    EXPECT_FALSE(tables_.log_read.hint.list);
    EXPECT_EQ(count("page=42"), 50U);
    EXPECT_TRUE(tables_.log_read.hint.list);
    EXPECT_EQ(get("/log/list?page=42").data().at("total"), 2'100);
}

TEST_F(LogApiTest, TheStoreIsToldWhereTheRowsOfATimeAreForTheFirstPageToo)
{
    for (int i = 1; i <= 100; ++i) insert_row(i);
    EXPECT_EQ(count("from=1000000000"), 50U);
    EXPECT_TRUE(tables_.log_read.hint.list);
    EXPECT_EQ(count("to=5000000000&page=2"), 50U);
    EXPECT_TRUE(tables_.log_read.hint.list);
    EXPECT_EQ(count("from=1000000000&cron_id=1633"), 50U);
    EXPECT_FALSE(tables_.log_read.hint.list) << "an index has them in order";
    EXPECT_TRUE(tables_.log_read.hint.time);
    EXPECT_EQ(count("cron_id=1633"), 50U);
    EXPECT_FALSE(tables_.log_read.hint.time);
    EXPECT_EQ(count("from=1000000000&after_id=3"), 50U);
    EXPECT_FALSE(tables_.log_read.hint.time) << "who follows the log asks for few rows";
}

TEST_F(LogApiTest, PagesAndListsThatAreAskedForAtOnceAreNotMixedUp)
{
    for (int i = 1; i <= 4; ++i) insert_row(i).run.id.job = i;
    std::promise<void> release;
    std::atomic<bool> is_held = true;
    tables_.before_call = [&] {
        if (is_held.exchange(false)) release.get_future().wait();
    };
    testing::HttpClient holder = connect();
    holder.send("GET /log/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    while (is_held) io_.run_one_for(std::chrono::minutes(1));
    const std::vector<std::pair<std::string, std::int64_t>> asked{
        {"limit=2&page=1", 4}, {"limit=2&page=2", 2}, {"limit=2&cron_id=3", 3}};
    std::vector<testing::HttpClient> clients;
    for (const auto& [query, first] : asked) {
        clients.push_back(connect());
        clients.back().send(fmt::format("GET /log/list?{} HTTP/1.1\r\nHost: a\r\n\r\n", query));
    }
    for (int i = 0; i < 100; ++i) io_.poll();  // all of them wait for the store
    release.set_value();
    EXPECT_EQ(holder.read().status, 200U);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const auto rows = clients[i].read().data().at("list");
        EXPECT_EQ(rows.at(0).at("id"), asked[i].second) << asked[i].first;
    }
}

TEST_F(LogApiTest, ParametersOutOfRangeAreRefused)
{
    expect_refused("limit=0", "limit: given \"0\"; a whole number from 1 to 1000");
    expect_refused("limit=-1", "limit: given \"-1\"");
    expect_refused("limit=100000", "limit: given \"100000\"");
    expect_refused("limit=1e3", "limit: ");
    expect_refused("page=0", "page: given \"0\"");
    expect_refused("page=-1", "page: ");
    expect_refused("page=99999999999999999999", "page: ");
    expect_refused("cron_id=abc", "cron_id: given \"abc\"");
    expect_refused("missed=perhaps", "missed: given");
    expect_refused("state=dead", "state: given \"dead\"; planned, running, success");
    expect_refused("from=yesterday", "from: given \"yesterday\"");
    expect_refused("to=2026-02-30T00:00:00Z", "to: ");
    expect_refused("from=20&to=20", "to: ");
    expect_refused("ids=1,2,", "ids: given \"\"");
    expect_refused("ids=1,,2", "ids: given \"\"");
    expect_refused("search=%FF", "search: ");
    expect_refused("page=1&page=2", "page: given twice");
}

TEST_F(LogApiTest, SqlIsText)
{
    EXPECT_EQ(get("/log/list?search=%27%20OR%201%3D1%20--").status, 200U);
    EXPECT_EQ(tables_.log_read.filter.search, "' OR 1=1 --");
}

TEST_F(LogApiTest, ALongPageIsSentInPieces)
{
    for (int i = 1; i <= 1000; ++i) insert_row(i).run.output = std::string(4000, 'x');
    const auto reply = get("/log/list?limit=1000");
    EXPECT_THAT(reply.data().at("list").as_array(), SizeIs(1000));
    EXPECT_GT(reply.chunk_sizes.size(), 10U);
    for (const std::uint64_t size : reply.chunk_sizes) EXPECT_LE(size, 70'000U);
    EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(LogApiTest, AListHasTheBeginningsOfLongOutputs)
{
    insert_row(1).run.output = std::string(4095, 'x') + "äöü";
    insert_row(2).run.output = std::string(4096, 'y');
    const auto rows = get("/log/list").data().at("list");
    const auto output = [](const boost::json::value& row) {
        return std::string(row.at("output").as_string());
    };
    EXPECT_EQ(output(rows.at(0)), std::string(4096, 'y'));
    EXPECT_EQ(rows.at(0).at("output_cut"), false);
    EXPECT_EQ(output(rows.at(1)), std::string(4095, 'x')) << "no half characters";
    EXPECT_EQ(rows.at(1).at("output_cut"), true);
    EXPECT_EQ(tables_.log_read.most_output, 4096U) << "the database does not send more";
    const auto whole = get("/log/1").data();
    EXPECT_EQ(output(whole), std::string(4095, 'x') + "äöü");
    EXPECT_EQ(whole.at("output_cut"), false);
}

TEST_F(LogApiTest, WholeOutputsAreReadRowByRowWhileTheyAreSent)
{
    constexpr std::size_t size = 300'000;
    for (int i = 1; i <= 60; ++i) insert_row(i).run.output = std::string(size, 'x');
    insert_row(61);  // which is short
    int calls = 0;
    tables_.before_call = [&calls] { ++calls; };
    const auto reply = get("/log/list?full=1&limit=51&page=1");
    const auto data = reply.data();
    EXPECT_EQ(data.at("total"), 61);
    ASSERT_THAT(data.at("list").as_array(), SizeIs(51));
    EXPECT_EQ(data.at("list").at(0).at("id"), 61);
    for (int i = 1; i <= 50; ++i) {
        const auto& row = data.at("list").at(static_cast<std::size_t>(i));
        EXPECT_EQ(row.at("id"), 61 - i);
        EXPECT_EQ(row.at("output").as_string().size(), size);
        EXPECT_EQ(row.at("output_cut"), false);
    }
    EXPECT_EQ(calls, 3 + 50) << "the page, the names, its total, and each long row";
    EXPECT_EQ(tables_.log_read.most_output, 4096U);
    for (const std::uint64_t piece : reply.chunk_sizes) EXPECT_LE(piece, size + 70'000);
    EXPECT_EQ(budget_.used(), 0U);
    expect_refused("full=maybe", "full: given \"maybe\"");
}

TEST_F(LogApiTest, LongAnswersWaitForMemoryAndAreThenPutOff)
{
    for (int i = 1; i <= 60; ++i) insert_row(i);
    {
        const Budget::Share others(budget_, 200U << 20U);
        for (const std::string path : {"/log/list", "/log/list?full=1", "/log/1", "/cron/list",
                                       "/cron/list?limit=1000", "/cron/7/history"}) {
            const auto reply = get(path);
            EXPECT_EQ(reply.status, 503U) << path;
            EXPECT_EQ(reply.header("Retry-After"), "5") << path;
            EXPECT_THAT(reply.message(), HasSubstr("[http] max_memory")) << path;
        }
        const auto body = post("/cron/add", "cronSet=@daily&command=" + std::string(50'000, 'x'));
        EXPECT_EQ(body.status, 503U);
        EXPECT_EQ(post("/cron/add", "cronSet=@daily&command=x").status, 200U) << "it is short";
        EXPECT_EQ(get("/health").status, 200U);
    }
    EXPECT_EQ(get("/log/list").status, 200U);
    EXPECT_EQ(budget_.used(), 0U);
}

}  // namespace
}  // namespace peercron
