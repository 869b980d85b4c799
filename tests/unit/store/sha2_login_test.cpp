#include "store/mysql/sha2_login.hpp"

#include "base/digest.hpp"

#include <errmsg.h>
#include <gmock/gmock.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// MySQL's default login, with a server that says what a test wants. With a real one:
// mysql_tls_test.cpp (bin/test mysql).

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

const std::string nonce = "abcdefghijklmnopqrst";
const std::string with_zero = nonce + '\0';
const std::string known = "\x03";
const std::string wanted = "\x04";

bool in_public()
{
    return false;
}
bool in_private()
{
    return true;
}

/// Says its packets one after the other, and keeps what it gets.
struct Server : MYSQL_PLUGIN_VIO {
    explicit Server(std::vector<std::string> packets)
        : MYSQL_PLUGIN_VIO{read, write, nullptr}, said(std::move(packets))
    {}

    static int read(MYSQL_PLUGIN_VIO* self, unsigned char** bytes)
    {
        auto& server = static_cast<Server&>(*self);
        if (server.next == server.said.size()) return -1;
        std::string& packet = server.said[server.next++];
        *bytes = reinterpret_cast<unsigned char*>(packet.data());
        return static_cast<int>(packet.size());
    }
    static int write(MYSQL_PLUGIN_VIO* self, const unsigned char* bytes, int size)
    {
        static_cast<Server&>(*self).got.emplace_back(reinterpret_cast<const char*>(bytes), size);
        return 0;
    }

    std::vector<std::string> said;
    std::size_t next = 0;
    std::vector<std::string> got;
};

std::string mixed(std::string text, std::string_view mask)
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = static_cast<char>(text[i] ^ mask[i % mask.size()]);
    }
    return text;
}

/// What the server keeps of a password, and whether a proof is right by that alone.
bool proves(const std::string& proof, std::string_view password)
{
    const Digest kept = sha256(view(sha256(password)));
    const Digest mask = sha256(std::string(view(kept)) + nonce);
    return view(sha256(mixed(proof, view(mask)))) == view(kept);
}

class ServerKey {
public:
    std::string pem() const
    {
        const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
        EXPECT_EQ(PEM_write_bio_PUBKEY(out.get(), key_.get()), 1);
        char* text = nullptr;
        const long size = BIO_get_mem_data(out.get(), &text);
        return {text, static_cast<std::size_t>(size)};
    }

    std::string decrypt(const std::string& secret) const
    {
        const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
            EVP_PKEY_CTX_new(key_.get(), nullptr), &EVP_PKEY_CTX_free);
        EXPECT_EQ(EVP_PKEY_decrypt_init(context.get()), 1);
        EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING), 1);
        std::string text(secret.size(), '\0');
        std::size_t size = text.size();
        EXPECT_EQ(
            EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(text.data()), &size,
                             reinterpret_cast<const unsigned char*>(secret.data()), secret.size()),
            1);
        text.resize(size);
        return text;
    }

private:
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{EVP_RSA_gen(2048), &EVP_PKEY_free};
};

TEST(Sha2LoginTest, AServerThatKnowsThePasswordGetsAProofAlone)
{
    Server server({with_zero, known});
    EXPECT_EQ(log_in_by_sha2(server, "it's \"secret\"", in_public), CR_OK);
    ASSERT_THAT(server.got, SizeIs(1));
    EXPECT_EQ(server.got[0].size(), 32U);
    EXPECT_TRUE(proves(server.got[0], "it's \"secret\""));
    EXPECT_FALSE(proves(server.got[0], "another"));
}

TEST(Sha2LoginTest, ThePasswordIsSentAsItIsOnlyWhereNobodyReadsAlong)
{
    Server server({with_zero, wanted});
    EXPECT_EQ(log_in_by_sha2(server, "secret", in_private), CR_OK);
    ASSERT_THAT(server.got, SizeIs(2));
    EXPECT_EQ(server.got[1], std::string("secret") + '\0');

    Server with_tls({with_zero, wanted});
    const auto after_proof = [&with_tls] { return with_tls.got.size() == 1; };
    EXPECT_EQ(log_in_by_sha2(with_tls, "secret", after_proof), CR_OK);
    EXPECT_EQ(with_tls.got.back(), std::string("secret") + '\0');

    const ServerKey key;
    Server far({with_zero, wanted, key.pem()});
    EXPECT_EQ(log_in_by_sha2(far, "secret", in_public), CR_OK);
    ASSERT_THAT(far.got, SizeIs(3));
    EXPECT_EQ(far.got[1], "\x02");
    EXPECT_EQ(mixed(key.decrypt(far.got[2]), nonce), std::string("secret") + '\0');
}

TEST(Sha2LoginTest, AnAccountWithoutAPasswordSaysSo)
{
    Server server({with_zero});
    EXPECT_EQ(log_in_by_sha2(server, "", in_public), CR_OK);
    EXPECT_THAT(server.got, ElementsAre(std::string(1, '\0')));
}

TEST(Sha2LoginTest, AServerThatSaysSomethingElseGetsNoPassword)
{
    for (const std::vector<std::string>& packets :
         std::vector<std::vector<std::string>>{{},
                                               {""},
                                               {nonce},
                                               {with_zero + "x"},
                                               {with_zero},
                                               {with_zero, ""},
                                               {with_zero, "\x04\x04"},
                                               {with_zero, wanted},
                                               {with_zero, wanted, ""},
                                               {with_zero, wanted, "no key"}}) {
        Server server(packets);
        EXPECT_NE(log_in_by_sha2(server, "secret", in_public), CR_OK);
        for (const std::string& packet : server.got) {
            EXPECT_EQ(packet.find("secret"), std::string::npos);
            EXPECT_TRUE(packet == "\x02" || packet.size() == 32) << packet.size();
        }
    }
    // Longer than the key can encrypt.
    const ServerKey key;
    Server server({with_zero, wanted, key.pem()});
    EXPECT_NE(log_in_by_sha2(server, std::string(300, 'x'), in_public), CR_OK);
    EXPECT_THAT(server.got, SizeIs(2));
}

}  // namespace
}  // namespace peercron
