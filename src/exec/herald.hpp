#pragma once

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "wire/greeting.hpp"
#include "wire/peer_session.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Answers at the port of a dead node in its place: greets every caller as the node would, and
/// tells those that know the cluster secret that the node is dead (NodeDied).
///
/// Callers that have not proven the secret are limited in number and time, and the oldest makes way
/// for a new one: nobody can keep a dispatcher from hearing of the death, or serve() from
/// returning. Only serve() blocks. For a process without threads; throws nothing.
class Herald {
public:
    /// The process that died.
    struct Deceased {
        std::uint64_t incarnation = 0;
        SteadyTime listened_from{};
        SteadyTime died_at{};  ///< when it was reaped
    };

    /// @param listener  the node's own listening socket, with the connections that wait there to be
    ///                  accepted.
    Herald(FileDescriptor listener, GreetingSettings greeting, Deceased deceased);

    /// Answers callers for this long.
    void serve(std::chrono::milliseconds time);

    /// Whether a dispatcher has confirmed that it has heard of the death.
    bool was_heard() const { return was_heard_; }

private:
    struct Caller {
        Caller(FileDescriptor connection, const GreetingSettings& settings, SteadyTime end)
            : socket(std::move(connection)),
              session(Greeting::Role::server, settings),
              deadline(end)
        {}

        FileDescriptor socket;
        PeerSession session;
        bool is_greeted = false;  ///< it has proven the secret
        SteadyTime deadline;
    };

    void accept_waiting();
    void make_room();
    bool read(Caller& caller);
    bool greet(Caller& caller);
    bool handle(std::string_view encoded);
    NodeDied word() const;

    FileDescriptor listener_;
    GreetingSettings greeting_;
    Deceased deceased_;
    std::list<Caller> callers_;  ///< the oldest first
    bool was_heard_ = false;
};

}  // namespace peercron
