#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// One request to a server, and what became of it.

/// How far a request is.
struct HttpProgress {
    enum class Phase : std::uint8_t {
        looking_up,  ///< the host's addresses
        connecting,
        waiting,    ///< the request was sent, or is being sent
        receiving,  ///< the answer has begun
    };
    Phase phase = Phase::looking_up;
    std::string host;
    std::string peer;  ///< "10.0.0.1:80", as soon as it is known; of a proxy where there is one
    std::int64_t body_bytes = 0;

    /// "waiting for the answer of 10.0.0.1:80".
    std::string text() const;
};

struct HttpRequest {
    std::string method = "GET";
    std::string url;                   ///< http or https
    std::vector<std::string> headers;  ///< "Name: value", without line breaks
    std::string body;

    std::chrono::milliseconds connect_timeout{5000};  ///< with TLS; the lookup has as much again
    std::chrono::milliseconds timeout{30'000};        ///< of the whole; 0 = none
    int redirects = 5;                                ///< followed; 0: the answer is the redirect
    bool verify = true;                               ///< the server's certificate and its name
    std::size_t max_headers = 64U << 10U;             ///< bytes of one answer's headers
    std::int64_t max_body = 16U << 20U;               ///< bytes of the answer's body

    /// Takes the body as it comes, from within libcurl: it must not throw, and not end the request.
    /// Not set: the body is in HttpAnswer.
    std::function<void(std::string_view)> on_body;

    /// Asked right before a request is sent, each redirect's included. Not set: it may be.
    std::function<bool()> may_send;

    HttpProgress* progress = nullptr;  ///< is kept up to date; outlives the request
};

/// Where the time went, of all requests that redirects have led to.
struct HttpTimes {
    std::chrono::microseconds lookup{0};
    std::chrono::microseconds connect{0};  ///< 0 where a connection was used again
    std::chrono::microseconds tls{0};
    std::chrono::microseconds wait{0};     ///< from when it was sent to the first byte
    std::chrono::microseconds receive{0};  ///< to the last byte
    std::chrono::microseconds total{0};
};

struct HttpAnswer {
    enum class End : std::uint8_t {
        whole,  ///< the answer has come to its end
        failed,
        not_sent,  ///< because of HttpRequest::may_send
    };
    End end = End::failed;
    /// Why it has failed, for an operator at night: "connection refused by 10.0.0.1:80".
    std::string failure;

    int status = 0;       ///< 0: there was no answer
    std::string headers;  ///< with the status line, each line with "\n"
    std::string body;
    std::int64_t body_bytes = 0;
    bool is_cut = false;     ///< it has failed because of HttpRequest::max_body: that much is here
    std::string version;     ///< "HTTP/1.1", "HTTP/2"; empty: no answer
    std::string url;         ///< which the answer is from
    std::string peer;        ///< "10.0.0.1:80"
    int redirects = 0;       ///< that were followed
    bool is_reused = false;  ///< an open connection was used
    HttpTimes times;
};

}  // namespace peercron
