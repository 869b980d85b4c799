#pragma once

#include "base/clock.hpp"

#include <curl/curl.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <unordered_map>

namespace peercron {

namespace asio = boost::asio;

class CurlLoop;

/// One request as libcurl has it. Its functions may call nothing of libcurl or of the CurlLoop.
class CurlTransfer {
public:
    CurlTransfer() = default;
    CurlTransfer(const CurlTransfer&) = delete;
    CurlTransfer& operator=(const CurlTransfer&) = delete;
    virtual ~CurlTransfer() = default;

    /// A connection to this address is about to be made. False: it must not be.
    virtual bool may_connect(const sockaddr& address) noexcept = 0;

    /// It is over, and libcurl has forgotten it. Not from within libcurl, but from the loop.
    virtual void ended(CURLcode code) noexcept = 0;

private:
    friend class CurlLoop;
    CurlLoop* loop_ = nullptr;
};

/// Carries out what libcurl's multi interface wants to wait for, on one executor and without
/// threads.
///
/// Its sockets are in an epoll(7) of its own within Asio's, and stay there between requests: a
/// request on an open connection changes nothing in it, and one wait serves all that have come.
///
/// Belongs to the executor's thread. Must outlive every transfer.
class CurlLoop {
public:
    /// @param idle_connections how many stay open for later requests.
    CurlLoop(asio::any_io_executor executor, std::size_t idle_connections);
    CurlLoop(const CurlLoop&) = delete;
    CurlLoop& operator=(const CurlLoop&) = delete;
    ~CurlLoop();

    /// Closes all connections, so that nothing here keeps the context busy. No transfer may be
    /// under way, and none begins any more.
    void close();

    /// Begins; `transfer` is told the end, but not before this has returned. Sets the options of
    /// `easy` that are about its sockets. CURLE_OK, or why it cannot begin.
    CURLcode start(CURL* easy, CurlTransfer& transfer);

    /// Ends it at once; the transfer is told nothing. Does nothing when it has ended. Not from
    /// within libcurl.
    void stop(CURL* easy);

private:
    struct Callbacks;

    /// Both are CURL_POLL_IN and _OUT.
    struct Socket {
        int wanted = 0;
        int watched = 0;      ///< what the kernel tells: more than is wanted, until it does
        bool is_own = false;  ///< libcurl has it from us, and gives it back
    };

    void adopt(curl_socket_t fd);
    void want(curl_socket_t fd, int events);
    bool watch(curl_socket_t fd, Socket& socket);
    void forget(curl_socket_t fd);
    void listen();
    void take_events();
    void set_timeout(long milliseconds);
    void arm_timer();
    void timeout_came();
    void act(curl_socket_t fd, int events);
    void end_transfers();

    asio::any_io_executor executor_;
    asio::posix::stream_descriptor epoll_;
    CURLM* multi_;
    int running_ = 0;  // transfers, when libcurl was last called
    std::unordered_map<curl_socket_t, Socket> sockets_;
    bool is_listening_ = false;
    asio::steady_timer timer_;
    std::optional<SteadyTime> timeout_;    // when libcurl wants to be called
    std::optional<SteadyTime> armed_for_;  // when the timer ends: it may be earlier
    bool is_posted_ = false;               // a call without a delay
    std::shared_ptr<CurlLoop*> self_;      // null once this is gone: queued handlers cannot be
                                           // called back
};

}  // namespace peercron
