#include "wire/greeting.hpp"
#include "wire/frame_mac.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using Role = Greeting::Role;
using Kind = PeerError::Kind;

GreetingSettings settings(std::string node, std::string secret = "a secret",
                          VersionRange versions = {1, 1})
{
    GreetingSettings settings;
    settings.self = {std::move(node), "1.2.3"};
    settings.secret = std::move(secret);
    settings.versions = versions;
    return settings;
}

/// Both ends, and what the network does to their frames.
struct Exchange {
    GreetingSettings client = settings("client:1");
    GreetingSettings server = settings("server:1");
    /// Changes the frame with this number on its way; none by default.
    std::optional<std::size_t> changed_frame;
    std::string (*change)(std::string) = nullptr;

    std::vector<std::string> frames;  ///< as sent
    std::optional<Result<Greeted, PeerError>> client_outcome;
    std::optional<Result<Greeted, PeerError>> server_outcome;

    void run()
    {
        Greeting ends[] = {{Role::client, client}, {Role::server, server}};
        std::optional<Result<Greeted, PeerError>>* outcomes[] = {&client_outcome, &server_outcome};
        EXPECT_FALSE(ends[1].begin().send) << "the server waits to be spoken to";
        Greeting::Step step = ends[0].begin();
        for (std::size_t turn = 0; turn < 4; ++turn) {
            *outcomes[turn % 2] = step.outcome;
            if (!step.send || *outcomes[(turn + 1) % 2]) return;
            frames.push_back(*step.send);
            std::string arriving = *step.send;
            if (changed_frame == turn) arriving = change(arriving);
            step = ends[(turn + 1) % 2].receive(arriving);
        }
        *outcomes[0] = step.outcome;
    }
};

Kind kind_of(const std::optional<Result<Greeted, PeerError>>& outcome)
{
    EXPECT_TRUE(outcome && !*outcome) << "no failure";
    return outcome && !*outcome ? outcome->error().kind : Kind::other;
}

TEST(GreetingTest, BothLearnWhoTheOtherIsAndShareTheKeys)
{
    Exchange exchange;
    exchange.run();
    const Greeted& client = exchange.client_outcome.value().value();
    const Greeted& server = exchange.server_outcome.value().value();
    EXPECT_EQ(client.peer, (PeerIdentity{"server:1", "1.2.3"}));
    EXPECT_EQ(server.peer, (PeerIdentity{"client:1", "1.2.3"}));
    EXPECT_EQ(client.version, 1U);
    EXPECT_EQ(client.send_key, server.receive_key);
    EXPECT_EQ(client.receive_key, server.send_key);
    EXPECT_NE(client.send_key, client.receive_key);
}

// Computed here from the description in greeting.hpp alone: a change of it would part the versions.
TEST(GreetingTest, ProofsAndKeysAreMadeAsEveryVersionMakesThem)
{
    Digest ones{};
    Digest twos{};
    ones.fill(1);
    twos.fill(2);
    Greeting client(Role::client, settings("client:1"), ones);
    Greeting server(Role::server, settings("server:1"), twos);
    const auto hello = client.begin().send.value();
    const auto answer = server.receive(hello).send.value();
    const auto proof = client.receive(answer).send.value();
    const auto last = server.receive(proof);
    const auto end = client.receive(last.send.value());

    const std::string versions("\x08\x01\x10\x01\x1A\x20", 6);  // min, max, nonce of 32 bytes
    EXPECT_EQ(hello, "peercron" + versions + std::string(view(ones)));
    EXPECT_EQ(answer, "peercron" + versions + std::string(view(twos)));
    const std::string identity_of_client(
        "\x0A\x08"
        "client:1"
        "\x12\x05"
        "1.2.3");
    const std::string identity_of_server(
        "\x0A\x08"
        "server:1"
        "\x12\x05"
        "1.2.3");
    const std::string_view length_of_hello("\0\0\0\x2E", 4);
    const std::string_view length_of_proof("\0\0\0\x31", 4);

    std::string transcript;
    for (const std::string& frame : {hello, answer}) (transcript += length_of_hello) += frame;
    Hmac of_proofs(view(Hmac("a secret").of({"peercron: key of proofs"})));
    const Digest first = of_proofs.of({"client", transcript, identity_of_client});
    EXPECT_EQ(proof, std::string(view(first)) + identity_of_client);
    (transcript += length_of_proof) += proof;
    const Digest second = of_proofs.of({"server", transcript, identity_of_server});
    EXPECT_EQ(last.send, std::string(view(second)) + identity_of_server);
    (transcript += length_of_proof) += *last.send;

    Hmac session(view(Hmac("a secret").of({"peercron: key of a session", transcript})));
    EXPECT_EQ(end.outcome->value().send_key, session.of({"client"}));
    EXPECT_EQ(end.outcome->value().receive_key, session.of({"server"}));
}

TEST(GreetingTest, EachGreetingHasItsOwnKeys)
{
    Exchange first;
    Exchange second;
    first.run();
    second.run();
    EXPECT_NE(first.client_outcome.value().value().send_key,
              second.client_outcome.value().value().send_key);
}

TEST(GreetingTest, AnEmptySecretOnBothSidesIsTheSameExchange)
{
    Exchange exchange;
    exchange.client.secret = exchange.server.secret = "";
    exchange.run();
    EXPECT_TRUE(*exchange.client_outcome);
    EXPECT_TRUE(*exchange.server_outcome);
}

TEST(GreetingTest, AnotherSecretIsRefusedAndBothAreTold)
{
    const std::pair<const char*, const char*> secrets[] = {
        {"wrong", "right"}, {"", "right"}, {"right", ""}, {"right\n", "right"}};
    for (const auto& [client, server] : secrets) {
        Exchange exchange;
        exchange.client.secret = client;
        exchange.server.secret = server;
        exchange.run();
        EXPECT_EQ(kind_of(exchange.server_outcome), Kind::authentication);
        EXPECT_EQ(kind_of(exchange.client_outcome), Kind::authentication);
        EXPECT_EQ(exchange.server_outcome->error().message,
                  "does not prove the cluster secret: cluster_secret is not the same there (claims "
                  "to be node client:1, peercron 1.2.3)");
    }
}

TEST(GreetingTest, AStrangerLearnsNoNames)
{
    Exchange exchange;
    exchange.client.secret = "a guess";
    exchange.run();
    ASSERT_EQ(exchange.frames.size(), 4U);
    EXPECT_EQ(exchange.frames[1].find("server:1"), std::string::npos);
    EXPECT_EQ(exchange.frames[1].find("1.2.3"), std::string::npos);
    EXPECT_EQ(exchange.frames[3], "");
}

TEST(GreetingTest, WhatAStrangerCallsItselfIsFitForTheLog)
{
    Exchange exchange;
    exchange.client = settings("evil\n\x1B[2J" + std::string(1000, 'x'), "wrong");
    exchange.run();
    const std::string& message = exchange.server_outcome->error().message;
    EXPECT_NE(message.find("evil??[2Jxxx"), std::string::npos) << message;
    EXPECT_LT(message.size(), 250U);
}

TEST(GreetingTest, AServerThatDoesNotKnowTheSecretIsRefusedByTheClient)
{
    // It takes any proof for good, and then has to give one.
    Greeting client(Role::client, settings("client:1"));
    Greeting knowing(Role::server, settings("server:1"));
    const auto hello = client.begin();
    const auto proof = client.receive(knowing.receive(*hello.send).send.value());
    auto answer = knowing.receive(*proof.send).send.value();
    answer[0] = static_cast<char>(answer[0] ^ 1);
    EXPECT_EQ(kind_of(client.receive(answer).outcome), Kind::authentication);
}

TEST(GreetingTest, TheHighestCommonVersionIsSpoken)
{
    struct Case {
        VersionRange client, server;
        std::uint32_t spoken;
    };
    const Case cases[] = {{{1, 1}, {1, 3}, 1},
                          {{1, 3}, {1, 1}, 1},
                          {{1, 3}, {2, 5}, 3},
                          {{4, 9}, {2, 4}, 4},
                          {{2, 2}, {2, 2}, 2}};
    for (const Case& c : cases) {
        Exchange exchange;
        exchange.client.versions = c.client;
        exchange.server.versions = c.server;
        exchange.run();
        EXPECT_EQ(exchange.client_outcome.value().value().version, c.spoken);
        EXPECT_EQ(exchange.server_outcome.value().value().version, c.spoken);
    }
}

TEST(GreetingTest, WithoutACommonVersionBothAreToldWhichThereAre)
{
    Exchange exchange;
    exchange.client.versions = {1, 2};
    exchange.server.versions = {3, 3};
    exchange.run();
    EXPECT_EQ(kind_of(exchange.server_outcome), Kind::version);
    EXPECT_EQ(kind_of(exchange.client_outcome), Kind::version);
    EXPECT_EQ(
        exchange.client_outcome->error().message,
        "speaks version 3 of the peer protocol, this node versions 1 to 2: upgrade the older one");
}

TEST(GreetingTest, NobodyCanTalkTheVersionDown)
{
    for (const std::size_t frame : {0, 1}) {
        Exchange exchange;
        exchange.client.versions = exchange.server.versions = {1, 2};
        exchange.changed_frame = frame;
        exchange.change = [](std::string hello) {
            // magic, field 1 (min) = 1, field 2 (max) = 2
            EXPECT_EQ(hello.substr(8, 4), "\x08\x01\x10\x02");
            hello[11] = 1;
            return hello;
        };
        exchange.run();
        EXPECT_EQ(kind_of(exchange.server_outcome), Kind::authentication) << frame;
        EXPECT_EQ(kind_of(exchange.client_outcome), Kind::authentication) << frame;
    }
}

TEST(GreetingTest, NoByteOfAnyFrameMayBeChanged)
{
    Exchange untouched;
    untouched.run();
    static std::size_t position;
    for (std::size_t frame = 0; frame < 4; ++frame) {
        for (position = 0; position < untouched.frames[frame].size(); ++position) {
            Exchange exchange;
            exchange.changed_frame = frame;
            exchange.change = [](std::string payload) {
                payload[position] = static_cast<char>(payload[position] ^ 1);
                return payload;
            };
            exchange.run();
            // The client must not be content; the server hears nothing after the last frame.
            EXPECT_FALSE(exchange.client_outcome && *exchange.client_outcome)
                << "frame " << frame << ", byte " << position;
            if (frame < 3) {
                EXPECT_FALSE(exchange.server_outcome && *exchange.server_outcome);
            }
        }
    }
}

TEST(GreetingTest, AClientThatIsAnsweredWithItsOwnFramesIsNotFooled)
{
    Greeting client(Role::client, settings("client:1"));
    const auto hello = client.begin();
    EXPECT_EQ(kind_of(client.receive(*hello.send).outcome), Kind::authentication);
}

TEST(GreetingTest, AClientsOwnProofDoesNotProveTheServer)
{
    Greeting client(Role::client, settings("client:1"));
    Greeting server(Role::server, settings("server:1"));
    const auto hello = client.begin();
    const auto proof = client.receive(server.receive(*hello.send).send.value());
    EXPECT_EQ(kind_of(client.receive(*proof.send).outcome), Kind::authentication);
}

TEST(GreetingTest, AServersOwnProofFromAnotherConnectionDoesNotProveAClient)
{
    // The attacker lets node A greet B, and uses what B says there to pass at B.
    Greeting a(Role::client, settings("a:1"));
    Greeting b(Role::server, settings("b:1"));
    Greeting b_again(Role::server, settings("b:1"));
    const std::string hello = a.begin().send.value();
    const auto proof_of_a = a.receive(b.receive(hello).send.value()).send.value();
    const auto proof_of_b = b.receive(proof_of_a).send.value();
    (void)b_again.receive(hello);
    EXPECT_EQ(kind_of(b_again.receive(proof_of_b).outcome), Kind::authentication);
}

TEST(GreetingTest, ARecordedGreetingCannotBePlayedAgain)
{
    Exchange recorded;
    recorded.run();
    Greeting server(Role::server, settings("server:1"));
    (void)server.receive(recorded.frames[0]);
    EXPECT_EQ(kind_of(server.receive(recorded.frames[2]).outcome), Kind::authentication);
    Greeting client(Role::client, settings("client:1"));
    (void)client.begin();
    (void)client.receive(recorded.frames[1]);
    EXPECT_EQ(kind_of(client.receive(recorded.frames[3]).outcome), Kind::authentication);
}

TEST(GreetingTest, FieldsOfANewerPeerAreIgnoredButBound)
{
    // Here they come from the network and not from the client: its proof does not cover them.
    Greeting server(Role::server, settings("server:1"));
    Greeting client(Role::client, settings("client:1"));
    const std::string more("\xA2\x06\x03new", 6);
    const auto answer = server.receive(client.begin().send.value() + more);
    ASSERT_FALSE(answer.outcome) << "read as if they were not there";
    const auto proof = client.receive(answer.send.value());
    EXPECT_EQ(kind_of(server.receive(proof.send.value()).outcome), Kind::authentication);
}

TEST(GreetingTest, WhatIsNoGreetingIsCalledSo)
{
    const std::string payloads[] = {"", "GET / HTTP/1.1", "peercron", "peercron\xFF\xFF\xFF",
                                    std::string("\0\0\0\0", 4)};
    for (const std::string& payload : payloads) {
        for (const Role role : {Role::client, Role::server}) {
            Greeting greeting(role, settings("a:1"));
            (void)greeting.begin();
            const auto step = greeting.receive(payload);
            EXPECT_EQ(kind_of(step.outcome), Kind::other);
            EXPECT_FALSE(step.send) << "garbage gets no answer";
        }
    }
}

TEST(GreetingTest, NoBytesDoHarm)
{
    std::mt19937_64 random(5);
    for (int i = 0; i < 5'000; ++i) {
        Greeting server(Role::server, settings("server:1"));
        Greeting client(Role::client, settings("client:1"));
        if (i % 2 == 0) (void)server.receive(client.begin().send.value());
        std::string payload = i % 3 == 0 ? "peercron" : "";
        for (auto left = random() % 200; left > 0; --left) {
            payload += static_cast<char>(random());
        }
        const auto step = server.receive(payload);
        EXPECT_FALSE(step.outcome && *step.outcome);
    }
}

}  // namespace
}  // namespace peercron
