#pragma once

#include "base/clock.hpp"
#include "model/notice.hpp"
#include "model/run.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// Something that is, or lately was, wrong with a node or the cluster.
struct ClusterAlarm {
    std::optional<WallTime> since;    ///< not set: it is over
    std::optional<WallTime> told_at;  ///< the last time; not set: nobody was told
    std::string detail;               ///< the newest one
    std::set<std::string> told_of;    ///< the parts of it that were told, where it has parts
    std::vector<WallTime> changes;    ///< of the last hour that were notices
    std::optional<WallTime> flapping_since;

    friend bool operator==(const ClusterAlarm&, const ClusterAlarm&) = default;
};

/// What ClusterRules keep between two looks.
struct WatchedCluster {
    Epoch epoch = 0;     ///< of the dispatcher that kept it
    WallTime seen_at{};  ///< when that looked last
    /// The last node that dispatched has stopped in good order, so nobody was to dispatch.
    bool is_left = false;
    /// The nodes that belong to the cluster, and since when each is missing.
    std::map<NodeName, std::optional<WallTime>> nodes;
    /// By what it is, and which node it is about; "": the cluster.
    std::map<std::pair<NoticeKind, NodeName>, ClusterAlarm> alarms;

    /// While nobody dispatches: the node that sends notices, and until when it has said that it
    /// will.
    NodeName stand_in;
    WallTime stands_in_until{};

    friend bool operator==(const WatchedCluster&, const WatchedCluster&) = default;
};

/// As JobWatch::text has it.
std::string watch_text(const WatchedCluster& watched);

/// nullopt: the text cannot be read, because somebody wrote it into the database.
std::optional<WatchedCluster> read_cluster_watch(std::string_view text);

}  // namespace peercron
