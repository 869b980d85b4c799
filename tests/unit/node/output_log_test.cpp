#include "node/output_log.hpp"

#include "base/file_descriptor.hpp"
#include "run_coroutine.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>

#include <array>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::SizeIs;

const RunId some_run{5, WallTime(1'795'330'800'000ms), 1};
const RunId other_run{6, WallTime(1'795'330'800'000ms), 1};

struct Pipe {
    Pipe()
    {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
        reader = FileDescriptor(ends[0]);
        writer = FileDescriptor(ends[1]);
    }

    FileDescriptor reader;
    FileDescriptor writer;
};

class OutputLogTest : public ::testing::Test {
protected:
    /// Writes what waits as far as the pipe takes it, and returns what the reader gets.
    std::vector<boost::json::object> written()
    {
        testing::run(io_, log_.flush(clock_.steady_now() + 100ms));
        io_.restart();
        std::array<char, 65536> piece{};
        for (;;) {
            const ssize_t size = ::read(pipe_.reader.get(), piece.data(), piece.size());
            if (size <= 0) break;
            unread_.append(piece.data(), static_cast<std::size_t>(size));
        }
        std::vector<boost::json::object> objects;
        std::size_t end = unread_.find('\n');
        while (end != std::string::npos) {
            objects.push_back(boost::json::parse(unread_.substr(0, end)).as_object());
            unread_.erase(0, end + 1);
            end = unread_.find('\n');
        }
        return objects;
    }

    std::vector<std::string> written_lines()
    {
        std::vector<std::string> lines;
        for (const boost::json::object& object : written()) {
            if (object.contains("line")) lines.emplace_back(object.at("line").as_string());
        }
        return lines;
    }

    static RunReport end_of(const RunId& run)
    {
        RunReport report;
        report.id = run;
        report.state = RunState::failed;
        report.started_at = run.scheduled_at;
        report.exit_code = 2;
        return report;
    }

    asio::io_context io_;
    SystemClock clock_;
    Pipe pipe_;
    std::string unread_;
    OutputLog log_{io_.get_executor(), clock_, pipe_.writer.get(),
                   [](JobId job) { return job == 5 ? std::string("hello") : std::string(); }};
};

TEST_F(OutputLogTest, WritesLinesAsTheyAreCompleteAndTheRestAtTheEnd)
{
    log_.add(some_run, "one\ntw");
    log_.add(other_run, "between\n");
    EXPECT_THAT(written_lines(), ElementsAre("one", "between"));
    log_.add(some_run, "o\nthree");
    log_.note(end_of(some_run));
    const std::vector<boost::json::object> objects = written();
    ASSERT_THAT(objects, SizeIs(3));
    EXPECT_EQ(objects[0].at("line"), "two");
    EXPECT_EQ(objects[1].at("line"), "three");
    EXPECT_EQ(objects[2].at("state"), "failed");
    EXPECT_EQ(objects[2].at("exit_code"), 2);
    EXPECT_EQ(objects[2].at("name"), "hello");
    EXPECT_EQ(objects[2].at("scheduled_at"), 1'795'330'800'000);
}

TEST_F(OutputLogTest, SplitsALineThatIsTooLongAndReplacesWhatIsNotUtf8)
{
    log_.add(some_run, std::string(OutputLog::longest_line + 3, 'x') + "\n\xFF\n");
    const std::vector<std::string> lines = written_lines();
    ASSERT_THAT(lines, SizeIs(3));
    EXPECT_THAT(lines[0], SizeIs(OutputLog::longest_line));
    EXPECT_EQ(lines[1], "xxx");
    EXPECT_EQ(lines[2], "\xEF\xBF\xBD");
}

TEST_F(OutputLogTest, LeavesOutWhatAReaderDoesNotTakeAndSaysHowMuch)
{
    const std::string line(1000, 'x');
    const std::size_t most = 2 * OutputLog::most_waiting / line.size();
    for (std::size_t i = 0; i < most; ++i) log_.add(some_run, line + '\n');
    std::int64_t left_out = 0;
    std::size_t came = 0;
    for (;;) {
        const std::vector<boost::json::object> objects = written();
        if (objects.empty()) break;
        for (const boost::json::object& object : objects) {
            if (object.contains("left_out")) left_out += object.at("left_out").as_int64();
            if (object.contains("line")) ++came;
        }
    }
    EXPECT_GT(left_out, 0);
    EXPECT_EQ(came + static_cast<std::size_t>(left_out), most);
}

TEST_F(OutputLogTest, SaysNothingOfAFireThatDidNotRun)
{
    RunReport skipped = end_of(some_run);
    skipped.state = RunState::skipped;
    skipped.started_at.reset();
    log_.note(skipped);
    RunReport running = end_of(some_run);
    running.state = RunState::running;
    log_.note(running);
    EXPECT_THAT(written(), SizeIs(0));
}

TEST_F(OutputLogTest, OutlivesItsReader)
{
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    pipe_.reader.close();
    log_.add(some_run, "into the void\n");
    const SteadyTime limit = clock_.steady_now() + 10s;
    testing::run(io_, log_.flush(limit));
    EXPECT_LT(clock_.steady_now(), limit) << "it does not wait for a reader that is gone";
}

}  // namespace
}  // namespace peercron
