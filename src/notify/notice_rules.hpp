#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/notice.hpp"
#include "model/notice_defaults.hpp"
#include "model/pause.hpp"
#include "model/usual.hpp"
#include "notify/job_watch.hpp"
#include "schedule/calendars.hpp"
#include "store/store.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// How long a pause that is over, or what a calendar said, still counts: the time of a job's
/// expectation begins with its end.
inline constexpr std::chrono::days past_exclusions{8};

/// The row as it would be if its run had not ended in the future, which the clock of a node that is
/// ahead may say: until then nothing else would count.
LogRow not_after(WallTime now, LogRow row);

/// Which notices the life of a job gives. Pure: a function of the job, of what was kept of it, and
/// of moments; so every dispatcher finds the same, and looking twice at the same run finds nothing
/// new.
///
/// - One notice per change: when something begins, and when it is over. What nobody was told has
///   no end that anybody is told.
/// - A fire has failed when its last attempt has. Runs that were skipped because somebody wanted it
///   so, or were ended by a person, say nothing about the job.
/// - A fire with several parts is good or has failed as a whole (outcome_of_fire()), in whatever
///   order their ends are told. It is slow, late or fast when one of them is.
/// - A daemon fails when it ends by itself before Job::healthy_after; an end because of its node,
/// its
///   job, its window or a person says nothing about it. When it is given up it is failing at once,
///   whatever Job::notify_after says.
/// - More than six changes within an hour are told as one `flapping`, and then nothing until an
///   hour was quiet; then how it stands.
/// - A stopped job is silent. Of a paused one nothing is told that only time tells, and what it is
///   expected to do it is expected to do anew from the end of the pause.
/// - Of runs that end in another order than they are told, the one that ended last decides.
///
/// Any thread.
class NoticeRules {
public:
    explicit NoticeRules(NoticeDefaults defaults) : defaults_(std::move(defaults)) {}

    /// What jobs inherit.
    const NoticeDefaults& defaults() const { return defaults_; }

    /// Notes what is expected of the job that it does not say itself. What the configuration did
    /// not ask for before counts from `now`. To be called before each look at the job.
    void note_expected(const Job& job, WatchedJob& watched, WallTime now) const;

    /// A run has ended, or a fire was skipped.
    /// @param before the attempt before, if `row` is a further one that did not run: what was wrong
    ///     with the fire is to be seen there.
    std::vector<Notice> ended(const Job& job, const LogRow& row, WatchedJob& watched,
                              const UsualTime& usual = {}, const LogRow* before = nullptr) const;

    /// A run goes on at `now`, perhaps for longer than the job allows, or than is usual. It may be
    /// told of again and again.
    std::vector<Notice> takes_long(const Job& job, const LogRow& row, WatchedJob& watched,
                                   WallTime now, const UsualTime& usual = {}) const;

    /// A run of a daemon that has been up for longer than Job::healthy_after, which ends what was
    /// wrong: it may not end for weeks. It may be told of again and again.
    std::vector<Notice> stays_up(const Job& job, const LogRow& row, WatchedJob& watched) const;

    /// What only time tells: to be asked when due() says so.
    /// @param pauses, calendars those that ended less than past_exclusions ago, too.
    std::vector<Notice> passed(const Job& job, WatchedJob& watched, WallTime now,
                               const Pauses& pauses = Pauses(),
                               const Calendars& calendars = Calendars()) const;

    /// When passed() has something to say next, if nothing happens until then; or earlier, since
    /// people change what is expected: no later than in an hour.
    std::optional<WallTime> due(const Job& job, const WatchedJob& watched, WallTime now,
                                const Pauses& pauses = Pauses(),
                                const Calendars& calendars = Calendars()) const;

    /// The channels that the job names, or its tag (TagNotices), for channels_of().
    const std::vector<std::string>& channels(const Job& job) const;

    /// Whether anything follows from how long its runs usually take.
    bool follows_usual_time(const Job& job) const;

private:
    class Look;

    bool wants(const Job& job, NoticeKind kind) const;
    std::chrono::seconds every(const Job& job) const;
    /// Whether it was told, and is told again as long as it goes on. Of a job of which nothing is
    /// expected any more only the next success is told.
    bool is_repeated(const Job& job, NoticeKind kind, const std::optional<Alarm>& alarm,
                     WallTime now) const;
    /// How long a run may take; nullopt: any time.
    std::optional<std::chrono::milliseconds> slow_limit(const Job& job,
                                                        const UsualTime& usual) const;
    /// What counts: the job's own value, that of its tag, or that of all jobs.
    template <class Own, class Value>
    const Value& setting(const Job& job, Own Job::*own, Value TagNotices::*of_tag,
                         Value NoticeDefaults::*of_all) const;
    /// What counts at `now`: a job that cannot fire any more inherits no expectation.
    Expectation expectation_at(const Job& job, WallTime now) const;
    std::optional<WallTime> silent_from(const Job& job, const WatchedJob& watched, WallTime now,
                                        const Pauses& pauses, const Calendars& calendars) const;
    bool is_excluded(const Job& job, WallTime now, const Calendars& calendars) const;

    const NoticeDefaults defaults_;
};

}  // namespace peercron
