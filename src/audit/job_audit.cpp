#include "audit/job_audit.hpp"

#include "model/jitter.hpp"
#include "model/job_zone.hpp"
#include "model/missed.hpp"
#include "model/retry.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The row of a gap that counts so many fires may stand for more: the dispatcher counts no further
/// (`most_counted` in dispatch/term_rules.cpp).
constexpr std::int64_t most_counted = 100'000;

bool has_failed(const LedgerEntry& row)
{
    return row.state == RunState::failed || row.state == RunState::timeout;
}

/// Whether it is the attempt after that one.
bool follows(const LedgerEntry& row, const LedgerEntry& earlier)
{
    return row.id == next_attempt(earlier.id);
}

bool is_whole_second(WallTime time)
{
    return time.time_since_epoch() % 1s == 0ms;
}

/// Whether it is a fire after those of other jobs, which were due by their schedules.
bool runs_after_others(const LedgerEntry& row)
{
    return row.id.attempt == 1 && row.requested && row.retry_at &&
           is_whole_second(row.id.scheduled_at);
}

std::string in_seconds(milliseconds time)
{
    const double count = static_cast<double>(time.count()) / 1000.0;
    return time < 10s ? fmt::format("{:.2f} s", count) : fmt::format("{:.0f} s", count);
}

}  // namespace

JobAudit::JobAudit(const JobPast& past, const AuditRules& rules, const AuditRange& range,
                   WallTime now, AuditReport& report, const PauseHistory& pauses,
                   const CalendarHistory& calendars)
    : rules_(rules),
      range_(range),
      now_(now),
      report_(report),
      pauses_(pauses),
      calendars_(calendars),
      job_(past.job),
      run_num_(past.run_num),
      versions_(past, rules),
      daemon_({rules.late, rules.settle}, range.from, pauses)
{
    find_next_due(range.from - 1ms);
}

bool JobAudit::pass(WallTime until, std::size_t& budget)
{
    if (group_ && group_->at < until) close_group();
    while (next_due_ && *next_due_ < until) {
        if (budget == 0) return false;
        --budget;
        const WallTime fire = *next_due_;
        judge_absent(fire);
        find_next_due(fire);
    }
    return true;
}

void JobAudit::take(const LedgerEntry& row)
{
    ++report_.rows;
    if (row.rehearsal) {
        take_rehearsal(row);
        return;
    }
    count_outcome(row);
    const bool runs_once_more = row.state != RunState::revoked && !has_run(row.state);
    if (stands_for_fire(row.id) && runs_once_more) ++not_run_;
    if (group_ && group_->at != row.id.scheduled_at) close_group();
    if (const AuditedVersion* const version = versions_.of_daemon_at(row.id.scheduled_at)) {
        take_daemon(row, *version);
        return;
    }
    if (!last_rows_.empty() && !is_same_fire(last_rows_.begin()->second.id, row.id)) end_attempts();
    const auto last = last_rows_.find(row.id.part);
    const bool has_last = last != last_rows_.end();
    const bool is_next = has_last && follows(row, last->second);
    const bool after_failure = is_next && has_failed(last->second);
    if (has_last) judge_next_attempt(last->second, is_next ? &row : nullptr);
    last_rows_.insert_or_assign(row.id.part, row);
    if (row.requested) {
        ++report_.requested;
        // A backfill runs the fire itself, which nobody had run before, …
        if (next_due_ == row.id.scheduled_at) {
            ++report_.due;
            find_next_due(row.id.scheduled_at);
        }
        // … or which a change had taken back.
        const bool is_of_group = group_ && group_->at == row.id.scheduled_at;
        if (is_of_group && group_->due && row.state != RunState::revoked) {
            ++group_->parts[row.id.part].standing;
        }
        judge_row(row);
        judge_missed(row);
        return;
    }
    if (!group_) {
        group_.emplace();
        group_->at = row.id.scheduled_at;
        group_->due = next_due_ == row.id.scheduled_at;
        if (group_->due) {
            const Job& job = versions_.all()[version_].job;
            // Which nodes there were then, only the rows say.
            group_->expected = runs_at_every_node(job) ? row.id.parts : parts_of(job);
            find_next_due(row.id.scheduled_at);
        }
    }
    Part& part = group_->parts[row.id.part];
    part.newest = row;
    if (row.state != RunState::revoked) ++part.standing;
    if (has_started(row.state, row.started_at) && !after_failure) {
        ++part.started;
        part.last_start = row.started_at.value_or(row.id.scheduled_at);
    }
    judge_row(row);
}

/// No further attempts follow of the newest fire.
void JobAudit::end_attempts()
{
    for (const auto& [part, row] : std::exchange(last_rows_, {})) judge_next_attempt(row, nullptr);
}

/// No fire, and whatever becomes of it says nothing about the job. But it has to end.
void JobAudit::take_rehearsal(const LedgerEntry& row)
{
    ++report_.requested;
    ++report_.rehearsals;
    judge_row(row);
}

void JobAudit::finish()
{
    close_group();
    end_attempts();
    finish_daemon();
    // Nobody knows when a job that was deleted by hand really was: somebody noticed it later.
    const bool deleted_by_hand = !versions_.all().empty() && versions_.all().back().by_hand &&
                                 !versions_.all().back().exists;
    if (missing_ && deleted_by_hand) {
        report_.found[static_cast<std::size_t>(FindingKind::missing)] -= missing_->fires;
        report_.due -= missing_->fires;
        report_.unjudged_fires += missing_->fires;
        missing_.reset();
    }
    flush_missing();
    if (!versions_.all().empty()) {
        ++report_.jobs;
    } else if (last_standing_) {
        ++report_.unknown_jobs;
    }
}

void JobAudit::take_daemon(const LedgerEntry& row, const AuditedVersion& version)
{
    if (row.requested) ++report_.requested;
    if (row.state == RunState::revoked) return;
    const AuditedVersion* const at_end =
        versions_.of_daemon_at(row.ended_at.value_or(row.id.scheduled_at));
    judge_pause(row);
    const auto verdict =
        daemon_.take(row, version.job, at_end == nullptr ? version.job : at_end->job);
    if (!verdict) return;
    // Which definition it was of is not sure.
    const bool is_doubled = verdict->kind == FindingKind::doubled;
    if (versions_.near_change(row.id.scheduled_at) && !is_doubled) {
        ++report_.unjudged_rows;
        return;
    }
    add(verdict->kind, row, verdict->what);
}

void JobAudit::finish_daemon()
{
    const WallTime until = std::min(now_, range_.to);
    const AuditedVersion* const version = versions_.of_daemon_at(until);
    // What was changed lately may take its time, and so may a daemon that has to end.
    const bool is_settled = versions_.at(until) == versions_.at(until - 2 * rules_.settle);
    if (!is_settled) return;
    const bool is_pausing =
        version != nullptr && pauses_.may_cover(version->job, until, 2 * rules_.settle);
    if (is_pausing && !pauses_.find(version->job, until - rules_.settle, rules_.settle)) return;
    const bool is_wanted = version != nullptr && !version->job.stop && !is_pausing &&
                           is_open(version->job, until - rules_.settle);
    const auto verdict = daemon_.finish(is_wanted ? &version->job : nullptr, until);
    if (!verdict) return;
    if (!is_wanted) {
        add(verdict->kind, *daemon_.last(), verdict->what);
        return;
    }
    LedgerEntry missing;
    missing.id = RunId{job_, daemon_.due(version->job), 1};
    add(verdict->kind, missing, verdict->what);
    findings_.back().state.reset();
}

void JobAudit::find_next_due(WallTime after)
{
    next_due_.reset();
    for (; version_ < versions_.all().size(); ++version_) {
        const AuditedVersion& version = versions_.all()[version_];
        if (version.begin >= range_.to) return;
        if (version.end <= after || !version.schedule) continue;
        const auto from = std::chrono::floor<seconds>(std::max(after, version.begin));
        const auto fire = version.schedule->next_in_window(from, version.window);
        if (!fire || WallTime(*fire) > version.end) continue;
        if (WallTime(*fire) < range_.to) next_due_ = WallTime(*fire);
        return;
    }
}

/// A fire was due and has no row of its own.
void JobAudit::judge_absent(WallTime fire)
{
    if (fire <= covered_through_) {
        ++report_.due;
        if (covers_excluded_ && was_excluded(fire) == false) add_wrongly_excluded(fire);
        return;
    }
    if (uncounted_ || versions_.near_change(fire) || may_be_at_limit(fire)) {
        ++report_.unjudged_fires;
        return;
    }
    ++report_.due;
    add_missing(fire);
}

/// What a row says about itself.
void JobAudit::judge_row(const LedgerEntry& row)
{
    if (!is_final(row.state) && is_due_at_end(row)) {
        add(FindingKind::never_ended, row,
            fmt::format("still {} {} after its time", to_string(row.state),
                        in_seconds(now_ - row.id.scheduled_at)));
    }
    judge_pause(row);
    judge_jitter(row);
    judge_calendar(row);
    if (row.requested || !row.started_at || (row.id.attempt != 1 && !row.retry_at)) return;
    const milliseconds late = *row.started_at - row.retry_at.value_or(row.id.scheduled_at);
    report_.lateness.add(late.count());
    if (late > rules_.late && !may_wait(row.id.scheduled_at)) {
        add(FindingKind::late, row, fmt::format("started {} late", in_seconds(late)));
    }
}

/// The first attempt of a fire starts when the jitter of its job says. One that stands at no whole
/// second was moved, or asked for.
void JobAudit::judge_jitter(const LedgerEntry& row)
{
    const WallTime fire = row.id.scheduled_at;
    const bool is_first = row.id.attempt == 1 && !row.requested && is_whole_second(fire);
    const AuditedVersion* const version = versions_.at(fire);
    if (!is_first || !row.started_at || version == nullptr || versions_.near_change(fire)) return;
    if (!version->schedule) return;
    const WallTime due = delayed_start(version->job, fire).value_or(fire);
    const WallTime start = row.retry_at.value_or(fire);
    // It has waited for other jobs: RequiredAudit knows.
    const bool has_waited = !version->job.required.empty() && start > due;
    if (start == due || has_waited) return;
    add(FindingKind::extra, row,
        fmt::format("was to start at {}, and the jitter of its job says {}", time_text(start),
                    time_text(due)));
}

/// Whether the calendars of the job excluded a fire of that moment; nullopt: that is not sure.
std::optional<bool> JobAudit::was_excluded(WallTime fire) const
{
    const AuditedVersion* const version = versions_.at(fire);
    if (version == nullptr || !version->exists || versions_.near_change(fire)) return std::nullopt;
    return calendars_.was_excluded(version->job, fire, rules_.default_zone, rules_.change);
}

/// The first attempt alone: what follows it is not asked.
void JobAudit::judge_calendar(const LedgerEntry& row)
{
    const WallTime fire = row.id.scheduled_at;
    // What is known of a fire after others ChainAudit says.
    if (row.id.attempt != 1 || !is_whole_second(fire) || runs_after_others(row)) return;
    if (row.reason.cause == Cause::calendar) {
        const bool is_wrong =
            was_excluded(fire) == false || was_excluded(row.gap_end.value_or(fire)) == false;
        if (!is_wrong) return;
        add(FindingKind::missed, row,
            fmt::format("{}: {}, but its calendars did not exclude it", to_string(row.state),
                        to_string(row.reason)));
        report_.found[static_cast<std::size_t>(FindingKind::missed)] += row.fires - 1;
        findings_.back().until = row.gap_end.value_or(fire);
        findings_.back().fires = row.fires;
        return;
    }
    if (row.requested || !row.started_at || was_excluded(fire) != true) return;
    add(FindingKind::extra, row, "started although its calendars exclude it");
}

/// `row` is the newest attempt of its fire, so that a lost one does not run again, unless it is
/// about to.
void JobAudit::judge_missed(const LedgerEntry& row)
{
    const WallTime fire = row.id.scheduled_at;
    const bool may_come = now_ - fire <= rules_.settle && may_start_again(fire, now_);
    const Delivery delivery = may_come ? Delivery::at_least_once : Delivery::at_most_once;
    if (!missed_word(row.state, row.reason.cause, delivery)) return;
    add(FindingKind::missed, row,
        fmt::format("{}: {}", to_string(row.state), to_string(row.reason)));
    report_.found[static_cast<std::size_t>(FindingKind::missed)] += row.fires - 1;
    if (row.gap_end) findings_.back().until = *row.gap_end;
    findings_.back().fires = row.fires;
}

/// By the definition that was valid then; around a change of that it cannot be told.
void JobAudit::judge_pause(const LedgerEntry& row)
{
    const auto is_known = [this](WallTime time) {
        const AuditedVersion* const version = versions_.at(time);
        return version != nullptr && version->exists && !versions_.near_change(time);
    };
    if (row.reason.cause == Cause::paused) {
        const bool is_daemon_end = has_started(row.state, row.started_at);
        const auto was_paused = [&](WallTime time) {
            return !is_known(time) ||
                   pauses_.may_cover(versions_.at(time)->job, time, rules_.change);
        };
        const WallTime due = row.retry_at.value_or(row.id.scheduled_at);
        // One that has waited for other jobs may be decided long after it was due.
        const bool is_end_known = is_daemon_end || longest_required_wait(row.id.scheduled_at) > 0s;
        const WallTime decided =
            is_end_known ? row.ended_at.value_or(now_) : std::max(due, row.dispatched_at);
        const bool was_due_then = was_paused(due) && was_paused(row.gap_end.value_or(due));
        if (was_due_then || (!row.gap_end && was_paused(decided))) return;
        add(FindingKind::missed, row,
            fmt::format("{}: {}, but its job was not paused then", to_string(row.state),
                        to_string(row.reason)));
        report_.found[static_cast<std::size_t>(FindingKind::missed)] += row.fires - 1;
        findings_.back().until = row.gap_end.value_or(row.id.scheduled_at);
        findings_.back().fires = row.fires;
        return;
    }
    const bool was_lost = row.id.attempt > 1 && !row.retry_at;
    const bool may_start = was_lost || (row.requested && !runs_after_others(row));
    if (may_start || !row.started_at || !is_known(*row.started_at)) return;
    const Pause* const pause =
        pauses_.find(versions_.at(*row.started_at)->job, *row.started_at, rules_.change);
    if (pause == nullptr) return;
    add(FindingKind::extra, row,
        fmt::format("started during a pause of {} ({})", scope_text(*pause), pause->reason));
}

/// `next`: the row of the attempt after it, if there is one.
void JobAudit::judge_next_attempt(const LedgerEntry& row, const LedgerEntry* next)
{
    if (next != nullptr) {
        if (next->retry_at && !next->requested) judge_retry(row, *next);
        return;
    }
    const auto due = retry_due(row);
    // While nobody plans, or has just begun to, it may still come.
    if (!due || *due + rules_.settle > std::min(now_, range_.to)) return;
    if (is_superseded(row.id.scheduled_at, *due)) return;
    LedgerEntry missing = row;
    ++missing.id.attempt;
    missing.started_at.reset();
    add(FindingKind::missing, missing,
        fmt::format("the attempt before it is {}, and this one was due at {} and has no row",
                    to_string(row.state), time_text(*due)));
}

void JobAudit::judge_retry(const LedgerEntry& row, const LedgerEntry& retry)
{
    if (is_final(row.state) && !has_failed(row)) {
        add(FindingKind::extra, retry,
            fmt::format("tried again although the attempt before it is {}", to_string(row.state)));
        return;
    }
    if (retry.state == RunState::skipped || retry.state == RunState::revoked) return;
    const auto due = retry_due(row);
    if (due && *retry.retry_at < *due - rules_.late) {
        add(FindingKind::extra, retry,
            fmt::format("planned {} before it was due", in_seconds(*due - *retry.retry_at)));
    }
    const WallTime start = retry.started_at.value_or(*retry.retry_at);
    if (start < *retry.retry_at - rules_.late) {
        add(FindingKind::extra, retry,
            fmt::format("started {} before its time", in_seconds(*retry.retry_at - start)));
    }
    if (due && is_superseded(row.id.scheduled_at, *retry.retry_at)) {
        add(FindingKind::extra, retry, "the job's next fire was due before its time");
    }
}

/// When the attempt after that one is due; nullopt: there is none, or that cannot be told.
std::optional<WallTime> JobAudit::retry_due(const LedgerEntry& row) const
{
    if (!has_failed(row) || !row.ended_at) return std::nullopt;
    const AuditedVersion* const version = versions_.at(*row.ended_at);
    if (version == nullptr || !version->exists || version->job.stop) return std::nullopt;
    if (row.id.attempt > version->job.retries ||
        !is_retried_after(version->job, row.state, row.exit_code)) {
        return std::nullopt;
    }
    const RunId next = next_attempt(row.id);
    const WallTime due = *row.ended_at + retry_delay(version->job, next);
    const std::int64_t end = version->job.end_time;
    const bool is_inside = end == 0 || to_unix_seconds(due) < end;
    const bool is_unchanged = versions_.at(due) == version && !versions_.near_change(*row.ended_at);
    if (!is_inside || !is_unchanged || versions_.near_change(due)) return std::nullopt;
    return due;
}

/// Whether the job's next fire is due by then. A job at its limit of runs may have none.
bool JobAudit::is_superseded(WallTime fire, WallTime retry_at) const
{
    const AuditedVersion* const version = versions_.at(retry_at);
    if (version == nullptr || !version->schedule || may_be_at_limit(retry_at)) return false;
    const auto from = std::chrono::floor<seconds>(std::max(fire, version->begin));
    const auto next = version->schedule->next_in_window(from, version->window);
    return next && WallTime(*next) <= retry_at;
}

void JobAudit::close_group()
{
    if (!group_) return;
    const Group group = *std::exchange(group_, std::nullopt);
    if (group.is_standing()) {
        uncounted_ = false;
        flush_missing();
    }
    judge_group(group);
    if (!group.is_standing()) return;
    last_standing_ = group.at;
    const LedgerEntry& row = group.newest();
    if (row.gap_end && row.fires > 1) {
        covered_through_ = std::max(covered_through_, *row.gap_end);
        covers_excluded_ = row.reason.cause == Cause::calendar;
        uncounted_ = row.fires >= most_counted;
    }
}

bool JobAudit::Group::is_standing() const
{
    return std::ranges::any_of(parts, [](const auto& part) { return part.second.standing > 0; });
}

const LedgerEntry& JobAudit::Group::newest() const
{
    const auto found = std::ranges::find_if(
        parts, [](const auto& part) { return part.second.newest.has_value(); });
    return *found->second.newest;
}

void JobAudit::judge_group(const Group& group)
{
    if (!group.is_standing()) {
        if (!group.due) return;
        if (was_given_up(group.newest())) {
            ++report_.due;
        } else {
            judge_absent(group.at);
        }
        return;
    }
    if (group.due) {
        ++report_.due;
        if (group.at <= covered_through_ && !versions_.near_change(group.at)) {
            add(FindingKind::doubled, group.newest(), "the row of an earlier gap covers it, too");
        }
        judge_parts(group);
    }
    for (const auto& [number, part] : group.parts) {
        if (part.standing > 0 && part.newest) judge_part(group, part);
    }
}

/// Of a fire that was due, whether all its parts are there, and no other.
void JobAudit::judge_parts(const Group& group)
{
    // A fire that does not run at all is one row. What was asked for is not counted.
    const LedgerEntry& row = group.newest();
    const bool is_one_row = row.id.parts == 1 && row.state == RunState::skipped;
    if (versions_.near_change(group.at) || is_one_row) return;
    for (const auto& [number, part] : group.parts) {
        if (part.standing == 0 || !part.newest || part.newest->id.parts == group.expected) continue;
        add(FindingKind::extra, *part.newest,
            fmt::format("has {} parts, and the fires of its job had {} then", part.newest->id.parts,
                        group.expected));
        return;
    }
    for (RunId id{job_, group.at, 1, 0, group.expected}; id.part < id.parts; ++id.part) {
        const auto part = group.parts.find(id.part);
        const bool is_there = part != group.parts.end();
        if (is_there && part->second.standing > 0) continue;
        if (is_there && part->second.newest && was_given_up(*part->second.newest)) continue;
        LedgerEntry missing;
        missing.id = id;
        add(FindingKind::missing, missing,
            fmt::format("part {} of {} of it has no row", id.part, id.parts));
        findings_.back().state.reset();
    }
}

void JobAudit::judge_part(const Group& group, const Part& part)
{
    const LedgerEntry& row = *part.newest;
    if (part.started > 1 && part.last_start && !may_start_again(group.at, *part.last_start)) {
        add(FindingKind::doubled, row,
            fmt::format("{} attempts started, of a job that runs at most once", part.started));
    }
    if (group.due) {
        judge_missed(row);
        return;
    }
    const bool known = !versions_.all().empty() && group.at > versions_.all().front().begin;
    if (!known || versions_.near_change(group.at) || was_skipped_ahead(row)) {
        ++report_.unjudged_rows;
        return;
    }
    const bool same_second = last_standing_ && std::chrono::floor<seconds>(*last_standing_) ==
                                                   std::chrono::floor<seconds>(group.at);
    if (same_second && !is_whole_second(group.at)) {
        add(FindingKind::doubled, row, "there is another row of the same second");
        return;
    }
    add(FindingKind::extra, row, "its job was not due then");
}

/// Whether the fire was due when it was decided that it would not start. That row is final; when a
/// change takes back what is planned, there is nothing of it to take back.
bool JobAudit::was_skipped_ahead(const LedgerEntry& row) const
{
    const WallTime fire = row.id.scheduled_at;
    if (row.state != RunState::skipped || row.dispatched_at >= fire) return false;
    return std::ranges::any_of(versions_.all(), [&](const AuditedVersion& version) {
        if (!version.schedule || version.begin >= row.dispatched_at + rules_.change ||
            version.end < row.dispatched_at - rules_.change) {
            return false;
        }
        const auto before = std::chrono::ceil<seconds>(fire) - 1s;
        const auto due = version.schedule->next_in_window(before, version.window);
        return due && WallTime(*due) == fire;
    });
}

/// Whether the fire, which was due, had not started when its job was stopped or deleted. How long
/// it may be late is not asked: it waits no longer for saying how it ended.
bool JobAudit::was_given_up(const LedgerEntry& row) const
{
    const bool says_so =
        row.reason.cause == Cause::job_stopped || row.reason.cause == Cause::job_deleted;
    if (row.state != RunState::revoked || !says_so) return false;
    const WallTime fire = row.id.scheduled_at;
    const WallTime latest = std::max(row.retry_at.value_or(fire), row.dispatched_at) +
                            longest_required_wait(fire) + rules_.settle;
    return std::ranges::any_of(versions_.all(), [&](const AuditedVersion& version) {
        return !version.schedule && version.begin >= fire &&
               (version.begin <= latest || may_wait(fire));
    });
}

/// The dispatcher plans no fire while as many runs have ended and are under way as the limit says.
/// run_num only grows, and what is under way is among the rows.
bool JobAudit::may_be_at_limit(WallTime fire) const
{
    const AuditedVersion* const version = versions_.at(fire);
    if (version == nullptr || version->run_limit == 0) return false;
    return !run_num_ || *run_num_ + not_run_ >= version->run_limit;
}

/// How long a fire may wait for other jobs.
seconds JobAudit::longest_required_wait(WallTime fire) const
{
    const AuditedVersion* const version = versions_.at(fire);
    if (version == nullptr || !version->exists) return 0s;
    return version->job.requires_wait;
}

bool JobAudit::may_wait(WallTime fire) const
{
    return std::ranges::any_of(versions_.all(), [&](const AuditedVersion& version) {
        return version.may_wait && version.begin < fire + rules_.change &&
               version.end >= fire - rules_.change;
    });
}

/// A run that is lost runs again as its job wants it then, not as it did when it was due.
bool JobAudit::may_start_again(WallTime fire, WallTime start) const
{
    if (versions_.all().empty()) return true;
    return std::ranges::any_of(versions_.all(), [&](const AuditedVersion& version) {
        return version.delivery == Delivery::at_least_once &&
               version.begin < start + rules_.change && version.end >= fire - rules_.change;
    });
}

/// Whether an open row should have ended.
bool JobAudit::is_due_at_end(const LedgerEntry& row) const
{
    const WallTime fire = row.id.scheduled_at;
    const WallTime could_start = std::max(row.retry_at.value_or(fire), row.dispatched_at);
    if (row.state == RunState::planned) {
        const auto wait = longest_required_wait(fire) + rules_.settle;
        return now_ - could_start > wait && !may_wait(fire);
    }
    const AuditedVersion* const version = versions_.at(fire);
    if (version == nullptr || version->timeout == 0s || versions_.near_change(fire)) return false;
    return now_ - row.started_at.value_or(could_start) > version->timeout + rules_.settle;
}

/// Of one row the first such fire.
void JobAudit::add_wrongly_excluded(WallTime fire)
{
    LedgerEntry fire_of_gap;
    fire_of_gap.id = RunId{job_, fire, 1};
    add(FindingKind::missed, fire_of_gap,
        "a row of fires that its calendars exclude covers it, and they did not exclude it");
    findings_.back().state.reset();
    covers_excluded_ = false;
}

void JobAudit::add_missing(WallTime fire)
{
    ++report_.found[static_cast<std::size_t>(FindingKind::missing)];
    if (!missing_) {
        missing_.emplace();
        missing_->run = RunId{job_, fire, 1};
        missing_->fires = 0;
    }
    ++missing_->fires;
    missing_->until = fire;
}

void JobAudit::flush_missing()
{
    if (!missing_) return;
    missing_->what = missing_->fires == 1
                         ? std::string("it was due and has no row")
                         : fmt::format("{} fires were due and have no rows", missing_->fires);
    findings_.push_back(*std::exchange(missing_, std::nullopt));
}

void JobAudit::add(FindingKind kind, const LedgerEntry& row, std::string what)
{
    ++report_.found[static_cast<std::size_t>(kind)];
    findings_.push_back(finding_of(kind, row.id, &row, std::move(what)));
}

void JobAudit::count_outcome(const LedgerEntry& row)
{
    report_.outcomes[{row.state, row.reason.cause}] += row.fires;
}

}  // namespace peercron
