#include "audit/chain_audit.hpp"

#include "model/chain.hpp"
#include "model/job_zone.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// The rows of one moment.
std::span<const LedgerEntry> rows_at(std::span<const LedgerEntry> rows, WallTime at)
{
    const auto scheduled = [](const LedgerEntry& row) { return row.id.scheduled_at; };
    const auto found = std::ranges::equal_range(rows, at, {}, scheduled);
    return {found.begin(), found.end()};
}

/// Whether the row says that it runs after others: the first attempt of nothing else has a time of
/// its own.
bool is_of_chain(const LedgerEntry& row)
{
    return row.id.attempt == 1 && row.requested && row.retry_at;
}

/// Of each part of a fire, which is these rows.
std::vector<LedgerEntry> first_attempts(std::span<const LedgerEntry> rows)
{
    std::vector<LedgerEntry> first;
    std::set<std::int32_t> parts;
    for (const LedgerEntry& row : rows) {
        if (parts.insert(row.id.part).second) first.push_back(row);
    }
    return first;
}

bool is_by_hand(WallTime at)
{
    return at.time_since_epoch() % 1s != 0ms;
}

}  // namespace

ChainAudit::ChainAudit(const JobPast& past, const AuditRules& rules, const AuditRange& range,
                       WallTime now, AuditReport& report, const CalendarHistory& calendars)
    : rules_(rules),
      range_(range),
      now_(now),
      report_(report),
      calendars_(calendars),
      job_(past.job)
{
    if (!past.whole) return;
    for (const Revision& revision : past.revisions) {
        versions_.push_back({revision.effective_from, revision.by.who.empty(), revision.after});
        if (revision.after && is_chained(*revision.after)) parents_ = revision.after->run_after;
    }
}

void ChainAudit::judge(WallTime from, WallTime to,
                       std::span<const std::vector<LedgerEntry>> parents,
                       std::span<const LedgerEntry> own)
{
    std::vector<WallTime> moments;
    for (const LedgerEntry& row : parents.front()) moments.push_back(row.id.scheduled_at);
    for (const LedgerEntry& row : own) {
        if (is_of_chain(row)) moments.push_back(row.id.scheduled_at);
    }
    std::ranges::sort(moments);
    moments.erase(std::ranges::unique(moments).begin(), moments.end());
    for (const WallTime at : moments) {
        if (at < from || at > to || is_by_hand(at)) continue;
        std::vector<End> ends;
        for (const std::vector<LedgerEntry>& rows : parents) {
            if (const auto end = end_of(rows_at(rows, at))) ends.push_back(*end);
        }
        if (ends.size() < parents.size()) ends.clear();
        const auto rows = rows_at(own, at);
        judge_fire(at, ends, first_attempts(rows));
        judge_parts(rows);
    }
}

/// nullopt: there is no such fire.
std::optional<ChainAudit::End> ChainAudit::end_of(std::span<const LedgerEntry> attempts)
{
    if (attempts.empty()) return std::nullopt;
    struct Part {
        std::int32_t rows = 0;
        RunState last = RunState::planned;  ///< as its row says
        RunState state = RunState::planned;
        std::int32_t of = 1;  ///< RunId::parts
    };
    std::map<std::int32_t, Part> parts;
    End end;
    for (const LedgerEntry& row : attempts) {
        end.at = std::max(end.at, row.ended_at.value_or(row.dispatched_at));
        // Also a first attempt: a backfill may run it.
        end.by_hand = end.by_hand || (row.requested && !is_of_chain(row));
        // A further attempt that did not run follows one that failed.
        const bool is_of_failure = row.id.attempt > 1 && (row.state == RunState::skipped ||
                                                          row.state == RunState::revoked);
        Part& part = parts[row.id.part];
        ++part.rows;
        part.last = row.state;
        part.of = row.id.parts;
        part.state = is_of_failure ? RunState::failed : row.state;
    }
    std::vector<RunState> states;
    std::int32_t of = 1;  // rows that were taken back may be of an earlier cut
    for (const auto& [number, part] : parts) {
        const bool was_taken_back = part.rows == 1 && part.last == RunState::revoked;
        if (!was_taken_back) {
            states.push_back(part.state);
            of = part.of;
        }
        end.is_final = end.is_final && is_final(part.last);
    }
    if (states.empty()) return std::nullopt;
    end.state = of == 1 ? states.back() : state_of_fire(states, of);
    return end;
}

/// Whether all parts of a fire of the job are there.
void ChainAudit::judge_parts(std::span<const LedgerEntry> rows)
{
    if (rows.empty() || rows.front().id.parts == 1) return;
    std::set<std::int32_t> there;
    for (const LedgerEntry& row : rows) there.insert(row.id.part);
    RunId part = rows.front().id;
    for (part.part = 0; part.part < part.parts; ++part.part) {
        if (there.contains(part.part)) continue;
        add(FindingKind::missing, part, nullptr,
            fmt::format("part {} of {} of it has no row", part.part, part.parts));
    }
}

const ChainAudit::Version* ChainAudit::version_at(WallTime time) const
{
    const auto later = std::ranges::lower_bound(versions_, time, {}, &Version::begin);
    return later == versions_.begin() ? nullptr : &*std::prev(later);
}

bool ChainAudit::near_change(WallTime time) const
{
    return std::ranges::any_of(versions_, [&](const Version& version) {
        const auto near = version.by_hand ? rules_.change_by_hand : rules_.change;
        return std::chrono::abs(version.begin - time) <= near;
    });
}

/// @param own the first attempt of each of its parts.
void ChainAudit::judge_fire(WallTime at, std::span<const End> ends,
                            std::span<const LedgerEntry> own)
{
    const RunId run{job_, at, 1};
    if (ends.empty()) {
        const Version* const version = version_at(at);
        const bool is_known = version != nullptr && version->job &&
                              version->job->run_after == parents_ && !near_change(at);
        if (own.empty()) return;
        if (is_known) {
            add(FindingKind::extra, run, &own.front(),
                "not all jobs that it runs after fired then");
        } else {
            ++report_.unjudged_rows;
        }
        return;
    }
    WallTime over{};
    bool is_over = true;
    bool by_hand = false;
    for (const End& end : ends) {
        over = std::max(over, end.at);
        is_over = is_over && end.is_final;
        by_hand = by_hand || end.by_hand;
    }
    const Version* const version = version_at(over);
    const bool is_known = version != nullptr && !near_change(over) && !by_hand &&
                          (!version->job || version->job->run_after == parents_);
    if (!is_known) {
        ++report_.unjudged_fires;
        return;
    }
    const bool is_enabled = version->job && !version->job->stop;
    if (!own.empty()) {
        if (is_enabled && is_over) ++report_.due;
        for (const LedgerEntry& row : own) {
            if (!is_enabled) {
                ++report_.unjudged_rows;  // when it was taken back, the row says so
            } else if (is_over) {
                judge_row(row, ends, over, *version->job);
            } else if (has_started(row.state, row.started_at)) {
                add(FindingKind::extra, row.id, &row,
                    "it started before the jobs were over that it runs after");
            }
        }
        return;
    }
    if (!is_enabled || !is_over) return;
    const std::int64_t second = to_unix_seconds(at);
    const std::int64_t end = version->job->end_time;
    if (second < version->job->start_time || (end != 0 && second >= end)) return;
    // It may still come.
    if (over + rules_.settle > std::min(now_, range_.to)) return;
    if (version->job->run_limit != 0) {
        ++report_.unjudged_fires;
        return;
    }
    ++report_.due;
    add(FindingKind::missing, run, nullptr,
        fmt::format("the jobs that it runs after were over at {}, and it has no row",
                    time_text(over)));
}

void ChainAudit::judge_row(const LedgerEntry& row, std::span<const End> ends, WallTime over,
                           const Job& job)
{
    if (judge_calendar(row, job)) return;
    const RunAfterOn wanted = job.run_after_on;
    bool all_succeeded = true;
    bool any_failed = false;
    bool any_ran = false;
    for (const End& end : ends) {
        const bool ran = end.state != RunState::skipped;
        all_succeeded = all_succeeded && end.state == RunState::success;
        any_failed = any_failed || (ran && end.state != RunState::success);
        any_ran = any_ran || ran;
    }
    const bool is_wanted = wanted == RunAfterOn::success   ? all_succeeded
                           : wanted == RunAfterOn::failure ? any_failed
                                                           : any_ran;
    const bool was_skipped = row.state == RunState::skipped && row.reason.cause == Cause::parent;
    const bool ran = has_started(row.state, row.started_at);
    // One that was lost then may be known to have succeeded since.
    if (all_succeeded && is_wanted != ran) {
        ++report_.unjudged_rows;
        return;
    }
    if (ran && !is_wanted) {
        add(FindingKind::extra, row.id, &row,
            "it ran although the jobs that it runs after did not end as it wants");
    } else if (was_skipped && is_wanted) {
        add(FindingKind::missing, row.id, &row,
            "it was skipped although the jobs that it runs after ended as it wants");
    } else if (ran && row.started_at && *row.started_at < over - rules_.late) {
        add(FindingKind::extra, row.id, &row,
            "it started before the jobs were over that it runs after");
    }
}

/// Whether calendars say all that there is to say of the row.
bool ChainAudit::judge_calendar(const LedgerEntry& row, const Job& job)
{
    const auto is_excluded =
        calendars_.was_excluded(job, row.id.scheduled_at, rules_.default_zone, rules_.change);
    const bool was_skipped = row.state == RunState::skipped && row.reason.cause == Cause::calendar;
    if (!is_excluded) {
        if (was_skipped) ++report_.unjudged_rows;
        return was_skipped;
    }
    if (was_skipped && !*is_excluded) {
        add(FindingKind::missing, row.id, &row,
            "it was skipped for its calendars, which did not exclude it");
    }
    const bool ran = has_started(row.state, row.started_at);
    if (ran && *is_excluded) {
        add(FindingKind::extra, row.id, &row, "it ran although its calendars exclude it");
    }
    return was_skipped || *is_excluded;
}

void ChainAudit::add(FindingKind kind, const RunId& run, const LedgerEntry* row, std::string what)
{
    ++report_.found[static_cast<std::size_t>(kind)];
    findings_.push_back(finding_of(kind, run, row, std::move(what)));
}

}  // namespace peercron
