#include "exec/executor.hpp"

#include "exec/process_table.hpp"
#include "run_coroutine.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <thread>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

bool is_alive(pid_t pid)
{
    for (const ProcessEntry& process : list_processes()) {
        if (process.pid == pid) return !process.is_zombie;
    }
    return false;
}

/// Runs commands with the real executor, system clock and processes.
class ExecutorTest : public ::testing::Test {
protected:
    static ExecSettings settings()
    {
        ExecSettings result;
        result.node = "127.0.0.1:9991";
        result.version = "1.2.3";
        result.rules.kill_grace = 300ms;
        return result;
    }

    RunOrder order(std::string command)
    {
        RunOrder order;
        order.id = RunId{++last_job_, clock_.now(), 1};
        order.command = std::move(command);
        order.start_at = order.id.scheduled_at;
        order.start_by = order.start_at + 10min;
        order.epoch = 7;
        order.dispatch_server = "127.0.0.1:9993";
        return order;
    }

    /// Runs the orders to their ends; returns the final reports in the order of the orders.
    std::vector<RunReport> run(std::vector<RunOrder> orders)
    {
        asio::io_context io(1);
        ended_ = 0;
        Executor executor(io.get_executor(), clock_, settings_, keep_reports(), &registry_);
        testing::run(io, run_to_end(io, executor, orders));
        std::vector<RunReport> finals;
        for (const RunOrder& order : orders) {
            for (const RunReport& report : reports_) {
                if (report.id == order.id && is_final(report.state)) finals.push_back(report);
            }
        }
        EXPECT_EQ(finals.size(), orders.size()) << "every order has one final report";
        return finals;
    }
    RunReport run(RunOrder order) { return run(std::vector<RunOrder>{std::move(order)}).at(0); }
    RunReport run(std::string command) { return run(order(std::move(command))); }

    Executor::OnReport keep_reports()
    {
        return [this](const RunReport& report) {
            reports_.push_back(report);
            if (is_final(report.state)) ++ended_;
            if (reported_ != nullptr) reported_->notify();
            if (on_report_) on_report_(report);
        };
    }

    /// Without it, fires that wait longer for a slot than the silence limit are not started.
    static asio::awaitable<void> be_heard(Executor& executor)
    {
        for (;;) {
            executor.dispatcher_heard(7);
            executor.stops_known(executor.stops());
            co_await sleep_for(50ms);
        }
    }

    /// Notes what can be seen of the output of watched_, each time that it has changed.
    asio::awaitable<void> watch(const Executor& executor)
    {
        for (;;) {
            const OutputPart part = executor.output(*watched_, 0, 65536);
            if (part.is_there && (seen_.empty() || seen_.back() != part.bytes)) {
                seen_.push_back(part.bytes);
                if (on_seen_) on_seen_(part.bytes);
            }
            co_await sleep_for(10ms);
        }
    }

    asio::awaitable<void> run_to_end(asio::io_context& io, Executor& executor,
                                     std::vector<RunOrder> orders)
    {
        TaskGroup tasks(io.get_executor());
        Event reported(io.get_executor());
        reported_ = &reported;
        tasks.spawn("executor", executor.run());
        if (!is_isolated_) tasks.spawn("dispatcher", be_heard(executor));
        if (watched_) tasks.spawn("reader", watch(executor));
        const std::size_t count = orders.size();
        RunOrders message;
        message.orders = std::move(orders);
        executor.accept(std::move(message));
        while (ended_ < count) co_await reported.wait();
        tasks.cancel();
        co_await tasks.join();
        reported_ = nullptr;
    }

    /// Revokes all when the first has started; notes which had started when the answer came.
    asio::awaitable<void> revoke_while_they_start(asio::io_context& io, Executor& executor,
                                                  std::vector<RunOrder> orders)
    {
        TaskGroup tasks(io.get_executor());
        Event reported(io.get_executor());
        reported_ = &reported;
        tasks.spawn("executor", executor.run());
        tasks.spawn("dispatcher", be_heard(executor));
        std::vector<RunId> ids;
        for (const RunOrder& order : orders) ids.push_back(order.id);
        RunOrders message;
        message.orders = std::move(orders);
        executor.accept(std::move(message));
        while (reports_.empty()) co_await reported.wait();
        executor.revoke(ids, [&](std::vector<RunId> revoked) {
            revoked_ = std::move(revoked);
            for (const RunReport& report : reports_) started_.insert(report.id);
        });
        while (!revoked_ || ended_ < ids.size() - revoked_->size()) co_await reported.wait();
        tasks.cancel();
        co_await tasks.join();
        reported_ = nullptr;
    }

    SystemClock clock_;
    ExecSettings settings_ = settings();
    prometheus::Registry registry_;
    bool is_isolated_ = false;  ///< no dispatcher is heard
    JobId last_job_ = 0;
    std::vector<RunReport> reports_;
    std::size_t ended_ = 0;
    Event* reported_ = nullptr;
    Executor::OnReport on_report_;  ///< hears of each, too
    std::optional<RunId> watched_;
    std::vector<std::string> seen_;  ///< see watch()
    std::function<void(const std::string&)> on_seen_;
    std::optional<std::vector<RunId>> revoked_;  ///< see revoke_while_they_start()
    std::set<RunId> started_;
};

TEST_F(ExecutorTest, StartsNothingOfWhatWasRevokedAfterTheAnswer)
{
    std::vector<RunOrder> orders;
    for (int i = 0; i < 60; ++i) orders.push_back(order("true"));
    asio::io_context io(1);
    Executor executor(io.get_executor(), clock_, settings_, keep_reports(), &registry_);
    testing::run(io, revoke_while_they_start(io, executor, orders));
    for (const RunOrder& order : orders) {
        const bool was_revoked = std::ranges::count(*revoked_, order.id) > 0;
        EXPECT_NE(started_.contains(order.id), was_revoked) << order.id.job;
    }
}

TEST_F(ExecutorTest, ReportsTheStartAndTheEnd)
{
    const RunOrder hello = order("echo hello");
    const RunReport end = run(hello);
    ASSERT_THAT(reports_, SizeIs(2));
    EXPECT_EQ(reports_[0].state, RunState::running);
    EXPECT_EQ(reports_[0].started_at, end.started_at);
    EXPECT_GE(*end.started_at, hello.start_at);
    EXPECT_GE(*end.ended_at, *end.started_at);
    EXPECT_EQ(end.state, RunState::success);
    EXPECT_EQ(to_string(end.reason), "");
    EXPECT_EQ(end.exit_code, 0);
    EXPECT_EQ(end.term_signal, std::nullopt);
    EXPECT_EQ(end.output, "hello\n");
    EXPECT_EQ(end.output_bytes, 6);
    EXPECT_EQ(end.run_server, "127.0.0.1:9991");
    EXPECT_EQ(end.dispatch_server, "127.0.0.1:9993");
    EXPECT_EQ(end.epoch, 7U);
}

TEST_F(ExecutorTest, AFailedCommandHasItsExitCode)
{
    const RunReport end = run("echo oops >&2; exit 3");
    EXPECT_EQ(end.state, RunState::failed);
    EXPECT_EQ(end.exit_code, 3);
    EXPECT_EQ(end.output, "oops\n");
}

TEST_F(ExecutorTest, ACommandThatIsNotFoundEndsAsInTheShell)
{
    const RunReport end = run("no-such-program-here --flag");
    EXPECT_EQ(end.state, RunState::failed);
    EXPECT_EQ(end.exit_code, 127);
    EXPECT_THAT(end.output, HasSubstr("not found"));
}

TEST_F(ExecutorTest, AFileThatIsNotExecutableEndsAsInTheShell)
{
    const std::string path = ::testing::TempDir() + "peercron-not-executable";
    std::ofstream(path) << "echo hi\n";
    ::chmod(path.c_str(), 0644);
    const RunReport end = run(path);
    EXPECT_EQ(end.exit_code, 126);
    EXPECT_THAT(end.output, HasSubstr("Permission denied"));
}

TEST_F(ExecutorTest, AScriptWithoutAFirstLineRunsInTheShell)
{
    const std::string path = ::testing::TempDir() + "peercron-plain-script";
    std::ofstream(path) << "echo from script\n";
    ::chmod(path.c_str(), 0755);
    EXPECT_EQ(run(path).output, "from script\n");
}

TEST_F(ExecutorTest, ASignalThatWasNotOursIsAFailure)
{
    const RunReport end = run("kill -9 $$");
    EXPECT_EQ(end.state, RunState::failed);
    EXPECT_EQ(end.term_signal, 9);
    EXPECT_EQ(end.exit_code, std::nullopt);
    EXPECT_EQ(to_string(end.reason), "ended by signal 9 (Killed)");
}

TEST_F(ExecutorTest, AShellThatDoesNotExistIsSaidInTheRow)
{
    settings_.shell = "/no/such/shell";
    const RunReport end = run("exit 0");
    EXPECT_EQ(end.state, RunState::failed);
    EXPECT_EQ(to_string(end.reason),
              "cannot start /no/such/shell: exec: No such file or directory");
    EXPECT_EQ(end.started_at, std::nullopt);
    EXPECT_NE(end.ended_at, std::nullopt);
}

TEST_F(ExecutorTest, TenMegabytesOfOutputAreCapped)
{
    const RunReport end =
        run("echo first; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last");
    EXPECT_EQ(end.state, RunState::success);
    EXPECT_EQ(end.output_bytes, 10'000'012);
    EXPECT_LE(end.output.size(), (1U << 20U) + 100U);
    EXPECT_THAT(end.output, StartsWith("first\n"));
    EXPECT_THAT(end.output, EndsWith("\nlast\n"));
    EXPECT_THAT(end.output, HasSubstr("\n[… 8951436 bytes left out …]\n"));
}

TEST_F(ExecutorTest, BytesThatAreNoTextAreReplaced)
{
    EXPECT_EQ(run("printf 'a\\377b\\000c'").output,
              "a\xEF\xBF\xBD"
              "b\xEF\xBF\xBD"
              "c");
}

TEST_F(ExecutorTest, QuotesAndEmojiReachTheCommand)
{
    EXPECT_EQ(run("printf '%s|' \"it's\" '🎉 \"x\"'").output, "it's|🎉 \"x\"|");
    EXPECT_EQ(run("echo 🎉").output, "🎉\n");
}

TEST_F(ExecutorTest, ALongCommandRuns)
{
    EXPECT_EQ(run("echo " + std::string(60'000, 'x')).output_bytes, 60'001);
    EXPECT_EQ(run(": '" + std::string(60'000, 'x') + "'; echo done").output, "done\n");
}

TEST_F(ExecutorTest, ACommandThatIsTooLongSaysSo)
{
    const RunReport end = run(": '" + std::string(200'000, 'x') + "'");
    EXPECT_EQ(end.state, RunState::failed);
    EXPECT_EQ(to_string(end.reason), "cannot start /bin/sh: exec: Argument list too long");
}

TEST_F(ExecutorTest, ACommandWithANulIsRefused)
{
    const RunReport end = run("echo a\0b"s);
    EXPECT_EQ(end.state, RunState::failed);
    EXPECT_THAT(to_string(end.reason), HasSubstr("NUL"));
}

TEST_F(ExecutorTest, ABackgroundChildDoesNotKeepTheRunAlive)
{
    const RunReport end = run("sleep 1000 & echo $!");
    EXPECT_EQ(end.state, RunState::success);
    const pid_t child = std::stoi(end.output);
    EXPECT_TRUE(is_alive(child)) << "cron leaves it, too";
    ::kill(child, SIGKILL);
}

TEST_F(ExecutorTest, ABackgroundChildThatWritesForEverDoesNotKeepTheRunAlive)
{
    const RunReport end = run("yes & sleep 0.1; echo $! >&2");
    EXPECT_EQ(end.state, RunState::success);  // and `yes` dies with this executor
}

/// A folder of a test's own.
class Folder {
public:
    Folder()
    {
        std::string pattern = ::testing::TempDir() + "peercron-exec-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }

    std::string file(const char* name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

TEST_F(ExecutorTest, WhatIsWrittenByOthersRightAfterTheEndIsKept)
{
    settings_.output_grace = 1min;
    // It writes only when the command is gone: then it is somebody else's child.
    const RunReport end =
        run("p=$$; (while kill -0 $p 2>/dev/null; do sleep 0.01; done; echo last) & echo first");
    EXPECT_EQ(end.state, RunState::success);
    EXPECT_EQ(end.output, "first\nlast\n");
    EXPECT_LT(end.use_time, 1min) << "it ends with the output, and is over with its process";
}

TEST_F(ExecutorTest, NothingIsLostOfWhatGoesThroughTee)
{
    settings_.output_grace = 1min;
    settings_.shell = "/bin/bash";
    const Folder folder;
    const std::string file = folder.file("log");
    const RunReport end = run("exec > >(tee -a " + file + ") 2>&1; seq 20000; echo done >&2");
    EXPECT_THAT(end.output, EndsWith("\n20000\ndone\n"));
    std::ifstream kept(file);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(kept), {}), end.output);
}

asio::awaitable<void> leave_behind(asio::io_context& io, Executor& executor, RunOrders orders,
                                   std::vector<RunReport>& reports, std::string wanted)
{
    const std::size_t count = orders.orders.size() * 2;
    TaskGroup tasks(io.get_executor());
    tasks.spawn("executor", executor.run());
    executor.accept(std::move(orders));
    while (reports.size() < count) co_await sleep_for(5ms);
    for (int i = 0; i < 4000 && !std::filesystem::exists(wanted); ++i) co_await sleep_for(5ms);
    tasks.cancel();
    co_await tasks.join();
}

TEST_F(ExecutorTest, WhatIsLeftInTheBackgroundCanWriteAsLongAsItLives)
{
    asio::io_context io(1);
    settings_.output_grace = 0ms;
    Executor executor(io.get_executor(), clock_, settings_, keep_reports());
    const Folder folder;
    // More than a pipe holds, after the end of the run.
    const std::string script =
        fmt::format("echo main; (until [ -e {0} ]; do sleep 0.01; done; seq 50000 && touch {1}) &",
                    folder.file("over"), folder.file("lived"));
    RunOrders orders{{order(script)}};
    const auto tell_end = [&](const RunReport& report) {
        if (is_final(report.state)) std::ofstream(folder.file("over")) << "\n";
    };
    on_report_ = tell_end;
    testing::run(io, leave_behind(io, executor, std::move(orders), reports_, folder.file("lived")));
    EXPECT_TRUE(std::filesystem::exists(folder.file("lived")));
    EXPECT_EQ(reports_.at(1).output, "main\n") << "what comes later is thrown away";
}

TEST_F(ExecutorTest, TheOldestOutputIsClosedWhenTooManyAreLeft)
{
    asio::io_context io(1);
    settings_.output_grace = 0ms;
    settings_.max_left_outputs = 1;
    settings_.rules.slots = 1;  // one after the other
    Executor executor(io.get_executor(), clock_, settings_, keep_reports());
    const Folder folder;
    const auto script = [&](const char* name) {
        // The builtin's failed write is told by its status where SIGPIPE is ignored.
        return order(
            fmt::format("(trap '' PIPE; until [ -e {0} ]; do sleep 0.01; done;"
                        " echo late || touch {1}; touch {1}.done) &",
                        folder.file("over"), folder.file(name)));
    };
    const auto tell_end = [&](const RunReport&) {
        if (ended_ == 2) std::ofstream(folder.file("over")) << "\n";
    };
    on_report_ = tell_end;
    RunOrders orders{{script("first"), script("second")}};
    orders.orders[1].start_at += 1ms;
    orders.orders[1].id.scheduled_at += 1ms;
    testing::run(
        io, leave_behind(io, executor, std::move(orders), reports_, folder.file("second.done")));
    for (int i = 0; i < 4000 && !std::filesystem::exists(folder.file("first.done")); ++i) {
        std::this_thread::sleep_for(5ms);
    }
    EXPECT_TRUE(std::filesystem::exists(folder.file("first"))) << "its pipe was closed";
    EXPECT_FALSE(std::filesystem::exists(folder.file("second")));
}

TEST_F(ExecutorTest, WhatWasWrittenRightBeforeTheEndIsKept)
{
    std::vector<RunOrder> orders;
    for (int i = 0; i < 50; ++i)
        orders.push_back(order("sleep 1000 & printf %05000d 7; kill $!; exit 0"));
    for (const RunReport& end : run(orders)) EXPECT_EQ(end.output_bytes, 5000);
}

TEST_F(ExecutorTest, ClosingItsOutputDoesNotEndTheRun)
{
    const RunReport end = run("echo before; exec >&- 2>&-; sleep 0.1; echo after; exit 3");
    EXPECT_EQ(end.output, "before\n");
    EXPECT_EQ(end.exit_code, 3);
    EXPECT_GE(end.use_time, 100ms);
}

TEST_F(ExecutorTest, ATimeoutEndsTheRun)
{
    RunOrder slow = order("echo begun; sleep 1000");
    slow.timeout = 1s;
    const RunReport end = run(slow);
    EXPECT_EQ(end.state, RunState::timeout);
    EXPECT_EQ(to_string(end.reason), "ran longer than its timeout of 1 s");
    EXPECT_EQ(end.output, "begun\n");
    EXPECT_EQ(end.term_signal, SIGTERM);
    EXPECT_GE(end.use_time, 1s);
}

TEST_F(ExecutorTest, ACommandThatIgnoresSigtermIsKilled)
{
    RunOrder stubborn = order("trap '' TERM; echo begun; while :; do sleep 0.05; done");
    stubborn.timeout = 1s;
    const RunReport end = run(stubborn);
    EXPECT_EQ(end.state, RunState::timeout);
    EXPECT_EQ(end.term_signal, SIGKILL);
    EXPECT_GE(end.use_time, 1300ms);
}

TEST_F(ExecutorTest, ACommandIsAskedToEndAsItsJobSaysAndHasTheTimeItSays)
{
    JobPatch asks;
    asks.set(&Job::stop_signal, StopSignal::user1);
    asks.set(&Job::kill_grace, 60s);
    RunOrder polite =
        order("trap 'sleep 0.5; echo asked; exit 0' USR1; while :; do sleep 0.05; done");
    polite.fields = NodeFields(asks);
    polite.timeout = 1s;
    RunReport end = run(polite);
    EXPECT_EQ(end.state, RunState::timeout);
    EXPECT_THAT(end.output, ::testing::EndsWith("asked\n")) << "dash may name the signal first";
    EXPECT_EQ(end.exit_code, 0) << "it had more than the node's 300 ms";

    asks.set(&Job::kill_grace, 1s);
    RunOrder stubborn = order("trap '' USR1; while :; do sleep 0.05; done");
    stubborn.fields = NodeFields(asks);
    stubborn.timeout = 1s;
    end = run(stubborn);
    EXPECT_EQ(end.term_signal, SIGKILL);
    EXPECT_GE(end.use_time, 2s);
}

TEST_F(ExecutorTest, SuccessIsWhatTheJobCallsSo)
{
    JobPatch asks;
    asks.set(&Job::success_codes, {"3", "10-19"});
    const auto ended = [&](const std::string& command) {
        RunOrder one = order(command);
        one.fields = NodeFields(asks);
        return run(one);
    };
    EXPECT_EQ(ended("exit 3").state, RunState::success);
    EXPECT_EQ(ended("exit 3").exit_code, 3);
    EXPECT_EQ(ended("exit 19").state, RunState::success);
    EXPECT_EQ(ended("exit 20").state, RunState::failed);
    EXPECT_EQ(ended("exit 0").state, RunState::failed) << "0 is not among them";
    EXPECT_EQ(ended("kill -9 $$").state, RunState::failed);
    EXPECT_EQ(run("exit 3").state, RunState::failed);
}

TEST_F(ExecutorTest, WhatThisNodeRefusesFailsAndIsNotStarted)
{
    JobPatch asks;
    asks.set(&Job::run_as, "somebody");
    RunOrder other = order("echo started");
    other.fields = NodeFields(asks);
    const RunReport end = run(other);
    EXPECT_EQ(end.state, RunState::failed);
    EXPECT_EQ(to_string(end.reason),
              "refused: run_as: this node runs nothing as somebody; its [exec] run_as is empty");
    EXPECT_FALSE(end.started_at);
    EXPECT_THAT(reports_, SizeIs(1)) << "it is never told as running";
}

TEST_F(ExecutorTest, SecretsAreStarsInTheOutputAndGoneAfterwards)
{
    std::string name = (std::filesystem::temp_directory_path() / "peercron-exec-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    const std::filesystem::path folder = name;
    std::filesystem::create_directory(folder / "source");
    std::ofstream(folder / "source/db") << "hunter2\n";
    settings_.commands.secrets = {folder / "source", folder / "target"};
    JobPatch asks;
    asks.set(&Job::secrets, {"db"});
    RunOrder leaky = order(
        "cd $PEERCRON_SECRETS_DIR; pwd; cat db; echo; printf hunt; sleep 0.2; "
        "printf 'er2 hunter'");
    leaky.fields = NodeFields(asks);
    watched_ = leaky.id;
    const RunReport end = run(leaky);
    // What a reader saw meanwhile, half of a secret too, was as it is now.
    for (const std::string& seen : seen_) EXPECT_THAT(end.output, StartsWith(seen));
    const std::string path = end.output.substr(0, end.output.find('\n'));
    EXPECT_EQ(end.output, path + "\n***\n*** hunter");
    EXPECT_THAT(path, StartsWith((folder / "target").string()));
    EXPECT_FALSE(std::filesystem::exists(path));
    std::filesystem::remove_all(folder);
}

TEST_F(ExecutorTest, TheOutputCanBeReadWhileTheCommandRuns)
{
    char name[] = "/tmp/peercron-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    const std::filesystem::path seen_it = std::filesystem::path(name) / "seen";
    const RunOrder talker = order(fmt::format(
        "echo one; while [ ! -e {} ]; do sleep 0.02; done; echo two", seen_it.string()));
    watched_ = talker.id;
    on_seen_ = [&seen_it](const std::string& seen) {
        if (seen == "one\n") std::ofstream(seen_it) << "yes";
    };
    EXPECT_EQ(run(talker).output, "one\ntwo\n");
    std::filesystem::remove_all(name);
    asio::io_context io(1);
    const Executor other(io.get_executor(), clock_, settings_, keep_reports());
    EXPECT_FALSE(other.output(talker.id, 0, 100).is_there);
}

TEST_F(ExecutorTest, AChildThatIgnoresSigtermDiesWithItsGroup)
{
    RunOrder family =
        order("(trap '' TERM; while :; do sleep 0.05; done) >/dev/null 2>&1 & echo $!; wait");
    family.timeout = 1s;
    const RunReport end = run(family);
    EXPECT_EQ(end.state, RunState::timeout);
    EXPECT_EQ(end.term_signal, SIGTERM) << "the leader obeyed";
    EXPECT_GE(end.use_time, 1300ms) << "and its child had the grace";
    EXPECT_FALSE(is_alive(std::stoi(end.output))) << "nobody is left when the end is told";
}

TEST_F(ExecutorTest, AChildThatCleansUpHasTheGraceAndNoMore)
{
    settings_.rules.kill_grace = 60s;
    RunOrder family =
        order("(trap 'sleep 0.2; echo clean; exit' TERM; while :; do sleep 0.05; done) & wait");
    family.timeout = 1s;
    const RunReport end = run(family);
    EXPECT_THAT(end.output, HasSubstr("clean\n"));
    EXPECT_LT(end.use_time, 30s);
}

TEST_F(ExecutorTest, CommandsGetWhatTheyNeedToKnowAndNoSecrets)
{
    ::setenv("PEERCRON_CLUSTER_SECRET", "hush", 1);
    ::setenv("PEERCRON_MYSQL_PASSWORD", "hush", 1);
    ::setenv("PEERCRON_CONSUL_TOKEN", "hush", 1);
    const std::array of_service{
        "NOTIFY_SOCKET",   "STATE_DIRECTORY",      "RUNTIME_DIRECTORY",
        "CACHE_DIRECTORY", "LOGS_DIRECTORY",       "CONFIGURATION_DIRECTORY",
        "JOURNAL_STREAM",  "INVOCATION_ID",        "SYSTEMD_EXEC_PID",
        "LISTEN_FDS",      "MANAGERPID",           "MEMORY_PRESSURE_WATCH",
        "LISTEN_PIDFDID",  "CREDENTIALS_DIRECTORY"};
    for (const char* name : of_service) ::setenv(name, "/hush", 1);
    ::setenv("PEERCRON_NODE", "wrong", 1);
    ::setenv("OTHER", "stays", 1);
    RunOrder env = order("env");
    env.id = RunId{12, from_unix_millis(1'795'219'200'007), 2};
    const std::string output = "\n" + run(env).output;
    for (const char* name : {"PEERCRON_CLUSTER_SECRET", "PEERCRON_MYSQL_PASSWORD",
                             "PEERCRON_CONSUL_TOKEN", "PEERCRON_NODE", "OTHER"}) {
        ::unsetenv(name);
    }
    for (const char* name : of_service) ::unsetenv(name);
    EXPECT_THAT(output, HasSubstr("\nPEERCRON_JOB_ID=12\n"));
    EXPECT_THAT(output, HasSubstr("\nPEERCRON_SCHEDULED_AT=2026-11-21T00:00:00.007Z\n"));
    EXPECT_THAT(output, HasSubstr("\nPEERCRON_SCHEDULED_AT_MS=1795219200007\n"));
    EXPECT_THAT(output, HasSubstr("\nPEERCRON_ATTEMPT=2\n"));
    EXPECT_THAT(output, HasSubstr("\nPEERCRON_LAST_ATTEMPT=2\n"));
    EXPECT_THAT(output, HasSubstr("\nPEERCRON_NODE=127.0.0.1:9991\n"));
    EXPECT_THAT(output, HasSubstr("\nPEERCRON_EPOCH=7\n"));
    EXPECT_THAT(output, HasSubstr("\nOTHER=stays\n"));
    EXPECT_THAT(output, ::testing::Not(HasSubstr("hush")));
}

TEST_F(ExecutorTest, EveryCommandKnowsWhichPartOfItsFireItIs)
{
    const std::string command = "echo $PEERCRON_SHARD of $PEERCRON_SHARDS";
    EXPECT_EQ(run(command).output, "0 of 1\n");
    RunOrder part = order(command);
    part.id.part = 3;
    part.id.parts = 8;
    EXPECT_EQ(run(part).output, "3 of 8\n");
}

TEST_F(ExecutorTest, ARehearsalKnowsThatItIsOneAndItsReportSaysSo)
{
    RunOrder rehearsal = order("echo \"${PEERCRON_REHEARSAL-none}\"");
    rehearsal.rehearsal = true;
    const RunReport end = run(rehearsal);
    EXPECT_EQ(end.output, "1\n");
    EXPECT_TRUE(end.rehearsal);
    ::setenv("PEERCRON_REHEARSAL", "1", 1);  // of a run that has started this node
    const RunReport other = run("echo \"${PEERCRON_REHEARSAL-none}\"");
    ::unsetenv("PEERCRON_REHEARSAL");
    EXPECT_EQ(other.output, "none\n");
    EXPECT_FALSE(other.rehearsal);
}

TEST_F(ExecutorTest, CommandsInheritNothingElseOfOurs)
{
    const int leaky = ::dup(0);  // without close-on-exec
    ::signal(SIGPIPE, SIG_IGN);
    const RunReport end = run("ls /proc/self/fd | tr '\\n' ' '; sh -c 'kill -PIPE $$'; echo $?");
    ::signal(SIGPIPE, SIG_DFL);
    ::close(leaky);
    EXPECT_THAT(end.output, StartsWith("0 1 2 3 ")) << "3 is ls's own";
    EXPECT_THAT(end.output, EndsWith("141\n")) << "SIGPIPE has its default action";
}

TEST_F(ExecutorTest, EachCommandLeadsASessionOfItsOwn)
{
    EXPECT_EQ(run("test $(ps -o sid= -p $$) = $$").state, RunState::success);
}

TEST_F(ExecutorTest, StandardInputIsEmpty)
{
    EXPECT_EQ(run("cat; echo end").output, "end\n");
}

TEST_F(ExecutorTest, CpuTimeAndMemoryAreMeasured)
{
    const RunReport end = run("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
    EXPECT_GT(end.cpu_time, 0ms);
    EXPECT_LE(end.cpu_time, end.use_time + 20ms);
    rusage own{};
    ::getrusage(RUSAGE_SELF, &own);
    EXPECT_TRUE(end.max_rss == 0 || end.max_rss > own.ru_maxrss * 1024)
        << "never our own size for its";
}

TEST_F(ExecutorTest, TwoHundredAtOnceAllSucceed)
{
    settings_.rules.slots = 50;
    std::vector<RunOrder> orders;
    for (int i = 0; i < 200; ++i) orders.push_back(order("true"));
    for (const RunReport& end : run(orders))
        EXPECT_EQ(end.state, RunState::success) << to_string(end.reason);
}

TEST_F(ExecutorTest, ManyAtOnceHaveEachItsOwnOutputAndEnd)
{
    constexpr int count = 100;
    settings_.rules.slots = count;
    std::vector<RunOrder> orders;
    for (int i = 0; i < count; ++i) {
        // Longer than a pipe holds; half of them leave somebody behind who has the pipe open.
        const char* left = i % 2 == 0 ? "sleep 3 &" : "";
        orders.push_back(order(
            fmt::format("{} head -c 100000 /dev/zero | tr '\\0' x; echo {}; exit {}", left, i, i)));
    }
    const std::vector<RunReport> ends = run(orders);
    for (int i = 0; i < count; ++i) {
        const RunReport& end = ends.at(static_cast<std::size_t>(i));
        EXPECT_EQ(end.exit_code, i);
        EXPECT_THAT(end.output, EndsWith(fmt::format("x{}\n", i)));
        EXPECT_THAT(end.output, SizeIs(end.output_bytes)) << "nothing is lost";
        EXPECT_GT(end.output_bytes, 100'000);
    }
}

TEST_F(ExecutorTest, AFireThatIsTooLateIsReportedAsSkipped)
{
    RunOrder late = order("echo never");
    late.start_at = late.id.scheduled_at = clock_.now() - 1min;
    late.start_by = clock_.now() - 30s;
    const RunReport end = run(late);
    EXPECT_EQ(end.state, RunState::skipped);
    EXPECT_THAT(to_string(end.reason), StartsWith("misfire: "));
    EXPECT_EQ(end.started_at, std::nullopt);
    EXPECT_EQ(end.output, "");
}

TEST_F(ExecutorTest, NeverStartsBeforeItsTime)
{
    RunOrder soon = order("date +%s%3N");
    soon.start_at = soon.id.scheduled_at = clock_.now() + 300ms;
    const RunReport end = run(soon);
    EXPECT_GE(*end.started_at, soon.start_at);
    EXPECT_GE(std::stoll(end.output), to_unix_millis(soon.start_at));
}

/// Takes every descriptor that this process may still have.
std::vector<FileDescriptor> take_all_descriptors()
{
    std::vector<FileDescriptor> taken;
    for (;;) {
        FileDescriptor one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        if (!one) return taken;
        taken.push_back(std::move(one));
    }
}

asio::awaitable<void> run_out_of_descriptors(asio::io_context& io, Executor& executor,
                                             RunOrders orders, std::vector<RunReport>& reports)
{
    TaskGroup tasks(io.get_executor());
    tasks.spawn("executor", executor.run());
    co_await sleep_for(0ms);
    std::vector<FileDescriptor> taken = take_all_descriptors();
    executor.accept(std::move(orders));
    // What is due starts at once: it waits only when it could not.
    while (executor.load().queued == 0) {
        executor.dispatcher_heard(7);
        co_await sleep_for(1ms);
    }
    EXPECT_THAT(reports, IsEmpty());
    taken.clear();
    while (reports.size() < 2) {
        executor.dispatcher_heard(7);
        co_await sleep_for(1ms);
    }
    tasks.cancel();
    co_await tasks.join();
}

TEST_F(ExecutorTest, AFireWaitsUntilThereAreDescriptorsForItsCommand)
{
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit low{std::min<rlim_t>(256, before.rlim_max), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    asio::io_context io(1);
    Executor executor(io.get_executor(), clock_, settings_, keep_reports());
    testing::run(io,
                 run_out_of_descriptors(io, executor, RunOrders{{order("echo ran")}}, reports_));
    ::setrlimit(RLIMIT_NOFILE, &before);
    ASSERT_THAT(reports_, SizeIs(2));
    EXPECT_EQ(reports_[1].state, RunState::success);
    EXPECT_EQ(reports_[1].output, "ran\n");
}

TEST_F(ExecutorTest, MetricsCountTheFinalStates)
{
    run({order("true"), order("false"), order("exit 3")});
    const std::string text = prometheus::TextSerializer().Serialize(registry_.Collect());
    EXPECT_THAT(text, HasSubstr("peercron_runs_total{state=\"success\"} 1"));
    EXPECT_THAT(text, HasSubstr("peercron_runs_total{state=\"failed\"} 2"));
    EXPECT_THAT(text, HasSubstr("peercron_run_lateness_seconds_count 3"));
}

TEST_F(ExecutorTest, AStartIsLateByTheTimeSinceItWasDue)
{
    RunOrder waited = order("true");
    waited.id.scheduled_at -= 24h;
    waited.due_at = waited.start_at;
    RunOrder further = order("true");
    further.id.attempt = 2;
    further.id.scheduled_at -= 24h;
    run({waited, further});
    const std::string text = prometheus::TextSerializer().Serialize(registry_.Collect());
    EXPECT_THAT(text, HasSubstr("peercron_run_lateness_seconds_count 1"));
    EXPECT_THAT(text, Not(HasSubstr("peercron_run_lateness_seconds_sum 86")));
}

TEST_F(ExecutorTest, MetricsCountNoRehearsals)
{
    RunOrder rehearsal = order("true");
    rehearsal.rehearsal = true;
    run({rehearsal, order("true")});
    const std::string text = prometheus::TextSerializer().Serialize(registry_.Collect());
    EXPECT_THAT(text, HasSubstr("peercron_runs_total{state=\"success\"} 1"));
    EXPECT_THAT(text, HasSubstr("peercron_run_lateness_seconds_count 1"));
    EXPECT_THAT(text, HasSubstr("peercron_run_duration_seconds_count 1"));
}

asio::awaitable<void> cancel_while_running(asio::io_context& io, Executor& executor,
                                           RunOrders orders, std::vector<RunReport>& reports)
{
    TaskGroup tasks(io.get_executor());
    tasks.spawn("executor", executor.run());
    executor.accept(std::move(orders));
    while (reports.empty()) co_await sleep_for(5ms);
    EXPECT_THAT(executor.running(), SizeIs(1));
    EXPECT_EQ(executor.load().running, 1U);
    tasks.cancel();
    co_await tasks.join();
}

TEST_F(ExecutorTest, CancelledItKillsAndReportsEveryRun)
{
    asio::io_context io(1);
    Executor executor(io.get_executor(), clock_, settings_, keep_reports());
    testing::run(
        io, cancel_while_running(io, executor, RunOrders{{order("trap '' TERM; sleep 1000; true")}},
                                 reports_));
    ASSERT_THAT(reports_, SizeIs(2));
    EXPECT_EQ(reports_[1].state, RunState::killed);
    EXPECT_THAT(to_string(reports_[1].reason), StartsWith("node-stopped"));
    EXPECT_EQ(reports_[1].term_signal, SIGKILL);
}

asio::awaitable<void> cancel_at_once(asio::io_context& io, Executor& executor, RunOrders orders)
{
    TaskGroup tasks(io.get_executor());
    tasks.spawn("executor", executor.run());
    executor.accept(std::move(orders));
    while (executor.starting() == 0) co_await sleep_for(0ms);
    tasks.cancel();
    co_await tasks.join();
    EXPECT_EQ(executor.starting(), 0U);
    EXPECT_THAT(executor.running(), IsEmpty());
}

TEST_F(ExecutorTest, CancelledWhileRunsAreBeingStartedItReportsEveryOne)
{
    asio::io_context io(1);
    settings_.rules.slots = 50;
    Executor executor(io.get_executor(), clock_, settings_, keep_reports());
    RunOrders orders;
    for (int i = 0; i < 50; ++i) orders.orders.push_back(order("sleep 1000"));
    testing::run(io, cancel_at_once(io, executor, std::move(orders)));
    EXPECT_EQ(ended_, 50U);
    for (const RunReport& report : reports_) {
        if (!is_final(report.state)) continue;
        EXPECT_EQ(report.state, RunState::killed) << to_string(report.reason);
    }
}

asio::awaitable<void> drain_while_running(asio::io_context& io, Executor& executor,
                                          RunOrders orders, std::vector<RunReport>& reports)
{
    TaskGroup tasks(io.get_executor());
    tasks.spawn("executor", executor.run());
    const RunOrder last = orders.orders.back();
    const RunOrder second = orders.orders.at(1);
    executor.accept(std::move(orders));
    while (reports.size() < 2) co_await sleep_for(5ms);
    EXPECT_THAT(executor.begin_drain(), ElementsAre(last.id));
    EXPECT_TRUE(executor.load().draining);
    EXPECT_THAT(executor.held(), IsEmpty());
    RunOrders more;
    more.orders.push_back(last);
    EXPECT_THAT(executor.accept(std::move(more)), ElementsAre(last.id));
    const bool is_idle = co_await executor.drain(std::chrono::steady_clock::now() + 500ms);
    EXPECT_TRUE(is_idle);
    EXPECT_THAT(executor.running(), IsEmpty());
    tasks.cancel();
    co_await tasks.join();
}

TEST_F(ExecutorTest, DrainingLetsRunsEndThenKillsThem)
{
    asio::io_context io(1);
    Executor executor(io.get_executor(), clock_, settings_, keep_reports());
    RunOrders orders{{order("sleep 0.2"), order("sleep 1000"), order("echo never")}};
    orders.orders.back().start_at += 1h;
    orders.orders.back().start_by += 2h;
    testing::run(io, drain_while_running(io, executor, orders, reports_));
    ASSERT_THAT(reports_, SizeIs(4));
    EXPECT_EQ(reports_[2].state, RunState::success);
    EXPECT_EQ(reports_[3].state, RunState::killed);
    EXPECT_THAT(to_string(reports_[3].reason), StartsWith("node-stopped: "));
}

asio::awaitable<void> kill_while_running(asio::io_context& io, Executor& executor, RunOrder order,
                                         std::vector<RunReport>& reports)
{
    TaskGroup tasks(io.get_executor());
    tasks.spawn("executor", executor.run());
    const RunId id = order.id;
    EXPECT_FALSE(executor.kill(id, parse_reason("too early")));
    RunOrders orders;
    orders.orders.push_back(std::move(order));
    executor.accept(std::move(orders));
    while (reports.empty()) co_await sleep_for(5ms);
    EXPECT_TRUE(executor.kill(id, parse_reason("killed by alice from 10.0.0.7")));
    while (reports.size() < 2) co_await sleep_for(5ms);
    EXPECT_FALSE(executor.kill(id, parse_reason("too late")));
    tasks.cancel();
    co_await tasks.join();
}

TEST_F(ExecutorTest, AKillNamesWhoAsked)
{
    asio::io_context io(1);
    Executor executor(io.get_executor(), clock_, settings_, keep_reports());
    testing::run(io, kill_while_running(io, executor, order("sleep 1000"), reports_));
    EXPECT_EQ(reports_[1].state, RunState::killed);
    EXPECT_EQ(to_string(reports_[1].reason), "killed by alice from 10.0.0.7");
}

asio::awaitable<void> kill_when_over(asio::io_context& io, Executor& executor, RunOrder order,
                                     std::vector<RunReport>& reports)
{
    TaskGroup tasks(io.get_executor());
    tasks.spawn("executor", executor.run());
    const RunId id = order.id;
    RunOrders orders;
    orders.orders.push_back(std::move(order));
    executor.accept(std::move(orders));
    while (reports.empty()) co_await sleep_for(5ms);
    siginfo_t ended{};  // the I/O thread is busy here, so the executor does not see it
    ::waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT);
    executor.kill(id, parse_reason("too late"));
    while (reports.size() < 2) co_await sleep_for(5ms);
    tasks.cancel();
    co_await tasks.join();
}

TEST_F(ExecutorTest, ARunThatHadEndedByItselfWhenItWasToBeKilledIsWhatItIs)
{
    asio::io_context io(1);
    Executor executor(io.get_executor(), clock_, settings_, keep_reports());
    testing::run(io, kill_when_over(io, executor, order("exit 0"), reports_));
    EXPECT_EQ(reports_[1].state, RunState::success);
    EXPECT_EQ(to_string(reports_[1].reason), "");
}

TEST_F(ExecutorTest, AMutexRunIsFencedWhenTheNodeIsIsolated)
{
    is_isolated_ = true;
    settings_.rules.lease = 200ms;
    settings_.rules.fence_grace = 50ms;
    RunOrder alone = order("trap '' TERM; sleep 1000; sleep 1000");
    alone.concurrency.limit = 1;
    const auto ends = run({alone, order("sleep 0.6")});
    EXPECT_EQ(ends[0].state, RunState::fenced);
    EXPECT_THAT(to_string(ends[0].reason), StartsWith("node-isolated: "));
    EXPECT_EQ(ends[1].state, RunState::success) << "others go on";
}

}  // namespace
}  // namespace peercron
