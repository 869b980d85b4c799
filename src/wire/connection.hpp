#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/result.hpp"
#include "wire/greeting.hpp"
#include "wire/message.hpp"
#include "wire/peer_error.hpp"
#include "wire/peer_session.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

namespace asio = boost::asio;

/// What a connection between peers may cost.
struct PeerLimits {
    /// Bytes of one message, in both directions. The longest is the account of a node that has as
    /// many fires and results waiting as it may (RunRules).
    std::size_t max_frame = 64U << 20U;
    std::size_t max_queue = 128U << 20U;  ///< bytes that wait for a slow peer; more: it is dropped
    std::chrono::milliseconds max_silence{10'000};  ///< nothing received for this long: dropped;
                                                    ///< 0 = no limit
};

struct PeerSettings {
    GreetingSettings greeting;
    PeerLimits limits;
};

/// Why a connection ended.
struct ConnectionEnd {
    enum class Kind : std::uint8_t {
        closed_here,     ///< close() was called
        closed_by_peer,  ///< in good order: the peer closed, or, not encrypted, its process ended
        silent,          ///< nothing was received for max_silence
        slow,            ///< more than max_queue waited to be sent
        protocol,        ///< a frame that was changed, is too long, or makes no sense
        broken,          ///< anything else: a reset, an encrypted connection that was cut; see code
    };

    Kind kind = Kind::closed_here;
    boost::system::error_code code;  ///< of the operating system, if it was that
    std::string message;             ///< begins with the peer's address
};

/// A connection to a peer that has proven the cluster secret, and to which this node has.
///
/// Messages arrive in the order in which they were sent, each once, until the connection ends;
/// those sent shortly before the end may be lost. Belongs to one I/O thread, that of the executor.
class PeerConnection {
public:
    using Result = peercron::Result<std::unique_ptr<PeerConnection>, PeerError>;
    using Handler = std::function<void(Message)>;

    /// Connects to "127.0.0.1:9991" and greets, all before the deadline. peer() says which peer
    /// answered: the caller compares it with the one it wanted. Throws only when the coroutine is
    /// cancelled.
    static asio::awaitable<Result> connect(std::string address, PeerSettings settings,
                                           SteadyTime deadline);

    /// The other side of connect(): greets the peer that has connected.
    static asio::awaitable<Result> accept(asio::ip::tcp::socket socket, PeerSettings settings,
                                          SteadyTime deadline);

    PeerConnection(const PeerConnection&) = delete;
    PeerConnection& operator=(const PeerConnection&) = delete;

    /// Sends and receives until the connection ends, and says why. `handle` is called for each
    /// message, in order, on the I/O thread; it may send() and close(), but not destroy the
    /// connection. What it throws is thrown here. Cancellation closes the connection and throws.
    /// Called once; nothing is left running when it completes.
    asio::awaitable<ConnectionEnd> run(Handler handle);

    /// Queues the message; never waits. run() sends it, together with everything that is queued by
    /// then. After the end it is dropped. A queue that grows past max_queue, or a message past
    /// max_frame, ends the connection.
    void send(const Message& message);

    /// Ends the connection; may be called again. Queued messages are sent as far as that is
    /// possible without waiting.
    void close();

    bool is_open() const { return !end_; }

    /// The peer, as it has proven to be.
    const PeerIdentity& peer() const { return peer_; }
    /// Its end of the connection, "127.0.0.1:40912".
    const std::string& remote_address() const { return remote_address_; }
    /// The protocol version that both speak.
    std::uint32_t protocol_version() const { return protocol_version_; }
    bool is_encrypted() const { return session_.is_encrypted(); }
    /// Whether both have shown a certificate.
    bool is_by_certificates() const { return session_.is_by_certificates(); }
    /// Bytes that wait to be sent.
    std::size_t queued_bytes() const { return outgoing_.size() + in_flight_.size(); }

private:
    PeerConnection(asio::ip::tcp::socket socket, std::string remote_address, PeerSession session,
                   Greeted greeted, PeerLimits limits);

    asio::awaitable<void> read(const Handler& handle);
    asio::awaitable<void> write();
    asio::awaitable<void> watch();

    void deliver_messages(const Handler& handle);
    void end(ConnectionEnd::Kind kind, std::string_view what, boost::system::error_code code = {});

    asio::ip::tcp::socket socket_;
    std::string remote_address_;
    PeerIdentity peer_;
    std::uint32_t protocol_version_;
    PeerLimits limits_;
    std::optional<ConnectionEnd> end_;

    PeerSession session_;
    SteadyTime last_received_;

    std::string outgoing_;   // frames that were queued …
    std::string in_flight_;  // … and those that are being written
    Event queued_;           // outgoing_ has grown, or the end has come
    Event ended_;
};

}  // namespace peercron
