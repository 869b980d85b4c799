#pragma once

#include "base/clock.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "dispatch/job_table.hpp"
#include "wire/message.hpp"

#include <optional>

namespace peercron {

/// By a person, at a moment that no schedule has: not at a whole second.
bool is_asked_for(const RunId& id);

/// Makes `order` run what its job says now.
void set_work(RunOrder& order, const PlannedJob& job);

/// Makes `order` run what `other` runs.
void copy_work(RunOrder& order, const RunOrder& other);

/// Whether it runs what its job says now.
bool has_work_of(const RunOrder& order, const PlannedJob& job);

/// Writes the orders of one term: what a run of a job is, and when it may start. Pure.
class OrderWriter {
public:
    /// `self` dispatches.
    OrderWriter(Epoch epoch, NodeName self, const DispatchSettings& settings);

    /// A run of `job`; nullptr: it has been deleted, and nothing is known of its work.
    RunOrder write(const RunId& id, const PlannedJob* job, WallTime now) const;

    /// It goes to a node that has not had it. It may be late by now; until when it has to start
    /// stays as it is.
    /// @param retry_at see PlannedRun.
    void readdress(RunOrder& order, WallTime now, std::optional<WallTime> retry_at = {}) const;

    /// It leaves now: its deadline counts from when it can start.
    void set_times(RunOrder& order, WallTime now, std::optional<WallTime> retry_at = {}) const;

private:
    const Epoch epoch_;
    const NodeName self_;
    const DispatchSettings& settings_;
};

}  // namespace peercron
