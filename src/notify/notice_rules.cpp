#include "notify/notice_rules.hpp"

#include "model/job_zone.hpp"
#include "notify/flapping.hpp"
#include "notify/run_verdict.hpp"
#include "schedule/schedule.hpp"
#include "schedule/time_zone.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

WallTime end_of(const LogRow& row)
{
    const WallTime due = row.gap_end.value_or(row.run.id.scheduled_at);
    return row.run.ended_at.value_or(due);
}

Notice::Run run_of(const LogRow& row)
{
    Notice::Run run;
    run.id = row.id;
    run.scheduled_at = row.run.id.scheduled_at;
    run.attempt = row.run.id.attempt;
    run.part = row.run.id.part;
    run.state = row.run.state;
    run.reason = to_string(row.run.reason);
    run.node = row.run.run_server;
    run.started_at = row.run.started_at;
    run.ended_at = row.run.ended_at;
    run.exit_code = row.run.exit_code;
    run.http_status = row.run.http_status;
    run.output = row.run.output;
    return run;
}

/// Says of a further attempt that did not run how the one before had ended, and what that wrote.
void add_attempt_before(Notice::Run& run, const LogRow& before)
{
    const Notice::Run ran = run_of(before);
    run.reason += fmt::format("{}attempt {}: {}", run.reason.empty() ? "" : "; ", ran.attempt,
                              to_string(ran.state));
    if (ran.exit_code) run.reason += fmt::format(" with exit code {}", *ran.exit_code);
    if (ran.http_status) run.reason += fmt::format(" with HTTP status {}", *ran.http_status);
    if (!ran.node.empty()) run.reason += " on " + ran.node;
    if (!ran.reason.empty()) run.reason += ", " + ran.reason;
    run.output = ran.output;
}

/// The moment of a time of the day, "04:00", on the clocks of a zone. One that the clocks skip is
/// as much later as they are set forward.
WallTime moment_of(const TimeZone& zone, std::chrono::local_days day, std::string_view clock)
{
    const auto number = [clock](std::size_t at) {
        return (clock[at] - '0') * 10 + (clock[at + 1] - '0');
    };
    const std::chrono::local_seconds local =
        day + std::chrono::hours(number(0)) + std::chrono::minutes(number(3));
    const std::chrono::sys_seconds as_utc(local.time_since_epoch());
    const auto guess = as_utc - zone.offset_at(as_utc);
    return as_utc - zone.offset_at(guess);
}

/// The last such moment that is not later than `now`, the one a day before it, and the next one.
struct Deadlines {
    WallTime before;
    WallTime last;
    WallTime next;
};

Deadlines deadlines_at(const TimeZone& zone, std::string_view clock, WallTime now)
{
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
    const std::chrono::local_seconds local(seconds.time_since_epoch() + zone.offset_at(seconds));
    auto day = std::chrono::floor<std::chrono::days>(local);
    if (moment_of(zone, day, clock) > now) day -= std::chrono::days(1);
    return {moment_of(zone, day - std::chrono::days(1), clock), moment_of(zone, day, clock),
            moment_of(zone, day + std::chrono::days(1), clock)};
}

/// Nobody tells the desk what people have changed of a job, its tags or its calendars.
constexpr auto longest_wait = 1h;

/// When the last one was over of the pauses of the job that have ended.
WallTime end_of_last_pause(const Pauses& pauses, const Job& job, WallTime now)
{
    WallTime last{};
    for (const Pause& pause : pauses.all()) {
        const bool was = pause.begins_at < pause.end() && pause.end() <= now;
        if (was && is_about(pause, job)) last = std::max(last, pause.end());
    }
    return last;
}

const TimeZone* zone_of(const Job& job, const std::string& default_zone)
{
    const auto zone = find_zone(zone_name(job, default_zone));
    return zone ? *zone : nullptr;
}

/// Whether a job that starts by itself may do so again. A schedule that cannot be read is a
/// mistake, and not the end of the job.
bool may_fire(const Job& job, const std::string& default_zone, WallTime now)
{
    if (job.run_limit != 0 && job.counters.run_num >= job.run_limit) return false;
    if (job.end_time != 0 && now >= from_unix_seconds(job.end_time)) return false;
    if (is_chained(job)) return true;
    const auto schedule = Schedule::make(job.cron_set, zone_name(job, default_zone), job.id);
    if (!schedule) return true;
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    return schedule->next_in_window(second, {job.start_time, job.end_time}).has_value();
}

}  // namespace

LogRow not_after(WallTime now, LogRow row)
{
    if (!row.run.ended_at || *row.run.ended_at <= now) return row;
    const auto ahead = *row.run.ended_at - now;
    row.run.ended_at = now;
    if (row.run.started_at) *row.run.started_at -= ahead;
    return row;
}

/// One look at one job.
class NoticeRules::Look {
public:
    Look(const NoticeRules& rules, const Job& job, WatchedJob& watched, WallTime at)
        : rules_(rules), job_(job), watched_(watched), at_(at)
    {}

    void set_run(const LogRow& row, const LogRow* before = nullptr)
    {
        run_ = run_of(row);
        if (before != nullptr) add_attempt_before(*run_, *before);
    }

    /// Begins the alarm, unless it is on, and adds `count` to how often its cause was seen.
    void raise(NoticeKind kind, std::int64_t count)
    {
        std::optional<Alarm>& alarm = watched_.alarm(kind);
        if (!alarm) {
            alarm.emplace();
            alarm->since = at_;
            alarm->run = run_;
            if (alarm->run) alarm->run->output.clear();
        }
        alarm->count += count;
    }

    void tell(NoticeKind kind)
    {
        Alarm& alarm = *watched_.alarm(kind);
        if (alarm.told_at || !rules_.wants(job_, kind)) return;
        alarm.told_at = at_;
        tell_change(about(kind, alarm));
    }

    /// Again, as of `at`.
    void remind(NoticeKind kind)
    {
        Alarm& alarm = *watched_.alarm(kind);
        alarm.told_at = at_;
        if (watched_.flapping_since) return;
        Notice notice = about(kind, alarm);
        notice.is_reminder = true;
        notices_.push_back(std::move(notice));
    }

    /// It is over, and recovered() says so if somebody was told.
    void clear(NoticeKind kind)
    {
        std::optional<Alarm>& alarm = watched_.alarm(kind);
        if (!alarm) return;
        if (alarm->told_at) {
            over_.push_back(kind);
            begun_ = std::min(begun_, alarm->since);
            count_ = std::max(count_, alarm->count);
        }
        alarm.reset();
    }

    /// It gives way to something else that is wrong.
    void drop(NoticeKind kind) { watched_.alarm(kind).reset(); }

    void recovered()
    {
        if (over_.empty() || !rules_.wants(job_, NoticeKind::recovered)) return;
        Notice notice = make(NoticeKind::recovered);
        notice.over = over_;
        notice.since = begun_;
        notice.count = count_;
        tell_change(std::move(notice));
    }

    void tell_run(NoticeKind kind)
    {
        if (!rules_.wants(job_, kind)) return;
        Notice notice = make(kind);
        notice.id = fmt::format("{}-{}-{}-{}", to_string(kind), job_.id,
                                to_unix_millis(run_->scheduled_at), run_->attempt);
        if (run_->part != 0) notice.id += fmt::format("-{}", run_->part);
        notices_.push_back(std::move(notice));
    }

    /// An hour without changes: says how it stands.
    void calm_down()
    {
        const WallTime since = *std::exchange(watched_.flapping_since, std::nullopt);
        const auto changes = std::ssize(std::exchange(watched_.changes, {}));
        for (const NoticeKind kind : alarm_kinds) {
            const std::optional<Alarm>& alarm = watched_.alarm(kind);
            if (alarm && alarm->told_at) return remind(kind);
        }
        Notice notice = make(NoticeKind::recovered);
        notice.over = {NoticeKind::flapping};
        notice.since = since;
        notice.count = changes;
        notices_.push_back(std::move(notice));
    }

    std::vector<Notice> take() { return std::move(notices_); }

private:
    Notice make(NoticeKind kind) const
    {
        Notice notice;
        notice.id = fmt::format("{}-{}-{}", to_string(kind), job_.id, to_unix_millis(at_));
        notice.kind = kind;
        notice.at = at_;
        notice.job = job_.id;
        notice.job_name = job_.name;
        notice.tags = job_.tags;
        notice.run = run_;
        return notice;
    }

    Notice about(NoticeKind kind, const Alarm& alarm) const
    {
        Notice notice = make(kind);
        notice.since = alarm.since;
        notice.count = alarm.count;
        if (!notice.run) notice.run = alarm.run;
        return notice;
    }

    void tell_change(Notice notice)
    {
        switch (note_change(watched_.changes, watched_.flapping_since, at_)) {
            case Change::counted:
                return;
            case Change::begins_to_flap:
                notice = make(NoticeKind::flapping);
                notice.since = watched_.flapping_since;
                notice.count = std::ssize(watched_.changes);
                break;
            case Change::told:
                break;
        }
        notices_.push_back(std::move(notice));
    }

    const NoticeRules& rules_;
    const Job& job_;
    WatchedJob& watched_;
    const WallTime at_;
    std::optional<Notice::Run> run_;
    std::vector<Notice> notices_;
    // What is over.
    std::vector<NoticeKind> over_;
    WallTime begun_ = WallTime::max();
    std::int64_t count_ = 0;
};

std::vector<Notice> NoticeRules::ended(const Job& job, const LogRow& row, WatchedJob& watched,
                                       const UsualTime& usual, const LogRow* before) const
{
    const RunReport& run = row.run;
    const bool is_known = watched.last_run == run.id && watched.last_state == run.state;
    if (job.stop || row.legacy || is_known) return {};
    // What became of a run that counted as lost is news, although it ended before that was noticed.
    const bool was_lost = watched.last_run == run.id && watched.last_state == RunState::lost;
    watched.last_run = run.id;
    watched.last_state = run.state;
    const RunVerdict of_run = run_verdict(job, run);
    PartEnd part;
    if (run.id.parts > 1) part = note_part(watched, job, run, of_run);
    const RunVerdict says = run.id.parts > 1 ? part.says : of_run;
    // So is the end of a part, in whatever order those of its fire are told.
    const bool is_news = was_lost || part.is_news;
    const WallTime at = is_news ? std::max(end_of(row), watched.newest_end) : end_of(row);
    Look look(*this, job, watched, at);
    look.set_run(row, before);
    // A daemon may fail after it was healthy: the run has failed, and the job is well.
    const bool is_given_up = run.reason.cause == Cause::start_limit;
    const bool is_failure = says == RunVerdict::good ? run.state != RunState::success
                                                     : says == RunVerdict::bad && !is_given_up;
    if (says == RunVerdict::good && !is_failure) look.tell_run(NoticeKind::success);
    if (is_failure) look.tell_run(NoticeKind::failed);
    if (run.state == RunState::lost) look.tell_run(NoticeKind::lost);
    if (run.state == RunState::skipped && run.id.attempt == 1) look.tell_run(NoticeKind::skipped);
    const bool says_nothing = of_run == RunVerdict::nothing && says == RunVerdict::nothing;
    const bool is_forgotten = run.id.parts > 1 && part.fire == nullptr;
    if (says_nothing || is_forgotten || at < watched.newest_end) {
        forget_fires(watched);
        return look.take();
    }
    watched.newest_end = at;

    // Of a fire with several parts, one is enough; and it is over when none was so.
    const auto judge = [&](NoticeKind kind, char letter, bool is_so, bool is_over) {
        std::string* const odd = part.fire != nullptr ? &part.fire->odd : nullptr;
        const bool was_so = odd != nullptr && odd->find(letter) != std::string::npos;
        if (is_so) {
            if (odd != nullptr && !was_so) *odd += letter;
            look.raise(kind, was_so ? 0 : 1);
            look.tell(kind);
        } else if (is_over && !was_so && (odd == nullptr || part.is_last)) {
            look.clear(kind);
        }
    };
    const bool has_started = run.started_at && of_run != RunVerdict::nothing;
    const bool is_first = run.id.attempt == 1;
    const bool is_fire = row.requested_by.empty() && row.fires == 1;
    if (is_fire && has_started && (is_first || part.fire != nullptr)) {
        const auto limit =
            setting(job, &Job::late_after, &TagNotices::late_after, &NoticeDefaults::late_after);
        const WallTime due = row.retry_at.value_or(run.id.scheduled_at);
        judge(NoticeKind::late, 'l', is_first && *run.started_at - due > limit, true);
    }
    const auto slow_after = slow_limit(job, usual);
    if (slow_after && has_started) {
        judge(NoticeKind::slow, 's', run.use_time > *slow_after, says == RunVerdict::good);
    }
    const bool has_usual = usual.fast_before && job.kind != JobKind::daemon;
    if (has_usual && has_started && run.state == RunState::success) {
        const bool is_whole = part.fire == nullptr || says == RunVerdict::good;
        judge(NoticeKind::fast, 'f', run.use_time < *usual.fast_before, is_whole);
    }
    forget_fires(watched);
    if (says == RunVerdict::good) {
        watched.last_success = at;
        look.clear(NoticeKind::failing);
        look.clear(NoticeKind::missed);
        look.clear(NoticeKind::silent);
    } else if (says == RunVerdict::missed) {
        look.raise(NoticeKind::missed, row.fires);
        look.tell(NoticeKind::missed);
    } else if (says == RunVerdict::bad) {
        look.drop(NoticeKind::missed);
        // The failures that it was given up for have been counted.
        const bool is_counted = is_given_up && watched.alarm(NoticeKind::failing);
        look.raise(NoticeKind::failing, is_counted ? 0 : 1);
        const std::int64_t after = setting(job, &Job::notify_after, &TagNotices::notify_after,
                                           &NoticeDefaults::notify_after);
        const bool is_enough = watched.alarm(NoticeKind::failing)->count >= after;
        if (is_enough || is_given_up) look.tell(NoticeKind::failing);
    }
    look.recovered();
    return look.take();
}

std::vector<Notice> NoticeRules::takes_long(const Job& job, const LogRow& row, WatchedJob& watched,
                                            WallTime now, const UsualTime& usual) const
{
    const auto slow_after = slow_limit(job, usual);
    if (job.stop || !slow_after || !row.run.started_at) return {};
    const WallTime from = *row.run.started_at + *slow_after;
    if (now <= from || watched.alarm(NoticeKind::slow)) return {};
    Look look(*this, job, watched, from);
    look.set_run(row);
    look.raise(NoticeKind::slow, 1);
    look.tell(NoticeKind::slow);
    return look.take();
}

std::vector<Notice> NoticeRules::stays_up(const Job& job, const LogRow& row,
                                          WatchedJob& watched) const
{
    const bool is_up = job.kind == JobKind::daemon && row.run.started_at;
    if (job.stop || !is_up) return {};
    Look look(*this, job, watched, *row.run.started_at + job.healthy_after);
    look.set_run(row);
    look.clear(NoticeKind::failing);
    look.clear(NoticeKind::missed);
    look.recovered();
    return look.take();
}

std::vector<Notice> NoticeRules::passed(const Job& job, WatchedJob& watched, WallTime now,
                                        const Pauses& pauses, const Calendars& calendars) const
{
    if (job.stop || pauses.find(job, now) != nullptr) return {};
    if (is_excluded(job, now, calendars)) return {};
    std::vector<Notice> notices;
    const auto look_at = [&](WallTime at, const auto& what) {
        Look look(*this, job, watched, at);
        what(look);
        std::ranges::move(look.take(), std::back_inserter(notices));
    };
    const auto from = silent_from(job, watched, now, pauses, calendars);
    if (from && *from <= now && !watched.alarm(NoticeKind::silent)) {
        look_at(*from, [](Look& look) {
            look.raise(NoticeKind::silent, 1);
            look.tell(NoticeKind::silent);
        });
    }
    if (is_quiet_again(watched.changes, watched.flapping_since, now)) {
        look_at(now, [](Look& look) { look.calm_down(); });
    }
    if (every(job) == 0s) return notices;
    for (const NoticeKind kind : alarm_kinds) {
        const std::optional<Alarm>& alarm = watched.alarm(kind);
        if (!is_repeated(job, kind, alarm, now) || now - *alarm->told_at < every(job)) continue;
        // Not one for each that a dispatcher would have told meanwhile.
        const auto missed = (now - *alarm->told_at) / every(job);
        look_at(*alarm->told_at + missed * every(job), [kind](Look& look) { look.remind(kind); });
    }
    return notices;
}

std::optional<WallTime> NoticeRules::due(const Job& job, const WatchedJob& watched, WallTime now,
                                         const Pauses& pauses, const Calendars& calendars) const
{
    std::optional<WallTime> due;
    if (job.stop) return due;
    const auto note = [&due, latest = now + longest_wait](WallTime time) {
        due = std::min(due.value_or(latest), time);
    };
    if (const Pause* const pause = pauses.find(job, now)) {
        // A person may end it before.
        constexpr auto look_again = 1min;
        note(std::min(pause->end(), now + look_again));
        return due;
    }
    if (is_excluded(job, now, calendars)) {
        const TimeZone& zone = *zone_of(job, defaults_.time_zone);
        note(calendars.next_change(job.calendar, now, now + longest_wait, zone));
        return due;
    }
    if (const auto from = silent_from(job, watched, now, pauses, calendars)) {
        note(watched.alarm(NoticeKind::silent) ? now + longest_wait : *from);
    } else if (!expectation_of(defaults_, job).is_none()) {
        note(now + longest_wait);  // somebody may give it further fires
    }
    if (watched.flapping_since) note(watched.changes.back() + change_window);
    // Without reminders there may be some by then: somebody may change the job.
    for (const NoticeKind kind : alarm_kinds) {
        const std::optional<Alarm>& alarm = watched.alarm(kind);
        if (!alarm || !alarm->told_at) continue;
        const bool is_due = every(job) > 0s && is_repeated(job, kind, alarm, now);
        note(is_due ? *alarm->told_at + every(job) : now + longest_wait);
    }
    return due;
}

bool NoticeRules::wants(const Job& job, NoticeKind kind) const
{
    if (kind == NoticeKind::silent) return true;  // the job says so by what it expects
    const auto& words =
        setting(job, &Job::notify_on, &TagNotices::notify_on, &NoticeDefaults::notify_on);
    return std::ranges::count(words, to_string(kind)) > 0;
}

bool NoticeRules::is_repeated(const Job& job, NoticeKind kind, const std::optional<Alarm>& alarm,
                              WallTime now) const
{
    if (!alarm || !alarm->told_at) return false;
    return kind != NoticeKind::silent || !expectation_at(job, now).is_none();
}

std::chrono::seconds NoticeRules::every(const Job& job) const
{
    return setting(job, &Job::notify_every, &TagNotices::notify_every,
                   &NoticeDefaults::notify_every);
}

std::optional<std::chrono::milliseconds> NoticeRules::slow_limit(const Job& job,
                                                                 const UsualTime& usual) const
{
    const std::chrono::seconds limit = run_limits(defaults_, job).slow_after;
    if (limit > 0s) return limit;
    return job.kind == JobKind::daemon ? std::nullopt : usual.slow_after;
}

template <class Own, class Value>
const Value& NoticeRules::setting(const Job& job, Own Job::*own, Value TagNotices::*of_tag,
                                  Value NoticeDefaults::*of_all) const
{
    const Value& own_value = job.*own;
    return inherited(defaults_, job.tags, own_value, of_tag, of_all);
}

const std::vector<std::string>& NoticeRules::channels(const Job& job) const
{
    if (!job.notify.empty()) return job.notify;
    const auto* const found = of_tags(defaults_, job.tags, &TagNotices::channels);
    return found != nullptr ? *found : job.notify.get();
}

void NoticeRules::note_expected(const Job& job, WatchedJob& watched, WallTime now) const
{
    const Expectation inherited = inherited_expectation(defaults_, job);
    if (watched.inherited == inherited) return;
    watched.inherited = inherited;
    watched.inherited_since = now;
}

bool NoticeRules::follows_usual_time(const Job& job) const
{
    if (job.kind == JobKind::daemon) return false;
    const bool has_limit = run_limits(defaults_, job).slow_after > 0s;
    return (!has_limit && wants(job, NoticeKind::slow)) || wants(job, NoticeKind::fast);
}

bool NoticeRules::is_excluded(const Job& job, WallTime now, const Calendars& calendars) const
{
    const TimeZone* const zone = zone_of(job, defaults_.time_zone);
    return zone != nullptr && calendars.why_not(job.calendar, now, *zone).has_value();
}

Expectation NoticeRules::expectation_at(const Job& job, WallTime now) const
{
    const Expectation own = own_expectation(job);
    const Expectation with_inherited = expectation_of(defaults_, job);
    if (with_inherited == own || may_fire(job, defaults_.time_zone, now)) return with_inherited;
    return own;
}

/// From when the job counts as silent, if nothing happens until then; not set: it never does.
std::optional<WallTime> NoticeRules::silent_from(const Job& job, const WatchedJob& watched,
                                                 WallTime now, const Pauses& pauses,
                                                 const Calendars& calendars) const
{
    std::optional<WallTime> from;
    const Expectation expected = expectation_at(job, now);
    if (expected.is_none()) return from;
    const TimeZone* const zone = zone_of(job, defaults_.time_zone);
    // What was expected before it was asked for is not, nor what was in a pause, or excluded.
    WallTime asked =
        std::max({watched.watched_since, job.effective_from, end_of_last_pause(pauses, job, now)});
    if (zone != nullptr && !job.calendar.empty()) {
        const auto open = calendars.open_since(job.calendar, now - past_exclusions, now, *zone);
        asked = std::max(asked, open.value_or(asked));
    }
    // What the configuration asks for now changes nothing of what the job asked for before.
    const WallTime inherited =
        std::max({asked, watched.inherited_since, from_unix_seconds(job.start_time)});
    if (expected.every > 0s) {
        const WallTime since = job.expect_every > 0s ? asked : inherited;
        from = std::max(watched.last_success.value_or(since), since) + expected.every;
    }
    if (expected.by.empty() || zone == nullptr) return from;
    const Deadlines deadlines = deadlines_at(*zone, expected.by, now);
    const WallTime since = job.expect_by.empty() ? inherited : asked;
    const bool is_met = deadlines.last < since ||
                        (watched.last_success && *watched.last_success > deadlines.before);
    const WallTime by = is_met ? deadlines.next : deadlines.last;
    return from ? std::min(*from, by) : by;
}

}  // namespace peercron
