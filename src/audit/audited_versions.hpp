#pragma once

#include "base/clock.hpp"
#include "schedule/schedule.hpp"
#include "store/store.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// The tolerances of an audit.
struct AuditRules {
    std::string default_zone = "UTC";      ///< of jobs without one; the dispatcher's
    std::chrono::milliseconds late{3000};  ///< a fire that starts later than that is late

    /// Within this time of a change of its job, a fire may be of the old version, the new one or
    /// neither: the change needs that long to reach the dispatcher, by clocks that differ. The
    /// dispatcher goes back as far (`change_reach` in dispatch/term_rules.cpp).
    std::chrono::milliseconds change{5000};
    /// The same for a change in the database itself, which is noticed by polling.
    std::chrono::milliseconds change_by_hand{60'000};

    /// How long after a possible start or end its row may take to show it.
    std::chrono::milliseconds settle{60'000};
};

/// What a revision of a job says of its fires.
struct AuditedVersion {
    WallTime begin;  ///< fires later than this …
    WallTime end;    ///< … up to this one
    bool by_hand = false;
    bool exists = false;
    std::optional<Schedule> schedule;  ///< not set: nothing is due
    Window window;
    Delivery delivery = Delivery::at_most_once;
    bool may_wait = false;  ///< a fire may start late because another one is alive
    std::chrono::seconds timeout{0};
    std::int64_t run_limit = 0;
    Job job;  ///< for its retries
};

/// All versions of one job that the audit knows. None, if the past that was read is not whole.
class AuditedVersions {
public:
    /// @param rules must outlive this.
    AuditedVersions(const JobPast& past, const AuditRules& rules);

    /// Ascending by begin.
    const std::vector<AuditedVersion>& all() const { return versions_; }

    /// That of a fire of that moment; nullptr: it is not known.
    const AuditedVersion* at(WallTime fire) const;
    /// The same, if it is one of a daemon.
    const AuditedVersion* of_daemon_at(WallTime time) const;
    /// Whether a change was so near that a fire may be of the version before or after it.
    bool near_change(WallTime time) const;

private:
    const AuditRules& rules_;
    std::vector<AuditedVersion> versions_;
};

}  // namespace peercron
