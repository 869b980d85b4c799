#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/reason.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// The most characters of Pause::reason.
inline constexpr std::size_t longest_pause_reason = 255;

/// A time in which jobs do not start by themselves: one job, those with a tag, or all.
struct Pause {
    std::int64_t id = 0;
    JobId job = 0;                     ///< this job alone; 0: …
    std::string tag;                   ///< … those that have this tag; empty: all
    WallTime begins_at{};              ///< from this moment on …
    std::optional<WallTime> until;     ///< … and before this one; not set: until a person ends it
    std::optional<WallTime> ended_at;  ///< when a person ended it, before `until`
    std::string reason;                ///< in words; may be empty
    std::string made_by;               ///< as Author::who
    std::string ended_by;

    /// The first moment at which it is over; WallTime::max() while nobody knows.
    WallTime end() const { return ended_at ? *ended_at : until.value_or(WallTime::max()); }
    bool covers(WallTime time) const { return begins_at <= time && time < end(); }

    friend bool operator==(const Pause&, const Pause&) = default;
};

/// Whether the job is one of those that it is of.
bool is_about(const Pause& pause, const Job& job);

/// "all jobs", "tag nightly", "job 12".
std::string scope_text(const Pause& pause);

/// "paused: db upgrade (ops)", for the row of a fire that it keeps from running.
Reason reason_of(const Pause& pause);

/// Some pauses, by the jobs that they are of. Plain memory; one thread.
class Pauses {
public:
    Pauses() = default;
    explicit Pauses(std::vector<Pause> pauses);

    bool empty() const { return pauses_.empty(); }
    const std::vector<Pause>& all() const { return pauses_; }

    /// The pause of the job at that moment; of several the one that ends last. nullptr: none.
    const Pause* find(const Job& job, WallTime time) const { return find(job.id, job.tags, time); }
    const Pause* find(JobId job, const std::vector<std::string>& tags, WallTime time) const;

    /// The first moment at or after `time` that no pause of the job covers; WallTime::max(): nobody
    /// knows.
    WallTime next_open(const Job& job, WallTime time) const;

    friend bool operator==(const Pauses& one, const Pauses& other)
    {
        return one.pauses_ == other.pauses_;
    }

private:
    std::vector<Pause> pauses_;
    // Places in pauses_.
    std::map<JobId, std::vector<std::size_t>> of_jobs_;
    std::map<std::string, std::vector<std::size_t>> of_tags_;
    std::vector<std::size_t> of_all_;
};

}  // namespace peercron
