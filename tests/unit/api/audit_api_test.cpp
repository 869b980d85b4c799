#include "api_fixture.hpp"

#include <gmock/gmock.h>
#include <boost/json/serialize.hpp>

#include <atomic>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class AuditApiTest : public testing::ApiTest {
protected:
    AuditApiTest() { tables_.planned_through = clock_.time + 2s; }

    /// A job that is due every ten seconds and was added an hour ago.
    JobId add_job()
    {
        Job job;
        job.cron_set = "*/10 * * * * *";
        const Job& added = tables_.insert(job);
        tables_.note({}, added, Edit(clock_.time - 1h, {"ann", ""}));
        return added.id;
    }

    LogRow& add_row(JobId job, WallTime at)
    {
        LogRow row;
        row.id = std::ssize(tables_.log) + 1;
        row.run.id = RunId{job, at, 1};
        row.run.state = RunState::success;
        row.run.started_at = at + 1ms;
        return *tables_.log.insert(tables_.log.begin(), row);
    }

    void add_rows(JobId job, WallTime from, WallTime to)
    {
        for (WallTime at = from; at < to; at += 10s) add_row(job, at);
    }

    boost::json::object audit(std::string_view query = "")
    {
        const auto reply = get(fmt::format("/audit?{}", query));
        EXPECT_EQ(reply.status, 200U) << reply.body;
        return reply.data().as_object();
    }

    double connections() const
    {
        for (const auto& family : metrics_->Collect()) {
            if (family.name == "peercron_http_connections") return family.metric.at(0).gauge.value;
        }
        return -1;
    }

    std::atomic<int> steps_ = 0;
    const WallTime t0_ = clock_.time - 30min;
};

TEST_F(AuditApiTest, AWholeLedgerIsClean)
{
    const JobId job = add_job();
    add_rows(job, t0_, clock_.time);
    add_row(job, t0_ + 1s + 5ms).requested_by = "ann at 127.0.0.1";
    const auto found = audit();
    EXPECT_TRUE(found.at("findings").as_array().empty());
    const auto& totals = found.at("totals").as_object();
    EXPECT_EQ(totals.at("clean"), true);
    EXPECT_EQ(totals.at("asked_from"), to_unix_millis(clock_.time - 24h));
    EXPECT_EQ(totals.at("asked_to"), to_unix_millis(clock_.time));
    EXPECT_EQ(totals.at("from"), to_unix_millis(t0_));
    EXPECT_EQ(totals.at("to"), to_unix_millis(clock_.time - 5s));
    EXPECT_EQ(totals.at("due"), 180);
    EXPECT_EQ(totals.at("rows"), 181);
    EXPECT_EQ(totals.at("requested"), 1);
    EXPECT_EQ(totals.at("late_p50"), 1);
    EXPECT_EQ(totals.at("late_p99"), 1);
    EXPECT_EQ(totals.at("outcomes").at(0).at("state"), "success");
    EXPECT_EQ(totals.at("outcomes").at(0).at("fires"), 181);
}

TEST_F(AuditApiTest, WhatIsFoundIsListedAndCounted)
{
    const JobId job = add_job();
    add_rows(job, t0_, clock_.time);
    std::erase_if(tables_.log, [this](const LogRow& row) {
        return row.run.id.scheduled_at >= t0_ + 100s && row.run.id.scheduled_at < t0_ + 130s;
    });
    add_row(job, t0_ + 505s);
    const auto found = audit();
    const auto& list = found.at("findings").as_array();
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(boost::json::serialize(list[0]),
              fmt::format(R"({{"kind":"missing","cron_id":{},"scheduled_at":{},"until":{},)"
                          R"("fires":3,"attempt":1,"part":0,"state":null,"started_at":null,)"
                          R"("what":"3 fires were due and have no rows"}})",
                          job, to_unix_millis(t0_ + 100s), to_unix_millis(t0_ + 120s)));
    EXPECT_EQ(list[1].at("kind"), "extra");
    EXPECT_EQ(list[1].at("state"), "success");
    const auto& totals = found.at("totals").as_object();
    EXPECT_EQ(totals.at("clean"), false);
    EXPECT_EQ(totals.at("missing"), 3);
    EXPECT_EQ(totals.at("extra"), 1);
}

TEST_F(AuditApiTest, TheTimeTheJobAndTheBoundAreTheCallers)
{
    const JobId job = add_job();
    add_rows(job, t0_, clock_.time);
    const JobId other = add_job();
    add_row(other, t0_);
    EXPECT_EQ(audit("").at("totals").at("missing"), 179);
    EXPECT_EQ(audit(fmt::format("job={}", job)).at("totals").at("missing"), 0);
    EXPECT_EQ(audit(fmt::format("job={}", other)).at("totals").at("jobs"), 1);
    const auto from = to_unix_seconds(t0_ + 60s);
    const auto part = audit(fmt::format("job={}&from={}&to={}", other, from, from + 60));
    EXPECT_EQ(part.at("totals").at("due"), 6);
    EXPECT_EQ(audit(fmt::format("job={}&late=0.0005", job)).at("totals").at("late"), 180);
    EXPECT_EQ(audit(fmt::format("job={}&late=1ms", job)).at("totals").at("late"), 0);
    EXPECT_EQ(audit(fmt::format("job={}&late=1m", job)).at("totals").at("late"), 0);
}

TEST_F(AuditApiTest, AtMostAThousandOfEachKindAreListed)
{
    const JobId job = add_job();
    for (int i = 0; i < 1200; ++i) add_row(job, t0_ + i * 1s);
    tables_.planned_through = clock_.time;
    tables_.log.front().run.started_at = t0_ + 1h;
    const auto found = audit();
    EXPECT_EQ(found.at("totals").at("extra"), 1080);
    EXPECT_EQ(found.at("findings").as_array().size(), 1000U + 1 + 1);  // one late, one missing
}

TEST_F(AuditApiTest, TheTimeThatNobodyPlannedIsNotClean)
{
    const JobId job = add_job();
    add_rows(job, t0_, t0_ + 10min);
    tables_.planned_through = t0_ + 10min - 1ms;
    const boost::json::value totals = audit().at("totals");
    EXPECT_EQ(totals.at("clean"), false);
    EXPECT_EQ(totals.at("unplanned"), true);
    EXPECT_EQ(totals.at("missing"), 0);
    EXPECT_EQ(totals.at("to"), to_unix_millis(t0_ + 10min));
    const auto to = to_unix_seconds(t0_ + 10min);
    EXPECT_EQ(audit(fmt::format("to={}", to)).at("totals").at("clean"), true);
}

TEST_F(AuditApiTest, WhatMakesNoSenseIsRefused)
{
    const auto refused = [this](std::string_view query, unsigned status) {
        const auto reply = get(fmt::format("/audit?{}", query));
        EXPECT_EQ(reply.status, status) << query;
        return std::string(reply.message());
    };
    EXPECT_THAT(refused("from=2000&to=1000", 400), HasSubstr("from: it must be earlier than to"));
    EXPECT_THAT(refused("from=yesterday", 400), HasSubstr("from: given \"yesterday\""));
    EXPECT_THAT(refused("late=soon", 400),
                HasSubstr("late: given \"soon\"; a duration such as 3, 0.5"));
    EXPECT_THAT(refused("late=-1", 400), HasSubstr("late: "));
    for (const std::string late : {"1234567s", "1.5.2", ".5", "5.", "3d", "1e3", "ms"}) {
        EXPECT_THAT(refused("late=" + late, 400), HasSubstr("late: given")) << late;
    }
    EXPECT_THAT(refused("late=nan", 400), HasSubstr("late: "));
    EXPECT_THAT(refused("job=backup", 400), HasSubstr("job: given \"backup\""));
    EXPECT_THAT(refused("job=4711", 404),
                HasSubstr("there is no job \"4711\", and there was none"));
    tables_.away = true;
    EXPECT_THAT(refused("", 503), HasSubstr("connection refused"));
}

TEST_F(AuditApiTest, ALongAuditIsSentAsItGoesOnAndEndsWithItsClient)
{
    // Every second of three years, without a row.
    Job job;
    job.cron_set = "* * * * * *";
    tables_.before_call = [this] { ++steps_; };
    const WallTime begin = clock_.time - 24h * 1000;
    tables_.note({}, tables_.insert(job), Edit(begin - 1h, {"ann", ""}));
    add_row(tables_.last_id, begin);
    const std::string call = fmt::format(
        "GET /audit?from={} HTTP/1.1\r\nHost: localhost:9990\r\n\r\n", to_unix_seconds(begin));
    {
        testing::HttpClient client = connect();
        testing::HttpClient second = connect();
        client.send(call);
        second.send(call);
        const std::string head = client.read_some();
        EXPECT_THAT(head, HasSubstr("200 OK"));
        EXPECT_THAT(head, Not(HasSubstr("totals")));
        EXPECT_THAT(second.read_some(), HasSubstr("200 OK"));
        const auto third = get("/audit");
        EXPECT_EQ(third.status, 429U);
        EXPECT_THAT(third.message(), HasSubstr("2 audits are running"));
    }
    while (connections() > 0) io_.run_one();
    EXPECT_LT(steps_, 2000);
    tables_.revisions.clear();
    EXPECT_EQ(get("/audit").status, 200U);
}

}  // namespace
}  // namespace peercron
