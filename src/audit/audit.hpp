#pragma once

#include "audit/chain_audit.hpp"
#include "audit/finding.hpp"
#include "audit/job_audit.hpp"
#include "audit/pause_history.hpp"
#include "audit/required_audit.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// Computes again from the histories of the jobs which fires were due, and compares them with the
/// ledger.
///
/// Works in steps, so that the caller decides about pace and thread: each step reads at most a page
/// from the store and judges a bounded number of fires. It keeps only a page in memory, however
/// long the time and however many the jobs.
///
/// What is judged ends where the plan does and some seconds before `now`, and begins with the
/// ledger's oldest row.
class Audit {
public:
    /// @param only of this job alone.
    Audit(AuditRange asked, std::optional<JobId> only, AuditRules rules, WallTime now);
    Audit(const Audit&) = delete;
    Audit& operator=(const Audit&) = delete;

    /// Blocks. Throws StoreError; the step may then be tried again.
    void step(Store& store);

    bool done() const { return stage_ == Stage::done; }

    /// What was found since the last call: first the runs of which the ledger has two reports, then
    /// the rest by job and, roughly, time. Only the rows and fires of a step limit the length of
    /// its list.
    std::vector<Finding> take_findings() { return std::exchange(findings_, {}); }

    /// Whole when done().
    const AuditReport& report() const { return report_; }

private:
    enum class Stage : std::uint8_t { begin, doubled, pasts, judge, chains, required, done };

    void begin(Store& store);
    void find_doubled(Store& store);
    void note(const ClockStep& step);
    void read_pasts(Store& store);
    void read_rows(Store& store);
    void judge(Store& store);
    bool judge_job(Store& store, std::size_t& budget);
    void open_job(Store& store);
    void judge_chains(Store& store);
    bool open_chain(Store& store);
    void judge_required(Store& store);
    void ask_required(Store& store);
    void answer_required(Store& store, const RequiredAudit::Row& row);
    std::optional<std::vector<RequiredAttempt>> required_rows(Store& store, const std::string& name,
                                                              const RequiredAudit::Question& of);
    std::vector<LedgerEntry> read_all_rows(Store& store, JobId job, WallTime from, WallTime to);

    const AuditRange asked_;
    const std::optional<JobId> only_;
    const AuditRules rules_;
    const WallTime now_;

    Stage stage_ = Stage::begin;
    AuditReport report_;
    std::vector<Finding> findings_;
    PauseHistory pauses_;
    CalendarHistory calendars_;

    std::int64_t last_account_ = 0;
    JobId last_job_ = 0;
    std::vector<JobPast> pasts_;
    std::size_t past_ = 0;            ///< the job that is judged
    std::optional<JobAudit> judged_;  ///< its audit, once it has begun
    std::vector<LedgerEntry> rows_;
    std::size_t row_ = 0;
    std::optional<RunId> last_row_;
    bool more_rows_ = false;  ///< of the jobs of this page

    std::optional<ChainAudit> chain_;  ///< of the job `past_`
    std::vector<JobId> parents_;       ///< its parents
    WallTime chain_from_{};            ///< up to there it was judged

    std::optional<RequiredAudit> required_;  ///< of the job `past_`
    std::optional<RunId> required_row_;      ///< up to there its rows were read
    bool more_required_ = false;             ///< rows of it
    std::deque<RequiredAudit::Row> unanswered_;
    /// A job that has a name, and since when, as far as that is known.
    struct Named {
        JobId job = 0;
        WallTime since{};
    };
    std::map<std::string, std::optional<Named>> named_;  ///< those that the job requires
};

}  // namespace peercron
