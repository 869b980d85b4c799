#include "fuzzers.hpp"
#include "wire/peer_session.hpp"
#include "wire/peer_tls.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace peercron::fuzz {
namespace {

const std::string secret = "a secret that the fuzzer does not know";

/// Somebody without the secret talks to this end.
void check_stranger(Greeting::Role role, std::string_view bytes, GreetingSettings settings)
{
    // A node that connects says who it is to whatever answers, unless it always encrypts.
    const bool hides_name = role == Greeting::Role::server || settings.requires_encryption;
    PeerSession session(role, std::move(settings));
    std::string sent;
    auto outcome = session.greet(sent);
    promise(!outcome, "no peer is known before it has sent anything");
    while (!bytes.empty() && !outcome) {
        const auto room = session.room();
        const std::size_t size = std::min(room.size(), bytes.size());
        std::ranges::copy(bytes.substr(0, size), room.begin());
        session.filled(size);
        bytes.remove_prefix(size);
        outcome = session.greet(sent);
    }
    promise(!outcome || !*outcome, "a stranger is not greeted");
    promise(!hides_name || sent.find("node-1") == std::string::npos, "a stranger learns no name");
}

}  // namespace

/// A connection at a peer port, or of a peer that dials, with and without encryption.
void fuzz_peer(std::string_view bytes)
{
    static const auto tls = std::make_shared<const PskContext>(secret);
    GreetingSettings plain;
    plain.self = {"node-1", "1.0"};
    plain.secret = secret;
    GreetingSettings able = plain;
    able.tls = tls;
    GreetingSettings strict = able;
    strict.requires_encryption = true;
    for (const auto role : {Greeting::Role::server, Greeting::Role::client}) {
        for (const GreetingSettings* settings : {&plain, &able, &strict})
            check_stranger(role, bytes, *settings);
    }
}

}  // namespace peercron::fuzz
