// Calls to a real Consul over HTTPS.
#include "cluster/consul_client.hpp"

#include "integration/servers/certificates.hpp"
#include "integration/servers/consul_server.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace peercron {
namespace {

using ::testing::HasSubstr;

class ConsulTlsTest : public ::testing::Test {
protected:
    static void SetUpTestSuite()
    {
        certificates_ = std::make_unique<testing::Certificates>();
        https_ = testing::free_port();
        strict_https_ = testing::free_port();
        open_ = std::make_unique<testing::ConsulServer>(testing::ConsulServer::Acl::off,
                                                        configuration(https_, false));
        open_->start();
        strict_ = std::make_unique<testing::ConsulServer>(testing::ConsulServer::Acl::off,
                                                          configuration(strict_https_, true));
        strict_->start();
    }
    static void TearDownTestSuite()
    {
        open_.reset();
        strict_.reset();
        certificates_.reset();
    }

    static std::string configuration(std::uint16_t port, bool wants_certificates)
    {
        return "ports { https = " + std::to_string(port) + " }\nca_file = \"" +
               certificates_->cert("ca") + "\"\ncert_file = \"" + certificates_->cert("server") +
               "\"\nkey_file = \"" + certificates_->key("server") +
               "\"\nverify_incoming_https = " + (wants_certificates ? "true" : "false") + "\n";
    }

    static std::string url(std::uint16_t port, const std::string& host = "127.0.0.1")
    {
        return "https://" + host + ":" + std::to_string(port);
    }
    static TlsFiles trusting(const std::string& authority)
    {
        TlsFiles files;
        files.ca = certificates_->cert(authority);
        return files;
    }

    static asio::awaitable<void> ask(ConsulClient& client,
                                     std::optional<Result<ConsulAnswer, NoAnswer>>& answer)
    {
        for (int i = 0; i < 3; ++i) {  // on a kept connection, too
            ConsulCall call;
            call.target = "/v1/status/leader";
            auto said = co_await client.call(std::move(call));
            answer = std::move(said);
            if (!*answer) co_return;
        }
    }
    Result<ConsulAnswer, NoAnswer> ask(const std::string& address, const TlsFiles& files)
    {
        ConsulClient client(io_.get_executor(), address, "", files);
        std::optional<Result<ConsulAnswer, NoAnswer>> answer;
        io_.restart();
        testing::run(io_, ask(client, answer));
        return answer.value();
    }

    static std::unique_ptr<testing::Certificates> certificates_;
    static std::unique_ptr<testing::ConsulServer> open_;
    static std::unique_ptr<testing::ConsulServer> strict_;  // asks its clients for certificates
    static std::uint16_t https_;
    static std::uint16_t strict_https_;
    asio::io_context io_;
};

std::unique_ptr<testing::Certificates> ConsulTlsTest::certificates_;
std::unique_ptr<testing::ConsulServer> ConsulTlsTest::open_;
std::unique_ptr<testing::ConsulServer> ConsulTlsTest::strict_;
std::uint16_t ConsulTlsTest::https_ = 0;
std::uint16_t ConsulTlsTest::strict_https_ = 0;

TEST_F(ConsulTlsTest, AnAgentWithACertificateOfTheAuthorityAnswers)
{
    for (const char* const host : {"127.0.0.1", "localhost"}) {
        const auto answer = ask(url(https_, host), trusting("ca"));
        ASSERT_TRUE(answer) << answer.error().reason;
        EXPECT_EQ(answer->status, 200U);
    }
}

TEST_F(ConsulTlsTest, AnAgentThatNobodyVouchesForIsNotAsked)
{
    for (const TlsFiles& files : {TlsFiles(), trusting("other-ca")}) {
        const auto answer = ask(url(https_), files);
        ASSERT_FALSE(answer);
        EXPECT_THAT(answer.error().reason, HasSubstr("its certificate is not trusted: "));
        EXPECT_FALSE(answer.error().timed_out);
    }
}

TEST_F(ConsulTlsTest, ACertificateOfAnotherNameIsNotEnough)
{
    const auto answer = ask(url(https_, "ip6-localhost"), trusting("ca"));
    ASSERT_FALSE(answer);
    const auto other = ask(url(https_, "127.0.0.2"), trusting("ca"));
    ASSERT_FALSE(other);
}

TEST_F(ConsulTlsTest, AnAgentThatAsksForACertificateGetsOne)
{
    TlsFiles files = trusting("ca");
    const auto refused = ask(url(strict_https_), files);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().reason, HasSubstr("it asks for a certificate that it trusts"));
    files.cert = certificates_->cert("client");
    files.key = certificates_->key("client");
    const auto answer = ask(url(strict_https_), files);
    ASSERT_TRUE(answer) << answer.error().reason;
    EXPECT_EQ(answer->status, 200U);
}

TEST_F(ConsulTlsTest, TheWrongSchemeIsNamed)
{
    const std::string place = "127.0.0.1:" + std::to_string(https_);
    const auto plain = ask(place, {});
    ASSERT_FALSE(plain);
    EXPECT_THAT(plain.error().reason,
                HasSubstr("it speaks HTTPS there: set consul_address = \"https://" + place + "\""));
    const auto encrypted = ask("https://" + open_->address(), trusting("ca"));
    ASSERT_FALSE(encrypted);
    EXPECT_THAT(encrypted.error().reason, HasSubstr("it does not speak TLS there"));
}

TEST_F(ConsulTlsTest, AFileThatCannotBeUsedIsNamed)
{
    const auto refusal = [this](const TlsFiles& files) -> std::string {
        try {
            ConsulClient(io_.get_executor(), url(https_), "", files);
        } catch (const std::invalid_argument& error) {
            return error.what();
        }
        return "no refusal";
    };
    TlsFiles missing;
    missing.ca = "/nowhere/ca.pem";
    EXPECT_EQ(refusal(missing), "consul: cannot read /nowhere/ca.pem: No such file or directory");
    TlsFiles nonsense;
    nonsense.ca = certificates_->key("ca");
    EXPECT_THAT(refusal(nonsense), HasSubstr("has no certificates in PEM that can be used"));
    TlsFiles mixed;
    mixed.cert = certificates_->cert("client");
    mixed.key = certificates_->key("server");
    EXPECT_EQ(refusal(mixed),
              "consul: " + mixed.key + " is not the key of the certificate in " + mixed.cert);
}

}  // namespace
}  // namespace peercron
