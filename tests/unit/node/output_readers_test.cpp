#include "node/output_readers.hpp"

#include "base/task_group.hpp"
#include "node/tcp_channel.hpp"
#include "run_coroutine.hpp"
#include "wire/address.hpp"
#include "wire/listener.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// A node's peer port, where one command runs, and a reader at another node.
class OutputReadersTest : public ::testing::Test {
protected:
    OutputReadersTest()
    {
        // A port that is free: the node's name is its address.
        asio::ip::tcp::acceptor probe(io_, {asio::ip::address_v4::loopback(), 0});
        node_ = to_string(probe.local_endpoint());
    }

    static PeerSettings peer_settings(const std::string& name)
    {
        PeerSettings settings;
        settings.greeting.self = {name, "1.2.3"};
        settings.greeting.secret = "secret";
        return settings;
    }

    void listen(VersionRange versions = {})
    {
        ListenerSettings settings;
        settings.peer = peer_settings(node_);
        settings.peer.greeting.versions = versions;
        const auto on_peer = [this](std::unique_ptr<PeerConnection> peer) {
            ++connections_;
            peer_ = peer.get();
            auto channel = std::make_unique<OutputChannel>(
                std::make_unique<TcpChannel>(std::move(peer)), desk_, tasks_);
            tasks_.spawn("conversation", converse(std::move(channel)));
        };
        listener_.emplace(io_.get_executor(), node_, settings, on_peer);
        tasks_.spawn("listener", listener_->run());
    }

    asio::awaitable<void> converse(std::unique_ptr<Channel> channel)
    {
        const auto on_message = [this](Message) { ++other_messages_; };
        co_await channel->run(on_message);
        peer_ = nullptr;
    }

    /// Runs `work`, then ends what is left.
    void run(asio::awaitable<void> work) { testing::run(io_, run_and_end(std::move(work))); }

    asio::awaitable<void> run_and_end(asio::awaitable<void> work)
    {
        co_await std::move(work);
        tasks_.cancel();
        co_await tasks_.join();
    }

    OutputPart read(std::int64_t from, std::size_t most) const
    {
        OutputPart part;
        part.is_there = true;
        part.from = from;
        part.total = static_cast<std::int64_t>(output_.size());
        part.bytes = output_.substr(static_cast<std::size_t>(from), most);
        return part;
    }

    std::unique_ptr<PeerOutput> reader()
    {
        return std::make_unique<PeerOutput>(tasks_, node_, peer_settings("127.0.0.1:1"), 2s);
    }

    asio::io_context io_{1};
    TaskGroup tasks_{io_.get_executor()};
    std::string output_ = "0123456789";
    OutputDesk desk_{
        [this](const RunId&, std::int64_t from, std::size_t most) { return read(from, most); }};
    std::optional<PeerListener> listener_;
    NodeName node_;
    PeerConnection* peer_ = nullptr;  ///< the reader's, as the node there has it
    int connections_ = 0;
    int other_messages_ = 0;
    const RunId run_{1, {}, 1};
};

asio::awaitable<void> read_twice(PeerOutput& output, RunId run, std::string& all)
{
    for (const std::int64_t from : {0, 4}) {
        const Result<OutputPart> part = co_await output.read(run, from, 0ms);
        all += part.value().bytes + ";";
    }
}
TEST_F(OutputReadersTest, ReadsAtTheOtherNodeOverOneConnection)
{
    listen();
    const auto output = reader();
    std::string all;
    run(read_twice(*output, run_, all));
    EXPECT_EQ(all, "0123456789;456789;");
    EXPECT_EQ(connections_, 1);
    EXPECT_EQ(other_messages_, 0) << "an ask is no business of who converses";
}

asio::awaitable<void> read_once(PeerOutput& output, RunId run, std::int64_t from,
                                std::chrono::milliseconds wait, Result<OutputPart>& part)
{
    part = co_await output.read(run, from, wait);
}

asio::awaitable<void> lose_the_connection(PeerOutput& output, RunId run, PeerConnection*& peer,
                                          std::string& second)
{
    static_cast<void>(co_await output.read(run, 0, 0ms));
    peer->close();
    co_await sleep_for(50ms);
    const Result<OutputPart> again = co_await output.read(run, 8, 0ms);
    second = again.value().bytes;
}
TEST_F(OutputReadersTest, AfterABreakTheNextReadMakesAnotherConnection)
{
    listen();
    const auto output = reader();
    std::string second;
    run(lose_the_connection(*output, run_, peer_, second));
    EXPECT_EQ(second, "89");
    EXPECT_EQ(connections_, 2);
}

TEST_F(OutputReadersTest, AnOlderNodeIsSaidToBeOne)
{
    listen({1, 2});
    const auto output = reader();
    Result<OutputPart> part = Error{""};
    run(read_once(*output, run_, 0, 0ms, part));
    EXPECT_THAT(part.error().message, HasSubstr("cannot show live output yet"));
    EXPECT_THAT(part.error().message, HasSubstr("1.2.3"));
}

TEST_F(OutputReadersTest, ANodeThatIsNotThereIsSaidNotToBe)
{
    const auto output = reader();
    Result<OutputPart> part = Error{""};
    run(read_once(*output, run_, 0, 0ms, part));
    EXPECT_THAT(part.error().message, HasSubstr("connection refused"));
}

asio::awaitable<void> interrupt(TaskGroup& tasks, PeerOutput& output, RunId run,
                                Result<OutputPart>& part)
{
    tasks.spawn("reader", read_once(output, run, 10, 10s, part));
    co_await sleep_for(100ms);
    output.interrupt();
    co_await sleep_for(50ms);
}
TEST_F(OutputReadersTest, AReaderThatLeavesDoesNotWait)
{
    listen();
    const auto output = reader();
    Result<OutputPart> part = OutputPart();
    const auto begun = std::chrono::steady_clock::now();
    run(interrupt(tasks_, *output, run_, part));
    EXPECT_TRUE(part.has_error());
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
}

asio::awaitable<void> leave(TaskGroup& tasks, OutputDesk& desk, std::unique_ptr<PeerOutput> output,
                            RunId run, Result<OutputPart>& part)
{
    tasks.spawn("reader", read_once(*output, run, 10, 300ms, part));
    co_await sleep_for(150ms);
    EXPECT_EQ(desk.waiting(), 1U);
    co_await sleep_for(300ms);
    EXPECT_EQ(desk.waiting(), 0U);
    EXPECT_TRUE(part.has_value());
    output.reset();
    co_await sleep_for(50ms);
}
TEST_F(OutputReadersTest, AReaderThatHasGoneLeavesNothingWaiting)
{
    listen();
    Result<OutputPart> part = Error{"none"};
    run(leave(tasks_, desk_, reader(), run_, part));
    EXPECT_EQ(peer_, nullptr) << "its connection has ended";
}

}  // namespace
}  // namespace peercron
