#include "wire/greeting.hpp"

#include "wire/frame.hpp"
#include "wire/peer.pb.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

namespace peercron {
namespace {

constexpr std::string_view magic = "peercron";

// Each key and each proof has a label of its own, so that none can be taken for another.
constexpr std::string_view proof_key_label = "peercron: key of proofs";
constexpr std::string_view session_key_label = "peercron: key of a session";

std::string_view role_name(Greeting::Role role)
{
    return role == Greeting::Role::client ? "client" : "server";
}

Greeting::Role other(Greeting::Role role)
{
    return role == Greeting::Role::client ? Greeting::Role::server : Greeting::Role::client;
}

/// What a stranger says of itself, fit for a line of the log.
std::string printable(std::string_view text)
{
    std::string shown(text.substr(0, 64));
    for (char& c : shown) {
        if (c < ' ' || c > '~') c = '?';
    }
    return shown;
}

Greeting::Step failure(PeerError::Kind kind, std::string message)
{
    Greeting::Step step;
    step.outcome = PeerError{kind, {}, std::move(message)};
    return step;
}

std::string to_string(VersionRange range)
{
    if (range.min == range.max) return fmt::format("version {}", range.min);
    return fmt::format("versions {} to {}", range.min, range.max);
}

}  // namespace

Greeting::Greeting(Role role, GreetingSettings settings, Digest nonce)
    : role_(role),
      settings_(std::move(settings)),
      certificate_(settings_.certificate ? settings_.certificate() : nullptr),
      nonce_(nonce),
      proof_key_(view(Hmac(settings_.secret).of({proof_key_label})))
{}

Greeting::Step Greeting::begin()
{
    Step step;
    if (role_ == Role::client) step.send = hello();
    return step;
}

Greeting::Step Greeting::receive(std::string_view payload)
{
    return has_hello_ ? receive_proof(payload) : receive_hello(payload);
}

Greeting::Step Greeting::receive_hello(std::string_view payload)
{
    pb::Hello peer;
    if (!payload.starts_with(magic) ||
        !peer.ParseFromArray(payload.data() + magic.size(),
                             static_cast<int>(payload.size() - magic.size())) ||
        peer.nonce().size() != nonce_.size()) {
        return failure(PeerError::Kind::other, "does not speak peercron's protocol");
    }
    if (peer.nonce() == view(nonce_)) {
        return failure(PeerError::Kind::authentication, "sends our own greeting back");
    }
    has_hello_ = true;

    const std::string mine = hello();
    add_to_transcript(role_ == Role::client ? mine : payload);
    add_to_transcript(role_ == Role::client ? payload : mine);
    version_ = std::min(settings_.versions.max, peer.max_version());
    Step step;
    if (role_ == Role::server) step.send = mine;  // also on failure: the client has to learn ours
    if (auto why = disagreement(peer)) {
        step.outcome = std::move(*why);
    } else if (settings_.tls && peer.encryption() != pb::ENCRYPTION_NONE) {
        step.is_encrypted_from_here = true;
        if (peer.certificate()) step.certificate = certificate_;
    } else if (role_ == Role::client) {
        step.send = proof();
    }
    return step;
}

std::optional<PeerError> Greeting::disagreement(const pb::Hello& peer) const
{
    if (version_ < std::max(settings_.versions.min, peer.min_version())) {
        return PeerError{
            PeerError::Kind::version,
            {},
            fmt::format("speaks {} of the peer protocol, this node {}: upgrade the older one",
                        to_string({peer.min_version(), peer.max_version()}),
                        to_string(settings_.versions))};
    }
    if (settings_.requires_encryption && peer.encryption() == pb::ENCRYPTION_NONE) {
        return PeerError{PeerError::Kind::version,
                         {},
                         "does not encrypt, and here [cluster] encrypt = \"require\": upgrade its "
                         "peercron, or set encrypt = \"prefer\" there"};
    }
    if (!settings_.tls && peer.encryption() == pb::ENCRYPTION_REQUIRED) {
        return PeerError{PeerError::Kind::version,
                         {},
                         "requires encryption, and here [cluster] encrypt = \"off\": set "
                         "encrypt = \"prefer\" here"};
    }
    if (settings_.requires_encryption && certificate_ && !peer.certificate()) {
        return PeerError{PeerError::Kind::version,
                         {},
                         "has no certificate, and here [cluster] encrypt = \"require\" with cert: "
                         "set [cluster] cert, key and ca there, or encrypt = \"prefer\" here"};
    }
    if (!certificate_ && peer.certificate() && peer.encryption() == pb::ENCRYPTION_REQUIRED) {
        return PeerError{PeerError::Kind::version,
                         {},
                         "requires a certificate: set [cluster] cert, key and ca here, or encrypt "
                         "= \"prefer\" there"};
    }
    return std::nullopt;
}

Greeting::Step Greeting::encrypted(const Digest& binding)
{
    add_to_transcript(view(binding));
    Step step;
    if (role_ == Role::client) step.send = proof();
    return step;
}

Greeting::Step Greeting::receive_proof(std::string_view payload)
{
    if (payload.empty() && role_ == Role::client) {
        return failure(PeerError::Kind::authentication,
                       "refused this node: cluster_secret is not the same there");
    }
    const std::string_view proof_given =
        payload.substr(0, std::min(payload.size(), Digest().size()));
    const std::string_view identity = payload.substr(proof_given.size());
    pb::Identity peer;
    const bool is_whole = peer.ParseFromArray(identity.data(), static_cast<int>(identity.size()));
    const Digest expected = proof_of(other(role_), identity);
    if (!is_whole || !equal_secrets(proof_given, view(expected))) {
        std::string claim =
            "does not prove the cluster secret: cluster_secret is not the same there";
        if (is_whole && !peer.node().empty()) {
            claim += fmt::format(" (claims to be node {}, peercron {})", printable(peer.node()),
                                 printable(peer.program_version()));
        }
        Step step = failure(PeerError::Kind::authentication, std::move(claim));
        if (role_ == Role::server) step.send = std::string();
        return step;
    }
    if (peer.node() == settings_.self.node) {
        return failure(PeerError::Kind::other,
                       fmt::format("calls itself {}, as this node does: either this node has met "
                                   "itself, or two nodes have the same bind_address",
                                   printable(peer.node())));
    }
    add_to_transcript(payload);

    Step step;
    if (role_ == Role::server) step.send = proof();
    step.outcome = greeted({peer.node(), peer.program_version()});
    return step;
}

std::string Greeting::hello() const
{
    pb::Hello hello;
    hello.set_min_version(settings_.versions.min);
    hello.set_max_version(settings_.versions.max);
    hello.set_nonce(nonce_.data(), nonce_.size());
    if (settings_.tls) {
        hello.set_encryption(settings_.requires_encryption ? pb::ENCRYPTION_REQUIRED
                                                           : pb::ENCRYPTION_OFFERED);
        hello.set_certificate(certificate_ != nullptr);
    }
    std::string payload(magic);
    hello.AppendToString(&payload);
    return payload;
}

std::string Greeting::proof()
{
    pb::Identity self;
    self.set_node(settings_.self.node);
    self.set_program_version(settings_.self.program_version);
    const std::string identity = self.SerializeAsString();
    const Digest proof = proof_of(role_, identity);
    std::string payload(view(proof));
    payload += identity;
    add_to_transcript(payload);
    return payload;
}

Digest Greeting::proof_of(Role role, std::string_view identity)
{
    // The role has a fixed length and the transcript tells its own: the parts cannot be shifted.
    return proof_key_.of({role_name(role), transcript_, identity});
}

void Greeting::add_to_transcript(std::string_view payload)
{
    const std::size_t start = begin_frame(transcript_);
    transcript_ += payload;
    end_frame(transcript_, start);
}

Greeted Greeting::greeted(PeerIdentity peer)
{
    Hmac session(view(Hmac(settings_.secret).of({session_key_label, transcript_})));
    return {.peer = std::move(peer),
            .version = version_,
            .send_key = session.of({role_name(role_)}),
            .receive_key = session.of({role_name(other(role_))})};
}

}  // namespace peercron
