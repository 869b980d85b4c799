#pragma once

#include "audit/finding.hpp"
#include "audit/job_audit.hpp"
#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/requires.hpp"
#include "schedule/schedule.hpp"
#include "store/store.hpp"

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// The audit of the fires of a job that requires others (model/requires.hpp): none ran before the
/// last fire of each of those had succeeded, and none was skipped for that before its wait was
/// over. Recomputes it from the rows of all of them. Pure.
///
/// What is known of a run may come late, and a lost one may have succeeded after all. So not
/// judged, but counted, is a fire that was skipped although all of them have succeeded by now; also
/// what is near a change of the job, and what belongs to rows that are not there any more. What a
/// person asked for is not asked.
class RequiredAudit {
public:
    /// @param report is added to, and with `rules` must outlive this.
    RequiredAudit(const JobPast& past, const AuditRules& rules, const AuditRange& range,
                  AuditReport& report);

    JobId job() const { return job_; }
    /// Whether it has ever required others.
    bool is_concerned() const;

    /// What has to be looked up of a row; nullopt: nothing.
    struct Question {
        std::vector<std::string> names;
        RequiredTimes times;
        /// The first moment at which that may have been decided. A row that ran does not tell it:
        /// it is dispatched again when it gets another node, and the answer may have come late.
        WallTime earliest{};
        /// When it was decided that it runs, or does not, at the latest; to the second.
        WallTime decided{};
    };
    /// A row, and what has to be looked up of it.
    struct Row {
        LedgerEntry entry;
        Question question;
    };
    /// What it can say without an answer it adds at once: it is called once for each row.
    std::optional<Question> question_of(const LedgerEntry& row);
    /// @param jobs of each name the rows that were due from question.times.since on, some hundreds
    ///        at most, up to `decided` and a little later; nullopt: they cannot be told.
    void judge(const LedgerEntry& row, const Question& question,
               std::span<const std::optional<std::vector<RequiredAttempt>>> jobs);

    /// What was found since the last call.
    std::vector<Finding> take_findings() { return std::exchange(findings_, {}); }

private:
    struct Version {
        WallTime begin{};
        bool by_hand = false;
        std::optional<Job> job;  ///< none: it was deleted
        std::optional<Schedule> schedule;
    };

    const Version* version_at(WallTime time) const;
    bool near_change(WallTime time) const;
    bool may_have_succeeded(std::span<const RequiredAttempt> rows, const Question& question) const;
    void add(FindingKind kind, const LedgerEntry& row, std::string what);

    const AuditRules& rules_;
    const AuditRange range_;
    AuditReport& report_;
    const JobId job_;
    std::vector<Version> versions_;
    std::vector<Finding> findings_;
};

}  // namespace peercron
