#pragma once

#include "base/digest.hpp"
#include "base/result.hpp"
#include "base/tls_context.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;      // OpenSSL's SSL
struct ssl_ctx_st;  // OpenSSL's SSL_CTX

namespace peercron {

/// What the TLS connections between peers without certificates share: TLS 1.3 alone (RFC 8446), one
/// cipher suite, and a pre-shared key that is made of the cluster secret, with an ephemeral key
/// exchange (psk_dhe_ke). So this must never serve anything but peers.
///
/// Any thread, also in a process that was forked later.
class PskContext {
public:
    /// Throws std::runtime_error when OpenSSL does not work.
    explicit PskContext(std::string_view cluster_secret);
    PskContext(const PskContext&) = delete;  // OpenSSL knows where the key is
    PskContext& operator=(const PskContext&) = delete;

private:
    friend class PeerTls;

    struct Free {
        void operator()(ssl_ctx_st* context) const;
    };
    Digest key_;
    std::unique_ptr<ssl_ctx_st, Free> context_;
};

/// One end of a TLS connection between peers, without I/O: bytes that have arrived go in, bytes
/// to be sent come out.
///
/// After the handshake the other end has proven the cluster secret, or that it has a certificate;
/// nobody else can read, change, leave out, repeat or reorder what is sent. Who of those that can
/// do so is there, and that it knows the secret, is for the greeting to prove: see
/// channel_binding().
class PeerTls {
public:
    enum class Role : std::uint8_t { client, server };

    /// RFC 8446, 5.5 allows 2^24.5 full records of AES-GCM under one key.
    static constexpr std::uint64_t most_records = 1U << 22U;

    /// By the cluster secret. Throws std::runtime_error when OpenSSL does not work.
    /// @param records_per_key  the key of this direction is changed after this many or a few more.
    PeerTls(Role role, std::shared_ptr<const PskContext> context,
            std::uint64_t records_per_key = most_records);
    /// By certificates; the context is of peer_tls(). Throws the same.
    PeerTls(Role role, const TlsContext& certificate);

    /// Bytes have arrived.
    void receive(std::string_view bytes);

    /// Goes on with the handshake as far as the received bytes allow, and appends to `out` what
    /// must be sent, also on failure. Whether the handshake is complete; an Error says what the
    /// peer did.
    Result<bool> handshake(std::string& out);

    /// 32 bytes that both ends of this connection have, and no other connection (RFC 9266). After
    /// the handshake.
    Digest channel_binding() const;

    /// Decrypts into `room` what was received; 0: more must arrive, or the peer has closed. An
    /// Error when something was changed on the way: nothing after that can be read.
    Result<std::size_t> read(std::span<char> room);

    /// Whether the peer has said, authenticated, that nothing follows.
    bool is_closed_by_peer() const;

    /// Appends the encrypted bytes to `out`.
    void write(std::string_view bytes, std::string& out);

    /// Appends to `out` what tells the peer that nothing follows.
    void close(std::string& out);

private:
    struct Free {
        void operator()(ssl_st* session) const;
    };

    PeerTls(Role role, std::shared_ptr<ssl_ctx_st> context, bool is_by_certificates,
            std::uint64_t records_per_key);

    bool is_proven() const;
    std::string failure() const;
    void take_output(std::string& out);

    std::shared_ptr<ssl_ctx_st> context_;  // with what OpenSSL refers to
    std::unique_ptr<ssl_st, Free> ssl_;
    bool is_by_certificates_;
    std::uint64_t records_per_key_;
    std::uint64_t written_records_ = 0;  // under the current key
};

}  // namespace peercron
