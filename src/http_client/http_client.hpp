#pragma once

#include "base/networks.hpp"
#include "base/result.hpp"
#include "http_client/curl_loop.hpp"
#include "http_client/http_exchange.hpp"
#include "http_client/name_lookups.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace peercron {

struct HttpClientSettings {
    std::string user_agent = "peercron";
    /// Never connected to, whatever a name resolves to and wherever a redirect leads: by default
    /// the addresses at which machines in a cloud get their own credentials.
    std::vector<std::string> deny{"169.254.0.0/16", "fe80::/10"};
    std::string proxy;                   ///< "http://proxy:3128"; empty = none
    std::string proxy_login;             ///< "user:password"
    std::vector<std::string> no_proxy;   ///< host names (with those below them), addresses, "*"
    std::string ca_file;                 ///< empty: see find_ca_file()
    std::size_t idle_connections = 128;  ///< that stay open for later requests
    LookupSettings lookups;
};

/// The CA certificates of this machine: the first of the files where distributions keep them that
/// is there; "" = none is, so that libcurl's own idea of it holds.
std::string find_ca_file();

/// What `settings` mean for every client of theirs: the file that is named, or else the one found.
std::string ca_file_of(const HttpClientSettings& settings);

/// Throws std::runtime_error for a text in `deny` that is no network.
Networks denied_networks(const HttpClientSettings& settings);

/// Whether the request to `host` (an address without brackets, or a name) bypasses the proxy.
bool bypasses_proxy(const std::string& host, const std::vector<std::string>& no_proxy);

/// Every request of the program to other people's servers goes through here.
///
/// - Costs no thread and no process, and never blocks the executor: names are looked up in a few
///   threads (NameLookups), everything else waits on the executor.
/// - HTTP/2 where the server has it, over TLS; connections are used again.
/// - A request that may change something at the server (POST, PATCH) gets a connection of its own:
///   on an old one, a server that closes it at that moment makes libcurl send it again.
/// - Nothing but http and https is followed, whatever a redirect says. Authorization and Cookie go
///   to no other server than that of the request.
/// - Proxies come from the settings alone. With a proxy, `deny` judges the proxy's address; what
///   the proxy connects to is its own business.
///
/// Belongs to the executor's thread. Must outlive its requests.
class HttpClient {
public:
    /// Throws std::runtime_error for settings that make no sense.
    HttpClient(asio::any_io_executor executor, HttpClientSettings settings);
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;
    ~HttpClient();

    /// Throws only when the coroutine is cancelled, which closes the connection at once: as
    /// libcurl's documentation has it, or, with HTTP/2, resets the stream.
    asio::awaitable<HttpAnswer> request(HttpRequest request);

    /// Closes the connections that wait for the next request: they keep the context busy. No
    /// request may be under way, and none can be made any more.
    void close();

    const std::string& ca_file() const { return settings_.ca_file; }

private:
    class Exchange;
    struct Handle;
    struct Target;
    using TargetPtr = std::shared_ptr<const Target>;

    Result<TargetPtr> target_of(const std::string& url);
    std::unique_ptr<Handle> take_handle();
    void give_back(std::unique_ptr<Handle> handle);

    asio::any_io_executor executor_;
    HttpClientSettings settings_;
    Networks denied_;
    NameLookups names_;
    CurlLoop loop_;
    std::vector<std::unique_ptr<Handle>> handles_;        // to be used again: a new one costs more
    std::unordered_map<std::string, TargetPtr> targets_;  // by URL, of those asked for lately
};

}  // namespace peercron
