#pragma once

#include "base/clock.hpp"
#include "http/json_writer.hpp"
#include "model/daemon.hpp"
#include "store/store.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>

namespace peercron {

/// How a daemon is, for people.
struct DaemonView {
    bool is_up = false;
    std::optional<WallTime> since;       ///< it is up
    NodeName node;                       ///< where it is up, or about to start; empty: nowhere
    std::optional<WallTime> next_start;  ///< it is down
    std::string why;                     ///< it is down: "back-off after 3 failures in a row"

    friend bool operator==(const DaemonView&, const DaemonView&) = default;
};

/// By its rows, as Store::daemon_starts() says them. Pure.
DaemonView daemon_view(const Job& job, std::span<const DaemonStart> starts, WallTime now);

using DaemonViews = std::map<JobId, DaemonView>;

/// Of those of the jobs that are daemons.
DaemonViews read_daemons(Store& store, std::span<const Job> jobs, WallTime now);

void write_daemon(JsonWriter& json, const DaemonView& daemon);

}  // namespace peercron
