#include "wire/listener.hpp"

#include "base/event.hpp"
#include "loopback.hpp"
#include "run_coroutine.hpp"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <sstream>
#include <stdexcept>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using testing::RawPeer;
using testing::settings;
using testing::Talker;
using tcp = asio::ip::tcp;

/// Catches the log as long as it lives.
class CaughtLog {
public:
    CaughtLog() : before_(spdlog::default_logger())
    {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(text_);
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("", std::move(sink)));
        spdlog::set_pattern("%l %v");
    }
    CaughtLog(const CaughtLog&) = delete;
    CaughtLog& operator=(const CaughtLog&) = delete;
    ~CaughtLog() { spdlog::set_default_logger(before_); }

    std::string text() const { return text_.str(); }
    std::size_t lines() const { return static_cast<std::size_t>(std::ranges::count(text(), '\n')); }

private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_;
};

ListenerSettings listener_settings()
{
    ListenerSettings listener;
    listener.peer = settings("server:1");
    listener.greeting_timeout = 1min;
    listener.retry_after = 1ms;
    return listener;
}

/// A listener and those it has handed over.
struct Host {
    Host(const asio::any_io_executor& executor, ListenerSettings settings)
        : tasks(executor),
          arrived(executor),
          listener(executor, "127.0.0.1:0", std::move(settings),
                   [this](std::unique_ptr<PeerConnection> peer) {
                       peers.push_back(std::move(peer));
                       arrived.notify();
                   })
    {
        tasks.spawn("listener", listener.run());
    }

    asio::awaitable<PeerConnection::Result> connect()
    {
        co_return co_await PeerConnection::connect(address(), settings("client:1"),
                                                   testing::in_a_minute());
    }
    asio::awaitable<void> stop()
    {
        tasks.cancel();
        co_await tasks.join();
    }
    std::string address() const { return to_string(listener.local_endpoint()); }

    TaskGroup tasks;
    Event arrived;
    std::vector<std::unique_ptr<PeerConnection>> peers;
    PeerListener listener;
};

class ListenerTest : public testing::EachTransport {
protected:
    void run(asio::awaitable<void> test) { testing::run(io, std::move(test)); }

    asio::io_context io{1};
};

std::string failure_to_listen(asio::io_context& io, const std::string& address)
{
    try {
        PeerListener(io.get_executor(), address, listener_settings(), nullptr);
        return "";
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

INSTANTIATE_TEST_SUITE_P(Both, ListenerTest, ::testing::Bool(), testing::transport_name);

TEST_P(ListenerTest, AnAddressInUseIsAFailureOfItsOwnBecauseItMayBeFreeSoon)
{
    const tcp::acceptor other = testing::listen_on_loopback(io.get_executor());
    const std::string address = to_string(other.local_endpoint());
    EXPECT_THROW(PeerListener(io.get_executor(), address, listener_settings(), nullptr), PortInUse);
}

TEST_P(ListenerTest, AnAddressInUseIsNamed)
{
    const tcp::acceptor other = testing::listen_on_loopback(io.get_executor());
    const std::string address = to_string(other.local_endpoint());
    EXPECT_EQ(failure_to_listen(io, address), "cannot listen on " + address +
                                                  ": Address already in use; does another node "
                                                  "run there?");
}

TEST_P(ListenerTest, AnAddressOfAnotherMachineOrNoneAtAllIsNamed)
{
    EXPECT_EQ(failure_to_listen(io, "192.0.2.1:9991"),
              "cannot listen on 192.0.2.1:9991: Cannot assign requested address");
    EXPECT_TRUE(failure_to_listen(io, "nowhere").starts_with("cannot listen: \"nowhere\" is not"));
}

asio::awaitable<void> hand_over()
{
    const auto executor = co_await asio::this_coro::executor;
    const std::vector<int> before = testing::open_descriptors();
    Host host(executor, listener_settings());
    auto connected = co_await host.connect();
    while (host.peers.empty()) co_await host.arrived.wait();
    EXPECT_EQ(host.peers[0]->peer().node, "client:1");
    for (const int fd : testing::open_descriptors()) {
        const bool is_old = std::ranges::count(before, fd) != 0;
        EXPECT_TRUE(is_old || (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0) << "a child would inherit";
    }

    (*connected)->send(TermHello{7, "client:1"});
    (*connected)->close();
    Talker server(executor, std::move(host.peers[0]));
    host.tasks.spawn("server", server.run());
    co_await server.received(1);
    EXPECT_EQ(server.messages[0], Message(TermHello{7, "client:1"}));
    co_await host.stop();
}

TEST_P(ListenerTest, WhoProvesTheSecretIsHandedOverAndNoChildInheritsAnything)
{
    run(hand_over());
}

asio::awaitable<void> flood()
{
    const auto executor = co_await asio::this_coro::executor;
    ListenerSettings busy = listener_settings();
    busy.peer.limits.max_silence = 0ms;
    Host host(executor, busy);
    CaughtLog log;
    std::mt19937_64 random(6);
    for (int i = 0; i < 300; ++i) {
        RawPeer stranger(executor);
        co_await stranger.connect(host.listener.local_endpoint());
        std::string bytes(1 + random() % 3000, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        bytes[0] = '\x7F';  // never the beginning of a frame that is short enough
        co_await stranger.write(bytes);
        const std::string received = co_await stranger.read_to_end();
        EXPECT_EQ(received, "");
    }
    EXPECT_GE(log.lines(), 1U);
    EXPECT_LE(log.lines(), 10U) << log.text();
    EXPECT_TRUE(log.text().starts_with("warning peer: refused 127.0.0.1:")) << log.text();

    PeerConnection::Result wrong = co_await PeerConnection::connect(
        host.address(), settings("wrong:1", "another secret"), testing::in_a_minute());
    EXPECT_EQ(wrong.error().kind, PeerError::Kind::authentication);
    EXPECT_NE(log.text().find("cluster_secret is not the same there"), std::string::npos)
        << "hidden by the flood";

    const auto honest = co_await host.connect();
    EXPECT_TRUE(honest);
    co_await host.stop();
}
TEST_P(ListenerTest, AFloodOfRandomBytesHarmsNobodyAndLeavesTheLogReadable)
{
    run(flood());
}

asio::awaitable<void> check_health()
{
    const auto executor = co_await asio::this_coro::executor;
    Host host(executor, listener_settings());
    CaughtLog log;
    for (int i = 0; i < 20; ++i) {
        RawPeer check(executor);
        co_await check.connect(host.listener.local_endpoint());
    }
    const auto honest = co_await host.connect();
    EXPECT_TRUE(honest);
    EXPECT_EQ(log.text(), "");
    co_await host.stop();
}
TEST_P(ListenerTest, AHealthCheckThatConnectsAndLeavesIsNotLogged)
{
    run(check_health());
}

asio::awaitable<void> crowd()
{
    const auto executor = co_await asio::this_coro::executor;
    ListenerSettings narrow = listener_settings();
    narrow.max_greetings = 2;
    Host host(executor, narrow);
    CaughtLog log;
    RawPeer first(executor);
    RawPeer second(executor);
    RawPeer third(executor);
    co_await first.connect(host.listener.local_endpoint());
    co_await second.connect(host.listener.local_endpoint());
    co_await third.connect(host.listener.local_endpoint());
    const std::string received = co_await first.read_to_end();
    EXPECT_EQ(received, "");
    EXPECT_NE(log.text().find("2 connections from strangers have not finished their greeting; "
                              "closing the oldest"),
              std::string::npos)
        << log.text();

    co_await third.greet(settings("third:1").greeting);
    while (host.peers.empty()) co_await host.arrived.wait();
    EXPECT_EQ(host.peers[0]->peer().node, "third:1");
    co_await second.greet(settings("second:1").greeting);
    const auto next = co_await host.connect();
    EXPECT_TRUE(next);
    co_await host.stop();
}
TEST_P(ListenerTest, WhenOneTooManyComesTheOldestMakesWayAndTheOthersAreNotHarmed)
{
    run(crowd());
}

asio::awaitable<void> hold_half_open()
{
    const auto executor = co_await asio::this_coro::executor;
    ListenerSettings patient = listener_settings();  // nobody goes by himself within the test
    Host host(executor, patient);
    CaughtLog log;
    std::vector<std::unique_ptr<RawPeer>> strangers;
    for (int i = 0; i < 200; ++i) {
        strangers.push_back(std::make_unique<RawPeer>(executor));
        co_await strangers.back()->connect(host.listener.local_endpoint());
    }
    const auto honest = co_await host.connect();
    EXPECT_TRUE(honest) << honest.error().message;
    EXPECT_LE(log.lines(), 5U) << log.text();
    co_await host.stop();
}
TEST_P(ListenerTest, TwoHundredHalfOpenConnectionsKeepNobodyOut)
{
    run(hold_half_open());
}

/// From another address of this machine, so that a test has strangers and members.
asio::awaitable<void> connect_from(RawPeer& peer, const char* from, tcp::endpoint to)
{
    peer.socket.open(tcp::v4());
    peer.socket.bind({asio::ip::make_address(from), 0});
    co_await peer.connect(to);
}

asio::awaitable<void> flood_beside_member(bool is_registered)
{
    const auto executor = co_await asio::this_coro::executor;
    ListenerSettings narrow = listener_settings();
    narrow.max_greetings = 2;
    const auto member = asio::ip::make_address("127.0.0.7");
    if (is_registered) {
        narrow.is_member = [member](const asio::ip::address& from) { return from == member; };
    }
    Host host(executor, narrow);
    const tcp::endpoint port = host.listener.local_endpoint();
    if (!is_registered) {
        RawPeer earlier(executor);
        co_await connect_from(earlier, "127.0.0.7", port);
        co_await earlier.greet(settings("member:1").greeting);
        while (host.peers.empty()) co_await host.arrived.wait();
    }
    const std::size_t before = host.peers.size();
    RawPeer dispatcher(executor);
    co_await connect_from(dispatcher, "127.0.0.7", port);
    std::vector<std::unique_ptr<RawPeer>> strangers;
    for (int i = 0; i < 10; ++i) {
        strangers.push_back(std::make_unique<RawPeer>(executor));
        co_await connect_from(*strangers.back(), "127.0.0.8", port);
    }
    const std::string ended = co_await strangers.front()->read_to_end();
    EXPECT_EQ(ended, "");
    co_await dispatcher.greet(settings("member:1").greeting);
    while (host.peers.size() == before) co_await host.arrived.wait();
    EXPECT_EQ(host.peers.back()->peer().node, "member:1");
    co_await host.stop();
}
TEST_P(ListenerTest, StrangersDoNotPushOutAMemberOfTheRegistry)
{
    run(flood_beside_member(true));
}
TEST_P(ListenerTest, StrangersDoNotPushOutAMachineThatProvedTheSecretBefore)
{
    run(flood_beside_member(false));
}

asio::awaitable<void> keep_silent()
{
    const auto executor = co_await asio::this_coro::executor;
    ListenerSettings strict = listener_settings();
    strict.greeting_timeout = 30ms;
    strict.max_greetings = 1;
    Host host(executor, strict);
    RawPeer silent(executor);
    co_await silent.connect(host.listener.local_endpoint());
    co_await silent.write(std::string("\0\0\0\x30peer", 8));
    const std::string received = co_await silent.read_to_end();
    EXPECT_EQ(received, "");
    const auto honest = co_await host.connect();
    EXPECT_TRUE(honest);
    co_await host.stop();
}
TEST_P(ListenerTest, HalfAFrameAndSilenceHoldAPlaceOnlyUntilTheDeadline)
{
    run(keep_silent());
}

/// Leaves the process no descriptor beyond those that are open, as long as it lives.
class NoMoreDescriptors {
public:
    NoMoreDescriptors()
    {
        getrlimit(RLIMIT_NOFILE, &before_);
        rlimit now = before_;
        now.rlim_cur = static_cast<rlim_t>(std::ranges::max(testing::open_descriptors()) + 1);
        setrlimit(RLIMIT_NOFILE, &now);
        int fd = 0;
        while ((fd = dup(0)) >= 0) holes_.push_back(fd);
    }
    NoMoreDescriptors(const NoMoreDescriptors&) = delete;
    NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
    ~NoMoreDescriptors()
    {
        for (const int fd : holes_) ::close(fd);
        setrlimit(RLIMIT_NOFILE, &before_);
    }

private:
    rlimit before_{};
    std::vector<int> holes_;
};

asio::awaitable<void> run_out_of_descriptors()
{
    const auto executor = co_await asio::this_coro::executor;
    Host host(executor, listener_settings());
    CaughtLog log;
    RawPeer peer(executor);
    peer.socket.open(tcp::v4());
    {
        const NoMoreDescriptors shortage;
        co_await peer.connect(host.listener.local_endpoint());
        while (log.text().empty()) co_await sleep_for(1ms);
        EXPECT_TRUE(
            log.text().ends_with(": Too many open files (1 times since the last such line)\n"))
            << log.text();
    }
    co_await peer.greet(settings("patient:1").greeting);
    while (host.peers.empty()) co_await host.arrived.wait();
    EXPECT_EQ(host.peers[0]->peer().node, "patient:1");
    EXPECT_LE(log.lines(), 5U);
    co_await host.stop();
}
TEST_P(ListenerTest, WithoutDescriptorsItWaitsAndGoesOn)
{
    run(run_out_of_descriptors());
}

TEST(ListenerCancellationTest, NothingIsLeftWhereverItStrikes)
{
    const std::vector<int> before = testing::open_descriptors();
    for (int steps = 0; steps < 60; ++steps) {
        asio::io_context io(1);
        ListenerSettings listener = listener_settings();
        std::vector<std::unique_ptr<PeerConnection>> accepted;
        auto accept = [&accepted](std::unique_ptr<PeerConnection> peer) {
            accepted.push_back(std::move(peer));
        };
        PeerListener server(io.get_executor(), "127.0.0.1:0", listener, accept);
        TaskGroup tasks(io.get_executor());
        tasks.spawn("listener", server.run());
        RawPeer silent(io.get_executor());
        silent.socket.connect(server.local_endpoint());
        RawPeer talking(io.get_executor());
        talking.socket.connect(server.local_endpoint());
        tasks.spawn("peer", talking.greet(settings("client:1").greeting));
        for (int i = 0; i < steps; ++i) io.poll_one();
        EXPECT_NO_THROW(testing::run(io, testing::cancel_and_join(tasks)))
            << "after " << steps << " steps";
    }
    EXPECT_EQ(testing::open_descriptors(), before);
}

TEST(ListenerCallbackTest, WhatTheCallbackThrowsIsThrownOn)
{
    asio::io_context io(1);
    auto bug = [](const std::unique_ptr<PeerConnection>&) { throw std::logic_error("a bug"); };
    PeerListener server(io.get_executor(), "127.0.0.1:0", listener_settings(), bug);
    TaskGroup tasks(io.get_executor());
    tasks.spawn("listener", server.run());
    RawPeer peer(io.get_executor());
    peer.socket.connect(server.local_endpoint());
    tasks.spawn("peer", peer.greet(settings("client:1").greeting));
    EXPECT_THROW(testing::run(io, tasks.join()), std::logic_error);
}

}  // namespace
}  // namespace peercron
