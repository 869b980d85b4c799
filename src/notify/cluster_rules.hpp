#pragma once

#include "base/clock.hpp"
#include "model/notice.hpp"
#include "model/run.hpp"
#include "notify/cluster_watch.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// What is told about nodes and the cluster, and when.
struct ClusterNotices {
    std::vector<std::string> on;  ///< words of cluster_kinds
    /// How long a node is missing, the store is away, …, before it is told.
    std::chrono::milliseconds after{60'000};
    std::chrono::milliseconds every{0};  ///< told again of what goes on; 0: once
    std::vector<std::string> channels;   ///< names; none: those for every job
};

/// The kinds of notices about nodes and the cluster.
inline constexpr std::array<NoticeKind, 7> cluster_kinds{
    NoticeKind::node_gone,          NoticeKind::no_dispatcher, NoticeKind::store_away,
    NoticeKind::journal_failing,    NoticeKind::clock_off,     NoticeKind::audit_finding,
    NoticeKind::certificate_expires};

/// A certificate that expires sooner is told.
inline constexpr std::chrono::hours certificate_notice{24 * 14};
/// A clock that differs by more is wrong; what NTP leaves is far less.
inline constexpr std::chrono::milliseconds clock_notice{1000};

/// What a dispatcher knows of the cluster.
struct ClusterFacts {
    WallTime now{};
    NodeName self;  ///< the dispatcher's node

    struct Node {
        NodeName name;
        bool is_connected = true;
        bool is_draining = false;                             ///< it stops in good order
        std::optional<std::chrono::milliseconds> clock = {};  ///< minus the dispatcher's
    };
    std::vector<Node> nodes;
    std::set<NodeName> registered;
    /// The dispatcher's clock minus the database's.
    std::optional<std::chrono::milliseconds> ahead_of_database;

    struct Outage {
        WallTime since{};
        std::string why;
    };
    std::optional<Outage> store_away;

    struct Audited {
        bool is_clean = true;
        std::string found;
    };
    std::optional<Audited> audit;  ///< the newest one of this term
};

/// What a node knows of itself, and no other does.
struct OwnFacts {
    WallTime now{};
    bool is_journal_failing = false;

    struct Certificate {
        std::string owner;  ///< what it is the certificate of: "the API"
        WallTime expiry{};
    };
    std::vector<Certificate> certificates = {};
};

/// What a node has seen before it dispatches. The dispatcher before it may have died with what it
/// could not store.
struct SeenBefore {
    std::optional<WallTime> dispatcher_heard;  ///< the last one
    /// Since when the store was away, the last time, as this node's own calls say; it answers now.
    std::optional<WallTime> store_away_since;
};

/// Which notices the life of the nodes and the cluster gives. Pure: a function of what is known, of
/// what was kept, and of moments, so that the next dispatcher goes on where the last one stopped.
///
/// - One notice when something begins, after ClusterNotices::after, and one when what was told is
///   over, with how long it went on. What nobody was told has no end that anybody is told.
/// - A node belongs to the cluster when it is connected or registered, until it stops in good
///   order: then it is gone from the registry as well.
/// - A certificate that expires soon is told again when another one of the node does, too.
/// - What is wrong with a node that is away stays as it is until the node is heard again. Each
///   node looks at its journal and its certificates itself.
/// - Clocks are judged by the one that most others agree with; by the database's, if that is open.
/// - More than six changes of one thing within an hour are told as one (notify/flapping.hpp).
/// - What lasts for more than a week and is about a node that is away is forgotten: it will not
///   come back.
///
/// Any thread.
class ClusterRules {
public:
    explicit ClusterRules(ClusterNotices settings) : settings_(std::move(settings)) {}

    /// A dispatcher begins. When nobody dispatched for long before, that is told, and its end; and
    /// the same of a store that was away when the last dispatcher died.
    std::vector<Notice> begin(WatchedCluster& watched, Epoch epoch, WallTime now,
                              const SeenBefore& seen = {}) const;

    /// What the dispatcher sees, again and again.
    std::vector<Notice> look(WatchedCluster& watched, const ClusterFacts& facts) const;

    /// What any node sees of itself, again and again; `watched` is its own.
    std::vector<Notice> look_at_self(WatchedCluster& watched, const NodeName& self,
                                     const OwnFacts& facts) const;

    /// A node that does not dispatch has found that nobody does, for as long as `after` says.
    std::vector<Notice> nobody_dispatches(WatchedCluster& watched, WallTime now) const;

    /// This node stops in good order, while it dispatches.
    void leave(WatchedCluster& watched, const ClusterFacts& facts) const;

private:
    class Look;

    const ClusterNotices settings_;
};

/// A notice about a node or the cluster in one line: "node 10.0.0.2:9991 is gone".
std::string cluster_title(const Notice& notice);

}  // namespace peercron
