#pragma once

#include "base/clock.hpp"
#include "model/role.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// A person who signs in, with a password or by the OpenID provider.
struct UserAccount {
    std::int64_t id = 0;
    std::string name;
    std::string password;  ///< its hash, as crypt(5) writes it; "" = none opens it
    bool sso = false;      ///< the provider may sign this person in
    /// Who it is at the provider: "SUBJECT ISSUER"; "" = nobody has signed in yet.
    std::string identity;
    Role role = Role::read;
    std::vector<std::string> tags;  ///< only jobs that have one of these; empty = all jobs
    WallTime created_at{};
    std::optional<WallTime> signed_in_at;

    friend bool operator==(const UserAccount&, const UserAccount&) = default;
};

/// A secret for a program.
struct AccessToken {
    std::int64_t id = 0;
    std::string name;
    std::string digest;  ///< the SHA-256 of the secret, hexadecimal
    Role role = Role::read;
    std::vector<std::string> tags;  ///< as UserAccount::tags
    WallTime created_at{};
    std::string created_by;
    std::optional<WallTime> expires_at;
    std::optional<WallTime> used_at;  ///< about: not each use is written

    friend bool operator==(const AccessToken&, const AccessToken&) = default;
};

/// A browser in which somebody has signed in.
struct Session {
    /// It ends when it has not been used for this long, and in any case after its longest life.
    static constexpr std::chrono::hours idle_limit{12};
    static constexpr std::chrono::hours longest_life{7 * 24};

    std::string digest;  ///< as AccessToken::digest
    std::int64_t account = 0;
    WallTime created_at{};
    WallTime used_at{};  ///< about: not each use is written

    bool is_over(WallTime now) const
    {
        return now >= used_at + idle_limit || now >= created_at + longest_life;
    }

    friend bool operator==(const Session&, const Session&) = default;
};

/// Something that a person may want to know about access later.
struct AccessEvent {
    std::int64_t id = 0;
    WallTime at{};
    std::string what;     ///< a word: "sign-in"
    std::string who;      ///< who did it, or claims to be
    std::string address;  ///< from where
    std::string detail;   ///< with whom or what

    friend bool operator==(const AccessEvent&, const AccessEvent&) = default;
};

/// What is wrong with the name of an account or a token, with what is allowed; nullopt = nothing.
std::optional<std::string> find_name_problem(std::string_view name);

}  // namespace peercron
