#pragma once

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "wire/frame.hpp"
#include "wire/frame_mac.hpp"
#include "wire/greeting.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Answers at the port of a node that is dead, in its place: greets whoever connects as the node
/// would, and tells those that know the cluster secret that the node is dead (NodeDied).
///
/// Of strangers there are a few at a time, each for a moment, and the oldest makes way: nobody can
/// keep a dispatcher from the word, or this from its end. Never blocks but in serve(). For a
/// process without threads; throws nothing.
class Herald {
public:
    /// The process that is dead.
    struct Deceased {
        std::uint64_t incarnation = 0;
        SteadyTime listened_from{};
        SteadyTime died_at{};  ///< when it was reaped
    };

    /// @param listener  the node's own listening socket: with it come the connections that nobody
    ///                  had accepted.
    Herald(FileDescriptor listener, GreetingSettings greeting, Deceased deceased);

    /// Answers for so long.
    void serve(std::chrono::milliseconds time);

    /// Whether a dispatcher has confirmed that it knows.
    bool was_heard() const { return was_heard_; }

private:
    struct Caller {
        Caller(FileDescriptor connection, const GreetingSettings& settings, SteadyTime end)
            : socket(std::move(connection)),
              greeting(Greeting::Role::server, settings),
              deadline(end)
        {}

        FileDescriptor socket;
        Greeting greeting;
        FrameReader frames{greeting_frame_limit};
        std::optional<FrameMac> receive_mac;  ///< once it has proven the secret
        SteadyTime deadline;
    };

    void accept_waiting();
    void make_room();
    bool read(Caller& caller);
    bool handle(Caller& caller, std::string_view payload);
    bool greet(Caller& caller, std::string_view payload);
    std::string word(const Digest& key) const;

    FileDescriptor listener_;
    GreetingSettings greeting_;
    Deceased deceased_;
    std::list<Caller> callers_;  ///< the oldest first
    bool was_heard_ = false;
};

}  // namespace peercron
