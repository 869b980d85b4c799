#pragma once

#include "base/result.hpp"
#include "wire/frame.hpp"
#include "wire/frame_mac.hpp"
#include "wire/greeting.hpp"
#include "wire/message.hpp"
#include "wire/peer_error.hpp"
#include "wire/peer_tls.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// One end of a connection between peers, without I/O: greets the other end, encrypted if both can,
/// and then carries messages. Bytes that arrive are put into room() and announced with filled();
/// what is to be sent comes out.
class PeerSession {
public:
    PeerSession(Greeting::Role role, GreetingSettings settings);

    /// Where the next bytes go; never empty. Ends the life of every message handed out.
    std::span<char> room();
    /// The first `size` bytes of room() have arrived.
    void filled(std::size_t size);

    /// Goes on with the greeting as far as the bytes allow, and appends to `out` what must be sent,
    /// also before a failure. nullopt: bytes are needed. To be called first, and after filled(),
    /// until there is an outcome.
    std::optional<Result<Greeted, PeerError>> greet(std::string& out);

    // After the greeting.

    /// The longest message that is accepted, in bytes.
    void set_limit(std::size_t limit) { frames_.set_limit(limit); }

    /// The next message as decode() reads it; nullopt when bytes are needed. An Error when what
    /// arrived is not what the peer sent, or is too long: nothing after that makes sense. Valid
    /// until room() is called.
    Result<std::optional<std::string_view>> next();

    /// Whether bytes of an unfinished message are held.
    bool is_inside_message() const { return frames_.is_inside_frame(); }

    /// Whether the peer itself has said that nothing follows. Without encryption none can.
    bool is_closed_by_peer() const { return tls_ && tls_->is_closed_by_peer(); }

    /// Appends the message to `queue` and returns its length, in bytes, without its header.
    std::size_t append(std::string& queue, const Message& message);

    /// What stands on the wire for these bytes of the queue; each must be passed here once, in
    /// order. Valid until the next call.
    std::string_view protect(std::string_view queued);

    /// The bytes that tell the peer that nothing follows: the last ones.
    std::string farewell();

    bool is_encrypted() const { return tls_.has_value(); }
    /// Whether both ends have shown a certificate.
    bool is_by_certificates() const { return is_by_certificates_; }

private:
    using Outcome = std::optional<Result<Greeted, PeerError>>;

    Outcome take(Greeting::Step step, std::string& out);
    Outcome start_tls(const TlsContext& certificate, std::string& out);
    Outcome shake_hands(std::string& out);
    void decrypt();

    Greeting greeting_;
    Greeting::Role role_;
    std::shared_ptr<const PskContext> context_;
    bool has_begun_ = false;
    bool is_by_certificates_ = false;

    FrameReader frames_{greeting_frame_limit};
    std::optional<FrameMac> receive_mac_;  // both unless encrypted
    std::optional<FrameMac> send_mac_;

    std::optional<PeerTls> tls_;
    bool has_shaken_hands_ = false;
    std::vector<char> arriving_;      // encrypted
    std::string leaving_;             // encrypted
    std::optional<Error> is_forged_;  // what was received last
};

}  // namespace peercron
