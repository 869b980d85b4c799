// Which certificates a node can show to its peers: those that the other ends would accept.
#include "base/tls_context.hpp"

#include "integration/servers/certificates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>

namespace peercron {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PeerTlsContextTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() { certificates_ = std::make_unique<testing::Certificates>(); }
    static void TearDownTestSuite() { certificates_.reset(); }

    static TlsFiles files(const std::string& name, const std::string& authority = "ca")
    {
        return {certificates_->cert(name), certificates_->key(name),
                certificates_->cert(authority)};
    }
    static std::string refusal(const TlsFiles& files)
    {
        const auto context = peer_tls(files);
        return context ? "nothing" : context.error().message;
    }

    static std::unique_ptr<testing::Certificates> certificates_;
};
std::unique_ptr<testing::Certificates> PeerTlsContextTest::certificates_;

TEST_F(PeerTlsContextTest, TakesACertificateOfItsAuthorityAndKnowsWhenItExpires)
{
    const auto context = peer_tls(files("server"));
    ASSERT_TRUE(context) << context.error().message;
    const auto left = certificate_expiry(**context) - std::chrono::system_clock::now();
    EXPECT_GT(left, std::chrono::hours(47));
    EXPECT_LT(left, std::chrono::hours(49));
}

TEST_F(PeerTlsContextTest, NamesTheFileThatCannotBeUsed)
{
    TlsFiles lacking = files("server");
    lacking.ca = "/no/such/file";
    EXPECT_THAT(refusal(lacking), HasSubstr("cannot read /no/such/file"));
    TlsFiles other_key = files("server");
    other_key.key = certificates_->key("client");
    EXPECT_EQ(refusal(other_key),
              other_key.key + " is not the key of the certificate in " + other_key.cert);
    TlsFiles no_authority = files("server");
    no_authority.ca = certificates_->key("ca");
    EXPECT_THAT(refusal(no_authority), HasSubstr(no_authority.ca + " has no certificates in PEM"));
}

TEST_F(PeerTlsContextTest, RefusesACertificateThatItsPeersWouldRefuse)
{
    const TlsFiles foreign = files("server", "other-ca");
    EXPECT_THAT(refusal(foreign), AllOf(HasSubstr(foreign.cert), HasSubstr(foreign.ca),
                                        HasSubstr("unable to get local issuer certificate")));
    certificates_->issue("expired", "subjectAltName=DNS:a.example", "ca", -1);
    EXPECT_THAT(refusal(files("expired")),
                AllOf(HasSubstr(certificates_->cert("expired")), HasSubstr("has expired")));
}

TEST_F(PeerTlsContextTest, ACertificateIsForBothEndsOfAConnection)
{
    for (const std::string one : {"serverAuth", "clientAuth"}) {
        certificates_->issue(one, "extendedKeyUsage=" + one);
        EXPECT_THAT(refusal(files(one)), AllOf(HasSubstr(certificates_->cert(one)),
                                               HasSubstr("must have serverAuth and clientAuth")));
    }
    certificates_->issue("both", "extendedKeyUsage=serverAuth,clientAuth");
    EXPECT_EQ(refusal(files("both")), "nothing");
}

TEST_F(PeerTlsContextTest, RefusesKeysThatItsConnectionsCannotUse)
{
    certificates_->authority("weak-ca", "rsa:512");
    certificates_->issue("of-weak-ca", "subjectAltName=DNS:a.example", "weak-ca");
    EXPECT_THAT(refusal(files("of-weak-ca", "weak-ca")),
                AllOf(HasSubstr(certificates_->cert("weak-ca")), HasSubstr("key too ")));
    certificates_->issue("other-curve", "subjectAltName=DNS:a.example", "ca", 2,
                         "ec -pkeyopt ec_paramgen_curve:secp256k1");
    EXPECT_THAT(refusal(files("other-curve")),
                AllOf(HasSubstr("TLS 1.3 cannot use the certificate in " +
                                certificates_->cert("other-curve")),
                      HasSubstr("expected keys of prime256v1")));
}

TEST_F(PeerTlsContextTest, AnAuthorityBetweenBelongsToTheCertificate)
{
    certificates_->issue("between", "basicConstraints=critical,CA:TRUE");
    certificates_->issue("leaf", "subjectAltName=DNS:leaf.example", "between");
    EXPECT_THAT(refusal(files("leaf")), HasSubstr("unable to get local issuer certificate"));
    TlsFiles whole = files("leaf");
    whole.cert = certificates_->join("leaf-and-between", {"leaf", "between"});
    EXPECT_EQ(refusal(whole), "nothing");
}

}  // namespace
}  // namespace peercron
