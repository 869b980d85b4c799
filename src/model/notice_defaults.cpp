#include "model/notice_defaults.hpp"

namespace peercron {
namespace {

/// Adds what one place says to what the places before it have said; false: nothing comes after it.
bool add(Expectation& expectation, std::chrono::seconds every, const std::string& by)
{
    if (expectation.every.count() == 0) expectation.every = every;
    if (expectation.by.empty()) expectation.by = by;
    return by != expects_nothing;
}

void add_inherited(const NoticeDefaults& defaults, const Job& job, Expectation& expectation)
{
    for (const TagNotices& entry : defaults.tags) {
        if (!has_tag(job.tags, entry.tag)) continue;
        if (!add(expectation, entry.expect_every, entry.expect_by)) return;
    }
    add(expectation, defaults.expect_every, defaults.expect_by);
}

/// A job that only people start is never late.
bool starts_by_itself(const Job& job)
{
    return !job.cron_set.empty() || is_chained(job);
}

}  // namespace

Expectation own_expectation(const Job& job)
{
    static const NoticeDefaults nobody;
    return expectation_of(nobody, job);
}

Expectation expectation_of(const NoticeDefaults& defaults, const Job& job)
{
    Expectation expectation;
    if (job.kind == JobKind::daemon) return expectation;
    const bool goes_on = add(expectation, job.expect_every, job.expect_by);
    if (goes_on && starts_by_itself(job)) add_inherited(defaults, job, expectation);
    if (expectation.by == expects_nothing) expectation.by.clear();
    return expectation;
}

Expectation inherited_expectation(const NoticeDefaults& defaults, const Job& job)
{
    Expectation expectation = expectation_of(defaults, job);
    if (job.expect_every.count() > 0) expectation.every = {};
    if (!job.expect_by.empty()) expectation.by.clear();
    return expectation;
}

std::optional<bool> expects_success(std::chrono::seconds every, std::string_view by)
{
    if (every.count() > 0) return true;
    if (by.empty()) return std::nullopt;
    return by != expects_nothing;
}

RunLimits run_limits(const NoticeDefaults& defaults, const RunLimits& own,
                     const std::vector<std::string>& tags, JobKind kind)
{
    if (kind == JobKind::daemon) return {};
    return {.slow_after = inherited(defaults, tags, own.slow_after, &TagNotices::slow_after,
                                    &NoticeDefaults::slow_after),
            .late_goal = inherited(defaults, tags, own.late_goal, &TagNotices::late_goal,
                                   &NoticeDefaults::late_goal)};
}

RunLimits run_limits(const NoticeDefaults& defaults, const Job& job)
{
    return run_limits(defaults, {job.slow_after, job.late_goal}, job.tags, job.kind);
}

}  // namespace peercron
