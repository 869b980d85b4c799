#include "http_client/curl_loop.hpp"

#include "base/throw_errno.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <array>
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

/// Sockets that are seen to in one turn: others of the thread have theirs after it.
constexpr std::size_t most_at_once = 256;

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

int open_epoll()
{
    const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) throw_errno("epoll_create1");
    return descriptor;
}

std::uint32_t epoll_events(int wanted)
{
    std::uint32_t events = 0;
    if ((wanted & CURL_POLL_IN) != 0) events |= EPOLLIN;
    if ((wanted & CURL_POLL_OUT) != 0) events |= EPOLLOUT;
    return events;
}

/// What has come, as CURL_CSELECT_IN and _OUT. libcurl finds errors by trying.
int curl_events(std::uint32_t events)
{
    int came = 0;
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) came |= CURL_CSELECT_IN;
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) came |= CURL_CSELECT_OUT;
    return came;
}
static_assert(CURL_POLL_IN == CURL_CSELECT_IN && CURL_POLL_OUT == CURL_CSELECT_OUT,
              "what is wanted and what has come are compared");

}  // namespace

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
            wanting.loop_->adopt(fd);
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
      epoll_(executor_, open_epoll()),
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
    sockets_.clear();
    epoll_.close();
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

void CurlLoop::adopt(curl_socket_t fd)
{
    // libcurl closes some sockets without a word, and the number comes again.
    forget(fd);
    sockets_[fd].is_own = true;
}

void CurlLoop::want(curl_socket_t fd, int events)
{
    if (events == CURL_POLL_REMOVE) {
        const auto found = sockets_.find(fd);
        if (found == sockets_.end()) return;
        found->second.wanted = 0;
        if (!found->second.is_own) forget(fd);  // it may be closed at any time
        return;
    }
    Socket& socket = sockets_[fd];
    socket.wanted = events;
    if ((socket.wanted & ~socket.watched) != 0 && !watch(fd, socket)) throw_errno("epoll_ctl");
    listen();
}

/// Has the kernel tell of what is wanted and of nothing else.
bool CurlLoop::watch(curl_socket_t fd, Socket& socket)
{
    const int change = socket.watched == 0  ? EPOLL_CTL_ADD
                       : socket.wanted == 0 ? EPOLL_CTL_DEL  // of errors it would tell all the same
                                            : EPOLL_CTL_MOD;
    epoll_event event{};
    event.events = epoll_events(socket.wanted);
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.native_handle(), change, fd, &event) != 0) return false;
    socket.watched = socket.wanted;
    return true;
}

void CurlLoop::forget(curl_socket_t fd)
{
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) return;
    // Fails only for one that is closed already.
    if (found->second.watched != 0) {
        ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
    }
    sockets_.erase(found);
}

void CurlLoop::listen()
{
    if (std::exchange(is_listening_, true)) return;
    epoll_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = self_](boost::system::error_code) {
                          if (*self == nullptr) return;
                          (*self)->is_listening_ = false;
                          (*self)->take_events();
                      });
}

void CurlLoop::take_events()
{
    std::array<epoll_event, most_at_once> events;
    const int count = ::epoll_wait(epoll_.native_handle(), events.data(), most_at_once, 0);
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const auto found = sockets_.find(event.data.fd);
        if (found == sockets_.end()) continue;  // closed while earlier ones were seen to
        Socket& socket = found->second;
        const int came = curl_events(event.events) & socket.wanted;
        if (came != 0) {
            act(event.data.fd, came);
        } else if (socket.watched != 0) {
            watch(event.data.fd, socket);
        }
    }
    end_transfers();
    if (running_ > 0) listen();
}

void CurlLoop::set_timeout(long milliseconds_from_now)
{
    if (milliseconds_from_now < 0) {
        timeout_.reset();
        return;
    }
    if (milliseconds_from_now > 0) {
        timeout_ = std::chrono::steady_clock::now() + milliseconds(milliseconds_from_now);
        arm_timer();
        return;
    }
    timeout_ = SteadyTime::min();
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
    end_transfers();
}

void CurlLoop::act(curl_socket_t fd, int events)
{
    const CURLMcode code = curl_multi_socket_action(multi_, fd, events, &running_);
    if (code != CURLM_OK) spdlog::error("http client: {}", curl_multi_strerror(code));
}

void CurlLoop::end_transfers()
{
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
