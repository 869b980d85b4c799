#include "http_client/mail_client.hpp"

#include "base/event.hpp"
#include "http_client/curl_parts.hpp"
#include "http_client/failure_text.hpp"
#include "http_client/server_address.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

constexpr std::chrono::milliseconds mail_connect_timeout{5000};
constexpr std::size_t most_said = 4096;

int usual_port(Mail::Security security)
{
    switch (security) {
        case Mail::Security::starttls:
            return 587;
        case Mail::Security::tls:
            return 465;
        case Mail::Security::none:
            break;
    }
    return 25;
}

/// The last line of `said` that has this code: its words. Behind it there may be a goodbye.
std::string last_line_with(std::string_view said, long code)
{
    const std::string begin = fmt::format("{}", code);
    std::string found = begin;
    while (!said.empty()) {
        const std::string_view line = said.substr(0, said.find('\n'));
        said.remove_prefix(std::min(line.size() + 1, said.size()));
        if (line.starts_with(begin)) found = line;
    }
    return found;
}

}  // namespace

/// One mail. The coroutine that sends it waits on the client's executor. From begin() to ended()
/// all but `ended_` and `is_abandoned_` belongs to the client's thread, even when the coroutine is
/// gone.
class MailClient::Exchange final : public CurlTransfer,
                                   public std::enable_shared_from_this<Exchange> {
public:
    Exchange(MailClient& client, Mail mail)
        : client_(client),
          mail_(std::move(mail)),
          server_(parse_server(mail_.server, usual_port(mail_.security))),
          rest_(mail_.data),
          easy_(curl_easy_init()),
          ended_(client_.executor_)
    {
        if (!easy_) throw std::bad_alloc();
    }

    asio::awaitable<MailAnswer> run();

    /// Nobody waits for it any more. Does nothing when it has ended.
    void abandon();

    bool may_connect(const sockaddr& address) noexcept override;
    void ended(CURLcode code) noexcept override;

private:
    struct Callbacks;
    struct Cleanup {
        void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
    };

    asio::awaitable<bool> look_up();
    void set_options();
    void begin();
    void note_end(CURLcode code);

    MailClient& client_;
    const Mail mail_;
    const ServerAddress server_;
    std::string_view rest_;  // of the data
    HttpProgress progress_;
    MailAnswer answer_;
    std::string denied_;
    std::string url_;
    CurlLines resolve_;
    CurlLines recipients_;
    std::array<char, CURL_ERROR_SIZE> error_{};
    std::unique_ptr<CURL, Cleanup> easy_;
    std::shared_ptr<Exchange> under_way_;  // this, while libcurl has it
    std::optional<CURLcode> code_;
    Event ended_;
    std::atomic<bool> is_abandoned_ = false;
};

struct MailClient::Exchange::Callbacks {
    static std::size_t data(char* into, std::size_t, std::size_t room, void* exchange) noexcept
    {
        std::string_view& rest = static_cast<Exchange*>(exchange)->rest_;
        const std::size_t size = std::min(room, rest.size());
        std::copy_n(rest.begin(), size, into);
        rest.remove_prefix(size);
        return size;
    }

    static std::size_t reply(char* line, std::size_t, std::size_t size, void* exchange) noexcept
    {
        auto& self = *static_cast<Exchange*>(exchange);
        try {
            self.progress_.phase = HttpProgress::Phase::waiting;
            std::string_view text(line, size);
            while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
            if (self.answer_.said.size() + text.size() < most_said) {
                self.answer_.said.append(text).push_back('\n');
            }
        } catch (const std::bad_alloc&) {
            return CURL_WRITEFUNC_ERROR;
        }
        return size;
    }

    /// Asked each second while libcurl waits for a reply.
    static int is_unwanted(void* exchange, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept
    {
        return static_cast<Exchange*>(exchange)->is_abandoned_ ? 1 : 0;
    }
};

asio::awaitable<MailAnswer> MailClient::Exchange::run()
{
    progress_.host = server_.host;
    const bool is_found = co_await look_up();
    if (!is_found) co_return std::move(answer_);
    progress_.phase = HttpProgress::Phase::connecting;
    set_options();
    asio::post(client_.thread_, [self = shared_from_this()] { self->begin(); });
    while (!code_) co_await ended_.wait();
    note_end(*code_);
    co_return std::move(answer_);
}

void MailClient::Exchange::begin()
{
    if (is_abandoned_) return;
    under_way_ = shared_from_this();
    const CURLcode begun = client_.loop_.start(easy_.get(), *this);
    if (begun != CURLE_OK) ended(begun);
}

void MailClient::Exchange::ended(CURLcode code) noexcept
{
    asio::post(client_.executor_, [self = std::move(under_way_), code] {
        self->code_ = code;
        self->ended_.notify();
    });
}

void MailClient::Exchange::abandon()
{
    if (code_) return;
    is_abandoned_ = true;
    asio::post(client_.thread_, [self = shared_from_this()] {
        if (!self->under_way_) return;
        self->client_.loop_.stop(self->easy_.get());
        self->under_way_.reset();
    });
}

/// False: it has failed.
asio::awaitable<bool> MailClient::Exchange::look_up()
{
    if (is_address(server_.host)) co_return true;
    const SteadyTime limit = std::chrono::steady_clock::now() + mail_connect_timeout;
    const Result<Addresses> found = co_await client_.names_.find(server_.host, limit);
    if (found.has_error()) {
        answer_.failure =
            fmt::format("could not resolve host {}: {}", server_.host, found.error().message);
        co_return false;
    }
    std::string line = fmt::format("+{}:{}:", server_.host, server_.port);
    for (const std::string& address : *found) {
        if (line.back() != ':') line += ',';
        line += address.find(':') == std::string::npos ? address : "[" + address + "]";
    }
    resolve_.add(line);
    co_return true;
}

void MailClient::Exchange::set_options()
{
    CURL* const easy = easy_.get();
    const bool is_tls = mail_.security == Mail::Security::tls;
    url_ = fmt::format("{}://{}", is_tls ? "smtps" : "smtp", peer_text(server_.host, server_.port));
    set_option(easy, CURLOPT_ERRORBUFFER, error_.data());
    set_option(easy, CURLOPT_NOSIGNAL, 1L);
    set_option(easy, CURLOPT_QUICK_EXIT, 1L);
    set_option(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set_option(easy, CURLOPT_URL, url_.c_str());
    set_option(easy, CURLOPT_RESOLVE, resolve_.get());
    set_option(easy, CURLOPT_PROXY, "");  // or libcurl would ask the environment
    // Another mail may have another login.
    set_option(easy, CURLOPT_FRESH_CONNECT, 1L);
    set_option(easy, CURLOPT_FORBID_REUSE, 1L);
    set_option(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(mail_connect_timeout.count()));
    set_option(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(mail_.timeout.count()));
    // The time-out of the whole is not for the goodbye: libcurl would wait two minutes for that.
    const auto reply_timeout = std::chrono::ceil<std::chrono::seconds>(mail_.timeout);
    set_option(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, static_cast<long>(reply_timeout.count()));
    set_option(easy, CURLOPT_NOPROGRESS, 0L);
    set_option(easy, CURLOPT_XFERINFOFUNCTION, &Callbacks::is_unwanted);
    set_option(easy, CURLOPT_XFERINFODATA, this);
    const bool is_plain = mail_.security == Mail::Security::none;
    set_option(easy, CURLOPT_USE_SSL, long{is_plain ? CURLUSESSL_NONE : CURLUSESSL_ALL});
    if (!client_.ca_file_.empty()) set_option(easy, CURLOPT_CAINFO, client_.ca_file_.c_str());
    if (!mail_.user.empty()) {
        set_option(easy, CURLOPT_USERNAME, mail_.user.c_str());
        set_option(easy, CURLOPT_PASSWORD, mail_.password.c_str());
    }
    set_option(easy, CURLOPT_MAIL_FROM, mail_.from.c_str());
    for (const std::string& address : mail_.to) recipients_.add(address);
    set_option(easy, CURLOPT_MAIL_RCPT, recipients_.get());
    // An address that the server does not know keeps no mail from the others.
    set_option(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    set_option(easy, CURLOPT_UPLOAD, 1L);
    set_option(easy, CURLOPT_READFUNCTION, &Callbacks::data);
    set_option(easy, CURLOPT_READDATA, this);
    set_option(easy, CURLOPT_HEADERFUNCTION, &Callbacks::reply);
    set_option(easy, CURLOPT_HEADERDATA, this);
}

bool MailClient::Exchange::may_connect(const sockaddr& address) noexcept
{
    try {
        const auto peer = read_peer(address);
        if (!peer) return false;
        progress_.peer = peer_text(peer->address.to_string(), peer->port);
        if (!client_.denied_.contain(peer->address)) return true;
        denied_ = peer->address.to_string();
        return false;
    } catch (...) {
        return false;
    }
}

void MailClient::Exchange::note_end(CURLcode code)
{
    if (code == CURLE_OK) {
        answer_.is_sent = true;
        return;
    }
    const long reply = number_of(easy_.get(), CURLINFO_RESPONSE_CODE);
    if (code == CURLE_COULDNT_CONNECT && !denied_.empty()) {
        answer_.failure =
            fmt::format("connections to {} are forbidden ([http_client] deny)", denied_);
        return;
    }
    if (code == CURLE_LOGIN_DENIED) {
        answer_.failure = fmt::format("{} does not take the user's name and password ({})",
                                      progress_.host, reply);
        return;
    }
    if (code == CURLE_USE_SSL_FAILED) {
        answer_.failure = fmt::format("{} offers no STARTTLS", progress_.host);
        return;
    }
    const bool has_answered = reply >= 400 && code != CURLE_OPERATION_TIMEDOUT;
    if (has_answered) {
        answer_.failure = fmt::format("{} has refused the mail: {}", progress_.host,
                                      last_line_with(answer_.said, reply));
        answer_.is_refused = reply >= 500;
        return;
    }
    const CurlFailure failure{code, static_cast<int>(number_of(easy_.get(), CURLINFO_OS_ERRNO)),
                              error_.data()};
    answer_.failure =
        failure_text(failure, progress_, mail_connect_timeout, mail_.timeout, client_.ca_file_);
}

MailClient::MailClient(asio::any_io_executor executor, const HttpClientSettings& settings)
    : executor_(std::move(executor)),
      ca_file_(ca_file_of(settings)),
      denied_(denied_networks(settings)),
      names_(executor_, settings.lookups),
      loop_(thread_.get_executor(), 1)
{}

MailClient::~MailClient()
{
    close();
}

asio::awaitable<MailAnswer> MailClient::send(Mail mail)
{
    const auto exchange = std::make_shared<Exchange>(*this, std::move(mail));
    const auto leave = [](Exchange* left) { left->abandon(); };
    const std::unique_ptr<Exchange, decltype(leave)> waiting(exchange.get(), leave);
    MailAnswer answer = co_await exchange->run();
    co_return answer;
}

void MailClient::close()
{
    if (std::exchange(is_closed_, true)) return;
    asio::post(thread_, [this] { loop_.close(); });
    thread_.join();
    names_.close();
}

}  // namespace peercron
