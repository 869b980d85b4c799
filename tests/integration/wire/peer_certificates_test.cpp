// Which peers are taken by their certificates, and what somebody who has the secret, or a
// certificate, but not both, can do about it.
#include "wire/peer_session.hpp"

#include "integration/servers/certificates.hpp"
#include "unit/wire/session_pair.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace peercron {
namespace {

namespace ssl = boost::asio::ssl;
using ::testing::HasSubstr;
using testing::OnTheWay;
using testing::Pair;
using ::testing::StartsWith;
using testing::unchanged;
using Role = Greeting::Role;
using Kind = PeerError::Kind;

class PeerCertificatesTest : public ::testing::Test {
protected:
    static void SetUpTestSuite()
    {
        certificates_ = std::make_unique<testing::Certificates>();
        certificates_->issue("foreign", "subjectAltName=DNS:a.example", "other-ca");
        certificates_->issue("expired", "subjectAltName=DNS:a.example", "ca", -1);
        certificates_->issue("only-server", "extendedKeyUsage=serverAuth");
        certificates_->issue("only-client", "extendedKeyUsage=clientAuth");
    }
    static void TearDownTestSuite() { certificates_.reset(); }

    static TlsContext context(const std::string& name)
    {
        return peer_tls(
                   {certificates_->cert(name), certificates_->key(name), certificates_->cert("ca")})
            .value();
    }

    /// Of a peer that shows whatever it has, or nothing.
    static TlsContext careless(const std::string& name)
    {
        auto context = std::make_shared<ssl::context>(ssl::context::tls);
        context->load_verify_file(certificates_->cert("ca"));
        context->set_verify_mode(ssl::verify_peer);
        if (name.empty()) return context;
        context->use_certificate_chain_file(certificates_->cert(name));
        context->use_private_key_file(certificates_->key(name), ssl::context::pem);
        return context;
    }

    static std::unique_ptr<testing::Certificates> certificates_;
};
std::unique_ptr<testing::Certificates> PeerCertificatesTest::certificates_;

GreetingSettings node(std::string name, const TlsContext& certificate,
                      const std::string& secret = "a secret")
{
    GreetingSettings settings;
    settings.self = {std::move(name), "1.2.3"};
    settings.secret = secret;
    settings.tls = std::make_shared<const PskContext>(secret);
    settings.certificate = [certificate] { return certificate; };
    return settings;
}

GreetingSettings strict(GreetingSettings settings)
{
    settings.requires_encryption = true;
    return settings;
}

TEST_F(PeerCertificatesTest, AreUsedWhenBothNodesHaveThem)
{
    const TlsContext client = context("client");
    const TlsContext server = context("server");
    for (const bool from : {false, true}) {
        for (const bool to : {false, true}) {
            Pair pair(node("client:1", from ? client : nullptr),
                      node("server:1", to ? server : nullptr));
            pair.greet();
            ASSERT_TRUE(pair.are_connected());
            EXPECT_TRUE(pair.client.is_encrypted() && pair.server.is_encrypted());
            EXPECT_EQ(pair.client.is_by_certificates(), from && to);
            EXPECT_EQ(pair.server.is_by_certificates(), from && to);
            EXPECT_EQ((*pair.server_outcome)->peer.node, "client:1");
            EXPECT_EQ((*pair.client_outcome)->peer.node, "server:1");
        }
    }
}

TEST_F(PeerCertificatesTest, CarryMessagesThatNobodyElseReads)
{
    Pair pair(node("client:1", context("client")), node("server:1", context("server")));
    pair.greet();
    ASSERT_TRUE(pair.are_connected());
    for (const char* hidden : {"client:1", "server:1", "1.2.3", "client.example"}) {
        EXPECT_EQ(pair.seen.find(hidden), std::string::npos) << hidden;
    }
    std::string queue;
    pair.client.append(queue, Message(RunNow{1, 2, "a caller"}));
    const std::string sent(pair.client.protect(queue));
    EXPECT_EQ(sent.find("a caller"), std::string::npos);
    Pair::give(pair.server, sent);
    const auto arrived = pair.server.next();
    ASSERT_TRUE(arrived && *arrived);
    EXPECT_NE((*arrived)->find("a caller"), std::string_view::npos);
}

TEST_F(PeerCertificatesTest, NeedNoNameOfTheirNode)
{
    Pair pair(node("client:1", context("elsewhere")), node("server:1", context("elsewhere")));
    pair.greet();
    EXPECT_TRUE(pair.are_connected());
}

TEST_F(PeerCertificatesTest, AreReadAgainForEachConnection)
{
    TlsContext now;
    GreetingSettings renewed = node("server:1", nullptr);
    renewed.certificate = [&now] { return now; };
    for (const bool has : {false, true}) {
        now = has ? context("server") : nullptr;
        Pair pair(node("client:1", context("client")), renewed);
        pair.greet();
        ASSERT_TRUE(pair.are_connected());
        EXPECT_EQ(pair.client.is_by_certificates(), has);
    }
}

TEST_F(PeerCertificatesTest, ANodeThatRequiresThemRefusesOneWithout)
{
    const std::string there =
        "has no certificate, and here [cluster] encrypt = \"require\" with cert: set [cluster] "
        "cert, key and ca there, or encrypt = \"prefer\" here";
    const std::string here =
        "requires a certificate: set [cluster] cert, key and ca here, or encrypt = \"prefer\" "
        "there";
    Pair at_server(node("client:1", nullptr), strict(node("server:1", context("server"))));
    at_server.greet();
    EXPECT_EQ(at_server.failure(Role::server).message, there);
    EXPECT_EQ(at_server.failure(Role::server).kind, Kind::version);
    EXPECT_EQ(at_server.failure(Role::client).message, here);
    Pair at_client(strict(node("client:1", context("client"))), strict(node("server:1", nullptr)));
    at_client.greet();
    EXPECT_EQ(at_client.failure(Role::client).message, there);
    EXPECT_EQ(at_client.failure(Role::server).message, here);
    Pair both(strict(node("client:1", context("client"))),
              strict(node("server:1", context("server"))));
    both.greet();
    EXPECT_TRUE(both.are_connected());
}

TEST_F(PeerCertificatesTest, AreRefusedByWhoDoesNotTrustThem)
{
    const std::pair<std::string, std::string> cases[] = {
        {"foreign", "unable to get local issuer certificate"}, {"expired", "has expired"}};
    for (const auto& [bad, why] : cases) {
        Pair from(node("client:1", careless(bad)), node("server:1", context("server")));
        from.greet();
        EXPECT_THAT(from.failure(Role::server).message,
                    StartsWith("shows a certificate that is not trusted here ("));
        EXPECT_THAT(from.failure(Role::server).message, HasSubstr(why));
        EXPECT_EQ(from.failure(Role::server).kind, Kind::authentication);
        EXPECT_THAT(from.failure(Role::client).message,
                    StartsWith("refused this node's certificate (TLS: "));

        Pair to(node("client:1", context("client")), node("server:1", careless(bad)));
        to.greet();
        EXPECT_THAT(to.failure(Role::client).message,
                    StartsWith("shows a certificate that is not trusted here ("));
        EXPECT_THAT(to.failure(Role::client).message, HasSubstr(why));
        EXPECT_THAT(to.failure(Role::server).message,
                    StartsWith("refused this node's certificate (TLS: "));
        EXPECT_EQ(to.seen.find("client:1"), std::string::npos);
    }
}

TEST_F(PeerCertificatesTest, AreForTheEndThatShowsThem)
{
    Pair server_only(node("client:1", careless("only-server")),
                     node("server:1", context("server")));
    server_only.greet();
    EXPECT_THAT(server_only.failure(Role::server).message, HasSubstr("purpose"));
    Pair client_only(node("client:1", context("client")),
                     node("server:1", careless("only-client")));
    client_only.greet();
    EXPECT_THAT(client_only.failure(Role::client).message, HasSubstr("purpose"));
}

TEST_F(PeerCertificatesTest, APeerThatHasNoneAfterAllIsRefused)
{
    Pair pair(node("client:1", careless("")), node("server:1", context("server")));
    pair.greet();
    EXPECT_THAT(pair.failure(Role::server).message,
                StartsWith("does not prove that it has a certificate (TLS: "));
    EXPECT_THAT(pair.failure(Role::client).message,
                StartsWith("refused this node's certificate (TLS: "));
}

TEST_F(PeerCertificatesTest, OlderVersionsOfTlsAreRefused)
{
    const TlsContext old = careless("client");
    SSL_CTX_set_max_proto_version(old->native_handle(), TLS1_2_VERSION);
    Pair pair(node("client:1", old), node("server:1", context("server")));
    pair.greet();
    EXPECT_EQ(pair.failure(Role::server).kind, Kind::authentication);
}

TEST_F(PeerCertificatesTest, DoNotReplaceTheSecret)
{
    Pair pair(node("client:1", context("client"), "another"), node("server:1", context("server")));
    pair.greet();
    EXPECT_THAT(pair.failure(Role::server).message,
                StartsWith("does not prove the cluster secret: cluster_secret is not the same"));
    EXPECT_THAT(pair.failure(Role::client).message,
                StartsWith("refused this node: cluster_secret is not the same there"));
}

/// Until one of the two has an outcome; which one has completed its handshake without a failure.
std::pair<bool, bool> shake_hands(PeerTls& client, PeerTls& server)
{
    bool client_is_done = false;
    bool server_is_done = false;
    for (int i = 0; i < 4; ++i) {
        std::string out;
        const auto from = client.handshake(out);
        server.receive(out);
        out.clear();
        const auto to = server.handshake(out);
        client.receive(out);
        client_is_done = from && *from;
        server_is_done = to && *to;
        if (!from || !to) break;
    }
    return {client_is_done, server_is_done};
}

TEST_F(PeerCertificatesTest, TheSecretDoesNotReplaceThem)
{
    const auto secret = std::make_shared<const PskContext>("a secret");
    {
        PeerTls client(PeerTls::Role::client, secret);
        PeerTls server(PeerTls::Role::server, context("server"));
        EXPECT_EQ(shake_hands(client, server), std::pair(false, false));
    }
    {
        PeerTls client(PeerTls::Role::client, context("client"));
        PeerTls server(PeerTls::Role::server, secret);
        EXPECT_EQ(shake_hands(client, server), std::pair(false, false));
    }
    {
        PeerTls client(PeerTls::Role::client, context("client"));
        PeerTls server(PeerTls::Role::server, context("server"));
        EXPECT_EQ(shake_hands(client, server), std::pair(true, true));
    }
}

// Whatever the settings of OpenSSL let through.
TEST_F(PeerCertificatesTest, AreLookedAtAfterTheHandshakeToo)
{
    const auto lax = [](const std::string& name) {
        TlsContext context = PeerCertificatesTest::context(name);
        context->set_verify_mode(ssl::verify_none);
        return context;
    };
    PeerTls client(PeerTls::Role::client, context("client"));
    PeerTls asks_for_none(PeerTls::Role::server, lax("server"));
    EXPECT_FALSE(shake_hands(client, asks_for_none).second);
    PeerTls takes_all(PeerTls::Role::client, lax("client"));
    PeerTls foreign(PeerTls::Role::server, careless("foreign"));
    EXPECT_FALSE(shake_hands(takes_all, foreign).first);
}

/// A Hello is 8 + 2 + 2 + 34 + 2 bytes, and two more when its node has a certificate.
std::string without_certificate(std::string bytes)
{
    const std::string has_certificate("\x28\x01", 2);
    const std::size_t hello = frame_header_size + 50;
    if (bytes.size() != hello || !bytes.ends_with(has_certificate)) return bytes;
    bytes.resize(hello - 2);
    bytes[3] = static_cast<char>(bytes[3] - 2);
    return bytes;
}

TEST_F(PeerCertificatesTest, NobodyOnTheWayCanTalkTwoNodesOutOfThem)
{
    const std::pair<OnTheWay, OnTheWay> attacks[] = {{without_certificate, unchanged},
                                                     {unchanged, without_certificate},
                                                     {without_certificate, without_certificate}};
    for (const auto& [to_server, to_client] : attacks) {
        bool is_changed = false;
        const auto note = [&is_changed](const OnTheWay& change) {
            return [&is_changed, &change](const std::string& bytes) {
                std::string changed = change(bytes);
                if (changed != bytes) is_changed = true;
                return changed;
            };
        };
        Pair pair(node("client:1", context("client")), node("server:1", context("server")));
        pair.greet(note(to_server), note(to_client));
        EXPECT_TRUE(is_changed);
        EXPECT_FALSE(pair.client_outcome && *pair.client_outcome);
        EXPECT_FALSE(pair.server_outcome && *pair.server_outcome);
    }
}

// One who has the secret and a certificate stands between two nodes with a TLS connection to each,
// and passes on what they say inside.
TEST_F(PeerCertificatesTest, AThirdWhoHasAllThatCannotStandBetweenTwoNodes)
{
    PeerSession client(Role::client, node("client:1", context("client")));
    PeerSession server(Role::server, node("server:1", context("server")));
    PeerTls to_client(PeerTls::Role::server, context("elsewhere"));
    PeerTls to_server(PeerTls::Role::client, context("elsewhere"));
    std::string from_client;
    std::string from_server;
    std::optional<Result<Greeted, PeerError>> outcome;

    // The Hellos, as they are.
    (void)client.greet(from_client);
    Pair::give(server, from_client);
    ASSERT_FALSE(server.greet(from_server));
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

// Bytes of the handshake that are changed on the way, some after the other.
TEST_F(PeerCertificatesTest, AChangedHandshakeIsRefused)
{
    const TlsContext from = context("client");
    const TlsContext to = context("server");
    std::size_t last = 1;
    for (std::size_t place = 0; place < last; place += 19) {
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
        Pair pair(node("client:1", from), node("server:1", to));
        pair.greet(change, change);
        last = std::max(last, passed);
        if (!is_changed) break;
        EXPECT_FALSE(pair.are_connected()) << "byte " << place;
    }
    EXPECT_GT(last, 1500U);
}

}  // namespace
}  // namespace peercron
