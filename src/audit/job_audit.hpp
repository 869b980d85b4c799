#pragma once

#include "audit/audited_versions.hpp"
#include "audit/calendar_history.hpp"
#include "audit/daemon_audit.hpp"
#include "audit/finding.hpp"
#include "audit/pause_history.hpp"
#include "base/clock.hpp"
#include "store/store.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// The audit of one job: walks the fires that its versions made due in step with its rows, both in
/// order of time. Pure; what it keeps does not grow with the time or the rows.
///
/// Revision i says what is due in (effective i, effective i+1], as Edit has it, and what is due
/// then is what Schedule says, as for the dispatcher. A row accounts for its fire whatever its
/// state is; a revoked row only if the fire was late and its job was stopped or deleted before it
/// could start. The row of a gap accounts for all fires up to its end.
///
/// Of a job whose fires have several parts each of them is judged like a fire, and none may be
/// missing: as many as the version says by which it was due, or, where that means every node, as
/// the rows say, which all came in one step. A fire that does not run is one row.
///
/// Not judged, but counted: what is before the first known version; missing and extra fires near
/// a change; a fire that was decided to be skipped before a change took it back; missing fires of a
/// job whose limit of runs may have been reached.
///
/// Which further attempts a fire gets after a run that failed follows from that run and the version
/// that was valid when it ended (model/retry.hpp), unless a change came before the attempt was due:
/// the attempt has a row, starts at its time, and not after the job's next fire was due.
///
/// A fire that a pause is said to have kept from running was due in one; nothing but what people
/// ask for, and what runs again after it was lost, starts in a pause. For a fire that comes after
/// those of other jobs the moment counts at which they were over.
///
/// A fire that calendars are said to have excluded was excluded by those that there were at its
/// moment, also when it is one of many in a row; no other fire of such a moment starts, unless a
/// person asks for it.
///
/// With jitter a fire starts when that says (model/jitter.hpp), and its row says so.
///
/// Of a daemon, which has no fires, DaemonAudit judges the starts.
class JobAudit {
public:
    /// @param range what is judged: fires and rows.
    /// @param now rows that are open then, and should not be, never ended.
    /// @param report is added to, and with `rules`, `pauses` and `calendars` must outlive this.
    JobAudit(const JobPast& past, const AuditRules& rules, const AuditRange& range, WallTime now,
             AuditReport& report, const PauseHistory& pauses, const CalendarHistory& calendars);

    /// The next fire that was due and has not been passed.
    std::optional<WallTime> next_due() const { return next_due_; }

    /// Fires up to there are accounted for by a gap that began before the range.
    void cover(WallTime through) { covered_through_ = std::max(covered_through_, through); }

    /// Judges the fires before `until`; all rows before it must have been taken. Each fire takes
    /// one from `budget`. False: the budget is spent, and there are more.
    bool pass(WallTime until, std::size_t& budget);

    /// The next row of the job by time and attempt; the fires before it have been passed.
    void take(const LedgerEntry& row);

    /// All fires have been passed, and all rows taken.
    void finish();

    /// What was found since the last call.
    std::vector<Finding> take_findings() { return std::exchange(findings_, {}); }

private:
    /// All rows of one part of a fire.
    struct Part {
        std::int32_t standing = 0;  ///< neither revoked nor asked for by hand
        std::int32_t started = 0;
        std::optional<LedgerEntry> newest;
        std::optional<WallTime> last_start;
    };
    /// All rows of one moment.
    struct Group {
        WallTime at{};
        bool due = false;
        std::int32_t expected = 1;  ///< how many parts the fire has, where it is due
        std::map<std::int32_t, Part> parts;

        bool is_standing() const;
        /// Of the first part that has one.
        const LedgerEntry& newest() const;
    };

    void take_daemon(const LedgerEntry& row, const AuditedVersion& version);
    void take_rehearsal(const LedgerEntry& row);
    void finish_daemon();
    void find_next_due(WallTime after);
    void judge_absent(WallTime fire);
    void judge_row(const LedgerEntry& row);
    void close_group();
    void judge_group(const Group& group);
    void judge_part(const Group& group, const Part& part);
    void judge_parts(const Group& group);
    void end_attempts();
    bool was_skipped_ahead(const LedgerEntry& row) const;
    bool was_given_up(const LedgerEntry& row) const;
    bool may_be_at_limit(WallTime fire) const;
    std::chrono::seconds longest_required_wait(WallTime fire) const;
    bool may_wait(WallTime fire) const;
    bool may_start_again(WallTime fire, WallTime start) const;
    bool is_due_at_end(const LedgerEntry& row) const;
    void judge_missed(const LedgerEntry& row);
    void judge_pause(const LedgerEntry& row);
    void judge_jitter(const LedgerEntry& row);
    void judge_calendar(const LedgerEntry& row);
    std::optional<bool> was_excluded(WallTime fire) const;
    void judge_next_attempt(const LedgerEntry& row, const LedgerEntry* next);
    void judge_retry(const LedgerEntry& row, const LedgerEntry& retry);
    std::optional<WallTime> retry_due(const LedgerEntry& row) const;
    bool is_superseded(WallTime fire, WallTime retry_at) const;
    void add_missing(WallTime fire);
    void add_wrongly_excluded(WallTime fire);
    void flush_missing();
    void add(FindingKind kind, const LedgerEntry& row, std::string what);
    void count_outcome(const LedgerEntry& row);

    const AuditRules& rules_;
    const AuditRange range_;
    const WallTime now_;
    AuditReport& report_;
    const PauseHistory& pauses_;
    const CalendarHistory& calendars_;
    const JobId job_;
    const std::optional<std::int64_t> run_num_;
    AuditedVersions versions_;
    DaemonAudit daemon_;

    std::size_t version_ = 0;  ///< that of next_due_
    std::optional<WallTime> next_due_;
    std::optional<Group> group_;
    WallTime covered_through_{};
    bool covers_excluded_ = false;  ///< what that says is that calendars exclude them
    bool uncounted_ = false;        ///< the last gap may be longer than its row says
    std::map<std::int32_t, LedgerEntry> last_rows_;  ///< of the newest fire, by part
    std::optional<WallTime> last_standing_;
    std::int64_t not_run_ = 0;  ///< rows so far that took a place at the limit without counting
    std::optional<Finding> missing_;
    std::vector<Finding> findings_;
};

}  // namespace peercron
