#include "exec/herald.hpp"

#include "wire/codec.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t most_callers = 16;
constexpr int accepted_per_turn = 16;
constexpr milliseconds patience{1500};  // of one caller
/// The longest message of a dispatcher to a node to which it has just connected.
constexpr std::size_t longest_frame = 1U << 20U;

/// At once, or not at all: it is short, and the connection is new.
bool send_all(const FileDescriptor& socket, std::string_view bytes)
{
    const ssize_t sent =
        ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == static_cast<ssize_t>(bytes.size());
}

}  // namespace

Herald::Herald(FileDescriptor listener, GreetingSettings greeting, Deceased deceased)
    : listener_(std::move(listener)), greeting_(std::move(greeting)), deceased_(deceased)
{
    // An older peer would take this process for the node.
    greeting_.versions = {warden_version, warden_version};
}

void Herald::serve(milliseconds time)
{
    const auto until = Steady::now() + time;
    do {
        std::vector<pollfd> wanted{{listener_.get(), POLLIN, 0}};
        auto next = until;
        for (const Caller& caller : callers_) {
            wanted.push_back({caller.socket.get(), POLLIN, 0});
            next = std::min(next, caller.deadline);
        }
        const auto left = std::chrono::ceil<milliseconds>(next - Steady::now());
        ::poll(wanted.data(), wanted.size(),
               static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1000)));
        auto place = wanted.cbegin() + 1;
        const auto now = Steady::now();
        std::erase_if(callers_, [&](Caller& caller) {
            const bool is_ready = (place++)->revents != 0;
            return (is_ready && !read(caller)) || now >= caller.deadline;
        });
        if (wanted.front().revents != 0) accept_waiting();
    } while (Steady::now() < until);
}

void Herald::accept_waiting()
{
    for (int i = 0; i < accepted_per_turn; ++i) {
        FileDescriptor socket(
            ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket) {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            // Out of descriptors: the connection stays in the queue, and poll() would not wait.
            if (errno != EAGAIN && errno != EWOULDBLOCK) ::poll(nullptr, 0, 5);
            return;
        }
        const int on = 1;
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        make_room();
        callers_.emplace_back(std::move(socket), greeting_, Steady::now() + patience);
    }
}

void Herald::make_room()
{
    if (callers_.size() < most_callers) return;
    const auto is_stranger = [](const Caller& caller) { return !caller.is_greeted; };
    const auto stranger = std::find_if(callers_.begin(), callers_.end(), is_stranger);
    callers_.erase(stranger != callers_.end() ? stranger : callers_.begin());
}

/// Whether the connection goes on.
bool Herald::read(Caller& caller)
{
    const auto room = caller.session.room();
    const ssize_t size = ::recv(caller.socket.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (size == 0) return false;
    caller.session.filled(static_cast<std::size_t>(size));
    if (!caller.is_greeted && !greet(caller)) return false;
    while (caller.is_greeted) {
        const auto encoded = caller.session.next();
        if (!encoded) return false;
        if (!*encoded) return !caller.session.is_closed_by_peer();
        if (!handle(**encoded)) return false;
    }
    return true;
}

bool Herald::greet(Caller& caller)
{
    std::string out;
    const auto outcome = caller.session.greet(out);
    const bool has_failed = outcome && !*outcome;
    if (outcome && *outcome) {
        caller.is_greeted = true;
        caller.session.set_limit(longest_frame);
        std::string queue;
        caller.session.append(queue, word());
        out += caller.session.protect(queue);
    }
    return send_all(caller.socket, out) && !has_failed;
}

bool Herald::handle(std::string_view encoded)
{
    const auto message = decode(encoded);
    if (!message) return false;
    if (!*message) return true;
    const auto* heard = std::get_if<DeathHeard>(&**message);
    if (heard == nullptr) return true;  // it takes this for the node until it reads of the death
    if (heard->incarnation == deceased_.incarnation) was_heard_ = true;
    return false;
}

NodeDied Herald::word() const
{
    NodeDied died;
    died.incarnation = deceased_.incarnation;
    // Rounded down, so that the death is never dated too early.
    died.ago = std::chrono::floor<milliseconds>(Steady::now() - deceased_.died_at);
    died.lived = std::chrono::floor<milliseconds>(deceased_.died_at - deceased_.listened_from);
    return died;
}

}  // namespace peercron
