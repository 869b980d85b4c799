#include "dispatch/job_table.hpp"

#include "model/daemon.hpp"
#include "model/job_kinds.hpp"
#include "model/job_zone.hpp"
#include "schedule/fire_before.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace peercron {

std::optional<WallTime> PlannedJob::next(WallTime after) const
{
    if (job.stop || !schedule) return std::nullopt;
    const Window window{job.start_time, job.end_time};
    const auto from = std::chrono::floor<std::chrono::seconds>(std::max(after, job.effective_from));
    const auto fire = schedule->next_in_window(from, window);
    if (!fire) return std::nullopt;
    return WallTime(*fire);
}

std::optional<WallTime> PlannedJob::previous(WallTime time) const
{
    if (!schedule) return std::nullopt;
    const auto fire = fire_before(*schedule, std::chrono::ceil<std::chrono::seconds>(time),
                                  Window{job.start_time, job.end_time});
    if (!fire) return std::nullopt;
    return WallTime(*fire);
}

bool PlannedJob::may_fire_at(WallTime time) const
{
    if (!is_chained()) return next(time - std::chrono::milliseconds(1)) == time;
    return enabled() && is_open(job, time);
}

/// Further ahead than clocks of nodes that work together are.
constexpr std::chrono::seconds sure_ahead{5};

bool JobTable::put(Job job, WallTime seen)
{
    const std::size_t remark_hash = std::hash<std::string_view>()(job.remark);
    job.remark.clear();
    const auto found = jobs_.find(job.id);
    if (found != jobs_.end()) {
        const Job& known = found->second.job;
        Job same_moment = job;
        same_moment.effective_from = known.effective_from;
        same_moment.counters = known.counters;
        const bool same_content = same_moment == known && remark_hash == found->second.remark_hash;
        // A row changed by hand keeps the moment that it had in the table; known.effective_from
        // may be the later one that was given here when such a change was seen before.
        const bool by_hand = job.effective_from <= known.effective_from;
        // A clock that was ahead gave it that moment, and Store::step_back() took it back.
        const bool is_sooner =
            job.effective_from < known.effective_from && known.effective_from > seen + sure_ahead;
        if (same_content && is_sooner) {
            found->second.job.effective_from = job.effective_from;
            note_change(job.id);
            return true;
        }
        if (same_content && by_hand) return false;
        if (by_hand) job.effective_from = seen;
    } else {
        id_sum_ += job.id;
    }
    const JobId id = job.id;
    locks_.put(id, read_locks(job.locks));
    PlannedJob planned = compile(std::move(job));
    planned.remark_hash = remark_hash;
    share_values(planned);
    jobs_.insert_or_assign(id, std::move(planned));
    note_change(id);
    return true;
}

/// Those that whole departments have, and not what is mostly a job's own, such as its environment
/// or what it posts.
void JobTable::share_values(PlannedJob& planned)
{
    constexpr std::size_t most_shared = 256;  // bytes
    Job& job = planned.job;
    for (RareWords* words : {&job.tags, &job.calendar, &job.run_on, &job.notify}) {
        if (!words->empty()) *words = words_.share(std::move(*words));
    }
    if (!job.time_zone.empty()) job.time_zone = texts_.share(std::move(job.time_zone));
    NodeFields& fields = planned.node_fields;
    const bool is_common = !fields.empty() && fields.text().size() <= most_shared;
    if (is_common) fields = fields_.share(std::move(fields));
}

std::size_t JobTable::HashOfWords::operator()(const RareWords& words) const
{
    std::size_t hash = 0;
    for (const std::string& word : words) {
        hash = hash * 31 + std::hash<std::string>()(word);
    }
    return hash;
}

PlannedJob JobTable::compile(Job job) const
{
    PlannedJob planned;
    if (!has_schedule(job)) {
        // Written by hand, its row may have what no API call lets in.
        JobPatch whole;
        whole.given.set();
        if (const auto problem = find_contradiction(job, whole)) {
            planned.error = fmt::format("{}: {}", problem->field->name, problem->what);
        }
    } else {
        auto schedule = Schedule::make(job.cron_set, zone_name(job, default_zone_), job.id);
        if (schedule) {
            planned.schedule = std::move(*schedule);
        } else {
            planned.error = schedule.error().message;
        }
    }
    planned.node_fields = NodeFields::of(job);
    planned.lock_limits = locks_.limits_of(read_locks(job.locks));
    planned.job = std::move(job);
    return planned;
}

bool JobTable::erase(JobId id)
{
    if (jobs_.erase(id) == 0) return false;
    id_sum_ -= id;
    locks_.erase(id);
    note_change(id);
    return true;
}

void JobTable::put_pauses(std::vector<Pause> pauses)
{
    Pauses read(std::move(pauses));
    if (read == pauses_) return;
    pauses_ = std::move(read);
    ++pause_changes_;
}

std::vector<JobId> JobTable::put_calendars(Calendars calendars, CalendarStamp stamp)
{
    std::map<std::string, bool, std::less<>> others;  // by name
    const auto is_other = [&](const std::string& word) {
        const std::string_view name = CalendarTerm(word).name;
        const auto known = others.find(name);
        if (known != others.end()) return known->second;
        return others.emplace(name, !calendars.agrees(calendars_, name)).first->second;
    };
    std::vector<JobId> concerned;
    for (const auto& [id, planned] : jobs_) {
        if (std::ranges::any_of(planned.job.calendar, is_other)) concerned.push_back(id);
    }
    calendars_ = std::move(calendars);
    calendar_stamp_ = stamp;
    return concerned;
}

std::optional<std::string> JobTable::why_excluded(const Job& job, WallTime fire) const
{
    if (job.calendar.empty()) return std::nullopt;
    const auto zone = find_zone(zone_name(job, default_zone_));
    if (!zone) return std::nullopt;  // it has no fires
    return calendars_.why_not(job.calendar, fire, **zone);
}

std::vector<JobId> JobTable::set_lock_limits(std::vector<LockLimit> limits)
{
    const std::vector<JobId> concerned = locks_.set_limits(std::move(limits));
    for (const JobId id : concerned) {
        PlannedJob& planned = jobs_.at(id);
        planned.lock_limits = locks_.limits_of(read_locks(planned.job.locks));
        note_change(id);
    }
    return concerned;
}

void JobTable::note_change(JobId id)
{
    constexpr std::size_t remembered = 1000;
    ++changes_;
    changed_lately_.push_back(id);
    if (changed_lately_.size() > remembered) changed_lately_.pop_front();
}

std::optional<std::vector<JobId>> JobTable::changed_after(std::uint64_t changes) const
{
    const std::uint64_t wanted = changes_ - changes;
    if (wanted > changed_lately_.size()) return std::nullopt;
    const auto newest = static_cast<std::ptrdiff_t>(wanted);
    return std::vector<JobId>(changed_lately_.end() - newest, changed_lately_.end());
}

const PlannedJob* JobTable::find(JobId id) const
{
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
}

std::vector<JobId> JobTable::missing_from(const std::vector<JobId>& existing) const
{
    const std::unordered_set<JobId> there(existing.begin(), existing.end());
    std::vector<JobId> missing;
    for (const auto& [id, job] : jobs_) {
        if (!there.contains(id)) missing.push_back(id);
    }
    return missing;
}

void JobTable::for_each(const std::function<void(const PlannedJob&)>& visit) const
{
    for (const auto& [id, job] : jobs_) visit(job);
}

}  // namespace peercron
