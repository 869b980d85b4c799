#include "api/output_stream.hpp"

#include "api_fixture.hpp"
#include "model/output_to_come.hpp"

#include <gmock/gmock.h>

#include <memory>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

/// What runs at a node.
struct Running {
    explicit Running(asio::any_io_executor executor) : changed(std::move(executor)) {}

    std::string output;
    bool is_there = true;
    std::string error;
    Event changed;
    int readers = 0;
    int reads = 0;
};

class FakeOutput final : public RunOutput {
public:
    explicit FakeOutput(Running& running) : running_(running) { ++running_.readers; }
    ~FakeOutput() override { --running_.readers; }

    asio::awaitable<Result<OutputPart>> read(RunId, std::int64_t from,
                                             std::chrono::milliseconds wait) override
    {
        ++running_.reads;
        const auto latest = std::chrono::steady_clock::now() + wait;
        const auto place = static_cast<std::size_t>(from);
        const auto has_news = [&] {
            return !running_.is_there || !running_.error.empty() || is_interrupted_ ||
                   running_.output.size() > place;
        };
        while (!has_news() && std::chrono::steady_clock::now() < latest) {
            co_await running_.changed.wait_until(latest);
        }
        if (!running_.error.empty()) co_return Error{running_.error};
        OutputPart part;
        part.is_there = running_.is_there;
        part.from = from;
        part.total = static_cast<std::int64_t>(running_.output.size());
        if (place < running_.output.size()) part.bytes = running_.output.substr(place, 65536);
        co_return part;
    }
    void interrupt() override
    {
        is_interrupted_ = true;
        running_.changed.notify();
    }

private:
    Running& running_;
    bool is_interrupted_ = false;
};

class OutputApiTest : public testing::ApiTest {
protected:
    OutputApiTest()
    {
        context_.output_at = [this](const NodeName& node) -> std::unique_ptr<RunOutput> {
            asked_ = node;
            return std::make_unique<FakeOutput>(running_);
        };
        LogRow row;
        row.id = 17;
        row.run.id = RunId{5, from_unix_millis(1795330800000), 1};
        row.run.state = RunState::running;
        row.run.run_server = "127.0.0.1:9993";
        tables_.log.push_back(row);
    }
    ~OutputApiTest() override { stop(); }

    void write(std::string_view output)
    {
        running_.output += output;
        running_.changed.notify();
    }

    void end(std::string output)
    {
        LogRow& row = tables_.log.front();
        row.run.state = RunState::failed;
        row.run.exit_code = 2;
        row.run.output_bytes = static_cast<std::int64_t>(output.size());
        row.run.output = std::move(output);
        running_.is_there = false;
        running_.changed.notify();
    }

    /// The dispatcher has written that the run has ended; its node writes the output after some
    /// calls of the store.
    void end_before_output(std::string output)
    {
        end(std::string(output_to_come));
        tables_.log.front().run.ended_at = clock_.time;
        tables_.before_call = [this, output, calls = 0]() mutable {
            if (++calls < 8) return;
            RunReport& run = tables_.log.front().run;
            run.output_bytes = static_cast<std::int64_t>(output.size());
            run.output = output;
        };
    }

    testing::HttpClient watch(std::string_view query = "?follow=1", std::string_view headers = "")
    {
        auto client = connect();
        client.send(fmt::format("GET /run/17/output{} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", query,
                                headers));
        read_to(client, "retry: 1000\n\n");
        return client;
    }

    static std::string read_to(testing::HttpClient& client, std::string_view wanted)
    {
        std::string all;
        while (all.find(wanted) == std::string::npos) all += client.read_some();
        return all;
    }

    Running running_{io_.get_executor()};
    NodeName asked_;
};

TEST_F(OutputApiTest, OfARunningCommandWhatThereIs)
{
    write("one\ntwo\n");
    const auto reply = get("/run/17/output");
    EXPECT_EQ(reply.body, "one\ntwo\n");
    EXPECT_EQ(asked_, "127.0.0.1:9993");
    EXPECT_EQ(reply.header("Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(reply.header("X-Peercron-State"), "running");
    EXPECT_EQ(reply.header("X-Peercron-Next"), "8");
    EXPECT_EQ(get("/run/17/output?from=4").body, "two\n");
    EXPECT_EQ(get("/run/17/output?from=8").body, "");
}

TEST_F(OutputApiTest, OfARunThatHasEndedWhatTheLedgerHas)
{
    end("one\ntwo\n");
    const auto reply = get("/run/17/output?from=4");
    EXPECT_EQ(reply.body, "two\n");
    EXPECT_EQ(reply.header("X-Peercron-State"), "failed");
    EXPECT_EQ(asked_, "");
}

TEST_F(OutputApiTest, WaitsForTheOutputOfARunThatTheDispatcherHasEnded)
{
    end_before_output("done\n");
    const auto reply = get("/run/17/output");
    EXPECT_EQ(reply.body, "done\n");
    EXPECT_EQ(reply.header("X-Peercron-State"), "failed");
}

TEST_F(OutputApiTest, WaitsForNoOutputOfANodeThatHasDied)
{
    end(std::string(output_to_come));
    tables_.log.front().run.ended_at = clock_.time - 5s;
    EXPECT_EQ(get("/run/17/output").body, output_to_come);
}

TEST_F(OutputApiTest, OfARunThatIsPlannedNothing)
{
    tables_.log.front().run.state = RunState::planned;
    tables_.log.front().run.run_server = "";
    const auto reply = get("/run/17/output");
    EXPECT_EQ(reply.status, 200U);
    EXPECT_EQ(reply.body, "");
    EXPECT_EQ(reply.header("X-Peercron-State"), "planned");
}

TEST_F(OutputApiTest, ANodeThatCannotBeAskedIsSaidInWords)
{
    running_.error = "127.0.0.1:9993 cannot show live output yet";
    const auto reply = get("/run/17/output");
    EXPECT_EQ(reply.status, 503U);
    EXPECT_THAT(reply.message(), HasSubstr("run 17 is under way at 127.0.0.1:9993"));
    EXPECT_THAT(reply.message(), HasSubstr("cannot show live output yet"));
}

TEST_F(OutputApiTest, BadInputIsRefused)
{
    EXPECT_EQ(get("/run/18/output").status, 404U);
    EXPECT_EQ(get("/run/18/output?follow=1").status, 404U);
    EXPECT_EQ(get("/run/x/output").status, 400U);
    EXPECT_THAT(get("/run/17/output?from=-1").message(), HasSubstr("from"));
    EXPECT_THAT(get("/run/17/output?follow=perhaps").message(), HasSubstr("follow"));
    EXPECT_EQ(streams_.size(), 0U);
}

TEST_F(OutputApiTest, AStreamTellsWhatIsWrittenAndHowItEnds)
{
    write("one\n");
    auto client = watch();
    EXPECT_THAT(read_to(client, "event: output"),
                HasSubstr("id: 4\nevent: output\ndata: {\"from\":0,\"text\":\"one\\n\"}\n\n"));
    write("two\n");
    EXPECT_THAT(read_to(client, "event: output"),
                HasSubstr("id: 8\nevent: output\ndata: {\"from\":4,\"text\":\"two\\n\"}\n\n"));
    end("one\ntwo\nthree\n");
    const std::string rest = read_to(client, "event: end");
    EXPECT_THAT(rest, HasSubstr("event: output\ndata: {\"from\":8,\"text\":\"three\\n\"}\n\n"));
    EXPECT_THAT(rest, HasSubstr("event: end\ndata: {\"id\":17,\"state\":\"failed\""));
    EXPECT_THAT(rest, HasSubstr("\"exit_code\":2"));
}

TEST_F(OutputApiTest, AStreamWaitsForTheOutputOfARunThatTheDispatcherHasEnded)
{
    auto client = watch();
    end_before_output("done\n");
    const std::string rest = read_to(client, "event: end");
    EXPECT_THAT(rest, HasSubstr("\"text\":\"done\\n\""));
    EXPECT_THAT(rest, Not(HasSubstr(std::string(output_to_come))));
}

TEST_F(OutputApiTest, AnEventStreamIsWhatABrowserAsksForAndGoesOnWhereItWas)
{
    write("one\ntwo\n");
    auto client = watch("?from=0", "Accept: text/event-stream\r\nLast-Event-ID: 4\r\n");
    EXPECT_THAT(read_to(client, "event: output"),
                HasSubstr("data: {\"from\":4,\"text\":\"two\\n\"}"));
}

TEST_F(OutputApiTest, AStreamWaitsForARunThatHasNotStarted)
{
    tables_.log.front().run.state = RunState::planned;
    tables_.log.front().run.run_server = "";
    auto client = watch();
    tables_.log.front().run.run_server = "127.0.0.1:9992";
    write("here\n");
    EXPECT_THAT(read_to(client, "event: output"), HasSubstr("\"text\":\"here\\n\""));
    EXPECT_EQ(asked_, "127.0.0.1:9992");
}

TEST_F(OutputApiTest, TheEndOfALostRunIsTheLedgersWord)
{
    auto client = watch();
    running_.error = "connection refused";
    running_.changed.notify();
    LogRow& row = tables_.log.front();
    row.run.state = RunState::lost;
    const std::string all = read_to(client, "event: end");
    EXPECT_THAT(all, Not(HasSubstr("event: trouble")));
    EXPECT_THAT(all, HasSubstr("\"state\":\"lost\""));
}

TEST_F(OutputApiTest, ANodeThatCannotBeAskedForLongIsToldOnceAndAskedAgain)
{
    auto client = watch();
    running_.error = "it hangs";
    running_.changed.notify();
    EXPECT_THAT(read_to(client, "it hangs"),
                HasSubstr("event: trouble\ndata: {\"message\":\"it hangs\"}"));
    running_.error = "";
    write("back\n");
    EXPECT_THAT(read_to(client, "back"), Not(HasSubstr("event: trouble")));
}

TEST_F(OutputApiTest, ADrainEndsItAtOnce)
{
    auto client = watch();
    const auto begun = std::chrono::steady_clock::now();
    streams_.close();
    read_to(client, "event: bye");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
}

TEST_F(OutputApiTest, AReaderThatHasGoneAsksForNothingMore)
{
    write("one\n");
    {
        auto client = watch();
        read_to(client, "one");
    }
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (running_.readers > 0 && std::chrono::steady_clock::now() < limit) {
        io_.restart();
        io_.run_one_for(10ms);
    }
    EXPECT_EQ(running_.readers, 0);
    EXPECT_EQ(streams_.size(), 0U);
}

TEST(OutputPace, AUsualOutputComesAtOnceAndThenAsMuchASecondAsCanBeRead)
{
    OutputPace pace;
    SteadyTime now{1h};
    for (int i = 0; i < 16; ++i) EXPECT_EQ(pace.told(65536, now), 0s);
    EXPECT_EQ(pace.told(65536, now), 250ms);
    now += 250ms;
    EXPECT_EQ(pace.told(65536, now), 250ms);
    now += 1h;
    for (int i = 0; i < 16; ++i) EXPECT_EQ(pace.told(65536, now), 0s);
}

}  // namespace
}  // namespace peercron
