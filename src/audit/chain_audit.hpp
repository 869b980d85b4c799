#pragma once

#include "audit/calendar_history.hpp"
#include "audit/finding.hpp"
#include "audit/job_audit.hpp"
#include "base/clock.hpp"
#include "model/job.hpp"
#include "store/store.hpp"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// The audit of the fires that a job has after others (model/chain.hpp): each time that all of them
/// have fired and are over, it has one row, which ran, or was skipped, as they ended; with shards
/// one of each part. Recomputes it from the rows of all of them. Pure.
///
/// One that the job's calendars exclude is skipped, however they ended.
///
/// A fire belongs to the version that was valid when the last of its parents was over. Not judged,
/// but counted: what is near a change of the job, what has other parents than the newest version,
/// what ran although all parents succeeded (one may have been lost until then, and this was told
/// later), and missing fires of a job with a limit of runs. Runs by hand are not judged.
class ChainAudit {
public:
    /// @param report is added to, and with `rules` and `calendars` must outlive this.
    ChainAudit(const JobPast& past, const AuditRules& rules, const AuditRange& range, WallTime now,
               AuditReport& report, const CalendarHistory& calendars);

    JobId job() const { return job_; }
    /// The names of the parents; empty: the job has never run after others.
    const std::vector<std::string>& parents() const { return parents_; }

    /// Judges the fires of `from` <= scheduled time <= `to`.
    /// @param parents all rows of that time, of each parent by time and attempt, in their order.
    /// @param own those of the job.
    void judge(WallTime from, WallTime to, std::span<const std::vector<LedgerEntry>> parents,
               std::span<const LedgerEntry> own);

    /// What was found since the last call.
    std::vector<Finding> take_findings() { return std::exchange(findings_, {}); }

private:
    struct Version {
        WallTime begin{};
        bool by_hand = false;
        std::optional<Job> job;  ///< none: it was deleted
    };
    /// How a fire of a parent ended.
    struct End {
        RunState state = RunState::success;
        WallTime at{};
        bool is_final = true;
        bool by_hand = false;  ///< a person asked for an attempt
    };

    static std::optional<End> end_of(std::span<const LedgerEntry> attempts);
    const Version* version_at(WallTime time) const;
    bool near_change(WallTime time) const;
    void judge_fire(WallTime at, std::span<const End> ends, std::span<const LedgerEntry> own);
    void judge_row(const LedgerEntry& row, std::span<const End> ends, WallTime over,
                   const Job& job);
    void judge_parts(std::span<const LedgerEntry> rows);
    bool judge_calendar(const LedgerEntry& row, const Job& job);
    void add(FindingKind kind, const RunId& run, const LedgerEntry* row, std::string what);

    const AuditRules& rules_;
    const AuditRange range_;
    const WallTime now_;
    AuditReport& report_;
    const CalendarHistory& calendars_;
    const JobId job_;
    std::vector<Version> versions_;
    std::vector<std::string> parents_;
    std::vector<Finding> findings_;
};

}  // namespace peercron
