// Which connections are encrypted, and what somebody between two nodes can do about it.
#include "wire/peer_session.hpp"

#include "session_pair.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using testing::OnTheWay;
using testing::Pair;
using testing::unchanged;
using Role = Greeting::Role;
using Kind = PeerError::Kind;
enum class Encrypt : std::uint8_t { off, prefer, require };

GreetingSettings node(std::string name, Encrypt encrypt, const std::string& secret = "a secret")
{
    GreetingSettings settings;
    settings.self = {std::move(name), "1.2.3"};
    settings.secret = secret;
    if (encrypt != Encrypt::off) settings.tls = std::make_shared<const PskContext>(secret);
    settings.requires_encryption = encrypt == Encrypt::require;
    return settings;
}

TEST(EncryptionTest, TwoNodesEncryptWhenBothCan)
{
    const Encrypt all[] = {Encrypt::off, Encrypt::prefer, Encrypt::require};
    for (const Encrypt from : all) {
        for (const Encrypt to : all) {
            Pair pair(node("client:1", from), node("server:1", to));
            pair.greet();
            const bool can = from != Encrypt::off && to != Encrypt::off;
            const bool must = from == Encrypt::require || to == Encrypt::require;
            EXPECT_EQ(pair.are_connected(), can || !must);
            if (!pair.are_connected()) continue;
            EXPECT_EQ(pair.client.is_encrypted(), can);
            EXPECT_EQ(pair.server.is_encrypted(), can);
            EXPECT_EQ((*pair.server_outcome)->peer.node, "client:1");
            EXPECT_EQ((*pair.client_outcome)->peer.node, "server:1");
        }
    }
}

TEST(EncryptionTest, ARefusalSaysWhatToSetAndWhere)
{
    Pair strict_server(node("client:1", Encrypt::off), node("server:1", Encrypt::require));
    strict_server.greet();
    EXPECT_EQ(strict_server.failure(Role::client).kind, Kind::version);
    EXPECT_EQ(strict_server.failure(Role::client).message,
              "requires encryption, and here [cluster] encrypt = \"off\": set encrypt = "
              "\"prefer\" here");
    EXPECT_EQ(
        strict_server.failure(Role::server).message,
        "does not encrypt, and here [cluster] encrypt = \"require\": upgrade its peercron, or "
        "set encrypt = \"prefer\" there");
}

TEST(EncryptionTest, NamesAndVersionsOfProgramsAreNotSeenOnTheWay)
{
    Pair pair(node("client:1", Encrypt::prefer), node("server:1", Encrypt::prefer));
    pair.greet();
    ASSERT_TRUE(pair.are_connected());
    for (const char* hidden : {"client:1", "server:1", "1.2.3"}) {
        EXPECT_EQ(pair.seen.find(hidden), std::string::npos) << hidden;
    }
    std::string queue;
    pair.client.append(queue, Message(RunNow{1, 2, "a caller"}));
    EXPECT_EQ(pair.client.protect(queue).find("a caller"), std::string_view::npos);
}

/// A Hello is 8 + 2 + 2 + 34 bytes, and two more about encryption; its length stands in front.
std::string without_offer(std::string bytes)
{
    const std::string offer("\x20\x01", 2);
    const std::size_t at = bytes.rfind(offer);
    if (bytes.size() != frame_header_size + 48 || at != bytes.size() - 2) return bytes;
    bytes.resize(at);
    bytes[3] = static_cast<char>(bytes[3] - 2);
    return bytes;
}

TEST(EncryptionTest, NobodyOnTheWayCanTalkTwoNodesOutOfIt)
{
    const std::pair<OnTheWay, OnTheWay> attacks[] = {
        {without_offer, unchanged}, {unchanged, without_offer}, {without_offer, without_offer}};
    for (const auto& [to_server, to_client] : attacks) {
        bool is_changed = false;
        const auto note = [&is_changed](const OnTheWay& change) {
            return [&is_changed, &change](std::string bytes) {
                std::string changed = change(bytes);
                if (changed != bytes) is_changed = true;
                return changed;
            };
        };
        Pair pair(node("client:1", Encrypt::prefer), node("server:1", Encrypt::prefer));
        pair.greet(note(to_server), note(to_client));
        EXPECT_TRUE(is_changed);
        EXPECT_FALSE(pair.client_outcome && *pair.client_outcome);
        EXPECT_FALSE(pair.server_outcome && *pair.server_outcome);
    }
}

TEST(EncryptionTest, WhatIsSlippedInBehindTheHelloCountsAsEncrypted)
{
    const std::string slipped_in("\0\0\0\x02hi", 6);
    bool is_first = true;
    const auto slip = [&](std::string bytes) {
        if (!std::exchange(is_first, false)) return bytes;
        return bytes + slipped_in;
    };
    Pair pair(node("client:1", Encrypt::prefer), node("server:1", Encrypt::prefer));
    pair.greet(slip);
    EXPECT_FALSE(pair.are_connected());
    EXPECT_EQ(pair.failure(Role::server).kind, Kind::authentication);
}

// One who knows the secret stands between two nodes with a TLS connection to each, and passes on
// what they say inside.
TEST(EncryptionTest, AThirdWhoKnowsTheSecretCannotStandBetweenTwoNodes)
{
    const auto context = std::make_shared<const PskContext>("a secret");
    PeerSession client(Role::client, node("client:1", Encrypt::prefer));
    PeerSession server(Role::server, node("server:1", Encrypt::prefer));
    PeerTls to_client(PeerTls::Role::server, context);
    PeerTls to_server(PeerTls::Role::client, context);
    std::string from_client;
    std::string from_server;
    std::optional<Result<Greeted, PeerError>> outcome;

    // The Hellos, as they are.
    (void)client.greet(from_client);
    Pair::give(server, from_client);
    outcome = server.greet(from_server);
    ASSERT_FALSE(outcome);
    Pair::give(client, from_server);
    from_client.clear();
    (void)client.greet(from_client);

    // A handshake with each.
    to_client.receive(from_client);
    std::string out;
    ASSERT_TRUE(to_client.handshake(out));
    Pair::give(client, out);
    from_client.clear();
    (void)client.greet(from_client);
    to_client.receive(from_client);
    ASSERT_TRUE(to_client.handshake(out).value());
    for (int i = 0; i < 2; ++i) {
        out.clear();
        ASSERT_TRUE(to_server.handshake(out));
        Pair::give(server, out);
        from_server.clear();
        outcome = server.greet(from_server);
        to_server.receive(from_server);
    }
    ASSERT_FALSE(outcome);

    // The client's proof, passed on.
    std::string proof(4096, '\0');
    proof.resize(to_client.read(proof).value());
    ASSERT_FALSE(proof.empty());
    out.clear();
    to_server.write(proof, out);
    Pair::give(server, out);
    outcome = server.greet(from_server);
    ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error().kind, Kind::authentication);
}

TEST(EncryptionTest, ANodeThatMeetsItselfSaysSo)
{
    for (const Encrypt encrypt : {Encrypt::off, Encrypt::prefer}) {
        Pair pair(node("same:1", encrypt), node("same:1", encrypt));
        pair.greet();
        EXPECT_NE(pair.failure(Role::server).message.find("calls itself same:1, as this node does"),
                  std::string::npos);
    }
}

TEST(EncryptionTest, AnotherKeyIsNotEnough)
{
    // The Hello is readable by all; who continues with TLS but another key is refused by both.
    Pair pair(node("client:1", Encrypt::prefer), node("server:1", Encrypt::prefer, "another"));
    pair.greet();
    EXPECT_EQ(pair.failure(Role::server).kind, Kind::authentication);
    EXPECT_EQ(pair.failure(Role::server).message,
              "does not prove the cluster secret: cluster_secret is not the same there");
    EXPECT_EQ(pair.failure(Role::client).kind, Kind::authentication);
    EXPECT_EQ(pair.failure(Role::client).message,
              "refused this node: cluster_secret is not the same there");
}

// Bytes of the handshake that are changed on the way, one after the other.
TEST(EncryptionTest, AChangedHandshakeIsRefused)
{
    std::size_t last = 1;
    for (std::size_t place = 0; place < last; place += 7) {
        std::size_t passed = 0;
        bool is_changed = false;
        const auto change = [&](std::string bytes) {
            if (place >= passed && place < passed + bytes.size()) {
                bytes[place - passed] = static_cast<char>(bytes[place - passed] ^ 4);
                is_changed = true;
            }
            passed += bytes.size();
            return bytes;
        };
        Pair pair(node("client:1", Encrypt::prefer), node("server:1", Encrypt::prefer));
        pair.greet(change, change);
        last = std::max(last, passed);
        if (!is_changed) break;
        EXPECT_FALSE(pair.are_connected()) << "byte " << place;
    }
    EXPECT_GT(last, 500U);
}

TEST(EncryptionTest, AKeyIsUsedForALimitedNumberOfRecords)
{
    const auto context = std::make_shared<const PskContext>("a secret");
    PeerTls client(PeerTls::Role::client, context, 2);
    PeerTls server(PeerTls::Role::server, context);
    for (int i = 0; i < 2; ++i) {
        std::string out;
        ASSERT_TRUE(client.handshake(out));
        server.receive(out);
        out.clear();
        ASSERT_TRUE(server.handshake(out));
        client.receive(out);
    }
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 5; ++i) {
        std::string out;
        client.write("hello", out);
        sizes.push_back(out.size());
        server.receive(out);
        std::string room(100, '\0');
        room.resize(server.read(room).value());
        EXPECT_EQ(room, "hello");
    }
    EXPECT_EQ(sizes[0], sizes[1]);
    EXPECT_GT(sizes[2], sizes[1]) << "a new key is announced";
    EXPECT_EQ(sizes[3], sizes[1]);
    EXPECT_GT(sizes[4], sizes[3]);
}

}  // namespace
}  // namespace peercron
