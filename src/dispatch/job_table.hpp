#pragma once

#include "base/rare.hpp"
#include "base/value_pool.hpp"
#include "dispatch/lock_table.hpp"
#include "model/job.hpp"
#include "model/node_fields.hpp"
#include "model/pause.hpp"
#include "schedule/calendars.hpp"
#include "schedule/schedule.hpp"
#include "store/calendar_store.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace peercron {

/// A job with its compiled schedule.
struct PlannedJob {
    Job job;
    std::optional<Schedule> schedule;  ///< not set: it has none, or the row makes no sense …
    RareText error;                    ///< … and this is why
    NodeFields node_fields;
    Rare<std::vector<std::int64_t>> lock_limits;  ///< of its locks, in their order
    std::size_t remark_hash = 0;                  ///< of JobTable: what it has of the remark

    bool is_daemon() const { return job.kind == JobKind::daemon; }
    /// Whether it runs after others: see Chains.
    bool is_chained() const { return peercron::is_chained(job); }

    /// Whether it can run at all: not stopped, and its row makes sense.
    bool enabled() const { return !job.stop && error.empty(); }

    /// Its first fire by its schedule after `after`, inside its window and after `effective_from`.
    /// A daemon has none: see Daemons; nor has a job that runs after others: see Chains.
    std::optional<WallTime> next(WallTime after) const;

    /// The last moment before `time` at which its schedule names a fire inside its window, as if it
    /// had always been as it is.
    std::optional<WallTime> previous(WallTime time) const;

    /// Whether it may fire at that moment: by its schedule, or after others, which does not ask
    /// what those do, or since when this version counts.
    bool may_fire_at(WallTime time) const;
};

static_assert(sizeof(PlannedJob) == 736, "a million of them are kept in memory");

/// All jobs, compiled: the warm copy that every node keeps, so that a new dispatcher plans at once.
/// Remarks are not in it, because nothing is planned by them. Plain memory; one thread.
class JobTable {
public:
    /// `default_zone` is what a job without a time zone of its own runs in.
    explicit JobTable(std::string default_zone) : default_zone_(std::move(default_zone)) {}

    /// Puts `job` in, and says whether anything about it is new. A row whose content changed
    /// while its `effective_from` did not was changed by hand: it is effective from `seen`.
    bool put(Job job, WallTime seen);

    /// Takes the job out, and says whether it was there.
    bool erase(JobId id);

    /// The limits of locks are these now. Returns the jobs to which that makes a difference.
    std::vector<JobId> set_lock_limits(std::vector<LockLimit> limits);
    const LockTable& locks() const { return locks_; }

    const PlannedJob* find(JobId id) const;

    /// `job` with its schedule, as it would be in the table.
    PlannedJob compile(Job job) const;

    /// Counts additions, changes and removals of jobs.
    std::uint64_t changes() const { return changes_; }

    /// The jobs of the changes after the first `changes`; nullopt: only the newest are remembered.
    std::optional<std::vector<JobId>> changed_after(std::uint64_t changes) const;

    std::size_t size() const { return jobs_.size(); }
    /// How many different zones, lists and NodeFields its jobs have in common.
    std::size_t shared_values() const { return texts_.size() + words_.size() + fields_.size(); }
    std::int64_t id_sum() const { return id_sum_; }

    /// The ids that are here but not among `existing`.
    std::vector<JobId> missing_from(const std::vector<JobId>& existing) const;

    void for_each(const std::function<void(const PlannedJob&)>& visit) const;

    // The pauses: all in which fires may be that are still to be planned.
    void put_pauses(std::vector<Pause> pauses);
    const Pauses& pauses() const { return pauses_; }
    /// Counts put_pauses() that changed anything.
    std::uint64_t pause_changes() const { return pause_changes_; }

    // The calendars, likewise.
    /// Returns the jobs to which these make a difference.
    std::vector<JobId> put_calendars(Calendars calendars, CalendarStamp stamp);
    /// Which ones they are.
    const CalendarStamp& calendar_stamp() const { return calendar_stamp_; }
    /// Why the calendars exclude a fire of the job, which need not be as it is in the table;
    /// nullopt: they do not.
    std::optional<std::string> why_excluded(const Job& job, WallTime fire) const;

private:
    struct HashOfText {
        std::size_t operator()(const RareText& text) const
        {
            return std::hash<std::string>()(text);
        }
    };
    struct HashOfWords {
        std::size_t operator()(const RareWords& words) const;
    };
    struct HashOfFields {
        std::size_t operator()(const NodeFields& fields) const
        {
            return std::hash<std::string>()(fields.text());
        }
    };

    void share_values(PlannedJob& planned);
    void note_change(JobId id);

    std::string default_zone_;
    // What many jobs have in common.
    ValuePool<RareText, HashOfText> texts_;
    ValuePool<RareWords, HashOfWords> words_;
    ValuePool<NodeFields, HashOfFields> fields_;
    std::unordered_map<JobId, PlannedJob> jobs_;
    LockTable locks_;
    std::int64_t id_sum_ = 0;
    std::uint64_t changes_ = 0;
    std::deque<JobId> changed_lately_;
    Pauses pauses_;
    std::uint64_t pause_changes_ = 0;
    Calendars calendars_;
    CalendarStamp calendar_stamp_;
};

}  // namespace peercron
