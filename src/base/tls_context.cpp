#include "base/tls_context.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <spdlog/fmt/fmt.h>
#include <boost/system/error_code.hpp>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>

namespace peercron {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

/// OpenSSL says little about a file that it cannot open.
Result<void> check_readable(const std::string& file)
{
    errno = 0;
    const std::ifstream in(file);
    if (in) return {};
    return Error{fmt::format("cannot read {}: {}", file, std::strerror(errno))};
}

Result<void> use_identity(ssl::context& context, const TlsFiles& files)
{
    for (const std::string& file : {files.cert, files.key}) {
        if (const auto readable = check_readable(file); !readable) return readable.error();
    }
    error_code error;
    context.use_certificate_chain_file(files.cert, error);
    if (error) {
        return Error{fmt::format("{} has no certificate in PEM that can be used ({})", files.cert,
                                 error.message())};
    }
    // A key with a passphrase would be asked for at a terminal.
    SSL_CTX_set_default_passwd_cb(context.native_handle(),
                                  [](char*, int, int, void*) { return -1; });
    ERR_clear_error();
    if (SSL_CTX_use_PrivateKey_file(context.native_handle(), files.key.c_str(), SSL_FILETYPE_PEM) ==
        1) {
        return {};
    }
    const unsigned long code = ERR_peek_last_error();
    const char* const words = ERR_reason_error_string(code);
    ERR_clear_error();
    if (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ||
        ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH) {
        return Error{
            fmt::format("{} is not the key of the certificate in {}", files.key, files.cert)};
    }
    return Error{fmt::format("{} has no private key in PEM without a passphrase ({})", files.key,
                             words != nullptr ? words : "no reason given")};
}

Result<void> trust(ssl::context& context, const std::string& file)
{
    if (const auto readable = check_readable(file); !readable) return readable.error();
    error_code error;
    context.load_verify_file(file, error);
    if (!error) return {};
    return Error{
        fmt::format("{} has no certificates in PEM that can be used ({})", file, error.message())};
}

using Ssl = std::unique_ptr<SSL, decltype(&SSL_free)>;

/// Why that end of check_own_certificate() has failed.
Error own_certificate_failure(const SSL* end, const TlsFiles& files)
{
    const unsigned long code = ERR_peek_error();
    const char* const words = ERR_reason_error_string(code);
    ERR_clear_error();
    const long judged = SSL_get_verify_result(end);
    if (judged == X509_V_ERR_INVALID_PURPOSE) {
        return Error{
            fmt::format("the certificate in {} is not for both ends of a connection: "
                        "an extendedKeyUsage must have serverAuth and clientAuth",
                        files.cert)};
    }
    if (judged != X509_V_OK) {
        return Error{fmt::format("peers that trust {} refuse the certificate in {}: {}", files.ca,
                                 files.cert, X509_verify_cert_error_string(judged))};
    }
    return Error{
        fmt::format("TLS 1.3 cannot use the certificate in {} with those in {} ({}): "
                    "expected keys of prime256v1, or RSA with 2048 bits or more",
                    files.cert, files.ca, words != nullptr ? words : "no reason given")};
}

/// Has the context connect to itself, in memory: what it refuses or cannot do there, the other
/// ends would refuse, whichever of the two is the server.
Result<void> check_own_certificate(ssl::context& context, const TlsFiles& files)
{
    const Ssl client(SSL_new(context.native_handle()), SSL_free);
    const Ssl server(SSL_new(context.native_handle()), SSL_free);
    BIO* at_client = nullptr;
    BIO* at_server = nullptr;
    if (!client || !server || BIO_new_bio_pair(&at_client, 0, &at_server, 0) != 1) {
        ERR_clear_error();
        return Error{"OpenSSL cannot check a certificate"};
    }
    SSL_set_bio(client.get(), at_client, at_client);  // owns it
    SSL_set_bio(server.get(), at_server, at_server);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
    // The last message is the client's, so that the server is the last to be ready. Long chains of
    // certificates go through the buffer between the two in many pieces.
    constexpr int most_turns = 10'000;
    for (int turn = 0; turn < most_turns; ++turn) {
        if (SSL_is_init_finished(server.get()) != 0) return {};
        for (SSL* const end : {client.get(), server.get()}) {
            ERR_clear_error();
            const int done = SSL_do_handshake(end);
            const int state = SSL_get_error(end, done);
            const bool goes_on =
                done == 1 || state == SSL_ERROR_WANT_READ || state == SSL_ERROR_WANT_WRITE;
            if (!goes_on) return own_certificate_failure(end, files);
        }
    }
    return Error{"OpenSSL does not come to an end when it checks a certificate"};
}

}  // namespace

Result<TlsContext> client_tls(const TlsFiles& files)
{
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    context->set_verify_mode(ssl::verify_peer);
    error_code ignored;
    if (files.ca.empty()) {
        context->set_default_verify_paths(ignored);
    } else if (const auto trusted = trust(*context, files.ca); !trusted) {
        return trusted.error();
    }
    if (!files.cert.empty()) {
        if (const auto used = use_identity(*context, files); !used) return used.error();
    }
    return context;
}

Result<TlsContext> server_tls(const TlsFiles& files, TlsVersion min)
{
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    SSL_CTX_set_min_proto_version(context->native_handle(),
                                  min == TlsVersion::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_options(context->native_handle(),
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    constexpr unsigned char name[] = "peercron";
    SSL_CTX_set_session_id_context(context->native_handle(), name, sizeof(name) - 1);
    if (const auto used = use_identity(*context, files); !used) return used.error();
    if (files.ca.empty()) return context;
    if (const auto trusted = trust(*context, files.ca); !trusted) return trusted.error();
    SSL_CTX_set_client_CA_list(context->native_handle(), SSL_load_client_CA_file(files.ca.c_str()));
    context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    return context;
}

Result<TlsContext> peer_tls(const TlsFiles& files)
{
    auto context = std::make_shared<ssl::context>(ssl::context::tls);
    SSL_CTX* const handle = context->native_handle();
    if (SSL_CTX_set_min_proto_version(handle, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(handle, "TLS_AES_128_GCM_SHA256") != 1) {
        ERR_clear_error();
        return Error{"OpenSSL cannot use TLS 1.3 with AES-128-GCM"};
    }
    SSL_CTX_set_options(handle, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(handle, 0);
    SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
    if (const auto used = use_identity(*context, files); !used) return used.error();
    if (const auto trusted = trust(*context, files.ca); !trusted) return trusted.error();
    context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    if (const auto good = check_own_certificate(*context, files); !good) return good.error();
    return context;
}

WallTime certificate_expiry(const ssl::context& context)
{
    auto* const handle = const_cast<ssl::context&>(context).native_handle();  // only reads
    std::tm time{};
    ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(handle)), &time);
    return std::chrono::time_point_cast<WallTime::duration>(
        std::chrono::system_clock::from_time_t(::timegm(&time)));
}

}  // namespace peercron
