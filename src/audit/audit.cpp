#include "audit/audit.hpp"

#include "model/run_request.hpp"
#include "store/calendar_store.hpp"
#include "store/doubled_run.hpp"
#include "store/pause_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t jobs_per_page = 200;
constexpr std::size_t rows_per_page = 5000;
/// Of fires that have no row, in one step: some 10 ms.
constexpr std::size_t fires_per_step = 50'000;

/// Of a job that requires others, in one step.
constexpr std::size_t required_rows_per_page = 100;
/// Rows for which those of other jobs are looked up one by one.
constexpr std::size_t looked_up_per_step = 10;
/// Of a required job.
constexpr std::size_t most_required_rows = 200;
/// In which its name is looked for.
constexpr std::size_t most_revisions_of_name = 50;

/// What happens now may not be in the ledger yet.
constexpr auto settling = 5s;
/// The dispatcher moves planned-through at least every second; a new one has it within three.
constexpr auto plan_is_behind = 10s;

/// Since when the job has had this name; of a long history, as far back as its newest part goes.
WallTime named_since(Store& store, JobId job, const std::string& name)
{
    RevisionQuery query;
    query.job = job;
    query.limit = most_revisions_of_name;
    WallTime since{};
    const RevisionPage page = store.find_revisions(query);
    for (const Revision& revision : page.revisions) {
        since = revision.effective_from;
        const bool had_it = revision.before && revision.before->name == name;
        if (!had_it) break;
    }
    return since;
}

RequiredAttempt attempt_of(const LogRow& row)
{
    RequiredAttempt attempt;
    attempt.id = row.run.id;
    attempt.state = row.run.state;
    attempt.ended_at = row.run.ended_at;
    attempt.rehearsal = row.run.rehearsal || is_rehearsal(row.requested_by);
    attempt.gap_end = row.gap_end;
    return attempt;
}

}  // namespace

Audit::Audit(AuditRange asked, std::optional<JobId> only, AuditRules rules, WallTime now)
    : asked_(asked), only_(only), rules_(std::move(rules)), now_(now)
{
    report_.asked = asked;
    report_.judged = AuditRange{asked.from, asked.from};
}

void Audit::step(Store& store)
{
    switch (stage_) {
        case Stage::begin:
            begin(store);
            break;
        case Stage::doubled:
            find_doubled(store);
            break;
        case Stage::pasts:
            read_pasts(store);
            break;
        case Stage::judge:
            judge(store);
            break;
        case Stage::chains:
            judge_chains(store);
            break;
        case Stage::required:
            judge_required(store);
            break;
        case Stage::done:
            break;
    }
}

void Audit::begin(Store& store)
{
    const LedgerExtent extent = store.ledger_extent();
    report_.planned_through = extent.planned_through;
    const WallTime wanted = std::min(asked_.to, now_ - settling);
    // A fire at planned_through itself is planned.
    const WallTime planned = extent.planned_through ? *extent.planned_through + 1ms : asked_.from;
    report_.unplanned = asked_.from < wanted && wanted > planned + plan_is_behind;
    report_.judged.to = std::min(wanted, planned);
    if (extent.first) {
        report_.judged.from = std::max(asked_.from, *extent.first);
    } else {
        report_.judged.from = report_.judged.to;
    }
    for (const ClockStep& step : extent.clock_steps) note(step);
    report_.judged.to = std::max(report_.judged.from, report_.judged.to);
    pauses_ = PauseHistory(store.pauses().pauses_after(report_.judged.from - rules_.settle));
    calendars_ =
        CalendarHistory(store.calendars().calendars_after(report_.judged.from - rules_.settle));
    const bool nothing = report_.judged.from == report_.judged.to;
    stage_ = nothing ? Stage::done : Stage::doubled;
}

/// Runs that ran twice are known from what their nodes reported, whatever was due.
void Audit::find_doubled(Store& store)
{
    DoubledQuery query;
    query.after = last_account_;
    query.job = only_;
    query.from = report_.judged.from;
    query.to = report_.judged.to;
    const std::vector<DoubledRun> runs = store.find_doubled(query);
    for (const DoubledRun& run : runs) {
        ++report_.found[static_cast<std::size_t>(FindingKind::doubled)];
        Finding finding;
        finding.kind = FindingKind::doubled;
        finding.run = run.row.id;
        finding.until = run.row.id.scheduled_at;
        finding.state = run.row.state;
        finding.started_at = run.row.started_at;
        finding.what = to_string(run);
        findings_.push_back(std::move(finding));
    }
    if (runs.empty()) {
        stage_ = Stage::pasts;
    } else {
        last_account_ = runs.back().other.id;
    }
}

/// What ran meanwhile has rows, though not of the fires that were due.
void Audit::note(const ClockStep& step)
{
    if (step.at < asked_.from || step.at >= asked_.to) return;
    ++report_.found[static_cast<std::size_t>(FindingKind::clock_ahead)];
    Finding finding;
    finding.kind = FindingKind::clock_ahead;
    finding.run = RunId{0, step.at, 1};
    finding.until = step.at;
    finding.what = fmt::format(
        "a clock had been ahead: the plan had come to {} by it, and was set back at {}; {} rows "
        "were moved to about when they ran",
        time_text(step.from), time_text(step.at), step.moved);
    findings_.push_back(std::move(finding));
}

void Audit::read_pasts(Store& store)
{
    PastQuery query;
    query.after = last_job_;
    query.only = only_;
    query.from = report_.judged.from;
    query.limit = jobs_per_page;
    const bool last = only_ && last_job_ != 0;
    std::vector<JobPast> pasts;
    if (!last) pasts = store.find_pasts(query);
    if (pasts.empty()) {
        stage_ = Stage::done;
        return;
    }
    pasts_ = std::move(pasts);
    past_ = 0;
    last_job_ = pasts_.back().job;
    last_row_.reset();
    more_rows_ = true;
    stage_ = Stage::judge;
}

void Audit::read_rows(Store& store)
{
    EntryQuery query;
    for (std::size_t i = past_; i < pasts_.size(); ++i) query.jobs.push_back(pasts_[i].job);
    query.from = report_.judged.from;
    query.to = report_.judged.to;
    query.after = last_row_;
    query.limit = rows_per_page;
    // One whose rows are all read already is still judged.
    if (last_row_) query.jobs.insert(query.jobs.begin(), last_row_->job);
    std::ranges::sort(query.jobs);
    const auto repeated = std::ranges::unique(query.jobs);
    query.jobs.erase(repeated.begin(), repeated.end());
    rows_ = store.find_entries(query);
    row_ = 0;
    more_rows_ = rows_.size() == rows_per_page;
    if (!rows_.empty()) last_row_ = rows_.back().id;
}

void Audit::judge(Store& store)
{
    if (row_ == rows_.size() && more_rows_) read_rows(store);
    std::size_t budget = fires_per_step;
    while (past_ < pasts_.size()) {
        const bool all = judge_job(store, budget);
        if (judged_) std::ranges::move(judged_->take_findings(), std::back_inserter(findings_));
        if (!all) return;
        judged_.reset();
        ++past_;
    }
    rows_.clear();
    row_ = 0;
    past_ = 0;
    stage_ = Stage::chains;
}

/// The jobs of this page that run after others: a page of rows of the first parent of one of them,
/// with the rows of the others of the same time.
void Audit::judge_chains(Store& store)
{
    while (!chain_) {
        if (past_ == pasts_.size()) {
            past_ = 0;
            stage_ = Stage::required;
            return;
        }
        if (!open_chain(store)) ++past_;
    }
    EntryQuery query;
    query.jobs.assign(1, parents_.front());
    query.from = chain_from_;
    query.to = report_.judged.to;
    query.limit = rows_per_page;
    std::vector<LedgerEntry> first = store.find_entries(query);
    const bool is_last = first.size() < rows_per_page;
    WallTime to = report_.judged.to - 1ms;
    if (!is_last) {
        // All rows of its last moment are in the next page.
        to = first.back().id.scheduled_at - 1ms;
        std::erase_if(first, [to](const LedgerEntry& row) { return row.id.scheduled_at > to; });
    }
    if (first.empty() && !is_last) {
        // Its first moment alone has more rows than a page.
        to = chain_from_;
        first = read_all_rows(store, parents_.front(), chain_from_, to);
    }
    std::vector<std::vector<LedgerEntry>> parents;
    parents.push_back(std::move(first));
    for (std::size_t i = 1; i < parents_.size(); ++i) {
        parents.push_back(read_all_rows(store, parents_[i], chain_from_, to));
    }
    const auto own = read_all_rows(store, chain_->job(), chain_from_, to);
    chain_->judge(chain_from_, to, parents, own);
    std::ranges::move(chain_->take_findings(), std::back_inserter(findings_));
    chain_from_ = to + 1ms;
    if (!is_last) return;
    chain_.reset();
    ++past_;
}

/// False: there is nothing to judge, or its parents are not known.
bool Audit::open_chain(Store& store)
{
    ChainAudit chain(pasts_[past_], rules_, report_.judged, now_, report_, calendars_);
    parents_.clear();
    for (const std::string& name : chain.parents()) {
        const std::optional<Job> parent = store.find_job_by_name(name);
        if (!parent) return false;
        parents_.push_back(parent->id);
    }
    if (parents_.empty()) return false;
    chain_from_ = report_.judged.from;
    chain_.emplace(std::move(chain));
    return true;
}

/// The jobs of this page that require others: a few rows of one of them, with those of the others
/// that say why.
void Audit::judge_required(Store& store)
{
    while (!required_) {
        if (past_ == pasts_.size()) {
            stage_ = Stage::pasts;
            return;
        }
        RequiredAudit audit(pasts_[past_], rules_, report_.judged, report_);
        if (audit.is_concerned()) {
            required_.emplace(std::move(audit));
            required_row_.reset();
            named_.clear();
        } else {
            ++past_;
        }
    }
    if (unanswered_.empty()) ask_required(store);
    for (std::size_t i = 0; i < looked_up_per_step && !unanswered_.empty(); ++i) {
        answer_required(store, unanswered_.front());
        unanswered_.pop_front();
    }
    std::ranges::move(required_->take_findings(), std::back_inserter(findings_));
    if (!unanswered_.empty() || more_required_) return;
    required_.reset();
    ++past_;
}

/// What there is to look up of the next rows. Reads once, and first: it may be tried again.
void Audit::ask_required(Store& store)
{
    EntryQuery query;
    query.jobs.assign(1, required_->job());
    query.from = report_.judged.from;
    query.to = report_.judged.to;
    query.after = required_row_;
    query.limit = required_rows_per_page;
    const std::vector<LedgerEntry> rows = store.find_entries(query);
    for (const LedgerEntry& row : rows) {
        if (auto question = required_->question_of(row)) {
            unanswered_.push_back({row, *std::move(question)});
        }
    }
    if (!rows.empty()) required_row_ = rows.back().id;
    more_required_ = rows.size() == required_rows_per_page;
}

/// Judges when all has been read: it may be tried again.
void Audit::answer_required(Store& store, const RequiredAudit::Row& row)
{
    std::vector<std::optional<std::vector<RequiredAttempt>>> jobs;
    for (const std::string& name : row.question.names) {
        jobs.push_back(required_rows(store, name, row.question));
    }
    required_->judge(row.entry, row.question, jobs);
}

/// The newest rows of the job of that name; nullopt: there is no such job, it may have had another
/// name when the fire was asked for, or it has none.
std::optional<std::vector<RequiredAttempt>> Audit::required_rows(Store& store,
                                                                 const std::string& name,
                                                                 const RequiredAudit::Question& of)
{
    auto known = named_.find(name);
    if (known == named_.end()) {
        std::optional<Named> named;
        const std::optional<Job> job = store.find_job_by_name(name);
        // The store's comparison may take others for the same.
        if (job && job->name == name) named = Named{job->id, named_since(store, job->id, name)};
        known = named_.emplace(name, named).first;
    }
    const std::optional<Named>& named = known->second;
    if (!named || named->since > of.earliest - rules_.late) return std::nullopt;
    std::vector<RequiredAttempt> attempts;
    const WallTime until = of.decided + rules_.late + 1s;
    for (const LogRow& row : store.job_rows_before(named->job, until, most_required_rows)) {
        attempts.push_back(attempt_of(row));
    }
    if (attempts.empty()) return std::nullopt;
    return attempts;
}

std::vector<LedgerEntry> Audit::read_all_rows(Store& store, JobId job, WallTime from, WallTime to)
{
    std::vector<LedgerEntry> all;
    EntryQuery query;
    query.jobs.assign(1, job);
    query.from = from;
    query.to = to + 1ms;
    query.limit = rows_per_page;
    for (bool is_last = false; !is_last;) {
        std::vector<LedgerEntry> rows = store.find_entries(query);
        is_last = rows.size() < rows_per_page;
        if (!is_last) query.after = rows.back().id;
        std::ranges::move(rows, std::back_inserter(all));
    }
    return all;
}

/// False: it goes on with the next step.
bool Audit::judge_job(Store& store, std::size_t& budget)
{
    const JobId job = pasts_[past_].job;
    if (!judged_) {
        if (row_ == rows_.size() && more_rows_) return false;
        open_job(store);
    }
    for (; row_ < rows_.size() && rows_[row_].id.job == job; ++row_) {
        if (!judged_->pass(rows_[row_].id.scheduled_at, budget)) return false;
        judged_->take(rows_[row_]);
    }
    if (row_ == rows_.size() && more_rows_) return false;
    if (!judged_->pass(report_.judged.to, budget)) return false;
    judged_->finish();
    return true;
}

void Audit::open_job(Store& store)
{
    const JobPast& past = pasts_[past_];
    JobAudit audit(past, rules_, report_.judged, now_, report_, pauses_, calendars_);
    const bool has_row = row_ < rows_.size() && rows_[row_].id.job == past.job;
    const auto due = audit.next_due();
    if (due && (!has_row || rows_[row_].id.scheduled_at > *due)) {
        const auto before = store.newest_entry_before(past.job, report_.judged.from);
        if (before && before->gap_end) audit.cover(*before->gap_end);
    }
    judged_.emplace(std::move(audit));
}

}  // namespace peercron
