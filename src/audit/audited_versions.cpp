#include "audit/audited_versions.hpp"

#include "model/job_zone.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace peercron {

AuditedVersions::AuditedVersions(const JobPast& past, const AuditRules& rules) : rules_(rules)
{
    if (!past.whole) return;
    versions_.reserve(past.revisions.size());
    for (const Revision& revision : past.revisions) {
        AuditedVersion version;
        version.begin = revision.effective_from;
        // Made later, but by a clock that is behind.
        if (!versions_.empty()) version.begin = std::max(version.begin, versions_.back().begin);
        version.end = WallTime::max();
        version.by_hand = revision.by.who.empty();
        if (!versions_.empty()) versions_.back().end = version.begin;
        if (revision.after) {
            const Job& job = *revision.after;
            version.exists = true;
            version.window = Window{job.start_time, job.end_time};
            version.delivery = job.delivery;
            version.may_wait = job.overlap == Overlap::queue || job.overlap == Overlap::replace;
            version.timeout = job.timeout;
            version.run_limit = job.run_limit;
            version.job = job;
            version.job.id = past.job;
            version.job.effective_from = version.begin;
            auto schedule =
                Schedule::make(job.cron_set, zone_name(job, rules.default_zone), past.job);
            if (schedule && !job.stop) version.schedule = *schedule;
        }
        versions_.push_back(std::move(version));
    }
}

const AuditedVersion* AuditedVersions::at(WallTime fire) const
{
    const auto later = std::ranges::lower_bound(versions_, fire, {}, &AuditedVersion::begin);
    return later == versions_.begin() ? nullptr : &*std::prev(later);
}

const AuditedVersion* AuditedVersions::of_daemon_at(WallTime time) const
{
    const AuditedVersion* const version = at(time);
    const bool is_its =
        version != nullptr && version->exists && version->job.kind == JobKind::daemon;
    return is_its ? version : nullptr;
}

bool AuditedVersions::near_change(WallTime time) const
{
    const std::chrono::milliseconds reach = std::max(rules_.change, rules_.change_by_hand);
    auto version = std::ranges::lower_bound(versions_, time - reach, {}, &AuditedVersion::begin);
    for (; version != versions_.end() && version->begin <= time + reach; ++version) {
        const std::chrono::milliseconds near =
            version->by_hand ? rules_.change_by_hand : rules_.change;
        if (std::chrono::abs(version->begin - time) <= near) return true;
    }
    return false;
}

}  // namespace peercron
