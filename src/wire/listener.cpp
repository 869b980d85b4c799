#include "wire/listener.hpp"

#include "base/event.hpp"
#include "base/private_socket.hpp"
#include "base/task_group.hpp"
#include "wire/address.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <stdexcept>
#include <utility>

namespace peercron {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr int accepted_per_turn = 64;  // then the other tasks of the I/O thread go on
constexpr std::size_t remembered_addresses = 1024;
constexpr LogThrottle throttle(5, std::chrono::seconds(10));

}  // namespace

/// One greeting's place, until that is over.
class PeerListener::Place {
public:
    Place(Greetings& among, int socket) : among_(&among), socket_(socket)
    {
        among.sockets.push_back(socket);
    }
    Place(Place&& other) noexcept
        : among_(std::exchange(other.among_, nullptr)), socket_(other.socket_)
    {}
    Place& operator=(Place&&) = delete;
    ~Place() { leave(); }

    void leave()
    {
        Greetings* const among = std::exchange(among_, nullptr);
        if (among == nullptr) return;
        if (among->sockets.remove(socket_) == 0) among->ended.remove(socket_);
    }

private:
    Greetings* among_;
    int socket_;
};

PeerListener::PeerListener(asio::any_io_executor executor, const std::string& address,
                           ListenerSettings settings, Accepted accepted)
    : acceptor_(std::move(executor)),
      settings_(std::move(settings)),
      accepted_(std::move(accepted)),
      refusals_{throttle, throttle, throttle, throttle},
      overloads_(throttle)
{
    const auto endpoint = parse_peer_address(address);
    if (!endpoint) throw std::runtime_error("cannot listen: " + endpoint.error().message);
    const error_code error = listen_private(acceptor_, *endpoint);
    if (error == asio::error::address_in_use) {
        throw PortInUse(fmt::format("cannot listen on {}: {}; does another node run there?",
                                    address, error.message()));
    }
    if (error) {
        throw std::runtime_error(fmt::format("cannot listen on {}: {}", address, error.message()));
    }
}

asio::awaitable<void> PeerListener::run()
{
    TaskGroup tasks(acceptor_.get_executor());
    tasks.spawn("peer acceptor", accept_all(tasks));
    std::exception_ptr reason;
    try {
        co_await tasks.join();
    } catch (...) {
        reason = std::current_exception();  // co_await is not allowed in a handler
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    tasks.cancel();
    co_await tasks.join();
    std::rethrow_exception(reason);
}

asio::awaitable<void> PeerListener::accept_all(TaskGroup& tasks)
{
    for (;;) {
        co_await acceptor_.async_wait(tcp::acceptor::wait_read, asio::use_awaitable);
        const bool goes_on = accept_waiting(tasks);
        if (!goes_on) co_await sleep_for(settings_.retry_after);
    }
}

/// Whether the system can go on at once.
bool PeerListener::accept_waiting(TaskGroup& tasks)
{
    for (int i = 0; i < accepted_per_turn; ++i) {
        const int fd =
            ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            start_greeting(tasks, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return true;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            const error_code error(errno, boost::system::system_category());
            report_overload(error.message());
            return false;
        }
    }
    return true;
}

void PeerListener::start_greeting(TaskGroup& tasks, int descriptor)
{
    tcp::socket socket(acceptor_.get_executor());
    error_code error;
    socket.assign(local_endpoint().protocol(), descriptor, error);
    if (error) {
        ::close(descriptor);
        report_overload(error.message());
        return;
    }
    const auto from = socket.remote_endpoint(error).address();
    if (error) return;  // it has left already
    Greetings& among = is_known(from) ? members_ : strangers_;
    if (among.sockets.size() >= settings_.max_greetings) make_room(among);
    tasks.spawn("peer greeting", greet(std::move(socket), Place(among, descriptor), from));
}

/// Ends the oldest greeting.
void PeerListener::make_room(Greetings& among)
{
    // The coroutine whose socket this is has not ended, so that the number is not in use again.
    ::shutdown(among.sockets.front(), SHUT_RDWR);
    among.ended.splice(among.ended.end(), among.sockets, among.sockets.begin());
    report_overload(fmt::format(
        "{} connections from {} have not finished their greeting; closing the oldest",
        settings_.max_greetings, &among == &members_ ? "the machines of members" : "strangers"));
}

bool PeerListener::is_known(const asio::ip::address& address) const
{
    if (std::ranges::find(proven_, address) != proven_.end()) return true;
    return settings_.is_member && settings_.is_member(address);
}

void PeerListener::remember(const asio::ip::address& address)
{
    if (std::ranges::find(proven_, address) != proven_.end()) return;
    if (proven_.size() >= remembered_addresses) proven_.pop_front();
    proven_.push_back(address);
}

asio::awaitable<void> PeerListener::greet(tcp::socket socket, Place place, asio::ip::address from)
{
    const SteadyTime deadline = std::chrono::steady_clock::now() + settings_.greeting_timeout;
    auto connection = co_await PeerConnection::accept(std::move(socket), settings_.peer, deadline);
    place.leave();
    if (connection) {
        remember(from);
        accepted_(std::move(*connection));
    } else {
        report(connection.error());
    }
}

void PeerListener::report(const PeerError& refused)
{
    // Health checks and port scans connect and leave; that is nobody's trouble.
    if (refused.kind == PeerError::Kind::other && refused.code) {
        spdlog::debug("peer: {}", refused.message);
        return;
    }
    LogThrottle& lines = refusals_.at(static_cast<std::size_t>(refused.kind));
    const auto left_out = lines.admit(std::chrono::steady_clock::now());
    if (!left_out) return;
    if (*left_out == 0) {
        spdlog::warn("peer: refused {}", refused.message);
    } else {
        spdlog::warn("peer: refused {} (and {} like it since the last such line)", refused.message,
                     *left_out);
    }
}

void PeerListener::report_overload(std::string_view what)
{
    const auto left_out = overloads_.admit(std::chrono::steady_clock::now());
    if (!left_out) return;
    spdlog::error("peer: cannot accept a connection on {}: {} ({} times since the last such line)",
                  to_string(local_endpoint()), what, *left_out + 1);
}

}  // namespace peercron
