#include "http_client/curl_loop.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace peercron {
namespace {

using std::chrono::milliseconds;

/// A peer that confirms nothing of what was sent for so long is gone. Without this an HTTP/2
/// connection to a machine that has vanished would be used again for every request until the kernel
/// gives it up, a quarter of an hour later.
constexpr int unconfirmed_limit_ms = 20'000;

/// The descriptors of this process that its commands would inherit.
std::set<int> inheritable_descriptors()
{
    constexpr int standard = 2;  // those and the ones before are everybody's
    std::set<int> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        const int fd = std::stoi(entry.path().filename());
        const int flags = ::fcntl(fd, F_GETFD);
        if (fd > standard && flags >= 0 && (flags & FD_CLOEXEC) == 0) found.insert(fd);
    }
    return found;
}

/// With the pair of sockets by which other threads could wake it: libcurl opens that so that every
/// command would inherit it.
CURLM* open_multi()
{
    static const CURLcode set_up = curl_global_init(CURL_GLOBAL_DEFAULT);
    const std::set<int> before = inheritable_descriptors();
    CURLM* const multi = set_up == CURLE_OK ? curl_multi_init() : nullptr;
    if (multi == nullptr) throw std::runtime_error("libcurl cannot be set up");
    for (const int fd : inheritable_descriptors()) {
        if (!before.contains(fd)) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return multi;
}

void set_up_socket(int fd)
{
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unconfirmed_limit_ms,
                 sizeof unconfirmed_limit_ms);
}

}  // namespace

/// Known as long as it is open, also between requests: to register a descriptor is dear.
struct CurlLoop::Socket {
    Socket(CurlLoop& its_loop, curl_socket_t socket, bool own)
        : loop(&its_loop), descriptor(its_loop.executor_, socket), is_own(own)
    {}

    CurlLoop* loop;  ///< null: it is closed, or the loop is gone
    asio::posix::stream_descriptor descriptor;
    bool is_own;      ///< libcurl has it from us, and gives it back
    int wanted = 0;   ///< CURL_POLL_IN and _OUT
    int waiting = 0;  ///< those for which a wait is under way
};

struct CurlLoop::Callbacks {
    static int want(CURL*, curl_socket_t fd, int events, void* loop, void*) noexcept
    {
        try {
            static_cast<CurlLoop*>(loop)->want(fd, events);
            return 0;
        } catch (...) {
            return -1;
        }
    }

    static int set_timeout(CURLM*, long timeout, void* loop) noexcept
    {
        try {
            static_cast<CurlLoop*>(loop)->set_timeout(timeout);
            return 0;
        } catch (...) {
            return -1;
        }
    }

    static curl_socket_t open(void* transfer, curlsocktype, curl_sockaddr* address) noexcept
    {
        auto& wanting = *static_cast<CurlTransfer*>(transfer);
        if (!wanting.may_connect(address->addr)) return CURL_SOCKET_BAD;
        const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                address->protocol);
        if (fd < 0) return CURL_SOCKET_BAD;
        set_up_socket(fd);
        try {
            wanting.loop_->adopt(fd, true);
            return fd;
        } catch (...) {
            ::close(fd);
            return CURL_SOCKET_BAD;
        }
    }

    static int close(void* loop, curl_socket_t fd) noexcept
    {
        static_cast<CurlLoop*>(loop)->forget(fd);
        return ::close(fd);
    }
};

CurlLoop::CurlLoop(asio::any_io_executor executor, std::size_t idle_connections)
    : executor_(std::move(executor)),
      multi_(open_multi()),
      timer_(executor_),
      self_(std::make_shared<CurlLoop*>(this))
{
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Callbacks::want);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Callbacks::set_timeout);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(idle_connections));
}

CurlLoop::~CurlLoop()
{
    close();
}

void CurlLoop::close()
{
    if (multi_ == nullptr) return;
    curl_multi_cleanup(std::exchange(multi_, nullptr));
    while (!sockets_.empty()) forget(sockets_.begin()->first);
    timer_.cancel();
    *self_ = nullptr;
}

CURLcode CurlLoop::start(CURL* easy, CurlTransfer& transfer)
{
    if (multi_ == nullptr) return CURLE_FAILED_INIT;
    transfer.loop_ = this;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &Callbacks::open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &Callbacks::close);
    // Kept by the connection, which outlives the transfer.
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
    const CURLMcode added = curl_multi_add_handle(multi_, easy);
    return added == CURLM_OK ? CURLE_OK : CURLE_FAILED_INIT;
}

void CurlLoop::stop(CURL* easy)
{
    if (multi_ != nullptr) curl_multi_remove_handle(multi_, easy);
}

CurlLoop::SocketPtr CurlLoop::adopt(curl_socket_t fd, bool is_own)
{
    // libcurl closes some sockets without a word, and the number comes again: what waited for the
    // old one would wait for ever.
    forget(fd);
    auto socket = std::make_shared<Socket>(*this, fd, is_own);
    sockets_.insert_or_assign(fd, socket);
    return socket;
}

void CurlLoop::want(curl_socket_t fd, int events)
{
    const auto found = sockets_.find(fd);
    if (events == CURL_POLL_REMOVE) {
        if (found == sockets_.end()) return;
        found->second->wanted = 0;
        if (!found->second->is_own) forget(fd);  // it may be closed at any time
        return;
    }
    const SocketPtr socket = found != sockets_.end() ? found->second : adopt(fd, false);
    socket->wanted = events;
    wait(socket);
}

void CurlLoop::wait(const SocketPtr& socket)
{
    wait_for(socket, CURL_POLL_IN);
    wait_for(socket, CURL_POLL_OUT);
}

/// A wait that is no longer wanted stays: most often it is wanted again soon.
void CurlLoop::wait_for(const SocketPtr& socket, int event)
{
    if ((socket->wanted & event) == 0 || (socket->waiting & event) != 0) return;
    socket->waiting |= event;
    using Descriptor = asio::posix::stream_descriptor;
    socket->descriptor.async_wait(
        event == CURL_POLL_IN ? Descriptor::wait_read : Descriptor::wait_write,
        [socket, event](boost::system::error_code) {
            socket->waiting &= ~event;
            if (socket->loop != nullptr) socket->loop->came(socket, event);
        });
}

void CurlLoop::came(const SocketPtr& socket, int event)
{
    if ((socket->wanted & event) == 0) return;
    act(socket->descriptor.native_handle(),
        event == CURL_POLL_IN ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
    if (socket->loop != nullptr) wait(socket);
}

void CurlLoop::forget(curl_socket_t fd)
{
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) return;
    found->second->loop = nullptr;
    found->second->descriptor.release();  // ends its waits
    sockets_.erase(found);
}

void CurlLoop::set_timeout(long milliseconds_from_now)
{
    if (milliseconds_from_now < 0) {
        timeout_.reset();
        return;
    }
    timeout_ = std::chrono::steady_clock::now() + milliseconds(milliseconds_from_now);
    if (milliseconds_from_now > 0) {
        arm_timer();
        return;
    }
    if (std::exchange(is_posted_, true)) return;
    asio::post(executor_, [self = self_] {
        if (*self == nullptr) return;
        (*self)->is_posted_ = false;
        (*self)->timeout_came();
    });
}

/// libcurl changes its mind several times per request, mostly to a later moment: a timer that ends
/// too early costs less than one that is set each time.
void CurlLoop::arm_timer()
{
    if (armed_for_ && *armed_for_ <= *timeout_) return;
    armed_for_ = *timeout_;
    timer_.expires_at(*armed_for_);
    timer_.async_wait([self = self_](boost::system::error_code error) {
        if (error == asio::error::operation_aborted || *self == nullptr) return;
        (*self)->armed_for_.reset();
        (*self)->timeout_came();
    });
}

void CurlLoop::timeout_came()
{
    if (!timeout_) return;
    if (std::chrono::steady_clock::now() < *timeout_) {
        arm_timer();
        return;
    }
    timeout_.reset();
    act(CURL_SOCKET_TIMEOUT, 0);
}

void CurlLoop::act(curl_socket_t fd, int events)
{
    int running = 0;
    const CURLMcode code = curl_multi_socket_action(multi_, fd, events, &running);
    if (code != CURLM_OK) spdlog::error("http client: {}", curl_multi_strerror(code));
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        CURL* const easy = message->easy_handle;
        const CURLcode result = message->data.result;  // the message goes with the handle
        CurlTransfer* transfer = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
        curl_multi_remove_handle(multi_, easy);
        transfer->ended(result);
    }
}

}  // namespace peercron
