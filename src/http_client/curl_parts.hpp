#pragma once

#include <curl/curl.h>
#include <boost/asio/ip/address.hpp>

#include <sys/socket.h>

#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace peercron {

// What every transfer of libcurl needs.

template <class Value>
void set_option(CURL* easy, CURLoption option, Value value)
{
    curl_easy_setopt(easy, option, value);
}

/// Fails only for what this libcurl does not know; it is 0 then.
long number_of(CURL* easy, CURLINFO info);

/// A list of lines as libcurl wants it.
class CurlLines {
public:
    CurlLines() = default;
    CurlLines(const CurlLines&) = delete;
    CurlLines& operator=(const CurlLines&) = delete;
    ~CurlLines() { clear(); }

    void clear() { curl_slist_free_all(std::exchange(list_, nullptr)); }
    void add(const std::string& line)
    {
        curl_slist* const longer = curl_slist_append(list_, line.c_str());
        if (longer == nullptr) throw std::bad_alloc();
        list_ = longer;
    }
    curl_slist* get() const { return list_; }

private:
    curl_slist* list_ = nullptr;
};

/// Where a connection leads.
struct CurlPeer {
    boost::asio::ip::address address;
    int port = 0;
};
/// nullopt: it is none of IP.
std::optional<CurlPeer> read_peer(const sockaddr& address);

/// "10.0.0.1:80", "[fe80::1]:80".
std::string peer_text(std::string_view address, int port);

/// Whether a host is an address and no name.
bool is_address(const std::string& host);

}  // namespace peercron
