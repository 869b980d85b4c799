#include "http_client/failure_text.hpp"

#include "base/counted.hpp"

#include <spdlog/fmt/fmt.h>

#include <cerrno>
#include <system_error>

namespace peercron {
namespace {

/// "10.0.0.1:80", or the host where no address is known yet.
const std::string& where(const HttpProgress& progress)
{
    return progress.peer.empty() ? progress.host : progress.peer;
}

std::string not_connected(const CurlFailure& failure, const HttpProgress& progress)
{
    const std::string& peer = where(progress);
    if (failure.system_error == ECONNREFUSED) return "connection refused by " + peer;
    if (failure.system_error != 0) {
        return fmt::format("cannot connect to {}: {}", peer,
                           std::generic_category().message(failure.system_error));
    }
    return fmt::format("cannot connect to {}: {}", peer, failure.said);
}

std::string broken(const CurlFailure& failure, const HttpProgress& progress)
{
    const bool has_begun = progress.phase == HttpProgress::Phase::receiving;
    std::string text = failure.system_error == ECONNRESET
                           ? fmt::format("connection reset by {}", where(progress))
                           : fmt::format("{} closed the connection", where(progress));
    if (!has_begun) return text + " without an answer";
    return text + fmt::format(" in the middle of the answer, after {} of its body",
                              counted(progress.body_bytes, "byte"));
}

/// "SSL certificate problem: self-signed certificate" without its beginning.
std::string_view without_prefix(std::string_view said)
{
    for (const std::string_view prefix : {"SSL certificate problem: ", "SSL: "}) {
        if (said.starts_with(prefix)) return said.substr(prefix.size());
    }
    return said;
}

std::string too_late(const HttpProgress& progress, std::chrono::milliseconds connect_timeout,
                     std::chrono::milliseconds timeout)
{
    switch (progress.phase) {
        case HttpProgress::Phase::looking_up:
        case HttpProgress::Phase::connecting:
            return fmt::format("no connection to {} within {}", where(progress),
                               seconds_text(connect_timeout));
        case HttpProgress::Phase::waiting:
            return fmt::format("no answer from {} within {}", where(progress),
                               seconds_text(timeout));
        case HttpProgress::Phase::receiving:
            break;
    }
    return fmt::format("the answer from {} was not complete within {}: {} of its body had come",
                       where(progress), seconds_text(timeout),
                       counted(progress.body_bytes, "byte"));
}

}  // namespace

std::string HttpProgress::text() const
{
    switch (phase) {
        case Phase::looking_up:
            return "looking up " + host;
        case Phase::connecting:
            return peer.empty() ? "connecting to " + host
                                : fmt::format("connecting to {} ({})", host, peer);
        case Phase::waiting:
            return "waiting for the answer of " + where(*this);
        case Phase::receiving:
            break;
    }
    return fmt::format("receiving the answer of {}, {} of its body had come", where(*this),
                       counted(body_bytes, "byte"));
}

std::string seconds_text(std::chrono::milliseconds time)
{
    return fmt::format("{} s", std::chrono::duration<double>(time).count());
}

std::string failure_text(const CurlFailure& failure, const HttpProgress& progress,
                         std::chrono::milliseconds connect_timeout,
                         std::chrono::milliseconds timeout, std::string_view ca_file)
{
    const std::string& host = progress.host;
    switch (failure.code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
            return "could not resolve host " + host;
        case CURLE_COULDNT_CONNECT:
            return not_connected(failure, progress);
        case CURLE_OPERATION_TIMEDOUT:
            return too_late(progress, connect_timeout, timeout);
        case CURLE_PEER_FAILED_VERIFICATION:
            return fmt::format("the certificate of {} is not valid: {}", host,
                               without_prefix(failure.said));
        case CURLE_SSL_CACERT_BADFILE:
            return fmt::format("cannot read the CA certificates in {} ([http_client] ca_file)",
                               ca_file.empty() ? "no known place" : ca_file);
        case CURLE_SSL_CONNECT_ERROR:
            return fmt::format("no TLS with {}: {}", where(progress), without_prefix(failure.said));
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY:
            return fmt::format("{} does not speak HTTP: {}", where(progress), failure.said);
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
            return broken(failure, progress);
        case CURLE_PROXY:
            return fmt::format("the proxy {}: {}", where(progress), failure.said);
        default:
            break;
    }
    return fmt::format("{}: {}", where(progress),
                       failure.said.empty() ? curl_easy_strerror(failure.code) : failure.said);
}

}  // namespace peercron
