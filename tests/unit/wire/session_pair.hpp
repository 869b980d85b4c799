#pragma once

#include "wire/peer_session.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace peercron::testing {

/// What arrives for what was sent.
using OnTheWay = std::function<std::string(std::string)>;

inline std::string unchanged(std::string bytes)
{
    return bytes;
}

/// Two ends, and what is between them.
struct Pair {
    Pair(GreetingSettings from, GreetingSettings to)
        : client(Greeting::Role::client, std::move(from)),
          server(Greeting::Role::server, std::move(to))
    {}

    /// Until both have an outcome, or nothing more is said.
    void greet(const OnTheWay& to_server = unchanged, const OnTheWay& to_client = unchanged)
    {
        for (int turn = 0; turn < 12; ++turn) {
            const bool is_clients = turn % 2 == 0;
            auto& outcome = is_clients ? client_outcome : server_outcome;
            if (outcome) continue;
            std::string out;
            outcome = (is_clients ? client : server).greet(out);
            if (out.empty()) continue;
            const std::string arriving = (is_clients ? to_server : to_client)(out);
            give(is_clients ? server : client, arriving);
            seen += arriving;
        }
    }

    static void give(PeerSession& session, std::string_view bytes)
    {
        while (!bytes.empty()) {
            const auto room = session.room();
            const std::size_t size = std::min(room.size(), bytes.size());
            std::copy_n(bytes.begin(), size, room.begin());
            session.filled(size);
            bytes.remove_prefix(size);
        }
    }

    bool are_connected() const
    {
        return client_outcome && *client_outcome && server_outcome && *server_outcome;
    }
    PeerError failure(Greeting::Role role) const
    {
        const auto& outcome = role == Greeting::Role::client ? client_outcome : server_outcome;
        if (outcome && !*outcome) return outcome->error();
        ADD_FAILURE() << "no failure";
        return {};
    }

    PeerSession client;
    PeerSession server;
    std::optional<Result<Greeted, PeerError>> client_outcome;
    std::optional<Result<Greeted, PeerError>> server_outcome;
    std::string seen;  ///< by anyone who listens
};

}  // namespace peercron::testing
