#pragma once

#include "base/networks.hpp"
#include "http_client/curl_loop.hpp"
#include "http_client/http_client.hpp"
#include "http_client/name_lookups.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace peercron {

/// A mail for a server that takes it (RFC 5321).
struct Mail {
    enum class Security : std::uint8_t {
        starttls,  ///< required: what the server offers in plain text is not enough
        tls,       ///< from the beginning
        none,
    };
    std::string server;  ///< "smtp.example.com", or with ":587"; without: 587, 465 or 25
    Security security = Security::starttls;
    std::string user;  ///< empty: no login
    std::string password;
    std::string from;  ///< an address without brackets
    std::vector<std::string> to;
    std::string data;  ///< headers and body (RFC 5322); its lines end with CR and LF
    std::chrono::milliseconds timeout{10'000};  ///< of the whole, but for the lookup
};

struct MailAnswer {
    bool is_sent = false;     ///< to one of the addresses at least
    bool is_refused = false;  ///< the server has said no for good (a reply of 5xx)
    std::string failure;      ///< why not, for an operator at night
    std::string said;         ///< what the server has said, a line each
};

/// Sends mails as HttpClient sends requests: without blocking the executor, and with the same
/// settings for certificates and for what is never connected to. Proxies are not for mails.
///
/// Mails have a thread of their own: libcurl waits there for a server's reply to the whole mail,
/// and for its goodbye, without giving the thread back. A server that is slow with those holds up
/// other mails, but nothing else.
///
/// Belongs to the executor's thread. Must outlive its mails.
class MailClient {
public:
    /// Throws std::runtime_error for settings that make no sense.
    MailClient(asio::any_io_executor executor, const HttpClientSettings& settings);
    MailClient(const MailClient&) = delete;
    MailClient& operator=(const MailClient&) = delete;
    ~MailClient();

    /// Throws only when the coroutine is cancelled, which closes the connection within two seconds.
    asio::awaitable<MailAnswer> send(Mail mail);

    /// No mail may be under way, and none can be sent any more. Blocks until the thread has ended;
    /// after a mail was cancelled that may take two seconds.
    void close();

private:
    class Exchange;

    asio::any_io_executor executor_;
    std::string ca_file_;
    Networks denied_;
    NameLookups names_;
    asio::thread_pool thread_{1};
    CurlLoop loop_;  // belongs to that thread
    bool is_closed_ = false;
};

}  // namespace peercron
