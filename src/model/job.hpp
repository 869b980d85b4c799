#pragma once

#include "base/clock.hpp"
#include "base/rare.hpp"
#include "model/policy.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace peercron {

using JobId = std::int64_t;

/// Of Job::priority: from 0, which waits longest.
inline constexpr std::int64_t most_priority = 9;
inline constexpr std::int64_t default_priority = 5;

/// The greatest Job::shards.
inline constexpr std::int64_t most_shards = 256;

/// The greatest Job::start_limit.
inline constexpr std::int64_t most_start_limit = 100;

/// What the ledger says of a job. Not a part of its definition: it changes with every run.
struct JobCounters {
    std::int64_t run_num = 0;             ///< runs that have ended; skipped and revoked ones not
    std::optional<WallTime> last_run_at;  ///< when the latest of them was due or started

    friend bool operator==(const JobCounters&, const JobCounters&) = default;
};

/// One row of table `cron`: what to run and when. What a person decides of it is listed, with its
/// limits, in model/job_fields.hpp.
///
/// A dispatcher keeps all of them in memory, a million perhaps. So what few jobs have is a Rare,
/// and flags and choices stand together at the end: between the numbers each would take as much as
/// one.
struct Job {
    JobId id = 0;
    std::string name;      ///< unique; empty = none
    std::string cron_set;  ///< the expression, see schedule/
    std::string command;
    RareText remark;
    RareWords tags;  ///< by which a person finds it together with others

    /// A fire of the schedule starts up to this long after its time: see model/jitter.hpp.
    std::chrono::seconds jitter{0};

    /// Calendars that its fires must be in, or with ! before the name must not; all must hold.
    RareWords calendar;

    // In place of a schedule: see model/chain.hpp.
    RareWords run_after;  ///< names of jobs: it fires when all of them are over

    // See model/requires.hpp.
    RareWords required;                     ///< names of jobs whose last fires must have succeeded
    std::chrono::seconds requires_wait{0};  ///< how long a fire waits for that

    std::int64_t start_time = 0;      ///< Unix seconds; a fire at t needs start_time <= t
    std::int64_t end_time = 0;        ///< Unix seconds; a fire at t needs t < end_time; 0 = open
    RareText time_zone;               ///< IANA name; empty = the configured one
    std::chrono::seconds timeout{0};  ///< 0 = none
    std::int64_t run_limit = 0;       ///< runs in all; 0 = no limit

    /// How late a fire may run that nobody could plan in time; not set: as configured, 0 = however
    /// late, until_next = until the next fire of the job is due.
    std::optional<std::chrono::seconds> misfire_window;

    std::int64_t max_concurrent = 0;  ///< runs at a time in the whole cluster; 0 = no limit
    RareWords locks;                  ///< shared with other jobs: see model/lock.hpp

    // What follows a run that failed: see model/retry.hpp.
    std::int64_t retries = 0;                    ///< further attempts of the same fire
    std::chrono::seconds retry_delay{10};        ///< before the first; doubles with each …
    std::chrono::seconds retry_max_delay{3600};  ///< … up to this
    RareWords retry_on;                          ///< after which ends; empty = failed, timeout

    // As whom and with what the command runs.
    RareWords env;                       ///< NAME=value each
    RareText work_dir;                   ///< empty = see docs/commands.md
    RareText umask;                      ///< octal; empty = the node's
    RareText stdin_text;                 ///< what the command reads; empty = /dev/null
    std::int64_t nice = 0;               ///< added to the node's
    RareWords success_codes;             ///< see is_success_code()
    std::chrono::seconds kill_grace{0};  ///< from stop_signal to SIGKILL; 0 = as configured
    RareText run_as;                     ///< a user; empty = the node's
    RareWords secrets;                   ///< names of files in [secrets] dir
    RareWords inputs;                    ///< what a run by hand may set: see run_request.hpp
    std::int64_t memory_max = 0;         ///< bytes; 0 = no limit
    std::int64_t cpu_max = 0;            ///< percent of one core; 0 = no limit
    std::int64_t pids_max = 0;           ///< processes and threads; 0 = no limit

    // Where it runs, and before which others; see docs/where.md.
    RareWords run_on;                          ///< what holds for the node: see model/labels.hpp
    std::int64_t shards = 1;                   ///< with Spread::shards: how many runs a fire is
    std::int64_t priority = default_priority;  ///< of those that wait for a slot a higher one first
    std::int64_t weight = 1;                   ///< slots that a run takes

    // Of kind http; see docs/http-jobs.md.
    RareText http_url;
    RareWords http_headers;  ///< "Name: value" each
    RareText http_body;
    RareWords http_expect;            ///< statuses of success, "200-299"; none = those
    RareText http_expect_text;        ///< what the body must have; empty = anything
    std::int64_t http_redirects = 5;  ///< followed at most

    // Who is told when it does not run as it should; see docs/notices.md. What is 0 or empty is
    // inherited: see model/notice_defaults.hpp.
    RareWords notify;                      ///< channels; empty = those for every job; "none"
    RareWords notify_on;                   ///< of what, see notice_words
    std::int64_t notify_after = 0;         ///< failed fires in a row
    std::chrono::seconds notify_every{0};  ///< again, as long as it goes on
    std::chrono::seconds late_after{0};    ///< a start this much behind its time is late
    std::chrono::seconds slow_after{0};    ///< a run that takes longer is slow
    std::chrono::seconds expect_every{0};  ///< from one success to the next
    RareText expect_by;                    ///< "04:00": a success each day by then; "none"

    /// A start this little behind its time meets the goal: see model/goal_record.hpp.
    std::chrono::milliseconds late_goal{0};

    // Of kind daemon: see model/daemon.hpp.
    std::chrono::seconds restart_delay{1};       ///< before the next start; doubles with each …
    std::chrono::seconds restart_max_delay{60};  ///< … up to this
    std::chrono::seconds healthy_after{30};      ///< a run this long ends the doubling
    std::int64_t start_limit = 0;                ///< starts in a row that do not; 0 = no limit

    /// Fires at or before this moment are not this version's: it is when the job was added or
    /// last changed. Keeps a dispatcher that plans a gap afterwards from inventing fires.
    WallTime effective_from{};

    JobCounters counters;

    JobKind kind = JobKind::command;
    bool stop = false;
    bool is_mutex = false;
    RunAfterOn run_after_on = RunAfterOn::success;
    Delivery delivery = Delivery::at_most_once;
    Misfire misfire_policy = Misfire::run_all;
    Overlap overlap = Overlap::allow;
    Spread spread = Spread::one;
    StopSignal stop_signal = StopSignal::term;
    Restart restart = Restart::always;
    HttpMethod http_method = HttpMethod::automatic;
    bool http_verify = true;  ///< the server's certificate

    friend bool operator==(const Job&, const Job&) = default;
};

static_assert(sizeof(Job) == 600, "a million jobs are kept in memory");

/// Whether the job fires after others, and not by a schedule of its own.
inline bool is_chained(const Job& job)
{
    return !job.run_after.empty();
}

/// Whether its fires are due by a schedule: a daemon has none, nor has a job that runs after
/// others.
inline bool has_schedule(const Job& job)
{
    return job.kind != JobKind::daemon && !is_chained(job);
}

/// How many runs a fire of the job is: its parts, each with a row of its own (RunId::part).
/// Of one with Spread::every that is known only when a fire is planned: see runs_at_every_node().
inline std::int32_t parts_of(const Job& job)
{
    // Somebody may have written something else into the database by hand.
    const bool has_several = job.spread == Spread::shards && job.kind != JobKind::daemon;
    return has_several
               ? static_cast<std::int32_t>(std::clamp<std::int64_t>(job.shards, 1, most_shards))
               : 1;
}

/// Whether a fire of the job has a part for each node that can run it when it is planned. Runs with
/// locks have to be at one node.
inline bool runs_at_every_node(const Job& job)
{
    return job.spread == Spread::every && job.kind != JobKind::daemon && job.locks.empty();
}

/// Whether its fires may be several runs.
inline bool may_have_parts(const Job& job)
{
    return parts_of(job) > 1 || runs_at_every_node(job);
}

/// How long a run may take; 0 = as long as it likes. A request without a limit of its own has one.
std::chrono::seconds timeout_of(const Job& job);

/// What is_mutex, max_concurrent and overlap say together. is_mutex means one at a time, whatever
/// max_concurrent is; a job with an overlap policy other than `allow` and neither of them has one
/// at a time, too; a limit without an overlap policy skips. A daemon runs once at a time.
Concurrency concurrency_of(const Job& job);

}  // namespace peercron
