#include "wire/connection.hpp"

#include "loopback.hpp"
#include "run_coroutine.hpp"
#include "wire/codec.hpp"

#include <gtest/gtest.h>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/socket_base.hpp>

#include <stdexcept>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using testing::Both;
using testing::RawPeer;
using testing::settings;
using testing::Talker;
using tcp = asio::ip::tcp;
using End = ConnectionEnd::Kind;
using Kind = PeerError::Kind;

Message numbered(std::uint64_t number)
{
    return JobChanged{number, {}};
}

/// The server's end of a connection with a RawPeer.
struct Raw {
    std::unique_ptr<PeerConnection> server;
    RawPeer peer;
};

asio::awaitable<Raw> greet_raw(GreetingSettings mine, PeerSettings theirs)
{
    const auto executor = co_await asio::this_coro::executor;
    tcp::acceptor acceptor = testing::listen_on_loopback(executor);
    PeerConnection::Result server;
    TaskGroup tasks(executor);
    tasks.spawn("server",
                testing::accept_one(acceptor, std::move(theirs), testing::in_a_minute(), server));
    RawPeer peer(executor);
    co_await peer.connect(acceptor.local_endpoint());
    co_await peer.greet(std::move(mine));
    co_await tasks.join();
    Raw raw{std::move(server.value()), std::move(peer)};
    co_return raw;
}

asio::awaitable<Raw> greet_raw()
{
    co_return co_await greet_raw(settings("raw:1").greeting, settings("server:1"));
}

/// What the server gets, and how it ends, when the raw peer sends these bytes and closes.
struct Heard {
    std::vector<Message> messages;
    ConnectionEnd end;
};
asio::awaitable<Heard> hear(Raw raw, std::string bytes)
{
    co_await raw.peer.write(std::move(bytes));
    co_await raw.peer.write(raw.peer.farewell());
    raw.peer.socket.shutdown(tcp::socket::shutdown_send);
    Talker server(raw.peer.socket.get_executor(), std::move(raw.server));
    co_await server.run();
    Heard heard{std::move(server.messages), *server.end};
    co_return heard;
}

class ConnectionTest : public testing::EachTransport {
protected:
    void run(asio::awaitable<void> test) { testing::run(io, std::move(test)); }

    asio::io_context io{1};
};
INSTANTIATE_TEST_SUITE_P(Both, ConnectionTest, ::testing::Bool(), testing::transport_name);

asio::awaitable<void> learn_who_is_there()
{
    const Both both = co_await testing::greet(settings("client:1"), settings("server:1"));
    EXPECT_EQ(both.client.value()->peer(), (PeerIdentity{"server:1", "1.2.3"}));
    EXPECT_EQ(both.server.value()->peer(), (PeerIdentity{"client:1", "1.2.3"}));
    EXPECT_TRUE(both.client.value()->remote_address().starts_with("127.0.0.1:"));
    EXPECT_EQ(both.client.value()->protocol_version(), output_version);
    EXPECT_TRUE(both.client.value()->is_open());
    EXPECT_EQ(both.client.value()->is_encrypted(), testing::encrypts);
    EXPECT_EQ(both.server.value()->is_encrypted(), testing::encrypts);
}
TEST_P(ConnectionTest, BothLearnWhoIsThere)
{
    run(learn_who_is_there());
}

asio::awaitable<void> refuse_other_secrets()
{
    const std::pair<const char*, const char*> secrets[] = {
        {"wrong", "right"}, {"", "right"}, {"right", ""}};
    for (const auto& [client, server] : secrets) {
        const Both both =
            co_await testing::greet(settings("client:1", client), settings("server:1", server));
        EXPECT_EQ(both.client.error().kind, Kind::authentication);
        EXPECT_EQ(both.server.error().kind, Kind::authentication);
        EXPECT_TRUE(both.server.error().message.starts_with("127.0.0.1:"));
        const std::string said = testing::encrypts ? "cluster_secret is not the same there"
                                                   : "claims to be node client:1";
        EXPECT_NE(both.server.error().message.find(said), std::string::npos)
            << both.server.error().message;
        EXPECT_NE(both.client.error().message.find(
                      "refused this node: cluster_secret is not the same there"),
                  std::string::npos)
            << both.client.error().message;
    }
}
TEST_P(ConnectionTest, AnotherSecretIsRefusedAndSaysWhoAndFromWhere)
{
    run(refuse_other_secrets());
}

asio::awaitable<void> refuse_versions()
{
    PeerSettings newer = settings("newer:1");
    newer.greeting.versions = {output_version + 1, output_version + 2};
    const Both both = co_await testing::greet(settings("older:1"), newer);
    EXPECT_EQ(both.client.error().kind, Kind::version);
    EXPECT_EQ(both.server.error().kind, Kind::version);
}
TEST_P(ConnectionTest, WithoutACommonVersionThereIsNoConnection)
{
    run(refuse_versions());
}

asio::awaitable<void> speak_older_version()
{
    PeerSettings newer = settings("newer:1");
    PeerSettings older = settings("older:1");
    older.greeting.versions = {1, 1};
    const Both both = co_await testing::greet(newer, older);
    EXPECT_EQ(both.client.value()->protocol_version(), 1U);
    EXPECT_EQ(both.server.value()->protocol_version(), 1U);
}
TEST_P(ConnectionTest, ANewerNodeSpeaksTheVersionOfAnOlder)
{
    run(speak_older_version());
}

asio::awaitable<void> connect_to_nobody()
{
    tcp::acceptor acceptor = testing::listen_on_loopback(co_await asio::this_coro::executor);
    const std::string address = to_string(acceptor.local_endpoint());
    acceptor.close();
    const auto refused =
        co_await PeerConnection::connect(address, settings("client:1"), testing::in_a_minute());
    EXPECT_EQ(refused.error().kind, Kind::other);
    EXPECT_EQ(refused.error().code, asio::error::connection_refused);
    EXPECT_EQ(refused.error().message, address + ": connection refused");
}
TEST_P(ConnectionTest, WhereNobodyListensTheConnectionIsRefused)
{
    run(connect_to_nobody());
}

asio::awaitable<void> connect_to_silence()
{
    tcp::acceptor acceptor = testing::listen_on_loopback(co_await asio::this_coro::executor);
    const std::string address = to_string(acceptor.local_endpoint());
    const auto silent =
        co_await PeerConnection::connect(address, settings("client:1"), testing::in(30ms));
    EXPECT_EQ(silent.error().kind, Kind::timed_out);
    EXPECT_EQ(silent.error().message,
              address + ": connected, but did not finish the greeting in time");
}
TEST_P(ConnectionTest, AServerThatSaysNothingIsLeftAtTheDeadline)
{
    run(connect_to_silence());
}

asio::awaitable<void> connect_to_a_name()
{
    const auto result = co_await PeerConnection::connect("localhost:9991", settings("client:1"),
                                                         testing::in_a_minute());
    EXPECT_EQ(result.error().kind, Kind::other);
    EXPECT_TRUE(result.error().message.starts_with("\"localhost:9991\" is not an address"));
}
TEST_P(ConnectionTest, ANameInsteadOfAnAddressIsAnError)
{
    run(connect_to_a_name());
}

/// What the server says of a stranger who sends these bytes, and what the stranger gets.
struct Stranger {
    PeerError refused;
    std::string received;
};
asio::awaitable<Stranger> send_as_stranger(std::string bytes, bool then_close,
                                           std::chrono::milliseconds deadline)
{
    const auto executor = co_await asio::this_coro::executor;
    tcp::acceptor acceptor = testing::listen_on_loopback(executor);
    PeerConnection::Result server;
    TaskGroup tasks(executor);
    tasks.spawn("server",
                testing::accept_one(acceptor, settings("server:1"), testing::in(deadline), server));
    RawPeer peer(executor);
    co_await peer.connect(acceptor.local_endpoint());
    co_await peer.write(std::move(bytes));
    boost::system::error_code ignored;
    if (then_close) peer.socket.shutdown(tcp::socket::shutdown_send, ignored);
    Stranger stranger;
    stranger.received = co_await peer.read_to_end();
    co_await tasks.join();
    stranger.refused = server.error();
    co_return stranger;
}

asio::awaitable<void> meet_strangers()
{
    const std::pair<std::string, std::string> strangers[] = {
        {std::string("\xFF\xFF\xFF\xFF", 4),
         "does not speak peercron's protocol: it announced a frame of 4294967295 bytes, 4096 are "
         "allowed"},
        {"GET / HTTP/1.1\r\n\r\n",
         "does not speak peercron's protocol: it announced a frame of 1195725856 bytes, 4096 are "
         "allowed"},
        {RawPeer::frame("hello"), "does not speak peercron's protocol"},
        {RawPeer::frame(""), "does not speak peercron's protocol"},
    };
    for (const auto& [bytes, said] : strangers) {
        const Stranger stranger = co_await send_as_stranger(bytes, false, 1min);
        EXPECT_EQ(stranger.refused.kind, Kind::other);
        EXPECT_TRUE(stranger.refused.message.ends_with(": " + said)) << stranger.refused.message;
        EXPECT_EQ(stranger.received, "");
    }
}
TEST_P(ConnectionTest, AStrangerIsToldNothing)
{
    run(meet_strangers());
}

asio::awaitable<void> meet_silence()
{
    const std::string halves[] = {"", std::string("\0\0", 2),
                                  std::string("\0\0\0\x30peercron", 12)};
    for (const std::string& bytes : halves) {
        const Stranger stranger = co_await send_as_stranger(bytes, false, 30ms);
        EXPECT_EQ(stranger.refused.kind, Kind::timed_out);
        EXPECT_EQ(stranger.received, "");
    }
}
TEST_P(ConnectionTest, HalfAFrameAndSilenceEndAtTheDeadline)
{
    run(meet_silence());
}

asio::awaitable<void> meet_a_visitor()
{
    const Stranger stranger = co_await send_as_stranger("", true, 1min);
    EXPECT_EQ(stranger.refused.kind, Kind::other);
    EXPECT_EQ(stranger.refused.code, asio::error::eof);
    EXPECT_TRUE(stranger.refused.message.ends_with(": connection closed in the greeting"));
}
TEST_P(ConnectionTest, WhoLeavesDuringTheGreetingIsToldByTheCode)
{
    run(meet_a_visitor());
}

asio::awaitable<void> send_thousands()
{
    const auto executor = co_await asio::this_coro::executor;
    Both both = co_await testing::greet(settings("client:1"), settings("server:1"));
    Talker client(executor, std::move(*both.client));
    Talker server(executor, std::move(*both.server));
    constexpr std::uint64_t count = 20'000;
    for (std::uint64_t i = 0; i < count; ++i) {
        client.connection->send(numbered(i));
        server.connection->send(numbered(i));
    }
    TaskGroup tasks(executor);
    tasks.spawn("client", client.run());
    tasks.spawn("server", server.run());
    co_await client.received(count);
    co_await server.received(count);
    EXPECT_EQ(client.connection->queued_bytes(), 0U);
    client.connection->close();
    co_await tasks.join();

    EXPECT_EQ(client.end->kind, End::closed_here);
    EXPECT_EQ(server.end->kind, End::closed_by_peer);
    EXPECT_TRUE(server.end->message.starts_with("client:1 (127.0.0.1:")) << server.end->message;
    EXPECT_TRUE(server.end->message.ends_with("): closed the connection")) << server.end->message;
    for (const Talker* talker : {&client, &server}) {
        EXPECT_EQ(talker->messages.size(), count);
        for (std::uint64_t i = 0; i < count; ++i) EXPECT_EQ(talker->messages[i], numbered(i));
    }
}
TEST_P(ConnectionTest, ThousandsOfMessagesArriveInOrderBothWays)
{
    run(send_thousands());
}

asio::awaitable<void> send_giant()
{
    const auto executor = co_await asio::this_coro::executor;
    Both both = co_await testing::greet(settings("client:1"), settings("server:1"));
    Talker client(executor, std::move(*both.client));
    Talker server(executor, std::move(*both.server));
    const Message giant = KillRun{{}, {Cause::none, std::string(15U << 20U, 'x')}};
    client.connection->send(numbered(1));
    client.connection->send(giant);
    client.connection->send(numbered(2));
    TaskGroup tasks(executor);
    tasks.spawn("client", client.run());
    tasks.spawn("server", server.run());
    co_await server.received(3);
    server.connection->close();
    co_await tasks.join();
    const std::vector<Message> expected{numbered(1), giant, numbered(2)};
    EXPECT_TRUE(server.messages == expected);
}
TEST_P(ConnectionTest, AMessageOfManyMegabytesArrives)
{
    run(send_giant());
}

asio::awaitable<void> close_right_behind()
{
    const auto executor = co_await asio::this_coro::executor;
    Both both = co_await testing::greet(settings("client:1"), settings("server:1"));
    (*both.client)->send(numbered(1));
    (*both.client)->close();
    (*both.client)->close();
    (*both.client)->send(numbered(2));
    EXPECT_FALSE((*both.client)->is_open());
    Talker server(executor, std::move(*both.server));
    co_await server.run();
    EXPECT_EQ(server.messages, std::vector<Message>{numbered(1)});
    EXPECT_EQ(server.end->kind, End::closed_by_peer);
    Talker client(executor, std::move(*both.client));
    co_await client.run();
    EXPECT_EQ(client.end->kind, End::closed_here);
}
TEST_P(ConnectionTest, WhatWasSentRightBeforeTheCloseStillArrives)
{
    run(close_right_behind());
}

asio::awaitable<void> close_in_the_handler()
{
    const auto executor = co_await asio::this_coro::executor;
    Both both = co_await testing::greet(settings("client:1"), settings("server:1"));
    for (std::uint64_t i = 0; i < 10; ++i) (*both.client)->send(numbered(i));
    Talker client(executor, std::move(*both.client));
    Talker server(executor, std::move(*both.server));
    server.close_after = 3;
    TaskGroup tasks(executor);
    tasks.spawn("client", client.run());
    tasks.spawn("server", server.run());
    co_await tasks.join();
    EXPECT_EQ(server.messages.size(), 3U);
    EXPECT_EQ(server.end->kind, End::closed_here);
}
TEST_P(ConnectionTest, NoMessageIsHandledAfterTheHandlerHasClosed)
{
    run(close_in_the_handler());
}

asio::awaitable<void> run_with_a_bug(PeerConnection& connection)
{
    auto bug = [](const Message&) { throw std::logic_error("a bug"); };
    PeerConnection::Handler handler = bug;
    (void)co_await connection.run(std::move(handler));
}
asio::awaitable<void> throw_in_the_handler()
{
    const auto executor = co_await asio::this_coro::executor;
    Both both = co_await testing::greet(settings("client:1"), settings("server:1"));
    TaskGroup tasks(executor);
    (*both.client)->send(numbered(1));
    (*both.client)->close();
    tasks.spawn("server", run_with_a_bug(**both.server));
    std::string thrown;
    try {
        co_await tasks.join();
    } catch (const std::logic_error& error) {
        thrown = error.what();
    }
    EXPECT_EQ(thrown, "a bug");
    EXPECT_FALSE((*both.server)->is_open());
}
TEST_P(ConnectionTest, WhatTheHandlerThrowsEndsTheConnectionAndIsThrownOn)
{
    run(throw_in_the_handler());
}

asio::awaitable<void> hear_a_newer_peer()
{
    GreetingSettings newer = settings("newer:1").greeting;
    newer.versions = {1, 7};
    Raw raw = co_await greet_raw(newer, settings("server:1"));
    const std::string unknown_kind("\xA2\x06\x03new", 6);
    std::string bytes = raw.peer.sealed(encode(numbered(1)));
    bytes += raw.peer.sealed(unknown_kind);
    bytes += raw.peer.sealed(encode(numbered(2)) + unknown_kind);
    const Heard heard = co_await hear(std::move(raw), std::move(bytes));
    const std::vector<Message> known{numbered(1), numbered(2)};
    EXPECT_EQ(heard.messages, known);
    EXPECT_EQ(heard.end.kind, End::closed_by_peer);
}
TEST_P(ConnectionTest, WhatANewerPeerSaysInAdditionIsIgnored)
{
    run(hear_a_newer_peer());
}

asio::awaitable<void> hear_a_repetition()
{
    Raw raw = co_await greet_raw();
    const std::string frame = raw.peer.sealed(encode(numbered(1)));
    const Heard heard = co_await hear(std::move(raw), frame + frame);
    EXPECT_EQ(heard.messages.size(), 1U);
    EXPECT_EQ(heard.end.kind, End::protocol);
    EXPECT_TRUE(
        heard.end.message.ends_with("a message was changed, repeated or left out on the way"));
}
TEST_P(ConnectionTest, ARepeatedMessageEndsTheConnection)
{
    run(hear_a_repetition());
}

asio::awaitable<void> hear_a_change()
{
    // Of a frame, its length is not changed here: a longer one would be waited for. A TLS record
    // has five bytes before what is encrypted.
    const std::size_t first = testing::encrypts ? 5 : frame_header_size;
    std::size_t size = first + 1;
    for (std::size_t i = first; i < size; ++i) {
        Raw raw = co_await greet_raw();
        std::string frame = raw.peer.sealed(encode(numbered(1)));
        size = frame.size();
        frame[i] = static_cast<char>(frame[i] ^ 1);
        const Heard heard = co_await hear(std::move(raw), std::move(frame));
        EXPECT_TRUE(heard.messages.empty());
        EXPECT_EQ(heard.end.kind, End::protocol);
    }
    EXPECT_GT(size, FrameMac::size);
}
TEST_P(ConnectionTest, AChangedMessageEndsTheConnectionUnheard)
{
    run(hear_a_change());
}

asio::awaitable<void> hear_another_connection()
{
    Raw one = co_await greet_raw();
    Raw other = co_await greet_raw();
    std::string frame = one.peer.sealed(encode(numbered(1)));
    const Heard heard = co_await hear(std::move(other), std::move(frame));
    EXPECT_TRUE(heard.messages.empty());
    EXPECT_EQ(heard.end.kind, End::protocol);
}
TEST_P(ConnectionTest, AMessageOfAnotherConnectionIsNotHeard)
{
    run(hear_another_connection());
}

asio::awaitable<void> hear_its_own_words()
{
    Raw raw = co_await greet_raw();
    raw.server->send(numbered(1));
    Talker server(raw.peer.socket.get_executor(), std::move(raw.server));
    TaskGroup tasks(raw.peer.socket.get_executor());
    tasks.spawn("server", server.run());
    std::string echo;
    if (testing::encrypts) {
        echo = co_await raw.peer.receive();
    } else {
        const std::string frame = co_await raw.peer.read_frame();
        echo = RawPeer::frame(frame);
    }
    co_await raw.peer.write(std::move(echo));
    co_await tasks.join();
    EXPECT_TRUE(server.messages.empty());
    EXPECT_EQ(server.end->kind, End::protocol);
}
TEST_P(ConnectionTest, AMessageThatIsSentBackIsNotHeard)
{
    run(hear_its_own_words());
}

asio::awaitable<void> hear_nonsense()
{
    Raw raw = co_await greet_raw();
    std::string sealed = raw.peer.sealed("\xFF\xFF");
    const Heard nonsense = co_await hear(std::move(raw), std::move(sealed));
    EXPECT_EQ(nonsense.end.kind, End::protocol);
    EXPECT_TRUE(nonsense.end.message.ends_with("): sent 2 bytes that are not a message"));

    const std::string four_gigabytes("\xFF\xFF\xFF\xFF", 4);
    Raw second = co_await greet_raw();
    std::string giant = second.peer.encrypted(four_gigabytes);
    const Heard too_long = co_await hear(std::move(second), std::move(giant));
    EXPECT_EQ(too_long.end.kind, End::protocol);
    EXPECT_TRUE(too_long.end.message.ends_with(
        "announced a frame of 4294967295 bytes, 67108864 are allowed"));

    Raw third = co_await greet_raw();
    std::string half = RawPeer::frame(encode(numbered(1)));
    half.pop_back();
    std::string sent = third.peer.encrypted(half);
    const Heard cut_short = co_await hear(std::move(third), std::move(sent));
    EXPECT_TRUE(cut_short.messages.empty());
    EXPECT_EQ(cut_short.end.kind, End::closed_by_peer);
    EXPECT_TRUE(cut_short.end.message.ends_with("closed the connection amid a message"))
        << cut_short.end.message;
}
TEST_P(ConnectionTest, NonsenseEndsTheConnectionAndSaysWhatItWas)
{
    run(hear_nonsense());
}

asio::awaitable<void> send_too_much_at_once()
{
    PeerSettings small = settings("client:1");
    small.limits.max_frame = 1000;
    Both both = co_await testing::greet(small, settings("server:1"));
    PeerConnection& client = **both.client;
    client.send(numbered(1));
    EXPECT_TRUE(client.is_open());
    client.send(KillRun{{}, {Cause::none, std::string(1000, 'x')}});
    EXPECT_FALSE(client.is_open());
    Talker talker(co_await asio::this_coro::executor, std::move(*both.client));
    co_await talker.run();
    EXPECT_EQ(talker.end->kind, End::protocol);
    EXPECT_TRUE(talker.end->message.ends_with("bytes, 1000 are allowed")) << talker.end->message;
}
TEST_P(ConnectionTest, AMessagePastTheLimitIsNotSent)
{
    run(send_too_much_at_once());
}

asio::awaitable<void> drop_the_slow()
{
    const auto executor = co_await asio::this_coro::executor;
    PeerSettings bounded = settings("server:1");
    bounded.limits.max_queue = 1U << 20U;
    Raw raw = co_await greet_raw(settings("slow:1").greeting, bounded);
    Both both = co_await testing::greet(settings("client:1"), settings("server:1"));
    Talker slow(executor, std::move(raw.server));
    Talker client(executor, std::move(*both.client));
    Talker server(executor, std::move(*both.server));
    TaskGroup tasks(executor);
    tasks.spawn("slow", slow.run());
    tasks.spawn("client", client.run());
    tasks.spawn("server", server.run());

    // One asks and the other answers, while the slow one is told more and more.
    std::uint64_t answered = 0;
    const Message much = KillRun{{}, {Cause::none, std::string(100'000, 'x')}};
    while (!slow.end && answered < 10'000) {
        slow.connection->send(much);
        EXPECT_LE(slow.connection->queued_bytes(), (1U << 20U) + 200'000U);
        client.connection->send(numbered(answered));
        ++answered;
        co_await server.received(answered);
        server.connection->send(numbered(answered));
        co_await client.received(answered);
    }
    EXPECT_EQ(slow.end->kind, End::slow);
    EXPECT_NE(slow.end->message.find("slow:1"), std::string::npos);
    EXPECT_GT(answered, 10U);
    EXPECT_TRUE(client.connection->is_open());
    client.connection->send(numbered(0));
    co_await server.received(answered + 1);
    EXPECT_EQ(server.messages.size(), answered + 1);
    client.connection->close();
    co_await tasks.join();
}
TEST_P(ConnectionTest, ASlowPeerIsDroppedAndTheOthersGoOn)
{
    run(drop_the_slow());
}

asio::awaitable<void> drop_the_silent()
{
    PeerSettings strict = settings("server:1");
    strict.limits.max_silence = 30ms;
    Raw raw = co_await greet_raw(settings("silent:1").greeting, strict);
    Talker server(raw.peer.socket.get_executor(), std::move(raw.server));
    co_await server.run();
    EXPECT_EQ(server.end->kind, End::silent);
    EXPECT_EQ(server.end->code, asio::error::timed_out);
    EXPECT_TRUE(server.end->message.ends_with("was silent for 30 ms"));
}
TEST_P(ConnectionTest, ASilentPeerIsDropped)
{
    run(drop_the_silent());
}

/// What anybody on the way can do to a connection; a peer that closes says so itself.
asio::awaitable<void> hear_a_cut()
{
    for (const bool is_amid_message : {false, true}) {
        Raw raw = co_await greet_raw();
        std::string bytes = raw.peer.sealed(encode(numbered(1)));
        bytes += raw.peer.sealed(encode(numbered(2)));
        if (is_amid_message) bytes.pop_back();
        co_await raw.peer.write(std::move(bytes));
        raw.peer.socket.shutdown(tcp::socket::shutdown_send);
        Talker server(raw.peer.socket.get_executor(), std::move(raw.server));
        co_await server.run();
        EXPECT_EQ(server.messages.size(), is_amid_message ? 1U : 2U);
        EXPECT_EQ(server.end->kind, testing::encrypts ? End::broken : End::closed_by_peer);
        if (testing::encrypts) {
            EXPECT_TRUE(server.end->message.ends_with("the connection was cut off"));
        }
    }
}
TEST_P(ConnectionTest, AnEncryptedConnectionThatIsCutIsToldFromACleanClose)
{
    run(hear_a_cut());
}

asio::awaitable<void> hear_in_another_order()
{
    Raw raw = co_await greet_raw();
    const std::string first = raw.peer.sealed(encode(numbered(1)));
    const std::string second = raw.peer.sealed(encode(numbered(2)));
    const Heard reordered = co_await hear(std::move(raw), second + first);
    EXPECT_TRUE(reordered.messages.empty());
    EXPECT_EQ(reordered.end.kind, End::protocol);

    Raw other = co_await greet_raw();
    const std::string left_out = other.peer.sealed(encode(numbered(1)));
    std::string next = other.peer.sealed(encode(numbered(2)));
    const Heard incomplete = co_await hear(std::move(other), std::move(next));
    EXPECT_TRUE(incomplete.messages.empty());
    EXPECT_EQ(incomplete.end.kind, End::protocol);
}
TEST_P(ConnectionTest, AMessageThatIsOutOfOrderEndsTheConnection)
{
    run(hear_in_another_order());
}

asio::awaitable<void> hear_a_reset()
{
    Raw raw = co_await greet_raw();
    raw.peer.socket.set_option(asio::socket_base::linger(true, 0));
    raw.peer.socket.close();
    Talker server(co_await asio::this_coro::executor, std::move(raw.server));
    co_await server.run();
    EXPECT_EQ(server.end->kind, End::broken);
    EXPECT_EQ(server.end->code, asio::error::connection_reset);
}
TEST_P(ConnectionTest, AResetIsToldFromACleanClose)
{
    run(hear_a_reset());
}

/// Two ends that answer each other until they are cancelled.
asio::awaitable<void> talk(PeerConnection::Result& result)
{
    if (!result) co_return;
    PeerConnection& connection = **result;
    auto answer = [&connection](Message message) { connection.send(message); };
    PeerConnection::Handler handler = answer;
    connection.send(numbered(1));
    (void)co_await connection.run(std::move(handler));
}
class ConnectionCancellationTest : public testing::EachTransport {};
INSTANTIATE_TEST_SUITE_P(Both, ConnectionCancellationTest, ::testing::Bool(),
                         testing::transport_name);

asio::awaitable<void> serve(tcp::acceptor& acceptor, PeerConnection::Result& result)
{
    co_await testing::accept_one(acceptor, settings("server:1"), testing::in_a_minute(), result);
    co_await talk(result);
}
asio::awaitable<void> call(std::string address, PeerConnection::Result& result)
{
    result =
        co_await PeerConnection::connect(address, settings("client:1"), testing::in_a_minute());
    co_await talk(result);
}

TEST_P(ConnectionCancellationTest, NothingIsLeftWhereverItStrikes)
{
    const std::vector<int> before = testing::open_descriptors();
    for (int steps = 0; steps < 120; ++steps) {
        asio::io_context io(1);
        tcp::acceptor acceptor = testing::listen_on_loopback(io.get_executor());
        PeerConnection::Result client;
        PeerConnection::Result server;
        TaskGroup tasks(io.get_executor());
        tasks.spawn("server", serve(acceptor, server));
        tasks.spawn("client", call(to_string(acceptor.local_endpoint()), client));
        for (int i = 0; i < steps; ++i) io.run_one();
        EXPECT_NO_THROW(testing::run(io, testing::cancel_and_join(tasks)))
            << "after " << steps << " steps";
    }
    EXPECT_EQ(testing::open_descriptors(), before);
}

TEST_P(ConnectionCancellationTest, OneEndThatIsCancelledEndsTheOther)
{
    for (int steps = 60; steps < 120; ++steps) {
        asio::io_context io(1);
        tcp::acceptor acceptor = testing::listen_on_loopback(io.get_executor());
        PeerConnection::Result client;
        PeerConnection::Result server;
        TaskGroup servers(io.get_executor());
        TaskGroup clients(io.get_executor());
        servers.spawn("server", serve(acceptor, server));
        clients.spawn("client", call(to_string(acceptor.local_endpoint()), client));
        for (int i = 0; i < steps; ++i) io.run_one();
        EXPECT_NO_THROW(testing::run(io, testing::cancel_and_join(clients)));
        io.restart();
        EXPECT_NO_THROW(testing::run(io, servers.join())) << "after " << steps << " steps";
    }
}

}  // namespace
}  // namespace peercron
