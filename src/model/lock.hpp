#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

// Jobs that must not run together share a lock (Job::locks). A lock has a limit, and each run takes
// some of it from its start to its end; the sum is never greater than the limit.

/// What a run takes of a lock.
struct LockClaim {
    std::string name;
    std::int64_t weight = 1;

    friend bool operator==(const LockClaim&, const LockClaim&) = default;
};

/// The limit of a lock that somebody has set.
struct LockLimit {
    std::string name;
    std::int64_t limit = 1;
    std::string set_by;  ///< "alice from 10.0.0.7"
    WallTime set_at{};

    friend bool operator==(const LockLimit&, const LockLimit&) = default;
};

/// Of a lock whose limit nobody has set: one run at a time.
inline constexpr std::int64_t usual_lock_limit = 1;
/// The greatest limit, and weight.
inline constexpr std::int64_t most_lock_limit = 10'000;

/// Whether a lock may have this name.
bool is_lock_name(std::string_view text);

/// Reads "db", which takes 1, or "ftp:2"; nullopt for anything else.
std::optional<LockClaim> parse_lock(std::string_view text);

/// Of Job::locks; "db", or "ftp:2". Each lock is there once. A row that was written by hand may
/// have what cannot be read: that takes 1 of the lock which it names, so that it excludes others.
std::vector<LockClaim> read_locks(std::span<const std::string> words);

/// What is wrong with Job::locks as a whole: a lock named twice. nullopt: nothing is.
std::optional<std::string> find_doubled_lock(std::span<const std::string> words);

/// The limit of a lock among those that are set.
std::int64_t limit_of(std::string_view name, std::span<const LockLimit> limits);

/// The first of the claims that takes more than there is; nullopt: none does.
std::optional<std::string> find_oversized_lock(std::span<const LockClaim> claims,
                                               std::span<const LockLimit> limits);

}  // namespace peercron
