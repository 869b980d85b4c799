#include "audit/required_audit.hpp"

#include "model/job_zone.hpp"
#include "schedule/fire_before.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// A row tells when it was dispatched to the second.
constexpr auto whole_second = 1s;

}  // namespace

RequiredAudit::RequiredAudit(const JobPast& past, const AuditRules& rules, const AuditRange& range,
                             AuditReport& report)
    : rules_(rules), range_(range), report_(report), job_(past.job)
{
    if (!past.whole) return;
    for (const Revision& revision : past.revisions) {
        Version version;
        version.begin = revision.effective_from;
        version.by_hand = revision.by.who.empty();
        version.job = revision.after;
        if (version.job) {
            Job& job = *version.job;
            job.id = job_;
            if (auto schedule =
                    Schedule::make(job.cron_set, zone_name(job, rules.default_zone), job_)) {
                version.schedule = *schedule;
            }
        }
        versions_.push_back(std::move(version));
    }
}

bool RequiredAudit::is_concerned() const
{
    return std::ranges::any_of(versions_, [](const Version& version) {
        return version.job && !version.job->required.empty();
    });
}

const RequiredAudit::Version* RequiredAudit::version_at(WallTime time) const
{
    const auto later = std::ranges::lower_bound(versions_, time, {}, &Version::begin);
    return later == versions_.begin() ? nullptr : &*std::prev(later);
}

bool RequiredAudit::near_change(WallTime time) const
{
    return std::ranges::any_of(versions_, [&](const Version& version) {
        const auto near = version.by_hand ? rules_.change_by_hand : rules_.change;
        return std::chrono::abs(version.begin - time) <= near;
    });
}

std::optional<RequiredAudit::Question> RequiredAudit::question_of(const LedgerEntry& row)
{
    const WallTime fire = row.id.scheduled_at;
    const bool was_skipped = row.state == RunState::skipped && row.reason.cause == Cause::required;
    const bool ran = has_started(row.state, row.started_at);
    const bool is_by_schedule = row.id.attempt == 1 && !row.requested && !row.rehearsal &&
                                fire.time_since_epoch() % 1s == 0ms;
    if (!is_by_schedule || (!ran && !was_skipped)) return std::nullopt;
    const WallTime decided =
        was_skipped ? row.ended_at.value_or(row.dispatched_at) : row.dispatched_at;
    const Version* const version = version_at(fire);
    const bool is_known = version != nullptr && version->job && version->schedule &&
                          version == version_at(decided) && !near_change(fire) &&
                          !near_change(decided);
    if (!is_known) {
        if (was_skipped) ++report_.unjudged_rows;
        return std::nullopt;
    }
    const Job& job = *version->job;
    if (job.required.empty()) {
        if (was_skipped) {
            add(FindingKind::missing, row, "it was skipped although its job requires no others");
        }
        return std::nullopt;
    }
    const auto second = std::chrono::floor<std::chrono::seconds>(fire);
    const Window window{job.start_time, job.end_time};
    Question question;
    question.names = job.required;
    question.times = required_times(job, fire, fire_before(*version->schedule, second, window),
                                    version->schedule->next_in_window(second, window));
    question.earliest = was_skipped ? decided : question.times.due;
    question.decided = decided;
    return question;
}

/// Whether at some moment about when it was decided the last fire had succeeded.
bool RequiredAudit::may_have_succeeded(std::span<const RequiredAttempt> rows,
                                       const Question& question) const
{
    const WallTime earliest = question.earliest - rules_.late;
    const WallTime latest = question.decided + rules_.late + whole_second;
    // A row of a gap may have grown since: it counts at its end, when that had come.
    const auto moment = [&](const RequiredAttempt& row) {
        const bool is_over = row.gap_end && *row.gap_end <= earliest;
        return is_over ? *row.gap_end : row.id.scheduled_at;
    };
    const auto is_fire = [&](const RequiredAttempt& row) {
        const bool is_in_time = !question.times.since || moment(row) > *question.times.since;
        return is_in_time && !row.rehearsal && row.state != RunState::revoked;
    };
    return std::ranges::any_of(rows, [&](const RequiredAttempt& row) {
        const bool has_succeeded = is_fire(row) && row.state == RunState::success &&
                                   row.ended_at.value_or(row.id.scheduled_at) <= latest;
        if (!has_succeeded) return false;
        return std::ranges::none_of(rows, [&](const RequiredAttempt& other) {
            return is_fire(other) && moment(other) > row.id.scheduled_at &&
                   moment(other) <= earliest;
        });
    });
}

void RequiredAudit::judge(const LedgerEntry& row, const Question& question,
                          std::span<const std::optional<std::vector<RequiredAttempt>>> jobs)
{
    const bool was_skipped = row.state == RunState::skipped;
    if (was_skipped && question.decided < question.times.end - rules_.late) {
        add(FindingKind::missing, row,
            fmt::format("it was skipped {} ms before its wait was over",
                        (question.times.end - question.decided).count()));
        return;
    }
    // Of older rows nobody knows whether they were there.
    const bool is_whole = question.times.since && *question.times.since >= range_.from;
    bool all_may_have = true;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const bool may_have = jobs[i] && may_have_succeeded(*jobs[i], question);
        if (may_have) continue;
        all_may_have = false;
        if (was_skipped && jobs[i]) return;
        if (!jobs[i] || !is_whole) {
            ++report_.unjudged_rows;
            return;
        }
        add(FindingKind::extra, row,
            fmt::format("it ran although the last fire of {} had not succeeded",
                        question.names[i]));
        return;
    }
    if (was_skipped && all_may_have) ++report_.unjudged_rows;
}

void RequiredAudit::add(FindingKind kind, const LedgerEntry& row, std::string what)
{
    ++report_.found[static_cast<std::size_t>(kind)];
    findings_.push_back(finding_of(kind, row.id, &row, std::move(what)));
}

}  // namespace peercron
