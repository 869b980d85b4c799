#include "wire/peer_tls.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <limits>
#include <stdexcept>
#include <utility>

namespace peercron {
namespace {

// In clear on the wire, before anything is proven: it says nothing of the cluster or the node. The
// number is for a second key, while a secret is being changed.
constexpr std::string_view identity = "peercron-1";
constexpr std::string_view session_context = "peercron";
constexpr const char* cipher_suite = "TLS_AES_128_GCM_SHA256";  // the key belongs to SHA-256
constexpr std::array<unsigned char, 2> cipher_suite_id{0x13, 0x01};

constexpr std::size_t record_size = 16 * 1024;

const unsigned char* bytes_of(std::string_view text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

void must(bool worked, const char* what)
{
    if (worked) return;
    ERR_clear_error();
    throw std::runtime_error(std::string("OpenSSL cannot ") + what);
}

/// HKDF-SHA256 (RFC 5869) without a salt, for one block of output.
Digest derive_key(std::string_view secret)
{
    const Digest no_salt{};
    const Digest extracted = Hmac(view(no_salt)).of({secret});
    return Hmac(view(extracted)).of({"peercron: tls13 psk", "\x01"});
}

/// The key as the session that OpenSSL wants it to be; null when that is not possible.
SSL_SESSION* make_session(SSL* ssl)
{
    const auto& key = *static_cast<const Digest*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const SSL_CIPHER* const cipher = SSL_CIPHER_find(ssl, cipher_suite_id.data());
    SSL_SESSION* const session = SSL_SESSION_new();
    if (session != nullptr && cipher != nullptr &&
        SSL_SESSION_set1_master_key(session, bytes_of(view(key)), key.size()) == 1 &&
        SSL_SESSION_set_cipher(session, cipher) == 1 &&
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1 &&
        SSL_SESSION_set1_id_context(session, bytes_of(session_context), session_context.size()) ==
            1) {
        return session;
    }
    SSL_SESSION_free(session);
    return nullptr;
}

// OpenSSL owns the sessions that these two return.
int offer_key(SSL* ssl, const EVP_MD* /*digest*/, const unsigned char** id, std::size_t* id_size,
              SSL_SESSION** session)
{
    *session = make_session(ssl);
    *id = bytes_of(identity);
    *id_size = identity.size();
    return *session != nullptr ? 1 : 0;
}

int find_key(SSL* ssl, const unsigned char* id, std::size_t id_size, SSL_SESSION** session)
{
    *session = nullptr;
    const std::string_view wanted(reinterpret_cast<const char*>(id), id_size);
    if (wanted != identity) return 1;  // no key of that name: not an error of this end
    *session = make_session(ssl);
    return *session != nullptr ? 1 : 0;
}

/// What OpenSSL says of the last failure.
struct TlsReason {
    int code = 0;
    std::string words = "no reason given";
};

TlsReason take_reason()
{
    const unsigned long code = ERR_peek_error();
    TlsReason reason;
    reason.code = ERR_GET_REASON(code);
    if (const char* const words = ERR_reason_error_string(code)) reason.words = words;
    ERR_clear_error();
    return reason;
}

/// Whether the other end said so (RFC 8446, 6.2) because of this end's certificate.
bool is_certificate_refused(int reason)
{
    const int alert = reason - SSL_AD_REASON_OFFSET;
    return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_CERTIFICATE_REQUIRED;
}

std::string refused_certificate(const TlsReason& reason)
{
    return "refused this node's certificate (TLS: " + reason.words +
           "): it must be valid, and of an authority that [cluster] ca has there";
}

/// The reason of the failure, in words of an operator where the reason is the secret.
std::string failure_by_secret(const TlsReason& reason)
{
    constexpr int refused = SSL_AD_REASON_OFFSET + SSL_AD_ILLEGAL_PARAMETER;
    if (reason.code == refused) return "refused this node: cluster_secret is not the same there";
    if (reason.code == SSL_R_BINDER_DOES_NOT_VERIFY) {
        return "does not prove the cluster secret: cluster_secret is not the same there";
    }
    return "does not prove the cluster secret (TLS: " + reason.words + ")";
}

}  // namespace

void PskContext::Free::operator()(ssl_ctx_st* context) const
{
    SSL_CTX_free(context);
}

PskContext::PskContext(std::string_view cluster_secret)
    : key_(derive_key(cluster_secret)), context_(SSL_CTX_new(TLS_method()))
{
    SSL_CTX* const context = context_.get();
    must(context != nullptr, "make a TLS context");
    SSL_CTX_set_app_data(context, &key_);
    must(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
             SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
             SSL_CTX_set_ciphersuites(context, cipher_suite) == 1,
         "use TLS 1.3 with AES-128-GCM");
    must(SSL_CTX_set_session_id_context(context, bytes_of(session_context),
                                        session_context.size()) == 1,
         "name the TLS sessions of peers");
    SSL_CTX_set_psk_use_session_callback(context, offer_key);
    SSL_CTX_set_psk_find_session_callback(context, find_key);
    // A peer that offers a certificate instead of the key finds no authority that could vouch for
    // it.
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    // Each connection has a handshake of its own.
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

void PeerTls::Free::operator()(ssl_st* session) const
{
    SSL_free(session);
}

PeerTls::PeerTls(Role role, std::shared_ptr<const PskContext> context,
                 std::uint64_t records_per_key)
    : PeerTls(role, {context, context->context_.get()}, false, records_per_key)
{}

PeerTls::PeerTls(Role role, const TlsContext& certificate)
    : PeerTls(role, {certificate, certificate->native_handle()}, true, most_records)
{}

PeerTls::PeerTls(Role role, std::shared_ptr<ssl_ctx_st> context, bool is_by_certificates,
                 std::uint64_t records_per_key)
    : context_(std::move(context)),
      ssl_(SSL_new(context_.get())),
      is_by_certificates_(is_by_certificates),
      records_per_key_(records_per_key)
{
    must(ssl_ != nullptr, "make a TLS session");
    BIO* const arriving = BIO_new(BIO_s_mem());
    BIO* const leaving = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), arriving, leaving);  // owns both
    must(arriving != nullptr && leaving != nullptr, "make buffers for TLS");
    if (role == Role::client) {
        SSL_set_connect_state(ssl_.get());
    } else {
        SSL_set_accept_state(ssl_.get());
    }
}

void PeerTls::receive(std::string_view bytes)
{
    std::size_t taken = 0;
    if (bytes.empty()) return;
    must(BIO_write_ex(SSL_get_rbio(ssl_.get()), bytes.data(), bytes.size(), &taken) == 1 &&
             taken == bytes.size(),
         "take memory for what a peer sent");
}

Result<bool> PeerTls::handshake(std::string& out)
{
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const int state = SSL_get_error(ssl_.get(), done);
    take_output(out);
    if (done != 1) {
        if (state == SSL_ERROR_WANT_READ) return false;
        return Error{failure()};
    }
    if (is_proven()) return true;
    return Error{is_by_certificates_ ? "does not use a certificate for TLS"
                                     : "does not use the cluster secret for TLS"};
}

std::string PeerTls::failure() const
{
    const TlsReason reason = take_reason();
    if (!is_by_certificates_) return failure_by_secret(reason);
    if (const long judged = SSL_get_verify_result(ssl_.get()); judged != X509_V_OK) {
        return std::string("shows a certificate that is not trusted here (") +
               X509_verify_cert_error_string(judged) +
               "): it must be valid, and of an authority that [cluster] ca has here";
    }
    if (is_certificate_refused(reason.code)) return refused_certificate(reason);
    return "does not prove that it has a certificate (TLS: " + reason.words + ")";
}

/// What must be true after every handshake, whatever the other end's library does.
bool PeerTls::is_proven() const
{
    EVP_PKEY* ephemeral = nullptr;
    const bool is_ephemeral = SSL_get_peer_tmp_key(ssl_.get(), &ephemeral) == 1;
    EVP_PKEY_free(ephemeral);
    if (!is_ephemeral || SSL_version(ssl_.get()) != TLS1_3_VERSION) return false;
    if (!is_by_certificates_) return SSL_session_reused(ssl_.get()) == 1;
    return SSL_session_reused(ssl_.get()) == 0 &&
           SSL_get0_peer_certificate(ssl_.get()) != nullptr &&
           SSL_get_verify_result(ssl_.get()) == X509_V_OK;
}

Digest PeerTls::channel_binding() const
{
    constexpr std::string_view label = "EXPORTER-Channel-Binding";
    Digest binding{};
    must(SSL_export_keying_material(ssl_.get(), reinterpret_cast<unsigned char*>(binding.data()),
                                    binding.size(), label.data(), label.size(), nullptr, 0, 0) == 1,
         "export keying material");
    return binding;
}

Result<std::size_t> PeerTls::read(std::span<char> room)
{
    ERR_clear_error();
    std::size_t size = 0;
    if (SSL_read_ex(ssl_.get(), room.data(), room.size(), &size) == 1) return size;
    const int state = SSL_get_error(ssl_.get(), 0);
    if (state == SSL_ERROR_WANT_READ || state == SSL_ERROR_ZERO_RETURN) {
        ERR_clear_error();
        return std::size_t{0};
    }
    const TlsReason reason = take_reason();
    // A server judges the client's certificate when the client's handshake is over.
    if (is_by_certificates_ && is_certificate_refused(reason.code)) {
        return Error{refused_certificate(reason)};
    }
    return Error{"a message was changed, repeated or left out on the way"};
}

bool PeerTls::is_closed_by_peer() const
{
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void PeerTls::write(std::string_view bytes, std::string& out)
{
    if (bytes.empty()) return;
    ERR_clear_error();
    if (written_records_ >= records_per_key_) {  // OpenSSL does not do this by itself
        must(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1, "change the TLS key");
        written_records_ = 0;
    }
    written_records_ += bytes.size() / record_size + 1;
    std::size_t written = 0;
    must(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written) == 1 &&
             written == bytes.size(),
         "encrypt for a peer");
    take_output(out);
}

void PeerTls::close(std::string& out)
{
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    take_output(out);
}

void PeerTls::take_output(std::string& out)
{
    BIO* const leaving = SSL_get_wbio(ssl_.get());
    const std::size_t size = BIO_ctrl_pending(leaving);
    if (size == 0) return;
    const std::size_t before = out.size();
    out.resize(before + size);
    std::size_t taken = 0;
    BIO_read_ex(leaving, out.data() + before, size, &taken);
    out.resize(before + taken);
}

}  // namespace peercron
