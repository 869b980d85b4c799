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
    const auto is_stranger = [](const Caller& caller) { return !caller.receive_mac; };
    const auto stranger = std::find_if(callers_.begin(), callers_.end(), is_stranger);
    callers_.erase(stranger != callers_.end() ? stranger : callers_.begin());
}

/// Whether the connection goes on.
bool Herald::read(Caller& caller)
{
    const auto room = caller.frames.room();
    const ssize_t size = ::recv(caller.socket.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (size == 0) return false;
    caller.frames.filled(static_cast<std::size_t>(size));
    for (;;) {
        const auto frame = caller.frames.next();
        if (!frame) return false;
        if (!*frame) return true;
        if (!handle(caller, **frame)) return false;
    }
}

bool Herald::handle(Caller& caller, std::string_view payload)
{
    if (!caller.receive_mac) return greet(caller, payload);
    const auto opened = caller.receive_mac->open(payload);
    if (!opened) return false;
    const auto message = decode(*opened);
    if (!message) return false;
    if (!*message) return true;
    const auto* heard = std::get_if<DeathHeard>(&**message);
    if (heard == nullptr) return true;  // it takes this for the node until it reads of the death
    if (heard->incarnation == deceased_.incarnation) was_heard_ = true;
    return false;
}

bool Herald::greet(Caller& caller, std::string_view payload)
{
    Greeting::Step step = caller.greeting.receive(payload);
    std::string out;
    if (step.send) {
        const std::size_t start = begin_frame(out);
        out += *step.send;
        end_frame(out, start);
    }
    const bool is_greeted = step.outcome && step.outcome->has_value();
    if (is_greeted) {
        const Greeted& greeted = **step.outcome;
        caller.receive_mac.emplace(greeted.receive_key);
        caller.frames.set_limit(longest_frame);
        out += word(greeted.send_key);
    }
    if (!send_all(caller.socket, out)) return false;
    return is_greeted || !step.outcome;
}

/// The first sealed frame of a connection with this key.
std::string Herald::word(const Digest& key) const
{
    NodeDied died;
    died.incarnation = deceased_.incarnation;
    // Rounded down, so that the death is never dated too early.
    died.ago = std::chrono::floor<milliseconds>(Steady::now() - deceased_.died_at);
    died.lived = std::chrono::floor<milliseconds>(deceased_.died_at - deceased_.listened_from);
    std::string out;
    const std::size_t start = begin_frame(out);
    const std::size_t sealed = out.size();
    append_encoded(out, died);
    FrameMac(key).seal(out, sealed);
    end_frame(out, start);
    return out;
}

}  // namespace peercron
