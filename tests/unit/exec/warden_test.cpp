#include "exec/warden.hpp"

#include "exec/process.hpp"
#include "exec/process_table.hpp"
#include "run_coroutine.hpp"
#include "wire/address.hpp"
#include "wire/connection.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

bool is_alive(pid_t pid)
{
    for (const ProcessEntry& process : list_processes()) {
        if (process.pid == pid) return !process.is_zombie;
    }
    return false;
}

/// Whether it is there, if only to be reaped.
bool is_listed(pid_t pid)
{
    for (const ProcessEntry& process : list_processes()) {
        if (process.pid == pid) return true;
    }
    return false;
}

bool dies_within(pid_t pid, std::chrono::seconds limit)
{
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < deadline) {
        if (!is_alive(pid)) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

/// The first word that a command writes, a number.
long number_from(const Process& run)
{
    ::fcntl(run.output.get(), F_SETFL, 0);
    std::array<char, 32> text{};
    if (::read(run.output.get(), text.data(), text.size() - 1) <= 0) std::abort();
    return std::atol(text.data());
}

/// A node that does nothing; ends with its warden, so that a failing test leaves nothing behind.
int idle(const Lifeline& lifeline)
{
    pollfd warden_gone{lifeline.warden.get(), POLLIN, 0};
    while (::poll(&warden_gone, 1, -1) < 0) continue;
    return 1;
}

/// What a dispatcher has been told at a node's port.
struct Told {
    std::optional<NodeDied> word;
    std::optional<PeerError> failure;
};

asio::awaitable<void> ask_there(std::string address, GreetingSettings greeting, Told& told)
{
    PeerSettings settings;
    settings.greeting = std::move(greeting);
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    auto connected = co_await PeerConnection::connect(std::move(address), settings, deadline);
    if (!connected) {
        told.failure = connected.error();
        co_return;
    }
    PeerConnection& connection = **connected;
    connection.send(TermHello{7, "a dispatcher"});
    const auto on_message = [&](const Message& message) {
        const auto* word = std::get_if<NodeDied>(&message);
        if (word == nullptr) return;
        told.word = *word;
        connection.send(DeathHeard{word->incarnation});
    };
    co_await connection.run(on_message);
}

/// A warden in a process of its own, and a pipe on which its node tells the test things.
class WardenTest : public ::testing::Test {
protected:
    WardenTest()
    {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
        reading_ = FileDescriptor(ends[0]);
        writing_ = FileDescriptor(ends[1]);
    }
    ~WardenTest() override
    {
        if (warden_ > 0) {
            ::kill(warden_, SIGKILL);
            ::waitpid(warden_, nullptr, 0);
        }
    }

    template <class F>
    void start(F node_main)
    {
        warden_ = ::fork();
        ASSERT_GE(warden_, 0);
        if (warden_ == 0) {
            ::_exit(run_warden(node_main, settings_));
        }
        writing_.close();
        listener_.close();
    }

    /// Opens the port of a node that start() will start; where it is.
    tcp::endpoint open_port()
    {
        listener_ =
            FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof(address);
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        const bool is_open = ::bind(listener_.get(), any, size) == 0 &&
                             ::listen(listener_.get(), 128) == 0 &&
                             ::getsockname(listener_.get(), any, &size) == 0;
        if (!is_open) std::abort();
        return {asio::ip::address_v4::loopback(), ntohs(address.sin_port)};
    }
    /// A node with that port, in a cluster whose secret is "right"; its process.
    pid_t start_with_port()
    {
        settings_.greeting = greeting("right", "the node");
        start([this](Lifeline lifeline) -> int {
            Guard guard(std::move(lifeline.guard));
            guard.hand_over(listener_.get(), incarnation);
            ::signal(SIGTERM, [](int) { ::_exit(0); });
            tell(::getpid());
            return idle(lifeline);
        });
        return hear_pid();
    }
    GreetingSettings greeting(const std::string& secret, std::string node = "a dispatcher") const
    {
        GreetingSettings greeting;
        greeting.self = {std::move(node), "1.0"};
        greeting.secret = secret;
        if (encrypts_) greeting.tls = std::make_shared<const PskContext>(secret);
        return greeting;
    }
    /// What somebody who takes whoever is there for a node is told there.
    Told ask(const tcp::endpoint& port) const { return ask(port, greeting("right")); }
    static Told ask(const tcp::endpoint& port, GreetingSettings settings)
    {
        Told told;
        asio::io_context io(1);
        testing::run(io, ask_there(to_string(port), std::move(settings), told));
        return told;
    }

    /// In the node: starts a command and tells the test its pid.
    Process spawn(const char* command) const
    {
        Spawner spawner("node", "/bin/sh", {}, clock_);
        RunOrder order;
        order.command = command;
        auto process = spawner.spawn(order);
        if (process.has_error()) std::abort();
        return std::move(*process);
    }
    void tell(long number) const
    {
        if (::write(writing_.get(), &number, sizeof number) != sizeof number) std::abort();
    }
    /// In the test; 0 when nothing comes.
    long hear() const
    {
        pollfd ready{reading_.get(), POLLIN, 0};
        long number = 0;
        if (::poll(&ready, 1, 20'000) != 1) return 0;
        if (::read(reading_.get(), &number, sizeof number) != sizeof number) return 0;
        return number;
    }
    pid_t hear_pid() const { return static_cast<pid_t>(hear()); }

    int exit_code()
    {
        int status = 0;
        ::waitpid(warden_, &status, 0);
        warden_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

    bool encrypts_ = false;
    static constexpr std::uint64_t incarnation = 0xFEDCBA9876543210U;

    static WardenSettings quick()
    {
        WardenSettings settings;
        settings.orphan_grace = 200ms;
        return settings;
    }

    SystemClock clock_;
    WardenSettings settings_ = quick();
    FileDescriptor listener_;
    FileDescriptor reading_;
    FileDescriptor writing_;
    pid_t warden_ = 0;
};

TEST_F(WardenTest, PassesTheExitCodeOn)
{
    start([](Lifeline) { return 42; });
    EXPECT_EQ(exit_code(), 42);
}

TEST_F(WardenTest, ANodeThatThrowsEndsWithOne)
{
    start([](Lifeline) -> int { throw std::runtime_error("no store"); });
    EXPECT_EQ(exit_code(), 1);
}

TEST_F(WardenTest, ASignalDeathIsPassedOnAsAShellWould)
{
    start([this](Lifeline lifeline) -> int {
        tell(::getpid());
        return idle(lifeline);
    });
    ::kill(hear_pid(), SIGKILL);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
}

TEST_F(WardenTest, AnInheritedIgnoredSigchldDoesNoHarm)
{
    ::signal(SIGCHLD, SIG_IGN);
    start([](Lifeline) { return 5; });
    ::signal(SIGCHLD, SIG_DFL);
    EXPECT_EQ(exit_code(), 5);
}

TEST_F(WardenTest, HandsSigtermOnToTheNode)
{
    start([this](Lifeline lifeline) -> int {
        ::signal(SIGTERM, [](int) { ::_exit(7); });
        tell(1);
        return idle(lifeline);
    });
    ASSERT_EQ(hear(), 1);
    ::kill(warden_, SIGTERM);
    EXPECT_EQ(exit_code(), 7);
}

TEST_F(WardenTest, HandsSighupOnToTheNode)
{
    start([this](Lifeline lifeline) -> int {
        ::signal(SIGHUP, [](int) { ::_exit(8); });
        tell(1);
        return idle(lifeline);
    });
    ASSERT_EQ(hear(), 1);
    ::kill(warden_, SIGHUP);
    EXPECT_EQ(exit_code(), 8);
}

TEST_F(WardenTest, WhenTheNodeIsKilledItsCommandsDieWithIt)
{
    start([this](Lifeline lifeline) -> int {
        tell(spawn("sleep 1000").pid);
        tell(spawn("trap '' TERM; while :; do sleep 0.05; done").pid);
        tell(::getpid());
        return idle(lifeline);
    });
    const pid_t obedient = hear_pid();
    const pid_t stubborn = hear_pid();
    const pid_t node = hear_pid();
    ASSERT_TRUE(is_alive(obedient));
    ASSERT_TRUE(is_alive(stubborn));
    ::kill(node, SIGKILL);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
    EXPECT_FALSE(is_alive(obedient));
    EXPECT_FALSE(is_alive(stubborn));
}

TEST_F(WardenTest, EndsTheGuardedRunsOfANodeThatDoesNotRenewItsLease)
{
    start([this](Lifeline lifeline) -> int {
        Guard guard(std::move(lifeline.guard));
        const Process free = spawn("sleep 1000");
        const Process done = spawn("sleep 1000");
        const Process guarded = spawn("trap '' TERM; while :; do sleep 0.05; done");
        guard.watch(done.pid);
        guard.forget(done.pid);
        guard.renew(clock_.steady_now() + 100ms);
        guard.watch(guarded.pid);
        reap(guarded);
        tell(is_alive(free.pid) && is_alive(done.pid) ? 1 : 2);
        return idle(lifeline);
    });
    EXPECT_EQ(hear(), 1);
}

TEST_F(WardenTest, ARenewedLeaseKeepsTheGuardedRuns)
{
    start([this](Lifeline lifeline) -> int {
        Guard guard(std::move(lifeline.guard));
        guard.renew(clock_.steady_now() + 1h);
        const Process guarded = spawn("sleep 1000");
        guard.watch(guarded.pid);
        // The warden has read that when it has read what follows.
        const Process last = spawn("sleep 1000");
        guard.watch(last.pid);
        guard.forget(guarded.pid);
        guard.renew(clock_.steady_now());
        reap(last);
        tell(is_alive(guarded.pid) ? 1 : 2);
        return idle(lifeline);
    });
    EXPECT_EQ(hear(), 1);
}

TEST_F(WardenTest, AProcessThatLeftItsSessionDiesWithTheNode)
{
    start([this](Lifeline lifeline) -> int {
        const Process run =
            spawn("setsid sh -c 'trap \"\" TERM; while :; do sleep 0.05; done' & echo $!; wait");
        ::fcntl(run.output.get(), F_SETFL, 0);
        std::array<char, 32> text{};
        if (::read(run.output.get(), text.data(), text.size() - 1) <= 0) std::abort();
        tell(std::atol(text.data()));
        tell(::getpid());
        return idle(lifeline);
    });
    const pid_t daemon = hear_pid();
    ASSERT_TRUE(is_alive(daemon));
    ::kill(hear_pid(), SIGKILL);
    exit_code();
    EXPECT_FALSE(is_alive(daemon));
}

TEST_F(WardenTest, ABackgroundChildOutlivesItsRunButNotTheNode)
{
    start([this](Lifeline lifeline) -> int {
        const Process run = spawn("sleep 1000 & echo $!");
        ::fcntl(run.output.get(), F_SETFL, 0);
        std::array<char, 32> text{};
        if (::read(run.output.get(), text.data(), text.size() - 1) <= 0) std::abort();
        reap(run);
        tell(std::atol(text.data()));
        ::signal(SIGTERM, [](int) { ::_exit(0); });
        tell(1);
        return idle(lifeline);
    });
    const pid_t child = hear_pid();
    ASSERT_EQ(hear(), 1);
    EXPECT_TRUE(is_alive(child));
    ::kill(warden_, SIGTERM);
    EXPECT_EQ(exit_code(), 0);
    EXPECT_FALSE(is_alive(child));
}

TEST_F(WardenTest, TheNodeReapsOrphansAndNothingElse)
{
    start([this](Lifeline lifeline) -> int {
        std::optional<Process> run;
        std::optional<Process> failing;
        std::promise<void> started;
        std::promise<void> over;
        // The thread that starts a command has to live as long as the command.
        std::jthread starting([&, until = over.get_future()] {
            run = spawn("sleep 0.2 & echo $!");
            failing = spawn("exit 3");
            started.set_value();
            until.wait();
        });
        started.get_future().wait();
        for (const auto* const process : {&run, &failing}) {
            pollfd has_ended{(*process)->pidfd.get(), POLLIN, 0};
            ::poll(&has_ended, 1, -1);
        }
        ::fcntl(run->output.get(), F_SETFL, 0);
        std::array<char, 32> text{};
        if (::read(run->output.get(), text.data(), text.size() - 1) <= 0) std::abort();
        const auto orphan = static_cast<pid_t>(std::atol(text.data()));
        tell(orphan);
        const SystemClock clock;
        asio::io_context io(1);
        asio::co_spawn(io, reap_orphans(clock, 1ms), asio::detached);
        while (is_listed(orphan)) io.run_for(5ms);
        tell(reap(*failing).exit_code.value_or(-1));
        over.set_value();
        return idle(lifeline);
    });
    ASSERT_GT(hear(), 0);
    EXPECT_EQ(hear(), 3) << "the status of a command is left to the executor";
}

TEST_F(WardenTest, WhenTheWardenIsKilledTheNodeEndsWhatCommandsHaveLeft)
{
    start([this](Lifeline lifeline) -> int {
        const Process run =
            spawn("setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.05; done' & exit 0");
        tell(number_from(run));
        reap(run);  // so that the other one is an orphan
        tell(::getpid());
        asio::io_context io(1);
        testing::run(io, wait_for_warden_death(std::move(lifeline.warden)));
        WardenSettings settings;
        settings.orphan_grace = 200ms;
        kill_descendants(settings);
        return 1;
    });
    const pid_t orphan = hear_pid();
    const pid_t node = hear_pid();
    ASSERT_TRUE(is_alive(orphan));
    ::kill(warden_, SIGKILL);
    EXPECT_EQ(exit_code(), -SIGKILL);
    EXPECT_TRUE(dies_within(node, 20s));
    EXPECT_FALSE(is_listed(orphan)) << "it was gone before the node";
}

TEST_F(WardenTest, CommandsEndWithTheNodeWhenNobodyIsThereToEndThem)
{
    start([this](Lifeline lifeline) -> int {
        tell(spawn("sleep 1000").pid);
        tell(spawn("trap '' TERM; while :; do sleep 0.05; done").pid);
        idle(lifeline);
        ::_exit(1);  // as if it had been killed together with the warden
    });
    const pid_t obedient = hear_pid();
    const pid_t stubborn = hear_pid();
    ASSERT_TRUE(is_alive(obedient));
    ASSERT_TRUE(is_alive(stubborn));
    ::kill(warden_, SIGKILL);
    EXPECT_EQ(exit_code(), -SIGKILL);
    EXPECT_TRUE(dies_within(obedient, 20s));
    EXPECT_TRUE(dies_within(stubborn, 20s));
}

TEST_F(WardenTest, TheNodeNoticesThatTheWardenWasKilled)
{
    start([this](Lifeline lifeline) -> int {
        tell(spawn("setsid sleep 1000 & sleep 1000").pid);
        tell(::getpid());
        asio::io_context io(1);
        testing::run(io, wait_for_warden_death(std::move(lifeline.warden)));
        kill_descendants();
        return 1;
    });
    const pid_t command = hear_pid();
    const pid_t node = hear_pid();
    ASSERT_TRUE(is_alive(command));
    ::kill(warden_, SIGKILL);
    EXPECT_EQ(exit_code(), -SIGKILL);
    EXPECT_TRUE(dies_within(command, 20s));
    EXPECT_TRUE(dies_within(node, 20s));
}

/// Both transports: GetParam() says whether encrypted.
class HeraldTest : public WardenTest, public ::testing::WithParamInterface<bool> {
protected:
    HeraldTest() { encrypts_ = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Both, HeraldTest, ::testing::Bool());

TEST_P(HeraldTest, TellsADispatcherThatItsNodeIsDeadAndEndsWhenThatKnows)
{
    settings_.last_word = 1h;
    const tcp::endpoint port = open_port();
    const pid_t node = start_with_port();
    ::kill(node, SIGKILL);
    const Told told = ask(port);
    ASSERT_TRUE(told.word);
    EXPECT_EQ(told.word->incarnation, incarnation);
    EXPECT_GE(told.word->ago, 0ms);
    EXPECT_GE(told.word->lived, 0ms);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
}

TEST_P(HeraldTest, AConnectionThatTheNodeHadNotAcceptedIsAnswered)
{
    settings_.last_word = 1h;
    const tcp::endpoint port = open_port();
    const pid_t node = start_with_port();
    asio::io_context io(1);
    Told told;
    asio::co_spawn(io, ask_there(to_string(port), greeting("right"), told), asio::detached);
    io.run_for(50ms);  // it has connected, and waits
    ::kill(node, SIGKILL);
    io.run();
    EXPECT_TRUE(told.word);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
}

TEST_P(HeraldTest, TellsOfTheDeathWhileItEndsWhatTheNodeHasLeft)
{
    settings_.orphan_grace = 1h;
    const tcp::endpoint port = open_port();
    settings_.greeting = greeting("right", "the node");
    start([this](Lifeline lifeline) -> int {
        Guard guard(std::move(lifeline.guard));
        guard.hand_over(listener_.get(), incarnation);
        // Its shell dies with the node.
        const Process run =
            spawn("sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.05; done' & wait");
        tell(number_from(run));
        tell(::getpid());
        return idle(lifeline);
    });
    const pid_t command = hear_pid();
    ::kill(hear_pid(), SIGKILL);
    EXPECT_TRUE(ask(port).word);
    EXPECT_TRUE(is_alive(command));
    ::kill(command, SIGKILL);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
}

TEST_P(HeraldTest, StrangersLearnNothingAndKeepNobodyFromTheWord)
{
    settings_.last_word = 1h;
    const tcp::endpoint port = open_port();
    const pid_t node = start_with_port();
    ::kill(node, SIGKILL);
    asio::io_context io(1);
    std::vector<tcp::socket> silent;
    for (int i = 0; i < 100; ++i) silent.emplace_back(io).connect(port);
    const Told stranger = ask(port, greeting("wrong"));
    EXPECT_FALSE(stranger.word);
    ASSERT_TRUE(stranger.failure);
    EXPECT_EQ(stranger.failure->kind, PeerError::Kind::authentication);
    for (int i = 0; i < 100; ++i) silent.emplace_back(io).connect(port);
    EXPECT_TRUE(ask(port).word);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
}

TEST_P(HeraldTest, APeerThatWouldTakeItForTheNodeFindsNoCommonVersion)
{
    const tcp::endpoint port = open_port();
    const pid_t node = start_with_port();
    ::kill(node, SIGKILL);
    GreetingSettings older = greeting("right");
    older.versions = {1, 1};
    const Told told = ask(port, older);
    EXPECT_FALSE(told.word);
    ASSERT_TRUE(told.failure);
    EXPECT_EQ(told.failure->kind, PeerError::Kind::version);
}

TEST_F(WardenTest, EndsWithoutADispatcher)
{
    settings_.last_word = 50ms;
    open_port();
    ::kill(start_with_port(), SIGKILL);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
}

TEST_F(WardenTest, EndsAtOnceWhenItIsToldTo)
{
    settings_.last_word = 1h;
    open_port();
    const pid_t node = start_with_port();
    ::kill(node, SIGKILL);
    while (is_listed(node)) std::this_thread::sleep_for(1ms);
    ::kill(warden_, SIGTERM);
    EXPECT_EQ(exit_code(), 128 + SIGKILL);
}

TEST_F(WardenTest, SaysFarewellForANodeThatEndedInGoodOrder)
{
    settings_.farewell = 1h;
    const tcp::endpoint port = open_port();
    start_with_port();
    ::kill(warden_, SIGTERM);
    EXPECT_TRUE(ask(port).word);
    EXPECT_EQ(exit_code(), 0);
}

TEST_F(WardenTest, ReportsTheDeathToAServer)
{
    asio::io_context io(1);
    tcp::acceptor server(io, {asio::ip::address_v4::loopback(), 0});
    const tcp::endpoint address = server.local_endpoint();
    DeathReport report;
    std::memcpy(&report.server, address.data(), address.size());
    report.server_size = static_cast<socklen_t>(address.size());
    report.request = "PUT /died HTTP/1.1\r\n\r\n";
    settings_.report = report;
    settings_.last_word = 1h;
    start([this](Lifeline lifeline) -> int {
        tell(::getpid());
        return idle(lifeline);
    });
    ::kill(hear_pid(), SIGKILL);
    tcp::socket connection = server.accept();
    std::string request(report.request.size(), '\0');
    asio::read(connection, asio::buffer(request));
    EXPECT_EQ(request, report.request);
    asio::write(connection, asio::buffer("HTTP/1.1 200 OK\r\n\r\n", 19));
    EXPECT_EQ(exit_code(), 128 + SIGKILL) << "the answer is all that it waits for";
}

TEST_F(WardenTest, ReportsNoEndInGoodOrder)
{
    asio::io_context io(1);
    tcp::acceptor server(io, {asio::ip::address_v4::loopback(), 0});
    const tcp::endpoint address = server.local_endpoint();
    settings_.report.emplace();
    std::memcpy(&settings_.report->server, address.data(), address.size());
    settings_.report->server_size = static_cast<socklen_t>(address.size());
    start([](Lifeline) { return 0; });
    EXPECT_EQ(exit_code(), 0);
    server.non_blocking(true);
    boost::system::error_code error;
    server.accept(error);
    EXPECT_EQ(error, asio::error::would_block);
}

}  // namespace
}  // namespace peercron
