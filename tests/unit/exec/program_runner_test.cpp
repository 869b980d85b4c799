#include "exec/program_runner.hpp"

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "exec/process_table.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ProgramRunnerTest : public ::testing::Test {
protected:
    ProgramRunnerTest()
    {
        std::string name = std::filesystem::temp_directory_path() / "peercron_programs.XXXXXX";
        folder_ = ::mkdtemp(name.data());
        program_ = folder_ / "program";
    }
    ~ProgramRunnerTest() override { std::filesystem::remove_all(folder_); }

    /// The file that call() starts.
    void write(const std::string& script) const
    {
        std::ofstream(program_) << "#!/bin/sh\n" << script << '\n';
        ::chmod(program_.c_str(), 0700);
    }

    ProgramCall call() const
    {
        ProgramCall call;
        call.file = program_;
        return call;
    }

    ProgramAnswer run(ProgramCall call)
    {
        ProgramAnswer answer;
        testing::run(io_, go(runner_, std::move(call), answer));
        return answer;
    }

    /// A number that the program has written to a file; waits until it is there.
    pid_t number_in(const std::string& file) const
    {
        pid_t number = 0;
        for (int i = 0; i < 20'000 && number == 0; ++i) {
            std::ifstream stream(folder_ / file);
            std::string line;
            if (std::getline(stream, line) && !stream.eof()) number = std::stoi(line);
            if (number == 0) ::usleep(1000);
        }
        return number;
    }

    static bool has_children()
    {
        siginfo_t info{};
        return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
    }

    /// Waits for it; what has ended may be a zombie for as long as init likes.
    static bool ends(pid_t pid)
    {
        for (int i = 0; i < 20'000; ++i) {
            const auto is_alive = [pid](const ProcessEntry& entry) {
                return entry.pid == pid && !entry.is_zombie;
            };
            if (std::ranges::none_of(list_processes(), is_alive)) return true;
            ::usleep(1000);
        }
        return false;
    }

    static asio::awaitable<void> go(ProgramRunner& runner, ProgramCall call, ProgramAnswer& answer)
    {
        answer = co_await runner.run(std::move(call));
    }

    std::filesystem::path folder_;
    std::filesystem::path program_;
    asio::io_context io_;
    SystemClock clock_;
    Spawner spawner_{"n1:9991", "/bin/sh", {}, clock_};
    ProgramRunner runner_{io_.get_executor(), spawner_};
};

TEST_F(ProgramRunnerTest, AProgramGetsItsTextAndItsVariablesAndSaysSomething)
{
    write("cat; echo \" $WHO\"; echo trouble >&2");
    ProgramCall one = call();
    one.input = "a text";
    one.variables = {"WHO=$(id)"};
    const ProgramAnswer answer = run(one);
    EXPECT_TRUE(answer.has_succeeded);
    EXPECT_EQ(answer.end, "exit code 0");
    EXPECT_EQ(answer.output, "a text $(id)\ntrouble\n");
    EXPECT_FALSE(has_children());
}

TEST_F(ProgramRunnerTest, AFailureSaysItsExitCodeOrSignal)
{
    write("exit 3");
    const ProgramAnswer failed = run(call());
    EXPECT_FALSE(failed.has_succeeded);
    EXPECT_EQ(failed.end, "exit code 3");
    io_.restart();
    write("kill -TERM $$");
    EXPECT_EQ(run(call()).end, "signal 15");
}

TEST_F(ProgramRunnerTest, NoShellReadsTheFilesName)
{
    ProgramCall one = call();
    one.file = "/bin/sh -c true";
    EXPECT_THAT(run(one).end, HasSubstr("cannot start /bin/sh -c true"));
}

TEST_F(ProgramRunnerTest, AProgramThatHangsIsKilledWithAllThatItHasStarted)
{
    write("sleep 600 & echo $! > \"$FOLDER/pid\"; echo begun; sleep 600");
    ProgramCall one = call();
    one.variables = {"FOLDER=" + folder_.string()};
    one.timeout = 2s;
    const ProgramAnswer answer = run(one);
    EXPECT_FALSE(answer.has_succeeded);
    EXPECT_EQ(answer.end, "no end within 2s; it was killed");
    EXPECT_EQ(answer.output, "begun\n");
    EXPECT_FALSE(has_children());
    const pid_t left = number_in("pid");
    ASSERT_GT(left, 0);
    EXPECT_TRUE(ends(left)) << "what it had started lives on";
}

TEST_F(ProgramRunnerTest, WhatAProgramLeavesBehindEndsWithIt)
{
    write("sleep 600 & echo $! > \"$FOLDER/pid\"");
    ProgramCall one = call();
    one.variables = {"FOLDER=" + folder_.string()};
    EXPECT_EQ(run(one).end, "exit code 0");
    const pid_t left = number_in("pid");
    ASSERT_GT(left, 0);
    EXPECT_TRUE(ends(left));
}

TEST_F(ProgramRunnerTest, OfALongOutputTheBeginningIsKept)
{
    write("head -c 1000000 /dev/zero | tr '\\0' x; echo the end");
    const ProgramAnswer answer = run(call());
    EXPECT_TRUE(answer.has_succeeded) << "it could write all of it";
    EXPECT_EQ(answer.output, std::string(2000, 'x'));
}

TEST_F(ProgramRunnerTest, AProgramThatNobodyWaitsForIsKilled)
{
    write("echo $$ > \"$FOLDER/new\"; mv \"$FOLDER/new\" \"$FOLDER/pid\"; sleep 600");
    ProgramCall one = call();
    one.variables = {"FOLDER=" + folder_.string()};
    one.timeout = 600s;
    ProgramAnswer answer;
    TaskGroup tasks(io_.get_executor());
    const auto test = [](ProgramRunner& runner, const std::filesystem::path& file, TaskGroup& group,
                         ProgramCall wanted, ProgramAnswer& said) -> asio::awaitable<void> {
        group.spawn("program", go(runner, std::move(wanted), said));
        while (!std::filesystem::exists(file)) co_await sleep_for(1ms);
        group.cancel();
        co_await group.join();
    };
    testing::run(io_, test(runner_, folder_ / "pid", tasks, one, answer));
    EXPECT_EQ(answer.end, "");
    const pid_t pid = number_in("pid");
    runner_.close();
    EXPECT_EQ(::kill(pid, 0), -1);
    EXPECT_FALSE(has_children());
}

}  // namespace
}  // namespace peercron
