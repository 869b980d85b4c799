#include "api_fixture.hpp"

#include "job_samples.hpp"
#include "model/field_json.hpp"

#include <gmock/gmock.h>
#include <boost/json/serialize.hpp>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CronApiTest : public testing::ApiTest {
protected:
    /// 400 with a message that has `part`, and nothing happened.
    static void expect_bad(const testing::Reply& reply, std::string_view part)
    {
        EXPECT_EQ(reply.status, 400U) << reply.body;
        EXPECT_EQ(reply.json().at("code"), 400);
        EXPECT_TRUE(reply.data().is_null());
        EXPECT_THAT(reply.message(), HasSubstr(part));
    }

    void expect_refused(const testing::Reply& reply, std::string_view part)
    {
        expect_bad(reply, part);
        EXPECT_EQ(tables_.writes, 0U);
        EXPECT_THAT(announced_, SizeIs(0));
    }

    void come_back(JobKind kind);
};

constexpr std::string_view reference_form =
    "cronSet=*/1 * * * * *&command=php -v&remark=&stop=0&start_time=0&end_time=0&is_mutex=1";

/// What an answer has of fields that the reference does not know, at their defaults, in the order
/// of the list.
std::string newer_fields()
{
    std::string text;
    for (std::size_t i = place_of(&Job::is_mutex) + 1; i < job_fields.size(); ++i) {
        const auto value = to_json(shown_value(job_fields[i], Job()));
        text += fmt::format("\"{}\":{},", job_fields[i].name, boost::json::serialize(value));
    }
    return text;
}

TEST_F(CronApiTest, AddAnswersAsTheReferenceDoesWithTheNewerFieldsAfterwards)
{
    tables_.last_id = 1632;
    const auto reply = post("/cron/add", reference_form);
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.header("Content-Type"), "application/json");
    EXPECT_EQ(reply.body,
              R"({"code":200,"data":{"id":1633,"cron_set":"*/1 * * * * *","command":"php -v",)"
              R"("remark":"","stop":false,"start_time":0,"end_time":0,"is_mutex":true,)" +
                  newer_fields() +
                  R"("run_num":0,"last_run_at":null,"next_run_at":1795219201000,"state":"enabled",)"
                  R"("schedule_in_words":"every second","zone":"UTC","paused":null},)"
                  R"("message":"ok"})");
    EXPECT_EQ(tables_.jobs.at(1633).effective_from, clock_.time);
    EXPECT_THAT(announced_, ElementsAre(ElementsAre(1633)));
}

TEST_F(CronApiTest, AJobCanTellNoChannelThatIsNotThere)
{
    const std::string job = R"("cronSet":"@daily","command":"true")";
    const auto add = [&](const std::string& notify) {
        return post_json("/cron/add", fmt::format("{{{},\"notify\":{}}}", job, notify));
    };
    EXPECT_THAT(
        add(R"(["ops"])").message(),
        HasSubstr("notify: given \"ops\", and there is no such channel; there are none yet"));
    tables_.channels.emplace_back().name = "ops";
    tables_.channels.emplace_back().name = "boss";
    const auto added = add(R"(["ops"])");
    ASSERT_EQ(added.status, 200U) << added.body;
    EXPECT_EQ(add(R"(["none"])").status, 200U);
    const auto id = added.data().at("id").as_int64();
    const auto change = [&](const std::string& field) {
        return post_json("/cron/update", fmt::format("{{\"id\":{},{}}}", id, field));
    };
    EXPECT_THAT(
        change(R"("notify":["boss","opps"])").message(),
        HasSubstr("notify: given \"opps\", and there is no such channel; there are ops, boss"));
    EXPECT_THAT(tables_.jobs.at(id).notify, ElementsAre("ops"));
    tables_.channels.clear();
    EXPECT_EQ(change(R"("remark":"as it was")").status, 200U) << "it was not given";
}

TEST_F(CronApiTest, EachFieldComesBackAsItWasGivenAndAlone)
{
    for (const JobKind kind : {JobKind::command, JobKind::http, JobKind::daemon}) come_back(kind);
}

void CronApiTest::come_back(JobKind kind)
{
    const Job first = testing::sample_job_of(kind);
    const Job second = testing::sample_job_of(kind, 1);
    for (const Job& job : {first, second}) {
        for (const std::string& name : job.notify) tables_.channels.emplace_back().name = name;
    }
    boost::json::object all{{"replace", true}};
    for (const JobField& field : job_fields) {
        if (!is_for(field, kind)) continue;
        all[field.parameter_name()] = to_json(shown_value(field, first));
    }
    const auto added = post_json("/cron/add", boost::json::serialize(all));
    ASSERT_EQ(added.status, 200U) << added.body;
    boost::json::object expected = added.data().as_object();
    for (const JobField& field : job_fields) {
        SCOPED_TRACE(field.name);
        EXPECT_EQ(expected.at(field.name), to_json(shown_value(field, first)));
        if (!is_for(field, kind) || field.member == FieldMember(&Job::kind)) continue;
        const boost::json::object change{
            {"id", expected.at("id")},
            {field.parameter_name(), to_json(shown_value(field, second))}};
        const auto changed = post_json("/cron/update", boost::json::serialize(change));
        ASSERT_EQ(changed.status, 200U) << changed.body;
        expected[field.name] = to_json(shown_value(field, second));
        for (const JobField& each : job_fields) {
            EXPECT_EQ(changed.data().at(each.name), expected.at(each.name)) << each.name;
        }
    }
}

TEST_F(CronApiTest, AJobThatRunsAfterOthersHasNoJitter)
{
    const auto reply = post("/cron/add", "run_after=extract&command=true&jitter=60");
    EXPECT_EQ(reply.status, 400U) << reply.body;
    EXPECT_THAT(reply.body, ::testing::HasSubstr("jitter: given 60"));
    EXPECT_EQ(post("/cron/add", "cronSet=0 * * * * *&command=true&jitter=86401").status, 400U);
    EXPECT_EQ(post("/cron/add", "cronSet=0 * * * * *&command=true&jitter=60").status, 200U);
}

/// What the answer says why it is refused; empty: it is not.
std::string why_refused(const testing::Reply& reply, unsigned status = 400)
{
    if (reply.status == 200U) return "";
    EXPECT_EQ(reply.status, status) << reply.body;
    return reply.message();
}

TEST_F(CronApiTest, AJobRequiresJobsThatThereAre)
{
    const auto add = [this](const std::string& fields) {
        return post("/cron/add", "command=true&" + fields);
    };
    EXPECT_EQ(add("name=extract&cronSet=0 0 2 * * *").status, 200U);
    EXPECT_EQ(add("name=worker&kind=daemon").status, 200U);
    EXPECT_EQ(add("name=load&run_after=extract").status, 200U);
    const std::string hourly = "cronSet=0 0 * * * *&name=report&";
    EXPECT_THAT(why_refused(add(hourly + "requires=extrakt")),
                HasSubstr("requires: given \"extrakt\"; there is no job of that name"));
    EXPECT_THAT(why_refused(add(hourly + "requires=worker")), HasSubstr("is a daemon"));
    EXPECT_THAT(why_refused(add(hourly + "requires=extract,report")),
                HasSubstr("requires: given \"report\"; a job cannot require itself"));
    EXPECT_THAT(why_refused(add(hourly + "requires_wait=60")),
                HasSubstr("requires_wait: given 60 for a job that requires no others"));
    EXPECT_THAT(why_refused(add(hourly + "requires=extract&requires_wait=604801")),
                HasSubstr("requires_wait"));
    EXPECT_THAT(why_refused(add(hourly + "requires=load")),
                HasSubstr("requires: given \"load\", which runs after other jobs; require"));
    EXPECT_EQ(add("name=index&cronSet=@daily").status, 200U);
    EXPECT_THAT(why_refused(add("name=report&run_after=extract&requires=index")),
                HasSubstr("requires: given for a job with run_after"));
    EXPECT_EQ(add("name=cut&cronSet=@daily&spread=shards&shards=4").status, 200U);
    EXPECT_THAT(why_refused(add(hourly + "requires=cut")),
                HasSubstr("requires: given \"cut\", whose fires are 4 runs each"));
    EXPECT_THAT(why_refused(add(hourly + "requires=extract&spread=shards&shards=2")),
                HasSubstr("requires: given for a job with shards"));
    EXPECT_EQ(add("name=clean&cronSet=@daily&spread=every").status, 200U);
    EXPECT_THAT(why_refused(add(hourly + "requires=clean")),
                HasSubstr("requires: given \"clean\", whose fires are a run at every node"));
    EXPECT_THAT(why_refused(add(hourly + "requires=extract&spread=every")),
                HasSubstr("requires: given for a job with spread \"every\""));
    std::string many = "a";
    for (int i = 0; i < 16; ++i) many += fmt::format(",b{}", i);
    EXPECT_THAT(why_refused(add(hourly + "requires=" + many)), HasSubstr("requires"));
    EXPECT_THAT(why_refused(add("name=report&kind=daemon&requires=extract")),
                HasSubstr("requires: given for a job of kind daemon"));

    const auto added = add(hourly + "requires=index,extract&requires_wait=5400");
    ASSERT_EQ(added.status, 200U) << added.body;
    EXPECT_EQ(added.data().at("requires"), (boost::json::array{"index", "extract"}));
    EXPECT_EQ(added.data().at("requires_wait"), 5400);
    EXPECT_EQ(get("/cron/list?requires=extract").data().at("total"), 1);
    const auto change = [this](const boost::json::value& id) {
        return post("/cron/update", fmt::format("id={}&spread=shards&shards=2", id.as_int64()));
    };
    EXPECT_THAT(why_refused(change(added.data().at("id"))),
                HasSubstr("spread: given \"shards\", but the job requires others"));
}

TEST_F(CronApiTest, JobsThatRequireEachOtherAreACircle)
{
    const auto add = [this](const std::string& fields) {
        const auto reply = post("/cron/add", "command=true&" + fields);
        EXPECT_EQ(reply.status, 200U) << reply.body;
        return std::to_string(reply.data().at("id").as_int64());
    };
    const std::string extract = add("name=extract&cronSet=0 0 2 * * *");
    const std::string load = add("name=load&cronSet=0 0 1 * * *&requires=extract");
    const std::string report = add("name=report&cronSet=0 0 3 * * *&requires=load");
    const auto update = [this](const std::string& fields, unsigned status = 400) {
        return why_refused(post("/cron/update", fields), status);
    };
    EXPECT_THAT(update("id=" + extract + "&requires=report"), HasSubstr("no circles"));
    EXPECT_THAT(update("id=" + load + "&requires=&cronSet=&run_after=extract", 409),
                HasSubstr("run_after: \"report\" requires \"load\"; change requires of it first"));
    EXPECT_EQ(update("id=" + load + "&requires="), "");
    const std::string unnamed = add("cronSet=0 0 4 * * *&requires=report");
    // Somebody has changed that in the database.
    tables_.jobs.at(std::stoll(load)).required = {"last"};
    EXPECT_THAT(update("id=" + unnamed + "&name=last"), HasSubstr("no circles"));
    EXPECT_EQ(update("id=" + unnamed + "&name=other"), "");
    EXPECT_EQ(post("/cron/delete/" + unnamed, "").status, 200U);
    EXPECT_EQ(update("id=" + extract + "&remark=fine"), "");

    EXPECT_THAT(why_refused(post("/cron/update", "id=" + load + "&name=put"), 409),
                HasSubstr("\"report\" requires \"load\"; change requires of it first"));
    EXPECT_THAT(why_refused(post("/cron/delete/" + load, ""), 409),
                HasSubstr("\"report\" requires \"load\", so nothing was deleted"));
    EXPECT_EQ(update("id=" + report + "&requires="), "");
    EXPECT_EQ(post("/cron/delete/" + load, "").status, 200U);
}

TEST_F(CronApiTest, ListHasAllJobsAsTheReferenceShowsThem)
{
    Job job;
    job.id = 1538;
    job.cron_set = "*/1 * * * * *";
    job.command = "curl http://test.com/index.php?a=1&b=\"2\"";
    job.is_mutex = true;
    tables_.insert(job);
    EXPECT_EQ(get("/cron/list").body,
              R"({"code":200,"data":[{"id":1538,"cron_set":"*/1 * * * * *",)"
              R"("command":"curl http://test.com/index.php?a=1&b=\"2\"","remark":"","stop":false,)"
              R"("start_time":0,"end_time":0,"is_mutex":true,)" +
                  newer_fields() +
                  R"("run_num":0,"last_run_at":null,"next_run_at":1795219201000,"state":"enabled",)"
                  R"("schedule_in_words":"every second","zone":"UTC","paused":null,)"
                  R"("last_state":null,"last_success_at":null,"failures_in_row":0,)"
                  R"("failing_since":null,"running":0,)"
                  R"("usual_time":null,"usual_p95":null,"late_p99":null,)"
                  R"("goal_fires":null,"goal_met":null,"goal_percent":null,"unusual":[]}],)"
                  R"("message":"ok"})");
}

TEST_F(CronApiTest, AnEmptyListIsAnEmptyArray)
{
    EXPECT_EQ(get("/cron/list").body, R"({"code":200,"data":[],"message":"ok"})");
}

TEST_F(CronApiTest, ListPagesAndSearchesWhenAsked)
{
    for (int i = 0; i < 5; ++i) insert_job("echo " + std::to_string(i));
    const auto page = get("/cron/list?page=2&limit=2").data();
    EXPECT_EQ(page.at("total"), 5);
    ASSERT_THAT(page.at("list").as_array(), SizeIs(2));
    EXPECT_EQ(page.at("list").at(0).at("command"), "echo 2");
    const auto found = get("/cron/list?search=echo+4").data();
    EXPECT_EQ(found.at("total"), 1);
    EXPECT_EQ(found.at("list").at(0).at("command"), "echo 4");
}

TEST_F(CronApiTest, AListOfWordsIsOneTextOrGivenAgainOrAList)
{
    const boost::json::value expected{"a b", "c"};
    const std::string job = "cronSet=@daily&command=x&";
    EXPECT_EQ(post("/cron/add", job + "tags=a b, c,").data().at("tags"), expected);
    EXPECT_EQ(post("/cron/add", job + "tags=a b&tags=c&tags=a b").data().at("tags"), expected);
    const auto json = post_json("/cron/update", R"({"id": 1001, "tags": ["a b", "c"]})");
    EXPECT_EQ(json.data().at("tags"), expected);
    EXPECT_EQ(get("/cron/list?tags=c,a+b").data().at("total"), 2);
    EXPECT_EQ(get("/cron/list?tags=c&tags=d").data().at("total"), 0);
    EXPECT_THAT(get("/cron/list?tags=a%0Fb").message(),
                HasSubstr("tags: given \"a\\x0fb\"; a word"));
    EXPECT_THAT(post_json("/cron/update", R"({"id": 1001, "tags": ["a,b"]})").message(),
                HasSubstr("a text without commas is allowed in the list"));
    EXPECT_THAT(post_json("/cron/update", R"({"id": 1001, "tags": [1]})").message(),
                HasSubstr("tags: given"));
    EXPECT_THAT(post_json("/cron/update", R"({"id": 1001, "tags": 1})").message(),
                HasSubstr("a list of texts, or one text with commas, is allowed"));
}

TEST_F(CronApiTest, AListOfLinesIsOneTextOrGivenAgainOrAList)
{
    const boost::json::value expected{"A=1, 2", "B=x"};
    const std::string job = "cronSet=@daily&command=x&";
    EXPECT_EQ(post("/cron/add", job + "env=A=1, 2%0AB=x%0A").data().at("env"), expected);
    EXPECT_EQ(post("/cron/add", job + "env=A=1, 2&env=B=x").data().at("env"), expected);
    const auto json = post_json("/cron/update", R"({"id": 1001, "env": ["A=1, 2", "B=x"]})");
    EXPECT_EQ(json.data().at("env"), expected);
    EXPECT_EQ(post("/cron/update", "id=1001&env=").data().at("env"), boost::json::array());
    EXPECT_THAT(post_json("/cron/update", R"({"id": 1001, "env": ["A=1\nB=2"]})").message(),
                HasSubstr("; a text without line breaks is allowed in the list"));
    EXPECT_THAT(post_json("/cron/update", R"({"id": 1001, "env": {"A": "1"}})").message(),
                HasSubstr("env: given"));
    EXPECT_THAT(post_json("/cron/update", R"({"id": 1001, "env": 1})").message(),
                HasSubstr("a list of texts, or one text with line breaks, is allowed"));
}

TEST_F(CronApiTest, WhatACommandAsksForIsRefusedByName)
{
    const auto add = [this](std::string_view more) {
        return post("/cron/add", fmt::format("command=a&cronSet=@daily&{}", more));
    };
    expect_refused(add("env=A"), "env: given \"A\"; NAME=value on one line");
    expect_refused(add("env=PEERCRON_NODE=x"), "env: given \"PEERCRON_NODE=x\"; NAME=value");
    expect_refused(add("env=A=%00"), "has a NUL, which is not allowed");
    expect_refused(add("work_dir=tmp"), "work_dir: given \"tmp\"; an absolute path");
    expect_refused(add("umask=888"), "umask: given \"888\"; three octal digits");
    expect_refused(add("nice=20"), "nice: given \"20\"; a whole number from -20 to 19");
    expect_refused(add("nice=high"), "nice: given \"high\"");
    expect_refused(add("success_codes=0,256"), "success_codes: given \"256\"; an exit code");
    expect_refused(add("stop_signal=SIGKIL"), "stop_signal: given \"SIGKIL\"; one of SIGTERM, ");
    expect_refused(add("stop_signal=15"), "stop_signal: given \"15\"");
    expect_refused(add("kill_grace=-1"), "kill_grace: given \"-1\"; a whole number from 0 to 3600");
    expect_refused(add("inputs=A B"), "inputs: given \"A B\"; NAME, NAME=default or NAME:first");
    expect_refused(add("secrets=a,../b"), "secrets: given \"../b\"; the name of a file");
    expect_refused(add("memory_max=512"), "memory_max: given 512; 0, or 1048576 (1MiB) to ");
    expect_refused(add("memory_max=much"), "memory_max: given \"much\"; 0, whole bytes, or a size");
    expect_refused(add("memory_max=-1"), "memory_max: given -1");
    expect_refused(add("cpu_max=50%25"), "cpu_max: given \"50%\"");
    expect_refused(add("pids_max=-1"), "pids_max: given \"-1\"");
    expect_refused(add("run_as=a/b"), "run_as: given \"a/b\"; the name of a user");
    expect_refused(add("stdin=" + std::string(65'536, 'x')), "stdin: given 65536 bytes");
    EXPECT_EQ(get("/cron/count").data().at("total"), 0);
}

TEST_F(CronApiTest, ASizeIsANumberOrHasAUnit)
{
    const auto size = [this](std::string_view given) {
        return post_json("/cron/add", fmt::format(R"({{"command":"a","cronSet":"@daily",
                                                       "memory_max":{}}})",
                                                  given))
            .data()
            .at("memory_max");
    };
    EXPECT_EQ(size("536870912"), 536'870'912);
    EXPECT_EQ(size("\"536870912\""), 536'870'912);
    EXPECT_EQ(size("\"512MiB\""), 536'870'912);
    EXPECT_EQ(size("\"2GiB\""), 2'147'483'648);
    EXPECT_EQ(size("0"), 0);
}

TEST_F(CronApiTest, WhatNoNodeRunsIsRefusedWhereItIsAskedFor)
{
    const std::string job = "cronSet=@daily&command=x&name=a&";
    ASSERT_EQ(post("/cron/add", job + "run_as=somebody").status, 200U);
    refused_user_ = "somebody";
    expect_bad(post("/cron/add", "cronSet=@daily&command=x&run_as=somebody"), "run_as: not here");
    expect_bad(post("/cron/add", job + "run_as=somebody&replace=1"), "run_as: not here");
    expect_bad(post("/cron/update", "id=1001&command=y"), "run_as: not here");
    EXPECT_EQ(post("/cron/update", "id=1001&remark=y").status, 200U) << "the command stays";
    EXPECT_EQ(post("/cron/stop/1001", "").status, 200U);
    EXPECT_EQ(post("/cron/update", "id=1001&run_as=").status, 200U);
}

TEST_F(CronApiTest, AJobThatNoNodeCanRunNowIsSavedWithAWarning)
{
    const auto warnings = [](const testing::Reply& answer) {
        EXPECT_EQ(answer.status, 200U) << answer.body;
        std::vector<std::string> texts;
        const auto data = answer.data();
        const auto* const list = data.as_object().if_contains("warnings");
        if (list == nullptr) return texts;
        for (const auto& text : list->as_array()) texts.emplace_back(text.as_string());
        return texts;
    };
    const std::string job = "cronSet=@daily&command=x&";
    EXPECT_THAT(warnings(post("/cron/add", job + "run_on=db,host%3Ddb1,!spare")), IsEmpty());
    EXPECT_THAT(warnings(post("/cron/add", job + "run_on=db,address%3D127.0.0.1:9993")),
                ElementsAre("no node fits run_on db, address=127.0.0.1:9993 now; fires that find "
                            "none in time are skipped (no-node)"));
    EXPECT_THAT(warnings(post("/cron/update", "id=1001&weight=300")), IsEmpty())
        << "nothing is known of their slots";
    NodeLoad load;
    load.node = "127.0.0.1:9991";
    loads_ = {load};
    EXPECT_THAT(warnings(post("/cron/update", "id=1001&weight=300")), IsEmpty())
        << "nor has the dispatcher heard of them";
    loads_.front().slots = 128;
    EXPECT_THAT(warnings(post("/cron/update", "id=1001&weight=300")),
                ElementsAre("weight is 300, and no node that it may run on has more than 128 "
                            "slots; fires that find none in time are skipped (no-node)"));
    EXPECT_THAT(warnings(post("/cron/start/1001", "")), SizeIs(1));
    EXPECT_THAT(warnings(post("/cron/stop/1001", "")), IsEmpty());
    EXPECT_THAT(warnings(post("/cron/update", "id=1001&weight=128")), IsEmpty());
}

TEST_F(CronApiTest, StopStartAndDeleteAnswerWithTheJobByGetAndByPost)
{
    for (const std::string method : {"GET", "POST"}) {
        const JobId id = insert_job().id;
        const auto call = [&](std::string_view what) {
            return request(method, fmt::format("/cron/{}/{}", what, id));
        };
        EXPECT_EQ(call("stop").data().at("stop"), true);
        EXPECT_TRUE(tables_.jobs.at(id).stop);
        EXPECT_EQ(call("start").data().at("stop"), false);
        EXPECT_FALSE(tables_.jobs.at(id).stop);
        EXPECT_EQ(call("delete").data().at("id"), id);
        EXPECT_FALSE(tables_.jobs.contains(id));
    }
    EXPECT_THAT(announced_, SizeIs(6));
}

TEST_F(CronApiTest, TheHistoryOfAJobSaysWhoChangedWhatAndStaysWhenItIsDeleted)
{
    const auto added = post("/cron/add", "cronSet=%2A%20%2A%20%2A%20%2A%20%2A&command=a").data();
    const std::string id = std::to_string(added.at("id").as_int64());
    clock_.time += std::chrono::seconds(5);
    get("/cron/stop/" + id);
    get("/cron/start/" + id);
    post("/cron/update", "id=" + id + "&command=b&stop=1&overlap=queue");
    get("/cron/delete/" + id);

    const auto history = get("/cron/" + id + "/history").data();

    EXPECT_EQ(history.at("total"), 5);
    std::vector<std::string> actions;
    for (const auto& revision : history.at("list").as_array()) {
        actions.emplace_back(revision.at("action").as_string());
        EXPECT_EQ(revision.at("who"), "anonymous");
        EXPECT_EQ(revision.at("from"), "127.0.0.1");
        EXPECT_EQ(revision.at("cron_id"), added.at("id"));
    }
    EXPECT_THAT(actions, ::testing::ElementsAre("delete", "update", "start", "stop", "add"));
    const auto& update = history.at("list").at(1);
    EXPECT_EQ(update.at("before").at("command"), "a");
    EXPECT_EQ(update.at("after").at("command"), "b");
    EXPECT_EQ(update.at("before").at("overlap"), "allow");
    EXPECT_EQ(update.at("after").at("overlap"), "queue");
    EXPECT_EQ(update.at("effective_from"), to_unix_millis(clock_.time));
    EXPECT_TRUE(history.at("list").at(0).at("after").is_null());
    EXPECT_TRUE(history.at("list").at(4).at("before").is_null());
    EXPECT_EQ(get("/cron/" + id + "/history?page=2&limit=2").data().at("list").at(0).at("action"),
              "start");
}

TEST_F(CronApiTest, AJobThatNeverWasHasNoHistory)
{
    EXPECT_EQ(get("/cron/4711/history").status, 404U);
    EXPECT_EQ(get("/cron/x/history").status, 400U);
    EXPECT_EQ(get("/cron/4711/history?limit=0").status, 400U);
}

TEST_F(CronApiTest, StoppingAStoppedJobTellsTheDispatcherAgainButWritesNothing)
{
    Job& job = insert_job();
    job.stop = true;
    EXPECT_EQ(get("/cron/stop/" + std::to_string(job.id)).status, 200U);
    EXPECT_EQ(tables_.writes, 0U);
    EXPECT_THAT(announced_, SizeIs(1));
}

TEST_F(CronApiTest, UpdateChangesOnlyWhatIsGiven)
{
    Job& job = insert_job("sleep 1");
    job.is_mutex = true;
    job.remark = "kept";
    const auto reply =
        post_json("/cron/update", fmt::format(R"({{"id":{},"timeout":30}})", job.id));
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(job.timeout, std::chrono::seconds(30));
    EXPECT_EQ(job.command, "sleep 1");
    EXPECT_EQ(job.remark, "kept");
    EXPECT_TRUE(job.is_mutex);
    EXPECT_THAT(announced_, ElementsAre(ElementsAre(job.id)));
}

TEST_F(CronApiTest, UpdateTakesTheReferencesForm)
{
    const JobId id = insert_job("old").id;
    const auto reply = post("/cron/update", fmt::format("id={}&{}", id, reference_form));
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.data().at("command"), "php -v");
}

TEST_F(CronApiTest, ParametersMayComeAsFormJsonOrQueryString)
{
    const auto command_of = [](const testing::Reply& reply) {
        return std::string(reply.data().at("command").as_string());
    };
    EXPECT_EQ(command_of(post("/cron/add", "cronSet=@daily&command=a%20b%2Bc+d")), "a b+c d");
    EXPECT_EQ(command_of(post("/cron/add?cron_set=@daily&command=a%20b%2Bc+d", "")), "a b+c d");
    EXPECT_EQ(command_of(post_json("/cron/add", R"({"cronSet":"@daily","command":"a b+c d"})")),
              "a b+c d");
    EXPECT_EQ(command_of(post("/cron/add?command=query", "cronSet=@daily&command=body")), "body");
}

TEST_F(CronApiTest, NumbersAndTruthsMayBeJsonsOwnOrText)
{
    const auto own = post_json("/cron/add", R"({"cronSet":"@daily","command":"a","is_mutex":true,)"
                                            R"("stop":1,"start_time":5,"remark":null})");
    EXPECT_EQ(own.data().at("is_mutex"), true);
    EXPECT_EQ(own.data().at("stop"), true);
    EXPECT_EQ(own.data().at("start_time"), 5);
    const auto whole = post_json(
        "/cron/add", R"({"cronSet":"@daily","command":"a","timeout":30.0,"max_concurrent":2e1})");
    EXPECT_EQ(whole.data().at("timeout"), 30) << "a whole number as JSON has it";
    EXPECT_EQ(whole.data().at("max_concurrent"), 20);
    EXPECT_EQ(post_json("/cron/add", R"({"every":5205.0,"command":"a"})").data().at("cron_set"),
              "@every 5205s");
    for (const std::string_view timeout : {"1.5", "1e300", "-1.0"}) {
        const auto refused =
            post_json("/cron/add",
                      fmt::format(R"({{"cronSet":"@daily","command":"a","timeout":{}}})", timeout));
        EXPECT_EQ(refused.status, 400U) << timeout;
        EXPECT_THAT(refused.message(), HasSubstr("timeout: given")) << timeout;
    }
    const auto text = post_json("/cron/add", R"({"cronSet":"@daily","command":"a",)"
                                             R"("is_mutex":"1","stop":"true","start_time":"5"})");
    EXPECT_EQ(text.data().at("is_mutex"), true);
    EXPECT_EQ(text.data().at("stop"), true);
    EXPECT_EQ(text.data().at("start_time"), 5);
}

TEST_F(CronApiTest, EmojiQuotesAndSqlAreData)
{
    const std::string command = R"(echo "🎉" '; DROP TABLE cron; -- ' \ </script>)";
    const auto reply = post_json("/cron/add", boost::json::serialize(boost::json::object{
                                                  {"cronSet", "@daily"}, {"command", command}}));
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(std::string(reply.data().at("command").as_string()), command);
    EXPECT_EQ(tables_.jobs.begin()->second.command, command);
    EXPECT_EQ(std::string(get("/cron/list").data().at(0).at("command").as_string()), command);
}

TEST_F(CronApiTest, AFiveFieldExpressionMeansSecondZero)
{
    const auto added = post("/cron/add", "cronSet=30 8 * * *&command=a").data();
    EXPECT_EQ(added.at("cron_set"), "30 8 * * *");
    const auto shown = get("/cron/" + std::to_string(added.at("id").as_int64())).data();
    EXPECT_EQ(shown.at("next").at(0), "2026-11-21T08:30:00+00:00");
}

TEST_F(CronApiTest, AJobIsShownWithItsNextFiresInItsZone)
{
    Job& job = insert_job();
    job.cron_set = "0 30 8 * * *";
    job.time_zone = "America/New_York";
    const auto data = get("/cron/" + std::to_string(job.id)).data();
    EXPECT_EQ(data.at("id"), job.id);
    ASSERT_THAT(data.at("next").as_array(), SizeIs(5));
    EXPECT_EQ(data.at("next").at(0), "2026-11-21T08:30:00-05:00");
    EXPECT_TRUE(data.at("schedule_error").is_null());
}

TEST_F(CronApiTest, NextFiresKeepToTheWindowAndAStoppedJobHasNone)
{
    Job& job = insert_job();
    job.start_time = 1795219210;  // ten seconds after the test's now
    job.end_time = 1795219212;
    const std::string path = "/cron/" + std::to_string(job.id);
    EXPECT_THAT(get(path).data().at("next").as_array(), SizeIs(2));
    EXPECT_EQ(get(path).data().at("next").at(0), "2026-11-21T00:00:10+00:00");
    job.stop = true;
    EXPECT_THAT(get(path).data().at("next").as_array(), SizeIs(0));
}

TEST_F(CronApiTest, AJobThatSomebodyBrokeByHandIsShownWithTheReason)
{
    Job& job = insert_job();
    job.cron_set = "nonsense";
    const auto data = get("/cron/" + std::to_string(job.id)).data();
    EXPECT_THAT(data.at("next").as_array(), SizeIs(0));
    EXPECT_TRUE(data.at("schedule_error").is_string());
    // ... and may be mended piece by piece.
    EXPECT_EQ(post("/cron/update", fmt::format("id={}&remark=broken", job.id)).status, 200U);
}

TEST_F(CronApiTest, WhatIsMissingIsNamed)
{
    expect_refused(post("/cron/add", "cronSet=@daily"), "command: missing");
    expect_refused(post("/cron/add", "command=a"), "cronSet: missing");
    expect_refused(post("/cron/update", "command=a"), "id: missing");
    expect_refused(post("/cron/add", ""), "command: missing");
    const JobId id = insert_job().id;
    expect_refused(post("/cron/update", fmt::format("id={}", id)), "nothing to change");
}

TEST_F(CronApiTest, ANameIsUniqueAndReplaceMakesAddingIdempotent)
{
    expect_refused(post("/cron/add", "cronSet=@daily&command=b&replace=1"), "replace: ");
    const auto first = post("/cron/add", "cronSet=@daily&command=a&name=nightly&remark=old");
    ASSERT_EQ(first.status, 200U);
    const auto id = first.data().at("id").as_int64();
    EXPECT_EQ(first.data().at("name"), "nightly");

    const auto again = post("/cron/add", "cronSet=@daily&command=b&name=nightly");
    EXPECT_EQ(again.status, 409U);
    EXPECT_THAT(again.message(), HasSubstr("nightly"));

    // What is not given gets its default.
    const auto replaced = post("/cron/add", "cronSet=@daily&command=b&name=nightly&replace=1");
    EXPECT_EQ(replaced.data().at("id"), id);
    EXPECT_EQ(replaced.data().at("command"), "b");
    EXPECT_EQ(replaced.data().at("remark"), "");
    const std::size_t writes = tables_.writes;
    EXPECT_EQ(post("/cron/add", "cronSet=@daily&command=b&name=nightly&replace=1").status, 200U);
    EXPECT_EQ(tables_.writes, writes) << "nothing differs";

    const auto fresh = post("/cron/add", "cronSet=@daily&command=b&name=other&replace=1");
    EXPECT_NE(fresh.data().at("id"), id);
    EXPECT_EQ(get("/cron/list?name=nightly").data().at("total"), 1);
}

TEST_F(CronApiTest, ReplaceLeavesAStoppedJobStoppedUnlessStopIsGiven)
{
    const auto add = [this](std::string_view more) {
        return post("/cron/add",
                    fmt::format("cronSet=@daily&command=b&name=nightly&replace=1{}", more));
    };
    const auto id = add("").data().at("id").as_int64();
    ASSERT_EQ(post(fmt::format("/cron/stop/{}", id), "").status, 200U);
    const auto replaced = add("&remark=new");
    EXPECT_EQ(replaced.data().at("id"), id);
    EXPECT_EQ(replaced.data().at("remark"), "new");
    EXPECT_EQ(replaced.data().at("stop"), true);
    EXPECT_EQ(replaced.data().at("state"), "stopped");
    EXPECT_EQ(add("&stop=0").data().at("stop"), false);
    EXPECT_EQ(add("&stop=1").data().at("stop"), true);
}

TEST_F(CronApiTest, AJobThatWillNotFireAgainIsDone)
{
    const auto state = [this](const std::string& more) {
        return post("/cron/add", "command=a&" + more).data().at("state");
    };
    EXPECT_EQ(state("cronSet=@daily"), "enabled");
    EXPECT_EQ(state("after=10s"), "enabled");
    EXPECT_EQ(state("cronSet=@at 2001-01-01T00:00:00Z"), "done");
    EXPECT_EQ(state("cronSet=@at 2001-01-01T00:00:00Z&stop=1"), "stopped");
    EXPECT_EQ(state("cronSet=@daily&end_time=1000000000"), "done");
    EXPECT_EQ(state("cronSet=@daily&name=extract"), "enabled");
    EXPECT_EQ(state("run_after=extract"), "enabled") << "nobody knows when, but it will";
    EXPECT_EQ(state("run_after=extract&end_time=1000000000"), "done");
    EXPECT_EQ(state("kind=daemon"), "enabled");
    EXPECT_EQ(state("kind=daemon&end_time=1000000000"), "done");
}

TEST_F(CronApiTest, AZoneInTheExpressionIsTheJobs)
{
    expect_refused(
        post("/cron/add", "cronSet=TZ=Asia/Tokyo 0 9 * * *&time_zone=UTC&command=a"),
        "cronSet: names the time zone \"Asia/Tokyo\", and time_zone is \"UTC\"; give one of them");
    expect_refused(post("/cron/add", "cronSet=TZ= 0 9 * * *&command=a"), "the zone after the =");
    expect_refused(post("/cron/add", "cronSet=TZ=Mars 0 9 * * *&command=a"), "time_zone: ");
    const auto added = post("/cron/add", "cronSet=CRON_TZ=Asia/Tokyo 0 9 * * *&command=a");
    ASSERT_EQ(added.status, 200U) << added.message();
    EXPECT_EQ(added.data().at("cron_set"), "0 9 * * *");
    EXPECT_EQ(added.data().at("time_zone"), "Asia/Tokyo");
    const auto id = added.data().at("id").as_int64();
    const auto updated = post("/cron/update", fmt::format("id={}&cronSet=TZ=UTC 1 9 * * *", id));
    EXPECT_EQ(updated.data().at("time_zone"), "UTC");
    const auto same = "cronSet=TZ=Asia/Tokyo 0 9 * * *&time_zone=Asia/Tokyo&command=a";
    EXPECT_EQ(post("/cron/add", same).status, 200U);
}

TEST_F(CronApiTest, DeletedJobsAreFoundByName)
{
    expect_refused(get("/cron/deleted"), "name: missing");
    expect_refused(get("/cron/deleted?name="), "name: ");
    const auto add = [this] {
        return post("/cron/add", "cronSet=@daily&command=a&name=nightly").data().at("id");
    };
    const auto ids = [this](std::string_view query) {
        std::vector<boost::json::value> found;
        const auto data = get(fmt::format("/cron/deleted?{}", query)).data();
        for (const auto& row : data.at("list").as_array()) {
            found.push_back(row.at("cron_id"));
        }
        return found;
    };
    const auto first = add();
    EXPECT_TRUE(ids("name=nightly").empty()) << "it is there";
    post(fmt::format("/cron/delete/{}", first.as_int64()), "");
    const auto second = add();
    EXPECT_EQ(ids("name=nightly"), std::vector{first});
    post(fmt::format("/cron/delete/{}", second.as_int64()), "");
    EXPECT_EQ(ids("name=nightly"), (std::vector{second, first}));
    EXPECT_EQ(ids("name=nightly&limit=1"), std::vector{second});
    EXPECT_TRUE(ids("name=night").empty());
}

TEST_F(CronApiTest, ANameIsNotTakenForAnId)
{
    for (const std::string_view name : {"17", "%20a", "a%20", "a%0Ab"}) {
        expect_refused(post("/cron/add", fmt::format("cronSet=@daily&command=a&name={}", name)),
                       "name: ");
    }
    expect_refused(post("/cron/add", "cronSet=@daily&command=a&name=" + std::string(129, 'n')),
                   "name: given 129 characters");
    EXPECT_EQ(post("/cron/add", "cronSet=@daily&command=a&name=").status, 200U);
}

TEST_F(CronApiTest, AJobHasOneSchedule)
{
    expect_refused(post("/cron/add", "command=a&every=5s&cronSet=@daily"), "every: ");
    expect_refused(post("/cron/add", "command=a&every=5s&after=5s"), "every: ");
    expect_refused(post("/cron/add", "command=a&every=soon"), "every: given \"soon\"");
    expect_refused(post("/cron/add", "command=a&after="), "after: ");
    expect_refused(post("/cron/add", "command=a&after=0"), "after: ");
    expect_refused(post("/cron/add", "command=a&at=2026-11-20T23:59:59Z"), "at: ");
}

TEST_F(CronApiTest, TimersAndTickersAreExpressions)
{
    const auto cron_set = [this](std::string_view given) {
        const auto reply = post("/cron/add", fmt::format("command=a&{}", given));
        EXPECT_EQ(reply.status, 200U) << reply.body;
        return std::string(reply.data().at("cron_set").as_string());
    };
    EXPECT_EQ(cron_set("every=90"), "@every 90s");
    EXPECT_EQ(cron_set("every=1h30m"), "@every 5400s");
    EXPECT_EQ(cron_set("at=2027-01-01T01:00:00%2B01:00"), "@at 2027-01-01T00:00:00Z");
    EXPECT_EQ(cron_set("at=1798761600"), "@at 2027-01-01T00:00:00Z");
    EXPECT_EQ(cron_set("after=90s"), "@at 2026-11-21T00:01:30Z");
}

TEST_F(CronApiTest, AmountsMayBeNumbersOfJson)
{
    const auto add = [this](std::string_view more) {
        return post_json("/cron/add", fmt::format(R"({{"command":"a",{}}})", more));
    };
    EXPECT_EQ(add(R"("every":90)").data().at("cron_set"), "@every 90s");
    EXPECT_EQ(add(R"("every":"15m")").data().at("cron_set"), "@every 900s");
    EXPECT_EQ(add(R"("after":90)").data().at("cron_set"), "@at 2026-11-21T00:01:30Z");
    EXPECT_EQ(add(R"("every":9,"misfire_window":0)").data().at("misfire_window"), 0);
    EXPECT_EQ(add(R"("every":1.5)").status, 400U);
    EXPECT_EQ(add(R"("every":true)").status, 400U);
}

TEST_F(CronApiTest, ALimitIsShownWithWhatHasRunAndWhatIsNext)
{
    Job& job = insert_job();
    job.run_limit = 3;
    job.counters.run_num = 2;
    job.counters.last_run_at = clock_.time;
    const auto shown = [&] { return get(fmt::format("/cron/{}", job.id)).data(); };
    EXPECT_THAT(shown().at("next").as_array(), SizeIs(1)) << "one is left";
    EXPECT_EQ(shown().at("run_num"), 2);
    EXPECT_EQ(shown().at("last_run_at"), to_unix_millis(clock_.time));
    job.counters.run_num = 3;
    EXPECT_THAT(shown().at("next").as_array(), SizeIs(0));
    EXPECT_TRUE(shown().at("next_run_at").is_null());
}

TEST_F(CronApiTest, TheMisfireWindowMayBeGivenAndTakenBack)
{
    const JobId id = insert_job().id;
    const auto set = [&](std::string_view window) {
        return post("/cron/update", fmt::format("id={}&misfire_window={}", id, window));
    };
    expect_refused(set("1h"), "misfire_window: ");
    expect_refused(set("-1"), "misfire_window: ");
    expect_refused(set("4294967295"), "misfire_window: ");
    EXPECT_EQ(set("0").data().at("misfire_window"), 0);
    EXPECT_EQ(set("90").data().at("misfire_window"), 90);
    EXPECT_EQ(set("until_next").data().at("misfire_window"), "until_next");
    EXPECT_TRUE(set("default").data().at("misfire_window").is_null());
}

TEST_F(CronApiTest, PoliciesAreSetByTheirNames)
{
    const auto added = post("/cron/add",
                            "cronSet=@daily&command=a&name=n&delivery=at_least_once&"
                            "misfire_policy=run_latest&overlap=queue&max_concurrent=3");
    ASSERT_EQ(added.status, 200U) << added.body;
    const Job& job = tables_.jobs.begin()->second;
    EXPECT_EQ(job.delivery, Delivery::at_least_once);
    EXPECT_EQ(job.misfire_policy, Misfire::run_latest);
    EXPECT_EQ(job.overlap, Overlap::queue);
    EXPECT_EQ(job.max_concurrent, 3);
    const auto data = get(fmt::format("/cron/{}", job.id)).data();
    EXPECT_EQ(data.at("delivery"), "at_least_once");
    EXPECT_EQ(data.at("misfire_policy"), "run_latest");
    EXPECT_EQ(data.at("overlap"), "queue");
    EXPECT_EQ(data.at("max_concurrent"), 3);

    const auto changed =
        post_json("/cron/update", fmt::format(R"({{"id":{},"overlap":"replace"}})", job.id));
    EXPECT_EQ(changed.data().at("overlap"), "replace");
    EXPECT_EQ(changed.data().at("delivery"), "at_least_once") << "not given, not changed";

    const auto replaced = post("/cron/add", "cronSet=@daily&command=a&name=n&replace=1");
    EXPECT_EQ(replaced.data().at("id"), job.id);
    EXPECT_EQ(replaced.data().at("delivery"), "at_most_once");
    EXPECT_EQ(replaced.data().at("misfire_policy"), "run_all");
    EXPECT_EQ(replaced.data().at("overlap"), "allow");
    EXPECT_EQ(replaced.data().at("max_concurrent"), 0);
}

TEST_F(CronApiTest, AnUnknownPolicyIsRefusedWithThoseThatThereAre)
{
    const auto add = [this](std::string_view more) {
        return post("/cron/add", fmt::format("cronSet=@daily&command=a&{}", more));
    };
    expect_refused(add("delivery=exactly_once"),
                   "delivery: given \"exactly_once\"; one of at_most_once, at_least_once is");
    expect_refused(add("misfire_policy="), "one of run_all, run_latest, skip is allowed");
    expect_refused(add("overlap=Skip"), "one of allow, skip, queue, replace is allowed");
    expect_refused(add("max_concurrent=10001"), "max_concurrent: given \"10001\"");
    expect_refused(add("max_concurrent=-1"), "from 0 to 10000 is allowed");
}

TEST_F(CronApiTest, NoMoreJobsThanAllowed)
{
    context_.max_jobs = 2;
    insert_job();
    EXPECT_EQ(post("/cron/add", "cronSet=@daily&command=a&name=two").status, 200U);
    const auto refused = post("/cron/add", "cronSet=@daily&command=a");
    EXPECT_EQ(refused.status, 409U);
    EXPECT_THAT(refused.message(), HasSubstr("dispatch.max_jobs"));
    EXPECT_EQ(post("/cron/add", "cronSet=@daily&command=b&name=two&replace=1").status, 200U)
        << "none more";
}

TEST_F(CronApiTest, JobsAreCounted)
{
    insert_job();
    insert_job().stop = true;
    const auto data = get("/cron/count").data();
    EXPECT_EQ(data.at("total"), 2);
    EXPECT_EQ(data.at("enabled"), 1);
    EXPECT_EQ(data.at("stopped"), 1);
}

TEST_F(CronApiTest, ClearingTakesTheNumberOfJobsForAYes)
{
    for (int i = 0; i < 2500; ++i) insert_job();
    expect_refused(post("/cron/clear", ""), "confirm: missing");
    EXPECT_EQ(post("/cron/clear", "confirm=2499").status, 409U);
    EXPECT_THAT(tables_.jobs, SizeIs(2500));
    EXPECT_EQ(post("/cron/clear", "confirm=2500").data().at("deleted"), 2500);
    EXPECT_THAT(tables_.jobs, SizeIs(0));
    std::size_t told = 0;
    for (const auto& jobs : announced_) told += jobs.size();
    EXPECT_EQ(told, 2500U) << "the dispatcher hears of each";
}

TEST_F(CronApiTest, AJobIsRunNowAndTheRowSaysWhoAsked)
{
    const JobId id = insert_job().id;
    const auto reply = post(fmt::format("/cron/run/{}", id), "");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(reply.data().at("cron_id"), id);
    EXPECT_EQ(reply.data().at("state"), "planned");
    EXPECT_EQ(reply.data().at("requested_by"), "anonymous at 127.0.0.1");
    EXPECT_EQ(post("/cron/run/4711", "").status, 404U);
    EXPECT_EQ(get(fmt::format("/cron/run/{}", id)).status, 405U) << "no link may run a command";

    announce_error_ = "there is no dispatcher at the moment";
    const auto refused = post(fmt::format("/cron/run/{}", id), "");
    EXPECT_EQ(refused.status, 503U);
    EXPECT_THAT(refused.message(), HasSubstr("no dispatcher"));
}

TEST_F(CronApiTest, ARehearsalIsOneInItsRowAndStaysOne)
{
    const JobId id = insert_job().id;
    const auto reply = post(fmt::format("/cron/run/{}?rehearsal=1", id), "");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(reply.data().at("requested_by"), "anonymous at 127.0.0.1 (rehearsal)");
    EXPECT_EQ(reply.data().at("rehearsal"), true);
    // Of the fire, which it is not, no further attempt is made.
    tables_.log.front().run.state = RunState::failed;
    for (const char* again : {"/run/retry/{}", "/run/again/{}"}) {
        const auto refused =
            post(fmt::format(fmt::runtime(again), reply.data().at("id").as_int64()), "");
        EXPECT_EQ(refused.status, 409U);
        EXPECT_THAT(refused.message(), HasSubstr("the run is a rehearsal"));
    }
    tables_.log.clear();
    EXPECT_EQ(post(fmt::format("/cron/run/{}", id), "rehearsal=0").data().at("rehearsal"), false);
    const auto daemon = post_json("/cron/add", R"({"command": "x", "kind": "daemon"})").data();
    const auto refused =
        post(fmt::format("/cron/run/{}", daemon.at("id").as_int64()), "rehearsal=1");
    EXPECT_EQ(refused.status, 409U);
    EXPECT_THAT(refused.message(), HasSubstr("a daemon, which has no rehearsals"));
}

TEST_F(CronApiTest, ARunOnRequestTakesTheInputsOfItsJobAndNothingElse)
{
    const auto added = post_json("/cron/add", R"({"command": "x", "cronSet": "@daily",
        "inputs": ["DAY=today", "LEVEL:some|all"]})");
    ASSERT_EQ(added.status, 200U) << added.body;
    const std::string run = fmt::format("/cron/run/{}", added.data().at("id").as_int64());
    const auto requested_by = [this](const testing::Reply& reply) {
        EXPECT_EQ(reply.status, 200U) << reply.body;
        tables_.log.clear();  // the clock stands still, so the next one has the same identity
        return std::string(reply.data().at("requested_by").as_string());
    };
    EXPECT_EQ(requested_by(post(run, "")), "anonymous at 127.0.0.1");
    const std::string both = R"(anonymous at 127.0.0.1 {"DAY":"2026-11-21","LEVEL":"all"})";
    EXPECT_EQ(requested_by(post_json(run, R"({"inputs": ["DAY=2026-11-21", "LEVEL=all"]})")), both);
    EXPECT_EQ(requested_by(post(run, "inputs=DAY=2026-11-21&inputs=LEVEL=all")), both);
    const std::size_t runs = tables_.log.size();
    expect_bad(post(run, "inputs=OTHER=1"),
               "inputs: given \"OTHER=1\"; NAME=value is allowed, "
               "where NAME is one of DAY, LEVEL");
    expect_bad(post(run, "inputs=LEVEL=none"), "inputs: given \"none\"; one of some, all");
    expect_bad(post(run, "inputs=DAY"), "inputs: given \"DAY\"; DAY=value is allowed");
    expect_bad(post(run, "inputs=DAY=1&inputs=DAY=2"), "inputs: DAY is given twice");
    expect_bad(post(run, "DAY=1"), "body: there is no parameter \"DAY\"; allowed: inputs");
    expect_bad(post(run, "inputs=DAY=" + std::string(300, 'x')), "inputs: too long by ");
    expect_bad(post(fmt::format("/cron/run/{}", insert_job().id), "inputs=DAY=1"),
               "inputs: given \"DAY=1\"; the job has no inputs");
    EXPECT_EQ(tables_.log.size(), runs);
}

TEST_F(CronApiTest, ARunIsEndedUnlessItHasEnded)
{
    LogRow row;
    row.id = 7;
    row.run.id = RunId{3, clock_.time, 1};
    row.run.state = RunState::running;
    tables_.log.push_back(row);
    row.id = 8;
    row.run.id.scheduled_at += std::chrono::seconds(1);
    row.run.state = RunState::success;
    tables_.log.push_back(row);

    const auto reply = post("/run/kill/7", "");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(reply.data().at("id"), 7);
    ASSERT_THAT(ended_, SizeIs(1));
    EXPECT_EQ(ended_[0].first, (RunId{3, clock_.time, 1}));
    EXPECT_EQ(to_string(ended_[0].second), "on-request: anonymous at 127.0.0.1");

    const auto over = post("/run/kill/8", "");
    EXPECT_EQ(over.status, 409U);
    EXPECT_THAT(over.message(), HasSubstr("success"));
    EXPECT_EQ(post("/run/kill/9", "").status, 404U);
    EXPECT_EQ(get("/log/7").data().at("state"), "running");
    EXPECT_EQ(get("/log/9").status, 404U);
}

TEST_F(CronApiTest, AFireIsTriedAgainUnlessItSucceededOrGoesOn)
{
    const auto id =
        post("/cron/add", "cronSet=@daily&command=a&retries=2").data().at("id").as_int64();
    const auto add = [&](std::int64_t row_id, int second, std::int32_t attempt, RunState state) {
        LogRow row;
        row.id = row_id;
        row.run.id = RunId{id, clock_.time + std::chrono::seconds(second), attempt};
        row.run.state = state;
        tables_.log.push_back(row);
        return &tables_.log.back();
    };
    add(1, 1, 1, RunState::failed);
    add(2, 2, 1, RunState::success);
    add(3, 3, 1, RunState::failed);
    add(4, 3, 2, RunState::running)->run.run_server = "n";
    add(5, 4, 1, RunState::skipped)->fires = 7;
    add(6, 5, 1, RunState::revoked);
    add(7, 6, 1, RunState::failed);
    add(8, 6, 2, RunState::planned)->retry_at = clock_.time + std::chrono::minutes(1);
    add(9, 7, 1, RunState::failed)->run.id.job = 4711;
    add(10, 8, 1, RunState::failed);

    const auto again = post("/run/retry/1", "");
    ASSERT_EQ(again.status, 200U) << again.body;
    EXPECT_EQ(again.data().at("attempt"), 2);
    EXPECT_EQ(again.data().at("requested_by"), "anonymous at 127.0.0.1");
    EXPECT_EQ(post("/run/retry/7", "").status, 200U) << "its second attempt waits";
    const auto refused = [this](int run, std::string_view why) {
        const auto reply = post(fmt::format("/run/retry/{}", run), "");
        EXPECT_EQ(reply.status, 409U) << reply.body;
        EXPECT_THAT(reply.message(), HasSubstr(std::string(why)));
    };
    refused(2, "attempt 1 of this fire (run 2) succeeded");
    refused(3, "attempt 2 of this fire (run 4) has not ended: running");
    refused(5, "7 missed fires");
    refused(6, "taken back");
    refused(9, "job 4711 was deleted");
    EXPECT_EQ(post("/run/retry/4711", "").status, 404U);
    EXPECT_EQ(post("/run/retry/x", "").status, 400U);
    EXPECT_EQ(get("/run/retry/1").status, 405U);
    announce_error_ = "there is no dispatcher at the moment";
    EXPECT_EQ(post("/run/retry/10", "").status, 503U);
}

TEST_F(CronApiTest, AFireThatWaitsToBeTriedAgainIsGivenUp)
{
    LogRow row;
    row.id = 7;
    row.run.id = RunId{3, clock_.time, 1};
    row.run.state = RunState::failed;
    tables_.log.push_back(row);
    EXPECT_THAT(post("/run/give-up/7", "").message(),
                HasSubstr("no further attempt of this fire waits: attempt 1 (run 7) is failed"));
    row.id = 8;
    row.run.id.attempt = 2;
    row.run.state = RunState::planned;
    row.retry_at = clock_.time + std::chrono::minutes(1);
    tables_.log.push_back(row);
    const auto reply = post("/run/give-up/7", "");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(reply.data().at("id"), 8);
    EXPECT_EQ(reply.data().at("retry_at"), to_unix_millis(*row.retry_at));
    ASSERT_THAT(ended_, SizeIs(1));
    EXPECT_EQ(ended_[0].first, (RunId{3, clock_.time, 2}));
    EXPECT_EQ(post("/run/give-up/9", "").status, 404U);
    EXPECT_EQ(get("/run/give-up/7").status, 405U);
}

TEST_F(CronApiTest, RetriesThatMakeNoSenseAreRefusedWithWhatIsAllowed)
{
    const auto add = [this](std::string_view more) {
        return post("/cron/add", fmt::format("command=a&cronSet=@daily&{}", more));
    };
    expect_refused(add("retries=101"), "retries: ");
    EXPECT_THAT(add("retries=101").message(), HasSubstr("0 to 100"));
    expect_refused(add("retries=-1"), "retries: ");
    expect_refused(add("retries=many"), "retries: ");
    expect_refused(add("retry_delay=-1"), "retry_delay: ");
    expect_refused(add("retry_max_delay=2147483648"), "retry_max_delay: ");
    for (const char* word : {"lost", "256", "9-3", "!failed", "1-", "exit 5"}) {
        expect_refused(add(fmt::format("retry_on={}", word)), "retry_on: given ");
        EXPECT_THAT(add(fmt::format("retry_on={}", word)).message(), HasSubstr("!2")) << word;
    }
    EXPECT_THAT(tables_.jobs, ::testing::IsEmpty());
    const auto reply = add("retries=3&retry_on=failed, !2");
    ASSERT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(reply.data().at("retry_on"), (boost::json::array{"failed", "!2"}));
    EXPECT_EQ(reply.data().at("retry_delay"), 10);
    EXPECT_EQ(reply.data().at("retry_max_delay"), 3600);
}

TEST_F(CronApiTest, ATypoIsToldWithTheAllowedNames)
{
    const auto reply = post("/cron/add", "cronSet=@daily&comand=a");
    expect_refused(reply, "\"comand\"");
    EXPECT_THAT(reply.message(), HasSubstr("cronSet, command, remark"));
}

TEST_F(CronApiTest, ABadExpressionIsRefusedWithTheFieldAndItsRange)
{
    const auto add = [this](std::string_view cron_set) {
        return post("/cron/add", fmt::format("command=a&cronSet={}", cron_set));
    };
    expect_refused(add("99 * * * * *"), "cronSet: ");
    EXPECT_THAT(add("99 * * * * *").message(), HasSubstr("59"));
    expect_refused(add("* * * * * * * *"), "cronSet: ");
    expect_refused(add("0 0 0 30 2 *"), "cronSet: ");
    expect_refused(add(""), "cronSet: ");
    expect_refused(add(std::string(256, '*')), "cronSet: given 256 characters");
    expect_refused(post("/cron/add", "command=a&cronSet=@daily&time_zone=Mars/Olympus"),
                   "time_zone: ");
}

TEST_F(CronApiTest, AnUpdateIsJudgedTogetherWithWhatTheJobHas)
{
    Job& job = insert_job();
    job.start_time = 100;
    job.end_time = 200;
    const auto update = [&](std::string_view change) {
        return post("/cron/update", fmt::format("id={}&{}", job.id, change));
    };
    expect_refused(update("start_time=200"), "start_time: the window");
    expect_refused(update("end_time=100"), "end_time: the window");
    expect_refused(update("cronSet=0 0 0 30 2 *"), "cronSet: ");
    EXPECT_EQ(update("end_time=0").status, 200U);
}

TEST_F(CronApiTest, ValuesOutOfRangeAreRefusedByName)
{
    const auto add = [this](std::string_view more) {
        return post("/cron/add", fmt::format("command=a&cronSet=@daily&{}", more));
    };
    expect_refused(add("stop=2"), "stop: given \"2\"; 0, 1, true or false");
    expect_refused(add("is_mutex=yes"), "is_mutex: given \"yes\"");
    expect_refused(add("start_time=-1"), "start_time: given \"-1\"");
    expect_refused(add("start_time=tomorrow"), "start_time: given \"tomorrow\"");
    expect_refused(add("start_time="), "start_time: given \"\"");
    expect_refused(add("end_time=1.5"), "end_time: given \"1.5\"");
    expect_refused(add("start_time=20&end_time=20"), "end_time: the window");
    expect_refused(add("timeout=-1"), "timeout: given \"-1\"");
    expect_refused(add("remark=" + std::string(1025, 'x')), "remark: given 1025 characters");
    EXPECT_EQ(add("remark=" + std::string(1024, 'x')).status, 200U);
}

TEST_F(CronApiTest, ACommandHasTextAndNoNulAndAnEnd)
{
    const auto add = [this](std::string_view command) {
        return post("/cron/add", fmt::format("cronSet=@daily&command={}", command));
    };
    expect_refused(add(""), "command: given \"\"");
    expect_refused(add("%20%09%0A"), "command: ");
    expect_refused(add("a%00b"), "command: ");
    expect_refused(add(std::string(65'536, 'x')), "command: given 65536 bytes");
    EXPECT_EQ(add(std::string(65'535, 'x')).status, 200U);
}

TEST_F(CronApiTest, RemarksAreCountedInCharacters)
{
    std::string remark;
    for (int i = 0; i < 1024; ++i) remark += "ü";
    EXPECT_EQ(post("/cron/add", "cronSet=@daily&command=a&remark=" + remark).status, 200U);
}

TEST_F(CronApiTest, TextThatIsNotUtf8IsRefused)
{
    expect_refused(post("/cron/add", "cronSet=@daily&command=a%FFb"), "command: ");
    expect_refused(post("/cron/add", "cronSet=@daily&command=\xC0\xAF"), "not UTF-8");
    expect_refused(post_json("/cron/add", "{\"cronSet\":\"@daily\",\"command\":\"\xFF\"}"),
                   "invalid JSON");
}

TEST_F(CronApiTest, BrokenBodiesAreRefusedWithThePlace)
{
    expect_refused(post_json("/cron/add", "{\"cronSet\":\"@daily\",\n  \"command\" \"a\"}"),
                   "invalid JSON at line 2, column 13");
    expect_refused(post_json("/cron/add", "{\"cronSet\":"), "ends too early");
    expect_refused(post_json("/cron/add", "[1]"), "JSON object");
    expect_refused(post_json("/cron/add", "5"), "JSON object");
    expect_refused(post_json("/cron/add", "{} {}"), "");
    expect_refused(post_json("/cron/add", std::string(100, '[')), "invalid JSON");
    expect_refused(post_json("/cron/add", R"({"cronSet":"@daily","command":["a"]})"),
                   "command: given \"[\"a\"]\"");
    expect_refused(post_json("/cron/add", R"({"cronSet":"@daily","command":5})"), "command: ");
    expect_refused(post("/cron/add", "cronSet=@daily&command=date +%Y-%m"), "%25");
    expect_refused(post("/cron/add", "cronSet=@daily&command=a&command=b"), "given twice");
    expect_refused(post("/cron/add", "cronSet=@daily&cron_set=@daily&command=a"), "given twice");
}

TEST_F(CronApiTest, OtherContentTypesAreNotSupported)
{
    const auto send = [this](std::string_view headers) {
        return request("POST", "/cron/add", headers, "cronSet=@daily&command=a");
    };
    EXPECT_EQ(send("Content-Type: text/plain\r\n").status, 415U);
    EXPECT_EQ(send("").status, 415U);
    EXPECT_EQ(send("Content-Type: multipart/form-data; boundary=x\r\n").status, 415U);
    EXPECT_EQ(send("Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip\r\n")
                  .status,
              415U);
    EXPECT_EQ(send("Content-Type: Application/X-WWW-Form-Urlencoded; charset=UTF-8\r\n").status,
              200U);
}

TEST_F(CronApiTest, AnUnknownIdIsNotFoundAndOneThatIsNoNumberIsRefused)
{
    for (const std::string call : {"stop/", "start/", "delete/", ""}) {
        const std::string path = "/cron/" + call;
        EXPECT_EQ(get(path + "7").status, 404U);
        EXPECT_THAT(get(path + "7").message(), HasSubstr("7"));
        EXPECT_EQ(get(path + "0").status, 404U);
        EXPECT_EQ(get(path + "99999999999999999999").status, 404U);
        expect_refused(get(path + "abc"), "id: given \"abc\"");
        expect_refused(get(path + "7x"), "id: given \"7x\"");
        expect_refused(get(path + "1%20OR%201=1"), "id: given \"1 OR 1=1\"");
    }
    EXPECT_EQ(post("/cron/update", "id=7&stop=1").status, 404U);
    expect_refused(post("/cron/update", "id=abc&stop=1"), "id: given \"abc\"");
    expect_refused(get("/cron/stop/"), "id: given \"\"");
}

TEST_F(CronApiTest, AChangeThatNobodyConfirmedIsReportedAsStored)
{
    announce_error_ = "no dispatcher";
    const JobId id = insert_job().id;
    const auto reply = get("/cron/stop/" + std::to_string(id));
    EXPECT_EQ(reply.status, 503U);
    EXPECT_THAT(reply.message(), HasSubstr("stored"));
    EXPECT_THAT(reply.message(), HasSubstr("no dispatcher"));
    EXPECT_EQ(reply.header("Retry-After"), "");  // the change was made: an add would be doubled
    EXPECT_TRUE(tables_.jobs.at(id).stop);
}

TEST_F(CronApiTest, AStoreThatIsAwayIsSaidWithRetryAfter)
{
    tables_.away = true;
    for (const std::string path : {"/cron/list", "/cron/list?page=1", "/cron/1", "/log/list"}) {
        const auto reply = get(path);
        EXPECT_EQ(reply.status, 503U) << path;
        EXPECT_THAT(reply.message(), HasSubstr("store"));
        EXPECT_THAT(reply.message(), HasSubstr("connection refused"));
        EXPECT_NE(reply.header("Retry-After"), "");
    }
    EXPECT_EQ(post("/cron/add", reference_form).status, 503U);
    EXPECT_EQ(get("/cron/stop/1").status, 503U);
    EXPECT_THAT(announced_, SizeIs(0));
}

TEST_F(CronApiTest, AReadThatTakesTheStoreTooLongIsNotToBeRepeatedButNarrowed)
{
    const JobId id = insert_job().id;
    tables_.slow = true;
    const std::string job = std::to_string(id);
    const std::vector<std::pair<std::string, std::string>> calls{
        {"/log/list?search=needle", "ask for less: a shorter time (from, to) or one job (cron_id)"},
        {"/audit", "ask for less: a shorter time (from, to) or one job (job)"},
        {"/cron/list", "ask for less: one name (name)"},
        {"/cron/list?search=needle", "ask for less: one name (name)"},
        {"/cron/" + job, "the database is busy, or a table of it is locked"},
        {"/cron/" + job + "/history", "the database is busy, or a table of it is locked"},
        {"/cron/count", "the database is busy, or a table of it is locked"},
        {"/log/1", "the database is busy, or a table of it is locked"},
    };
    for (const auto& [path, advice] : calls) {
        const auto reply = get(path);
        EXPECT_EQ(reply.status, 504U) << path;
        EXPECT_EQ(reply.message(),
                  "this takes the store too long: the limit of a statement is 10 s; " + advice);
        EXPECT_EQ(reply.header("Retry-After"), "") << path;
    }
}

TEST_F(CronApiTest, AChangeThatTakesTheStoreTooLongIsAsUnknownAsOneOfAStoreThatIsAway)
{
    const JobId id = insert_job().id;
    tables_.slow = true;
    for (const auto& reply :
         {get("/cron/stop/" + std::to_string(id)), post("/cron/add", reference_form)}) {
        EXPECT_EQ(reply.status, 503U);
        EXPECT_THAT(reply.message(), HasSubstr("the limit of a statement is 10 s"));
        EXPECT_THAT(reply.message(), HasSubstr("it is not known whether the change was made"));
        EXPECT_NE(reply.header("Retry-After"), "");
    }
    EXPECT_THAT(announced_, SizeIs(0));
}

TEST_F(CronApiTest, AHundredThousandJobsAreReadAndSentInPieces)
{
    for (int i = 0; i < 100'000; ++i) insert_job("echo " + std::to_string(i));
    const auto reply = get("/cron/list");
    EXPECT_EQ(reply.status, 200U);
    const auto data = reply.data();
    ASSERT_THAT(data.as_array(), SizeIs(100'000));
    EXPECT_EQ(data.at(99'999).at("command"), "echo 99999");
    for (const std::size_t rows : tables_.fetched) EXPECT_LE(rows, 500U);
    EXPECT_GE(tables_.fetched.size(), 200U);
    for (const std::uint64_t size : reply.chunk_sizes) EXPECT_LE(size, 67'000U);
}

TEST_F(CronApiTest, ASlowReaderHoldsNoMoreThanAPieceInMemory)
{
    for (int i = 0; i < 20'000; ++i) insert_job(std::string(1000, 'x'));
    auto client = connect();
    client.send("GET /cron/list HTTP/1.1\r\nHost: a\r\n\r\n");
    while (io_.run_one_for(std::chrono::milliseconds(200)) != 0) {
    }  // until the sockets are full
    EXPECT_LT(tables_.fetched.size(), 40U);
    EXPECT_EQ(get("/health").status, 200U);  // nobody else waits for the slow one
    EXPECT_THAT(client.read().data().as_array(), SizeIs(20'000));
}

TEST_F(CronApiTest, AChangeCountsFromWhenTheStoreGetsIt)
{
    const Job known = insert_job();
    tables_.before_call = [this] { clock_.time += 4s; };
    const std::string form = std::string(reference_form) + "&name=a";
    EXPECT_EQ(post("/cron/add", form).status, 200U);
    EXPECT_EQ(tables_.revisions.back().effective_from, clock_.time);
    EXPECT_EQ(post("/cron/add", form + "&replace=1&timeout=5").status, 200U);
    EXPECT_EQ(tables_.revisions.back().effective_from, clock_.time);
    EXPECT_EQ(post("/cron/update", fmt::format("id={}&remark=c", known.id)).status, 200U);
    EXPECT_EQ(tables_.revisions.back().effective_from, clock_.time);
    EXPECT_EQ(post(fmt::format("/cron/stop/{}", known.id), "").status, 200U);
    EXPECT_EQ(tables_.revisions.back().effective_from, clock_.time);
    EXPECT_EQ(post(fmt::format("/cron/delete/{}", known.id), "").status, 200U);
    EXPECT_EQ(tables_.revisions.back().effective_from, clock_.time);
    EXPECT_EQ(tables_.revisions.size(), 5U);
}

TEST_F(CronApiTest, AMomentThatPassesWhileTheStoreIsSlowIsStillDue)
{
    const Job known = insert_job();
    tables_.before_call = [this] { clock_.time += 4s; };
    WallTime asked = clock_.time;
    EXPECT_EQ(post("/cron/add", "after=1s&command=true").status, 200U);
    EXPECT_EQ(tables_.revisions.back().effective_from, asked);
    asked = clock_.time;
    const auto at = to_unix_seconds(asked + 2s);
    const std::string form = fmt::format("id={}&at={}", known.id, at);
    EXPECT_EQ(post("/cron/update", form).status, 200U);
    EXPECT_EQ(tables_.revisions.back().effective_from, asked);
}

TEST_F(CronApiTest, AListThatBreaksOffIsNotTakenForTheWhole)
{
    for (int i = 0; i < 20'000; ++i) insert_job(std::string(100, 'x'));
    tables_.before_call = [this] { tables_.away = tables_.fetched.size() == 5; };
    auto client = connect();
    client.send("GET /cron/list HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_THROW(client.read(), boost::system::system_error);
}

}  // namespace
}  // namespace peercron
