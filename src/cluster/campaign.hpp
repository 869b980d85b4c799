#pragma once

#include "model/run.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace peercron {

/// The lock key as Consul shows it; a key that does not exist is the default.
struct LockEntry {
    std::string session;           ///< that holds it; empty: none
    std::uint64_t lock_index = 0;  ///< how often it was acquired since it exists
    std::uint64_t flags = 0;       ///< added to lock_index, see Campaign
    NodeName holder;               ///< the node named in the value; the last one while it is free

    /// Saturates: anyone who can write to Consul can write any flags.
    Epoch epoch() const
    {
        const Epoch room = std::numeric_limits<Epoch>::max() - flags;
        return flags + std::min(lock_index, room);
    }
};

/// What one node knows about the race for the lock, and what it should do next.
///
/// Consul counts in LockIndex how often the key was acquired, which makes it an epoch: every term
/// has a greater one than all before. But it lives only as long as the key: after Consul was wiped
/// (a restarted agent in dev mode) or the key was deleted by hand it begins at 1 again, and the
/// store would refuse the dispatcher for as many elections as there had been. The key's flags make
/// up for it: epoch = flags + LockIndex, with flags 0 until a holder finds its epoch below one that
/// is known to have been used, and writes what is missing into the flags. Only the holder can,
/// because the same request takes the lock; so an epoch still belongs to one term. Flags that
/// make an epoch past last_epoch are a mistake, and the next holder replaces them.
///
/// Pure bookkeeping. Source: Consul, HTTP API, "KV Store", acquire, release, LockIndex, Flags.
class Campaign {
public:
    /// A request to take the lock, or to write the flags while holding it.
    struct Bid {
        std::string session;
        std::uint64_t flags = 0;
    };

    /// This node has a session.
    void session_made(std::string id);

    /// Consul says that the session is gone, and with it any lock that it held.
    void session_lost();

    /// This node no longer wants the lock.
    void resign();

    /// The key was read.
    void seen(const LockEntry& entry);

    /// Epochs up to `used` belong to others: this node's must be greater. A value past last_epoch
    /// is impossible and changes nothing.
    void raise_epoch(Epoch used);

    /// The request to send to Consul now; nullopt: none, wait for news of the key.
    std::optional<Bid> bid() const;

    /// This node has resigned, and the key still shows its session.
    bool must_release() const { return resigned_ && holds(entry_); }

    /// No node holds the lock, as far as is known.
    bool lock_is_free() const { return seen_ && entry_.session.empty(); }

    /// This node's session as the key shows it; says that the session was alive at that time.
    bool holds(const LockEntry& entry) const
    {
        return !session_.empty() && entry.session == session_;
    }

    /// This node's session; empty while it has none.
    const std::string& session() const { return session_; }
    bool resigned() const { return resigned_; }

    /// The flags that the key has; a release must keep them.
    std::uint64_t flags() const { return entry_.flags; }

    /// The epoch of this node's own term; 0 while it has none.
    Epoch epoch() const { return epoch_; }

    /// The node that holds the lock; empty: none.
    const NodeName& dispatcher() const { return dispatcher_; }

private:
    void end_tenure();

    std::string session_;
    bool resigned_ = false;
    bool seen_ = false;
    LockEntry entry_;  // the last news
    NodeName dispatcher_;
    Epoch epoch_ = 0;
    Epoch used_ = 0;  // the greatest epoch of a term other than the present one of this node
};

}  // namespace peercron
