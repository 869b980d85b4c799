#include "http_client/http_client.hpp"

#include "base/event.hpp"
#include "base/utf8.hpp"
#include "http_client/curl_parts.hpp"
#include "http_client/failure_text.hpp"

#include <spdlog/fmt/fmt.h>
#include <strings.h>
#include <unistd.h>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

namespace ip = asio::ip;
using std::chrono::ceil;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t remembered_targets = 256;
constexpr std::size_t usual_headers = 256;  // bytes

constexpr std::array<const char*, 5> ca_files{
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Red Hat, Fedora
    "/etc/pki/tls/certs/ca-bundle.crt",                   // older ones of them
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine
};

SteadyTime steady_time()
{
    return std::chrono::steady_clock::now();
}

/// Fails only for options that this libcurl does not know; the value stays 0 then.
microseconds time_of(CURL* easy, CURLINFO info)
{
    curl_off_t time = 0;
    curl_easy_getinfo(easy, info, &time);
    return microseconds(time);
}

bool is_same_word(std::string_view one, std::string_view other)
{
    return one.size() == other.size() && ::strncasecmp(one.data(), other.data(), one.size()) == 0;
}

std::string_view name_of(std::string_view header)
{
    return header.substr(0, header.find(':'));
}

bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0)
{
    char* text = nullptr;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
    std::string copy(text);
    curl_free(text);
    return copy;
}

/// "+host:80:10.0.0.1,[fe80::1]": what CURLOPT_RESOLVE wants. Without the plus it would hold for
/// ever.
std::string resolve_line(const std::string& host, int port, const Addresses& addresses)
{
    std::string line = fmt::format("+{}:{}:", host, port);
    for (const std::string& address : addresses) {
        if (line.back() != ':') line += ',';
        const bool is_v6 = address.find(':') != std::string::npos;
        line += is_v6 ? "[" + address + "]" : address;
    }
    return line;
}

std::string version_text(long version)
{
    switch (version) {
        case CURL_HTTP_VERSION_1_0:
            return "HTTP/1.0";
        case CURL_HTTP_VERSION_1_1:
            return "HTTP/1.1";
        case CURL_HTTP_VERSION_2_0:
            return "HTTP/2";
        default:
            return {};
    }
}

}  // namespace

std::string find_ca_file()
{
    const auto* const found =
        std::ranges::find_if(ca_files, [](const char* file) { return ::access(file, R_OK) == 0; });
    return found == ca_files.end() ? std::string() : *found;
}

std::string ca_file_of(const HttpClientSettings& settings)
{
    return settings.ca_file.empty() ? find_ca_file() : settings.ca_file;
}

Networks denied_networks(const HttpClientSettings& settings)
{
    auto denied = Networks::parse(settings.deny);
    if (!denied) throw std::runtime_error("[http_client] deny: " + denied.error().message);
    return *std::move(denied);
}

bool bypasses_proxy(const std::string& host, const std::vector<std::string>& no_proxy)
{
    boost::system::error_code not_address;
    const ip::address address = ip::make_address(host, not_address);
    return std::ranges::any_of(no_proxy, [&](std::string_view rule) {
        if (rule == "*") return true;
        if (!not_address) {
            const auto network = Networks::parse({std::string(rule)});
            return network && network->contain(address);
        }
        if (rule.starts_with('.')) rule.remove_prefix(1);
        if (host.size() < rule.size() || rule.empty()) return false;
        const std::string_view rest(host.data() + host.size() - rule.size(), rule.size());
        const bool is_whole_word =
            rest.size() == host.size() || host[host.size() - rest.size() - 1] == '.';
        return is_whole_word && is_same_word(rest, rule);
    });
}

/// Where a URL leads.
struct HttpClient::Target {
    std::string scheme;
    std::string host;  ///< an address without brackets, or a name as DNS has it
    int port = 0;
    bool has_address = false;  ///< for a host, not a name

    static Result<Target> parse(const std::string& text);

    bool has_origin_of(const Target& other) const
    {
        return scheme == other.scheme && host == other.host && port == other.port;
    }
};

Result<HttpClient::Target> HttpClient::Target::parse(const std::string& text)
{
    const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
    if (!url) throw std::bad_alloc();
    const CURLUcode bad =
        curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME);
    if (bad != CURLUE_OK) {
        return Error{
            fmt::format("cannot read the URL {}: {}", quote_utf8(text), curl_url_strerror(bad))};
    }
    Target target;
    target.scheme = part_of(url.get(), CURLUPART_SCHEME);
    if (target.scheme != "http" && target.scheme != "https") {
        return Error{fmt::format("the URL {} is neither of http nor of https", quote_utf8(text))};
    }
    if (!part_of(url.get(), CURLUPART_USER).empty() ||
        !part_of(url.get(), CURLUPART_PASSWORD).empty()) {
        return Error{"the URL has a user name before its host"};
    }
    target.host = part_of(url.get(), CURLUPART_HOST, CURLU_PUNYCODE);
    if (target.host.starts_with('[')) target.host = target.host.substr(1, target.host.size() - 2);
    const std::string port = part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
    std::from_chars(port.data(), port.data() + port.size(), target.port);
    target.has_address = is_address(target.host);
    return target;
}

/// A handle of libcurl, with the options that all requests of a client have in common: they are set
/// once.
struct HttpClient::Handle {
    explicit Handle(const HttpClientSettings& settings);
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { curl_easy_cleanup(easy); }

    CURL* easy;
    std::array<char, CURL_ERROR_SIZE> error{};
};

/// One request with its redirects.
class HttpClient::Exchange final : public CurlTransfer {
public:
    Exchange(HttpClient& client, HttpRequest request);
    ~Exchange() override;

    asio::awaitable<HttpAnswer> run();

    bool may_connect(const sockaddr& address) noexcept override;
    void ended(CURLcode code) noexcept override;

    struct Callbacks;

private:
    bool is_by_proxy(const Target& target) const;
    asio::awaitable<bool> look_up(const Target& target);
    bool begin(const Target& target);
    void note_end();
    void set_options(const Target& target);
    void set_headers(const Target& target);
    void set_method();
    bool has_body_by_method() const;
    void set_proxy(bool is_wanted);
    void fail(std::string why);
    void note_times();
    void note_failure(CURLcode code);
    void change_method();
    std::string redirect_url() const;
    bool takes_header(std::string_view line);
    bool takes_body(std::string_view bytes);
    bool is_followed() const;
    milliseconds time_left() const;

    HttpClient& client_;
    HttpRequest request_;
    HttpProgress own_progress_;
    HttpProgress& progress_;
    HttpAnswer answer_;
    SteadyTime begun_ = steady_time();
    TargetPtr first_;  // the server of the request
    std::string url_;  // of this fetch
    bool has_body_ = false;
    bool has_location_ = false;
    bool is_refused_ = false;  // by may_send
    bool is_tried_again_ = false;
    std::size_t header_bytes_ = 0;
    std::string denied_;    // the address that was
    std::string too_long_;  // what was
    CurlLines headers_;
    CurlLines resolve_;
    std::unique_ptr<Handle> handle_;
    CURL* easy_;
    bool is_started_ = false;
    std::optional<CURLcode> code_;
    Event ended_;
};

struct HttpClient::Exchange::Callbacks {
    static std::size_t header(char* data, std::size_t, std::size_t size, void* exchange) noexcept
    {
        return take(&Exchange::takes_header, exchange, data, size);
    }
    static std::size_t body(char* data, std::size_t, std::size_t size, void* exchange) noexcept
    {
        return take(&Exchange::takes_body, exchange, data, size);
    }
    static std::size_t take(bool (Exchange::*takes)(std::string_view), void* exchange,
                            const char* data, std::size_t size) noexcept
    {
        try {
            const bool is_taken = (static_cast<Exchange*>(exchange)->*takes)({data, size});
            if (is_taken) return size;
        } catch (const std::bad_alloc&) {
        }
        return CURL_WRITEFUNC_ERROR;
    }

    /// A connection is there; the request is sent next.
    static int ready(void* exchange, char* address, char*, int port, int) noexcept
    {
        auto& self = *static_cast<Exchange*>(exchange);
        try {
            self.is_refused_ = self.request_.may_send && !self.request_.may_send();
            if (self.is_refused_) return CURL_PREREQFUNC_ABORT;
            self.is_tried_again_ |= self.progress_.phase != HttpProgress::Phase::connecting;
            self.progress_.peer = peer_text(address, port);
            self.progress_.phase = HttpProgress::Phase::waiting;
            return CURL_PREREQFUNC_OK;
        } catch (...) {
            return CURL_PREREQFUNC_ABORT;
        }
    }
};

HttpClient::Exchange::Exchange(HttpClient& client, HttpRequest request)
    : client_(client),
      request_(std::move(request)),
      progress_(request_.progress != nullptr ? *request_.progress : own_progress_),
      url_(request_.url),
      has_body_(!request_.body.empty()),
      handle_(client_.take_handle()),
      easy_(handle_->easy),
      ended_(client_.executor_)
{}

HttpClient::Exchange::~Exchange()
{
    if (is_started_) client_.loop_.stop(easy_);
    // A failure may have left something in it; and a handle counts all its new attempts, of which
    // it makes five (github.com/curl/curl/pull/19066).
    if (code_ == CURLE_OK && !is_tried_again_) client_.give_back(std::move(handle_));
}

asio::awaitable<HttpAnswer> HttpClient::Exchange::run()
{
    for (;;) {
        const Result<TargetPtr> target = client_.target_of(url_);
        if (target.has_error()) {
            fail(answer_.redirects == 0 ? target.error().message
                                        : "redirected, but " + target.error().message);
            break;
        }
        if (!first_) first_ = *target;
        progress_.phase = HttpProgress::Phase::looking_up;
        progress_.host = (*target)->host;
        progress_.peer.clear();
        progress_.body_bytes = 0;
        answer_.end = HttpAnswer::End::failed;
        resolve_.clear();
        TargetPtr asked = *target;
        if (is_by_proxy(*asked)) asked = client_.target_of(client_.settings_.proxy).value();
        bool is_found = asked->has_address;
        if (!is_found) is_found = co_await look_up(*asked);
        if (!is_found || !begin(**target)) break;
        while (!code_) co_await ended_.wait();
        note_end();
        if (answer_.end != HttpAnswer::End::whole || !is_followed()) break;
        const std::string next = redirect_url();
        if (next.empty()) break;
        if (answer_.redirects == request_.redirects) {
            fail(fmt::format("more than {} redirects, the last to {}", request_.redirects,
                             quote_utf8(next)));
            break;
        }
        ++answer_.redirects;
        url_ = next;
        change_method();
    }
    answer_.times.total = std::chrono::duration_cast<microseconds>(steady_time() - begun_);
    co_return std::move(answer_);
}

bool HttpClient::Exchange::is_by_proxy(const Target& target) const
{
    const HttpClientSettings& settings = client_.settings_;
    return !settings.proxy.empty() && !bypasses_proxy(target.host, settings.no_proxy);
}

/// False: it has failed.
bool HttpClient::Exchange::begin(const Target& target)
{
    progress_.phase = HttpProgress::Phase::connecting;
    set_options(target);
    code_.reset();
    const CURLcode begun = client_.loop_.start(easy_, *this);
    is_started_ = begun == CURLE_OK;
    if (!is_started_) note_failure(begun);
    return is_started_;
}

void HttpClient::Exchange::note_end()
{
    note_times();
    answer_.url = url_;
    answer_.peer = progress_.peer;
    if (*code_ == CURLE_OK) {
        answer_.end = HttpAnswer::End::whole;
        answer_.failure.clear();
    } else {
        note_failure(*code_);
    }
}

/// False: it has failed.
asio::awaitable<bool> HttpClient::Exchange::look_up(const Target& target)
{
    const SteadyTime begun = steady_time();
    milliseconds limit = request_.connect_timeout;
    if (request_.timeout.count() > 0) limit = std::min(limit, time_left());
    const Result<Addresses> found = co_await client_.names_.find(target.host, begun + limit);
    answer_.times.lookup += std::chrono::duration_cast<microseconds>(steady_time() - begun);
    if (found.has_error()) {
        fail(fmt::format("could not resolve host {}: {}", target.host, found.error().message));
        co_return false;
    }
    resolve_.add(resolve_line(target.host, target.port, *found));
    co_return true;
}

milliseconds HttpClient::Exchange::time_left() const
{
    const auto left = ceil<milliseconds>(begun_ + request_.timeout - steady_time());
    return std::max(left, milliseconds(1));  // 0 would be no limit
}

HttpClient::Handle::Handle(const HttpClientSettings& settings) : easy(curl_easy_init())
{
    if (easy == nullptr) throw std::bad_alloc();
    using Callbacks = Exchange::Callbacks;
    set_option(easy, CURLOPT_ERRORBUFFER, error.data());
    set_option(easy, CURLOPT_NOSIGNAL, 1L);
    set_option(easy, CURLOPT_QUICK_EXIT, 1L);
    set_option(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set_option(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_2TLS});
    set_option(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    set_option(easy, CURLOPT_USERAGENT, settings.user_agent.c_str());
    set_option(easy, CURLOPT_HEADERFUNCTION, &Callbacks::header);
    set_option(easy, CURLOPT_WRITEFUNCTION, &Callbacks::body);
    set_option(easy, CURLOPT_PREREQFUNCTION, &Callbacks::ready);
    // Also when there is no proxy: libcurl would ask the environment.
    set_option(easy, CURLOPT_PROXY, "");
    set_option(easy, CURLOPT_NOPROXY, "");
    set_option(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (settings.ca_file.empty()) return;
    set_option(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
    set_option(easy, CURLOPT_PROXY_CAINFO, settings.ca_file.c_str());
}

/// All of those that Handle has not: the handle has those of an earlier request.
void HttpClient::Exchange::set_options(const Target& target)
{
    handle_->error.front() = '\0';
    denied_.clear();
    too_long_.clear();
    const bool has_limit = request_.timeout.count() > 0;
    set_option(easy_, CURLOPT_URL, url_.c_str());
    set_option(easy_, CURLOPT_RESOLVE, resolve_.get());
    set_option(easy_, CURLOPT_CONNECTTIMEOUT_MS,
               static_cast<long>(request_.connect_timeout.count()));
    set_option(easy_, CURLOPT_TIMEOUT_MS, has_limit ? static_cast<long>(time_left().count()) : 0L);
    set_option(easy_, CURLOPT_SSL_VERIFYPEER, request_.verify ? 1L : 0L);
    set_option(easy_, CURLOPT_SSL_VERIFYHOST, request_.verify ? 2L : 0L);
    set_option(easy_, CURLOPT_HEADERDATA, this);
    set_option(easy_, CURLOPT_WRITEDATA, this);
    set_option(easy_, CURLOPT_PREREQDATA, this);
    set_method();
    set_headers(target);
    if (!client_.settings_.proxy.empty()) set_proxy(is_by_proxy(target));
}

/// Whether libcurl is to send a body, be it empty.
bool HttpClient::Exchange::has_body_by_method() const
{
    const std::string& method = request_.method;
    return has_body_ || method == "POST" || method == "PUT" || method == "PATCH";
}

void HttpClient::Exchange::set_method()
{
    const std::string& method = request_.method;
    const bool has_body = has_body_by_method();
    const bool is_head = method == "HEAD";
    const bool is_known = is_head || (method == "GET" && !has_body);
    set_option(easy_, CURLOPT_HTTPGET, 1L);  // and nothing of an earlier request
    if (has_body) {
        set_option(easy_, CURLOPT_POST, 1L);
        const std::string& body = request_.body;
        set_option(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(has_body_ ? body.size() : 0));
        set_option(easy_, CURLOPT_POSTFIELDS, body.c_str());
    } else if (is_head) {
        set_option(easy_, CURLOPT_NOBODY, 1L);
    }
    set_option(easy_, CURLOPT_CUSTOMREQUEST, is_known ? nullptr : method.c_str());
    const bool is_sent_once = method == "POST" || method == "PATCH";
    set_option(easy_, CURLOPT_FRESH_CONNECT, is_sent_once ? 1L : 0L);
}

void HttpClient::Exchange::set_headers(const Target& target)
{
    headers_.clear();
    const bool is_at_home = target.has_origin_of(*first_);
    bool has_type = false;
    for (const std::string& header : request_.headers) {
        const std::string_view name = name_of(header);
        const bool is_private = is_same_word(name, "Authorization") || is_same_word(name, "Cookie");
        if (is_private && !is_at_home) continue;
        if (is_same_word(name, "Host") && !is_at_home) continue;
        const bool is_type = is_same_word(name, "Content-Type");
        if (is_type && !has_body_) continue;
        has_type |= is_type;
        const bool is_empty = header.find_first_not_of(" \t", name.size() + 1) == std::string::npos;
        // libcurl takes "Name:" for one that must not be sent.
        headers_.add(is_empty ? std::string(name) + ";" : header);
    }
    if (has_body_by_method()) {
        headers_.add("Expect:");  // waits for a second where the server knows nothing of it
        if (!has_type) headers_.add("Content-Type:");  // libcurl's own guess is a web form
    }
    set_option(easy_, CURLOPT_HTTPHEADER, headers_.get());
}

void HttpClient::Exchange::set_proxy(bool is_wanted)
{
    const HttpClientSettings& settings = client_.settings_;
    const bool has_login = is_wanted && !settings.proxy_login.empty();
    set_option(easy_, CURLOPT_PROXY, is_wanted ? settings.proxy.c_str() : "");
    set_option(easy_, CURLOPT_PROXYUSERPWD, has_login ? settings.proxy_login.c_str() : nullptr);
}

bool HttpClient::Exchange::may_connect(const sockaddr& address) noexcept
{
    try {
        const auto peer = read_peer(address);
        if (!peer) return false;
        const std::string to = peer->address.to_string();
        progress_.peer = peer_text(to, peer->port);
        if (!client_.denied_.contain(peer->address)) return true;
        denied_ = to;
        return false;
    } catch (...) {
        return false;
    }
}

void HttpClient::Exchange::ended(CURLcode code) noexcept
{
    is_started_ = false;
    code_ = code;
    ended_.notify();
}

bool HttpClient::Exchange::takes_header(std::string_view line)
{
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {
        answer_.headers.clear();
        answer_.headers.reserve(usual_headers);
        answer_.status = 0;
        header_bytes_ = 0;
        has_location_ = false;
        const std::size_t space = std::min(line.find(' '), line.size());
        const std::string_view rest = line.substr(std::min(space + 1, line.size()));
        std::from_chars(rest.data(), rest.data() + rest.size(), answer_.status);
        progress_.phase = HttpProgress::Phase::receiving;
    }
    if (is_same_word(name_of(line), "Location")) has_location_ = true;
    header_bytes_ += line.size() + 2;
    if (header_bytes_ > request_.max_headers) {
        too_long_ =
            fmt::format("the headers of the answer are longer than {} bytes", request_.max_headers);
        return false;
    }
    if (!line.empty()) answer_.headers.append(line).push_back('\n');
    return true;
}

bool HttpClient::Exchange::takes_body(std::string_view bytes)
{
    if (is_followed()) return true;
    const std::int64_t room = request_.max_body - answer_.body_bytes;
    answer_.body_bytes += static_cast<std::int64_t>(bytes.size());
    progress_.body_bytes = answer_.body_bytes;
    if (answer_.body_bytes > request_.max_body) {
        answer_.is_cut = true;
        if (!request_.on_body) answer_.body.append(bytes.substr(0, static_cast<std::size_t>(room)));
        too_long_ =
            fmt::format("the body of the answer is longer than {} bytes", request_.max_body);
        return false;
    }
    if (request_.on_body) {
        request_.on_body(bytes);
    } else {
        answer_.body.append(bytes);
    }
    return true;
}

bool HttpClient::Exchange::is_followed() const
{
    return request_.redirects > 0 && has_location_ && is_redirect(answer_.status);
}

std::string HttpClient::Exchange::redirect_url() const
{
    const char* url = nullptr;
    curl_easy_getinfo(easy_, CURLINFO_REDIRECT_URL, &url);
    return url == nullptr ? std::string() : url;
}

/// Source: RFC 9110, sections 15.4.2 to 15.4.4, and what every browser does.
void HttpClient::Exchange::change_method()
{
    const bool is_post = request_.method == "POST";
    const bool sees_other = answer_.status == 303 && request_.method != "HEAD";
    if (!sees_other && !(is_post && (answer_.status == 301 || answer_.status == 302))) return;
    request_.method = "GET";
    has_body_ = false;
}

void HttpClient::Exchange::fail(std::string why)
{
    answer_.end = HttpAnswer::End::failed;
    answer_.failure = std::move(why);
}

void HttpClient::Exchange::note_times()
{
    const microseconds begun = time_of(easy_, CURLINFO_NAMELOOKUP_TIME_T);
    const microseconds connected = time_of(easy_, CURLINFO_CONNECT_TIME_T);
    const microseconds secured = time_of(easy_, CURLINFO_APPCONNECT_TIME_T);
    const microseconds sent = time_of(easy_, CURLINFO_PRETRANSFER_TIME_T);
    const microseconds first_byte = time_of(easy_, CURLINFO_STARTTRANSFER_TIME_T);
    const microseconds total = time_of(easy_, CURLINFO_TOTAL_TIME_T);
    answer_.is_reused = number_of(easy_, CURLINFO_NUM_CONNECTS) == 0;
    HttpTimes& times = answer_.times;
    if (!answer_.is_reused && connected > begun) times.connect += connected - begun;
    if (!answer_.is_reused && secured > connected) times.tls += secured - connected;
    if (first_byte > sent) times.wait += first_byte - sent;
    if (first_byte.count() > 0 && total > first_byte) times.receive += total - first_byte;
    answer_.version = version_text(number_of(easy_, CURLINFO_HTTP_VERSION));
}

void HttpClient::Exchange::note_failure(CURLcode code)
{
    if (is_refused_) {
        answer_.end = HttpAnswer::End::not_sent;
        answer_.failure = "the request was not sent";
        return;
    }
    if (!too_long_.empty()) {
        fail(too_long_);
    } else if (code == CURLE_COULDNT_CONNECT && !denied_.empty()) {
        const bool is_name = denied_ != progress_.host;
        fail(fmt::format("connections to {} are forbidden ([http_client] deny)",
                         is_name ? fmt::format("{} ({})", progress_.host, denied_) : denied_));
    } else {
        const CurlFailure failure{code, static_cast<int>(number_of(easy_, CURLINFO_OS_ERRNO)),
                                  handle_->error.data()};
        fail(failure_text(failure, progress_, request_.connect_timeout, request_.timeout,
                          client_.settings_.ca_file));
    }
}

HttpClient::HttpClient(asio::any_io_executor executor, HttpClientSettings settings)
    : executor_(std::move(executor)),
      settings_(std::move(settings)),
      denied_(denied_networks(settings_)),
      names_(executor_, settings_.lookups),
      loop_(executor_, settings_.idle_connections)
{
    settings_.ca_file = ca_file_of(settings_);
}

HttpClient::~HttpClient() = default;

asio::awaitable<HttpAnswer> HttpClient::request(HttpRequest request)
{
    Exchange exchange(*this, std::move(request));
    HttpAnswer answer = co_await exchange.run();
    co_return answer;
}

void HttpClient::close()
{
    loop_.close();
    names_.close();
}

Result<HttpClient::TargetPtr> HttpClient::target_of(const std::string& url)
{
    const auto known = targets_.find(url);
    if (known != targets_.end()) return known->second;
    Result<Target> target = Target::parse(url);
    if (target.has_error()) return target.error();
    if (targets_.size() >= remembered_targets) targets_.clear();
    return targets_.emplace(url, std::make_shared<const Target>(*std::move(target))).first->second;
}

std::unique_ptr<HttpClient::Handle> HttpClient::take_handle()
{
    if (handles_.empty()) return std::make_unique<Handle>(settings_);
    std::unique_ptr<Handle> handle = std::move(handles_.back());
    handles_.pop_back();
    return handle;
}

void HttpClient::give_back(std::unique_ptr<Handle> handle)
{
    if (handles_.size() < settings_.idle_connections) handles_.push_back(std::move(handle));
}

}  // namespace peercron
