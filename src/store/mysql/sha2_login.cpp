#include "store/mysql/sha2_login.hpp"

#include "base/digest.hpp"
#include "base/freed.hpp"

#include <errmsg.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>

namespace peercron {
namespace {

constexpr std::size_t nonce_size = 20;

// What the server answers to the proof, and what it is asked.
constexpr std::string_view password_is_known = "\x03";
constexpr std::string_view password_is_wanted = "\x04";
constexpr std::string_view give_key = "\x02";

constexpr std::string_view zero("\0", 1);

using Bytes = std::unique_ptr<BIO, Freed<BIO_free>>;
using PublicKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;

const unsigned char* bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

/// The next packet; nullopt: there is none, or it is an error, which the library knows.
std::optional<std::string> read_from(MYSQL_PLUGIN_VIO& server)
{
    unsigned char* bytes = nullptr;
    const int size = server.read_packet(&server, &bytes);
    if (size < 0) return std::nullopt;
    return std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

/// CR_OK or CR_ERROR.
int write_to(MYSQL_PLUGIN_VIO& server, std::string_view packet)
{
    const int failed =
        server.write_packet(&server, bytes_of(packet), static_cast<int>(packet.size()));
    return failed == 0 ? CR_OK : CR_ERROR;
}

/// Each byte with one of the mask, which begins again at its end.
std::string mixed(std::string text, std::string_view mask)
{
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = static_cast<char>(text[i] ^ mask[i % mask.size()]);
    }
    return text;
}

/// The server keeps the digest of the digest; so this proves the digest without showing it.
std::string proof_of(std::string_view password, std::string_view nonce)
{
    const Digest once = sha256(password);
    const Digest twice = sha256(view(once));
    const Digest mask = sha256(std::string(view(twice)).append(nonce));
    return mixed(std::string(view(once)), view(mask));
}

/// nullopt: `pem` is no RSA key, or one that is too short for the text.
std::optional<std::string> encrypt(std::string_view text, std::string_view pem)
{
    const Bytes source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const PublicKey key(source ? PEM_read_bio_PUBKEY(source.get(), nullptr, nullptr, nullptr)
                               : nullptr);
    const KeyContext context(key ? EVP_PKEY_CTX_new(key.get(), nullptr) : nullptr);
    std::size_t size = 0;
    if (!context || EVP_PKEY_encrypt_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_encrypt(context.get(), nullptr, &size, bytes_of(text), text.size()) != 1) {
        return std::nullopt;
    }
    std::string encrypted(size, '\0');
    auto* const out = reinterpret_cast<unsigned char*>(encrypted.data());
    if (EVP_PKEY_encrypt(context.get(), out, &size, bytes_of(text), text.size()) != 1) {
        return std::nullopt;
    }
    encrypted.resize(size);
    return encrypted;
}

int authenticate(MYSQL_PLUGIN_VIO* server, MYSQL* connection)
{
    MYSQL_PLUGIN_VIO_INFO way{};
    server->info(server, &way);
    const auto is_private = [&] {
        return mysql_get_ssl_cipher(connection) != nullptr ||
               way.protocol == MYSQL_PLUGIN_VIO_INFO::MYSQL_VIO_SOCKET;
    };
    const char* const password = connection->passwd;
    try {
        return log_in_by_sha2(*server, password == nullptr ? "" : password, is_private);
    } catch (const std::exception&) {  // the caller is in C
        return CR_ERROR;
    }
}

// <mysql/client_plugin.h> declares it, but includes files that Debian 12 does not have.
constexpr int authentication_plugin = 2;
constexpr unsigned interface_version = 0x0100;
struct Plugin {
    MYSQL_CLIENT_PLUGIN_HEADER
    int (*authenticate_user)(MYSQL_PLUGIN_VIO* server, MYSQL* connection);
};

}  // namespace

int log_in_by_sha2(MYSQL_PLUGIN_VIO& server, std::string_view password,
                   const std::function<bool()>& is_private)
{
    auto nonce = read_from(server);
    if (!nonce) return CR_ERROR;
    if (nonce->size() != nonce_size + zero.size()) return CR_SERVER_HANDSHAKE_ERR;
    nonce->resize(nonce_size);
    if (password.empty()) return write_to(server, zero);
    if (write_to(server, proof_of(password, *nonce)) != CR_OK) return CR_ERROR;

    const auto answer = read_from(server);
    if (!answer) return CR_ERROR;
    if (*answer == password_is_known) return CR_OK;
    if (*answer != password_is_wanted) return CR_SERVER_HANDSHAKE_ERR;
    const std::string whole = std::string(password).append(zero);
    if (is_private()) return write_to(server, whole);
    if (write_to(server, give_key) != CR_OK) return CR_ERROR;
    const auto key = read_from(server);
    if (!key) return CR_ERROR;
    const auto encrypted = encrypt(mixed(whole, *nonce), *key);
    return encrypted ? write_to(server, *encrypted) : CR_SERVER_HANDSHAKE_ERR;
}

void register_sha2_login()
{
    static Plugin plugin{authentication_plugin,
                         interface_version,
                         "caching_sha2_password",
                         "peercron",
                         "MySQL's default login",
                         {1, 0, 0},
                         "MIT",
                         nullptr,
                         nullptr,
                         nullptr,
                         nullptr,
                         authenticate};
    mysql_client_register_plugin(nullptr, reinterpret_cast<st_mysql_client_plugin*>(&plugin));
}

}  // namespace peercron
