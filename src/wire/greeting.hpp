#pragma once

#include "base/digest.hpp"
#include "base/result.hpp"
#include "base/tls_context.hpp"
#include "model/run.hpp"
#include "wire/peer_error.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

class PskContext;
namespace pb {
class Hello;
}

/// From this version on, a node's warden may answer at the node's port (NodeDied). A warden speaks
/// no older version: a peer that would take it for the node gets no answer.
inline constexpr std::uint32_t warden_version = 2;

/// From this version on, a node answers OutputAsk.
inline constexpr std::uint32_t output_version = 3;

/// The protocol versions that a program speaks, both ends included.
struct VersionRange {
    std::uint32_t min = 1;
    std::uint32_t max = output_version;
    friend bool operator==(const VersionRange&, const VersionRange&) = default;
};

/// Who a peer is.
struct PeerIdentity {
    NodeName node;
    std::string program_version;
    friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

struct GreetingSettings {
    PeerIdentity self;
    std::string secret;  ///< the cluster secret; empty is a secret like any other, see config/
    VersionRange versions;
    std::shared_ptr<const PskContext> tls;  ///< of the same secret; null: this end never encrypts
    /// What this end shows in the next connection (peer_tls()), if the other end has one, too;
    /// empty or null: it has none. Needs `tls`.
    std::function<TlsContext()> certificate = nullptr;
    /// Never speaks without encryption, and, with a certificate, only by certificates; needs `tls`.
    bool requires_encryption = false;
};

/// What two peers know about each other after the greeting.
struct Greeted {
    PeerIdentity peer;
    std::uint32_t version = 0;  ///< the highest that both speak
    Digest send_key{};          ///< for FrameMac; not used under TLS
    Digest receive_key{};
};

/// No frame of the greeting is longer.
inline constexpr std::size_t greeting_frame_limit = 4096;

/// How two peers find a common version and prove to each other that they know the cluster
/// secret, without I/O: it is handed each frame's payload and says what to send.
///
///     client → server   magic, Hello: versions, nonce, encryption, certificate   (peer.proto)
///     client ← server   magic, Hello: versions, nonce, encryption, certificate
///     both encrypt:     TLS from here on (PeerTls), by certificates if both have one, else by the
///                       secret; the client begins
///     client → server   proof, Identity                     proof = HMAC(K, role, all before it)
///     client ← server   proof, Identity                     or an empty frame: refused
///
/// What this gives:
/// - The server tells its name and program version to nobody who has not proven the secret; a
///   stranger who connects sees its Hello, and, by saying that it has a certificate, too, gets the
///   server's chain of certificates. The client proves first, so connecting gives nobody material
///   to guess the secret from; its name and version go with its proof to whatever answers, unless
///   both encrypt.
/// - Every byte sent before, in both directions, is in each proof: nobody can force an older
///   version, talk two ends that can encrypt out of it, or two that have certificates, or change
///   anything on the way.
/// - The role is in each proof, so sending a peer's own proof back to it fails; the nonces of both
///   sides are in it too, so no recorded greeting can be replayed.
/// - The proofs under TLS contain what only the two ends of that TLS connection have (channel
///   binding, RFC 5056): a third who knows the secret cannot stand between them.
/// - Without TLS, the frames after it carry a FrameMac under keys made of secret and greeting, and
///   nothing is encrypted.
///
/// The scheme is that of ISO/IEC 9798-4 (mutual authentication with a keyed check function).
/// Anyone who listens can try secrets offline, under TLS too: the secret must be long and random.
/// Certificates add to the secret; they replace no part of this.
class Greeting {
public:
    enum class Role : std::uint8_t { client, server };

    struct Step {
        std::optional<std::string> send;  ///< payload of a frame to send, also before failing
        std::optional<Result<Greeted, PeerError>> outcome;  ///< the end; none: read a frame
        /// TLS begins behind what is to be sent; encrypted() is next.
        bool is_encrypted_from_here = false;
        TlsContext certificate = nullptr;  ///< by which it is; null: by the secret
    };

    /// `nonce` is never used twice; only tests give one. The error's message does not name the
    /// peer's address, which the greeting does not know.
    Greeting(Role role, GreetingSettings settings, Digest nonce = random_bytes());

    /// To be called first.
    Step begin();

    /// The payload of the peer's next frame. Not to be called after an outcome.
    Step receive(std::string_view payload);

    /// The TLS handshake is complete; `binding` is that of the TLS connection.
    Step encrypted(const Digest& binding);

private:
    Step receive_hello(std::string_view payload);
    Step receive_proof(std::string_view payload);

    std::optional<PeerError> disagreement(const pb::Hello& peer) const;
    std::string hello() const;
    std::string proof();
    Digest proof_of(Role role, std::string_view identity);
    void add_to_transcript(std::string_view payload);
    Greeted greeted(PeerIdentity peer);

    Role role_;
    GreetingSettings settings_;
    TlsContext certificate_;
    Digest nonce_;
    Hmac proof_key_;
    bool has_hello_ = false;
    std::uint32_t version_ = 0;
    std::string transcript_;  // every frame so far, each after its length
};

}  // namespace peercron
