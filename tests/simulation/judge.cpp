#include "simulation/judge.hpp"

#include "model/run_request.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iomanip>
#include <sstream>
#include <utility>

namespace peercron::simulation {
namespace {

/// A change that dispatchers know of so late is not planned from when it says (term_rules.cpp,
/// change_reach, less the differences of the clocks).
constexpr auto known_in_time = 3500ms;
constexpr auto planned_ahead = 2s;
/// A version that was replaced before anybody knew of it: nobody could tell, and polls failed.
constexpr auto polled = 8s;
constexpr std::int32_t most_attempts = 5;  // term_rules.cpp
/// So far ahead of the true time a row may stand: the lookahead, what a clock may be ahead by
/// before that is noticed, and what calls take.
constexpr auto most_ahead = planned_ahead + 1500ms;
/// A plan that is further ahead was made by a clock that was ahead: twice the lookahead, less the
/// differences of the clocks.
constexpr auto surely_ahead = 2 * planned_ahead - 500ms;
/// After a clock was set right the plan goes on within this, while a node is up.
constexpr auto set_right = 12s;

bool is_planned(const RunId& id)
{
    return id.scheduled_at.time_since_epoch() % 1s == 0ms;
}

/// Whether the expression, which is "O/K * * * * *", names this second.
bool names(const std::string& expression, WallTime time)
{
    int offset = 0;
    int step = 0;
    if (std::sscanf(expression.c_str(), "%d/%d", &offset, &step) != 2) return false;
    const auto second = to_unix_seconds(time) % 60;
    return second >= offset && (second - offset) % step == 0;
}

bool fires_at(const Job& job, WallTime effective_from, WallTime time)
{
    const std::int64_t second = to_unix_seconds(time);
    if (is_chained(job)) {
        return !job.stop && job.start_time <= second &&
               (job.end_time == 0 || second < job.end_time);
    }
    return !job.stop && time > effective_from && job.start_time <= second &&
           (job.end_time == 0 || second < job.end_time) && names(job.cron_set, time);
}

bool follows(const RunOrder& order, const Job& job)
{
    return order.command == job.command && order.timeout == job.timeout &&
           order.concurrency == concurrency_of(job) && order.fields.job().locks == job.locks;
}

/// "name:weight", or the name alone.
std::pair<std::string, std::int64_t> lock_of(const std::string& word)
{
    const std::size_t colon = word.find(':');
    if (colon == std::string::npos) return {word, 1};
    return {word.substr(0, colon), std::stoll(word.substr(colon + 1))};
}

/// Whether a limit of runs at a time counts `other`, a run of the same job that is alive, when
/// `run` starts. A part that belongs to a node meets what is there; a run that belongs to none
/// meets those of its own part, and as the first part all that belong to nodes.
bool is_met_by(const Execution& run, const Execution& other)
{
    const RunId& id = run.order.id;
    const RunId& its = other.order.id;
    if (!id.node.empty()) return other.node == run.node && (!its.node.empty() || its.part == 0);
    return its.node.empty() ? its.part == id.part : id.part == 0;
}

/// Whether it may have to wait for other runs.
bool has_limit(const RunOrder& order)
{
    return order.concurrency.limit > 0 || !order.fields.job().locks.empty();
}

/// Whether a node with these labels is one of those that the job names.
bool is_named(const std::vector<std::string>& labels, const Job& job)
{
    for (const std::string& term : job.run_on) {
        const bool is_excluded = term.front() == '!';
        const std::string label = is_excluded ? term.substr(1) : term;
        const bool has_it = std::count(labels.begin(), labels.end(), label) > 0;
        if (has_it == is_excluded) return false;
    }
    return true;
}

/// Planned by a clock that was ahead, and taken back.
bool was_planned_early(const LedgerRow& row)
{
    return row.state == RunState::revoked && row.reason.detail.ends_with("clock that was ahead");
}

/// The states that are no end for a job that wants each fire at least once.
bool is_bad_end(const LedgerRow& row)
{
    return row.state == RunState::lost || row.state == RunState::fenced ||
           (row.state == RunState::killed && row.reason.cause == Cause::node_stopped);
}

bool is_failure(const LedgerRow& row)
{
    return row.state == RunState::failed || row.state == RunState::timeout;
}

/// Whether the words that a scenario's job may have for it name this end.
bool names_end(const std::vector<std::string>& words, const LedgerRow& row)
{
    const bool has_code = row.state == RunState::failed && row.exit_code;
    bool all_but = true;
    bool is_named = false;
    for (const std::string& word : words) {
        if (word == "!2") {
            if (has_code && *row.exit_code == 2) return false;
            continue;
        }
        all_but = false;
        if (word == "failed") is_named |= row.state == RunState::failed;
        if (word == "timeout") is_named |= row.state == RunState::timeout;
        if (word == "1") is_named |= has_code && *row.exit_code == 1;
        if (word == "75") is_named |= has_code && *row.exit_code == 75;
        if (word == "70-80") is_named |= has_code && *row.exit_code >= 70 && *row.exit_code <= 80;
    }
    return is_named || all_but;
}

/// From the end of an attempt to the next one, in the middle of its spread.
std::chrono::milliseconds pause_after(const Job& job, std::int32_t attempt)
{
    std::int64_t seconds = job.retry_delay.count();
    for (std::int32_t i = 1; i < attempt; ++i) seconds *= 2;
    const auto longest = std::max(job.retry_max_delay.count(), job.retry_delay.count());
    return std::chrono::seconds(std::min<std::int64_t>(seconds, longest));
}

/// By which the clocks of those who tell times of a run may differ, and what they take to tell.
constexpr auto clocks_differ = 700ms;

}  // namespace

void Judge::broken(std::string_view promise, const std::string& how)
{
    if (gave_up_) return;
    world_.trace("BROKEN {}: {}", promise, how);
    if (verdict_.empty()) verdict_ = fmt::format("{}: {}", promise, how);
}

void Judge::give_up(const std::string& why)
{
    world_.trace("the judge gives up: {}", why);
    gave_up_ = true;
}

void Judge::row_written(const RunId& id, const LedgerRow* before, const LedgerRow& after)
{
    if (world_.traced() && (before == nullptr || before->state != after.state ||
                            before->run_server != after.run_server)) {
        world_.trace("ledger: {} {} -> {} at '{}' {}", to_string(id),
                     before == nullptr ? "new" : to_string(before->state), to_string(after.state),
                     after.run_server, to_string(after.reason));
    }
    if (before == nullptr && has_true_time_ && id.scheduled_at > world_.wall() + most_ahead) {
        broken(
            "planned by a clock that is ahead",
            fmt::format("{}, {} before its time", to_string(id), id.scheduled_at - world_.wall()));
    }
    rows_.erase(id);  // its fire may be cut again
    rows_.emplace(id, after);
    const bool is_of_none = id.parts > 1 && id.node.empty();
    if (is_of_none && is_always_whole_or_at_nodes(id.job)) {
        broken("a part of no node", to_string(id));
    }
    if (before == nullptr && id.attempt > 1) check_next_attempt(id);
    const bool was_lost = before != nullptr && before->state == RunState::lost;
    if (after.state == RunState::lost && !was_lost) check_lost(id);
    const bool is_fire_of_child = id.attempt == 1 && is_child(id.job);
    const bool is_delayed = id.attempt == 1 && is_planned(id) && longest_jitter(id.job) > 0s;
    if (is_delayed) check_delayed_row(id, before, after);
    const bool is_demanding = id.attempt == 1 && demanding(id.job) != nullptr;
    if (before == nullptr && after.retry_at && !is_fire_of_child && !is_delayed && !is_demanding) {
        check_retry_row(id, after);
    }
    if (is_demanding) check_demanding_row(id, before, after);
    check_paused_row(id, after);
    check_excluded_row(id, after);
    if (is_final(after.state)) over_.try_emplace(id, world_.now());
    const bool is_success = after.state == RunState::success;
    if (is_success && (before == nullptr || before->state != RunState::success)) {
        succeeded_.insert_or_assign(id, world_.now());
    }
    if (is_bad_end(after)) ended_badly_.try_emplace(id, world_.now());
    if (is_failure(after)) failed_.try_emplace(id, world_.now());
    const bool is_excused = excused_.contains(after.run_server) || excused_.contains(id.node);
    if (is_excused) excused_runs_.insert(id);
    if (after.fires > 1) gaps_[id.job].emplace_back(id.scheduled_at, after.gap_end);
    if (before == nullptr || before->state == after.state || !is_final(before->state)) return;
    const bool truth = before->state == RunState::lost && is_final(after.state);
    const bool again = before->state == RunState::revoked;
    if (!truth && !again) {
        broken("a final row changed",
               fmt::format("{} was {}, now {}", to_string(id), to_string(before->state),
                           to_string(after.state)));
    }
}

void Judge::excuse(const NodeName& node)
{
    excused_.insert(node);
    for (const auto& [id, row] : rows_) {
        const bool is_its = row.run_server == node || id.node == node;
        if (is_its && !is_final(row.state)) excused_runs_.insert(id);
    }
}

void Judge::step_written(const PlanStep& step)
{
    for (const RunReport& ended : step.ended) {
        if (ended.state == RunState::lost) lost_.insert(ended.id);
    }
}

void Judge::plan_moved(std::optional<WallTime> before, WallTime after)
{
    planned_through_ = after;
    if (before && after < *before) {
        broken("planned-through went back", fmt::format("by {}", *before - after));
    }
}

void Judge::plan_set_back(WallTime before, WallTime after)
{
    planned_through_ = after;
    const WallTime now = world_.wall();
    if (before <= now + surely_ahead) {
        broken("the plan was set back though no clock was ahead",
               fmt::format("it was ahead by {}", before - now));
    }
    if (after < now - surely_ahead) {
        broken("the plan was set back too far", fmt::format("by {}", now - after));
    }
    for (Wrong& wrong : wrong_) {
        if (wrong.to != WallTime::max()) wrong.to = std::max(wrong.to, after);
    }
    for (auto& [job, gaps] : gaps_) {
        for (auto& [first, last] : gaps) {
            if (first <= after) last = std::min(last, after);
        }
    }
    for (auto& [id, versions] : versions_) {
        for (Version& version : versions) {
            version.effective_from = std::min(version.effective_from, after);
        }
    }
}

void Judge::row_moved(const RunId& from, const RunId& to)
{
    if (from.scheduled_at <= world_.wall()) {
        broken("a row was moved whose moment had come", to_string(from));
    }
    const auto rename = [&](auto& set) {
        auto entry = set.extract(from);
        if (entry.empty()) return;
        if constexpr (requires { entry.key(); }) {
            entry.key() = to;
        } else {
            entry.value() = to;
        }
        set.insert(std::move(entry));
    };
    moved_.insert(to);
    rename(rows_);
    rename(lost_);
    rename(ended_badly_);
    rename(failed_);
    rename(over_);
    rename(succeeded_);
    rename(copied_);
    rename(executions_);
    rename(excused_runs_);
    for (auto& [first, last] : gaps_[from.job]) {
        if (first != from.scheduled_at) continue;
        first = to.scheduled_at;
        last -= from.scheduled_at - to.scheduled_at;
    }
}

void Judge::clock_is_right()
{
    if (!wrong_.empty()) wrong_.back().to = world_.wall() + set_right;
}

bool Judge::was_wrong(WallTime fire) const
{
    return std::any_of(wrong_.begin(), wrong_.end(),
                       [&](const Wrong& wrong) { return wrong.from <= fire && fire <= wrong.to; });
}

void Judge::job_written(JobId id, const Job* after, WallTime effective_from)
{
    Version version;
    if (after != nullptr) version.job = *after;
    version.effective_from = effective_from;
    version.committed = world_.now();
    versions_[id].push_back(version);
    if (world_.traced()) {
        world_.trace("job {}: version {} from {}: {}", id, versions_[id].size(),
                     to_unix_millis(effective_from) % 100'000'000,
                     after == nullptr
                         ? "deleted"
                         : fmt::format("{} '{}'{}{}", after->cron_set, after->command,
                                       after->stop ? " stopped" : "",
                                       concurrency_of(*after).limit > 0 ? " limited" : ""));
    }
}

void Judge::change_confirmed(JobId id, WallTime effective_from)
{
    for (Version& version : versions_[id]) {
        if (version.effective_from == effective_from) version.confirmed = world_.now();
    }
    world_.trace("job {}: change confirmed", id);
}

void Judge::change_applied(JobId id, WallTime effective_from)
{
    const auto found = versions_.find(id);
    if (found == versions_.end()) return;
    for (Version& version : found->second) {
        const bool is_it = !version.job || version.effective_from == effective_from;
        if (!is_it || version.applied) continue;
        version.applied = world_.now();
        world_.trace("job {}: a version is applied", id);
    }
}

void Judge::pause_written(const Pause& pause)
{
    pauses_[pause.id].pause = pause;
    const auto in_trace = [](std::optional<WallTime> time) {
        return time ? to_unix_millis(*time) % 100'000'000 : 0;
    };
    world_.trace("pause {} of {} from {} until {}, ended {}", pause.id, scope_text(pause),
                 in_trace(pause.begins_at), in_trace(pause.until), in_trace(pause.ended_at));
}

void Judge::pause_confirmed(std::int64_t id)
{
    PausedTime& paused = pauses_[id];
    if (!paused.confirmed) paused.confirmed = world_.now();
    if (paused.pause.ended_at && !paused.end_confirmed) paused.end_confirmed = world_.wall();
    world_.trace("pause {}: confirmed", id);
}

void Judge::calendar_written(const Calendar& calendar)
{
    CalendarTimes says;
    says.since = calendar.set_at;
    const auto moment = [](const std::string& text) {
        std::tm tm{};
        std::istringstream(text) >> std::get_time(&tm, "%Y-%m-%dT%H:%M:%S");
        return from_unix_seconds(timegm(&tm));
    };
    std::istringstream dates(calendar.dates);
    for (std::string range; std::getline(dates, range, ',');) {
        const std::size_t dots = range.find("..");
        says.times.emplace_back(moment(range.substr(0, dots)), moment(range.substr(dots + 2)));
    }
    calendar_.push_back(std::move(says));
    world_.trace("calendar {} from {}: {}", calendar.id,
                 to_unix_millis(calendar.set_at) % 100'000'000, calendar.dates);
}

void Judge::calendar_confirmed(std::int64_t id)
{
    auto& confirmed = calendar_.at(static_cast<std::size_t>(id) - 1).confirmed;
    if (!confirmed) confirmed = world_.now();
    world_.trace("calendar {}: confirmed", id);
}

/// What the versions of the calendar, by which that may have been decided, say of the fire; no
/// scenario changes which one a job has.
std::vector<bool> Judge::who_excludes(JobId job, WallTime fire, World::Time decided) const
{
    std::vector<bool> answers;
    const auto versions = versions_.find(job);
    if (versions == versions_.end() || !versions->second.front().job) return answers;
    const std::vector<std::string>& words = versions->second.front().job->calendar;
    if (words.empty()) return answers;
    const bool must_be_out = words.front().front() == '!';
    for (auto says = calendar_.rbegin(); says != calendar_.rend(); ++says) {
        if (says->since > fire) continue;
        const bool is_in =
            std::any_of(says->times.begin(), says->times.end(),
                        [&](const auto& time) { return time.first <= fire && fire < time.second; });
        answers.push_back(is_in == must_be_out);
        if (says->confirmed && *says->confirmed <= decided) break;
    }
    return answers;
}

/// A fire is skipped for a calendar that excludes it. Nobody decides that earlier than this before
/// it is due.
void Judge::check_excluded_row(const RunId& id, const LedgerRow& row)
{
    constexpr auto earliest = 2500ms;
    const auto versions = versions_.find(id.job);
    if (row.reason.cause != Cause::calendar || has_wrong_clocks_ || versions == versions_.end()) {
        return;
    }
    std::vector<WallTime> fires{id.scheduled_at};
    if (row.fires > 1) fires.push_back(row.gap_end);
    const auto together = fires_of_row(id, row, versions->second);
    if (row.fires > 1 && !together.empty()) fires = together;
    for (const WallTime fire : fires) {
        const auto answers = who_excludes(id.job, fire, World::time_of(fire) - earliest);
        if (std::count(answers.begin(), answers.end(), true) > 0) continue;
        broken("skipped for a calendar that does not exclude it",
               fmt::format("{}, in {}", to_string(RunId{id.job, fire, 1}), to_string(id)));
    }
}

/// No fire by a schedule starts that the calendar excludes.
void Judge::check_excluded_start(const Execution& execution)
{
    const RunId& id = execution.order.id;
    const auto row = rows_.find(id);
    const bool is_fire =
        id.attempt == 1 && is_planned(id) && row != rows_.end() && row->second.requested_by.empty();
    if (!is_fire || has_wrong_clocks_) return;
    const auto answers = who_excludes(id.job, id.scheduled_at, execution.decided);
    const bool is_excluded =
        !answers.empty() && std::count(answers.begin(), answers.end(), false) == 0;
    if (!is_excluded) return;
    broken("started although its calendar excludes it",
           fmt::format("{} on {}", to_string(id), execution.node));
}

/// No scenario changes the tags of a job.
bool Judge::is_of(const Pause& pause, JobId job) const
{
    if (pause.job != 0) return pause.job == job;
    const auto versions = versions_.find(job);
    const bool has_tag = versions != versions_.end() && versions->second.front().job &&
                         std::ranges::count(versions->second.front().job->tags, pause.tag) > 0;
    return pause.tag.empty() || has_tag;
}

/// What a pause is said to have kept from running was due in it, or would have started in it. When
/// a person ends it dispatchers may not know for long, and fires that are planned are skipped
/// still.
void Judge::check_paused_row(const RunId& id, const LedgerRow& row)
{
    if (row.reason.cause != Cause::paused || has_wrong_clocks_) return;
    const auto is_in = [](const PausedTime& paused, WallTime time) {
        WallTime end = paused.pause.until.value_or(WallTime::max());
        if (paused.end_confirmed) end = std::min(end, *paused.end_confirmed + most_ahead);
        return paused.pause.begins_at <= time && time < end;
    };
    const WallTime due = row.retry_at.value_or(id.scheduled_at);
    const WallTime last = row.fires > 1 ? row.gap_end : due;
    const WallTime decided = row.ended_at.value_or(row.dispatched_at);
    const bool has_run = row.state == RunState::killed;
    for (const auto& [number, paused] : pauses_) {
        if (!is_of(paused.pause, id.job)) continue;
        const bool is_late = due < decided && is_in(paused, decided);
        if (has_run || is_late || (is_in(paused, due) && is_in(paused, last))) return;
    }
    broken("skipped for a pause that there was not", to_string(id));
}

/// No fire that shares a row with others has a row of its own, or is in another such row.
void Judge::check_skipped_together(JobId id, const std::vector<Version>& versions)
{
    if (has_wrong_clocks_ || is_child(id)) return;
    std::map<WallTime, RunId> together;
    for (auto row = rows_.lower_bound(RunId{id, WallTime(), 0});
         row != rows_.end() && row->first.job == id; ++row) {
        const Cause cause = row->second.reason.cause;
        const bool is_shared = cause == Cause::paused || cause == Cause::calendar;
        if (row->second.fires < 2 || !is_shared) continue;
        for (const WallTime fire : fires_of_row(row->first, row->second, versions)) {
            const auto [other, is_new] = together.emplace(fire, row->first);
            const auto own = rows_.find(RunId{id, fire, 1});
            const bool has_own = own != rows_.end() && own->first != row->first &&
                                 own->second.state != RunState::revoked;
            if (is_new && !has_own) continue;
            broken("a fire in two rows",
                   fmt::format("{}, in {} and {}", to_string(RunId{id, fire, 1}),
                               to_string(row->first),
                               to_string(has_own ? own->first : other->second)));
        }
    }
}

/// By the version that had as many fires from the first one to the last; none when there is none.
std::vector<WallTime> Judge::fires_of_row(const RunId& first, const LedgerRow& row,
                                          const std::vector<Version>& versions)
{
    std::vector<WallTime> fires;
    for (const Version& version : versions) {
        fires.clear();
        if (!version.job) continue;
        for (WallTime fire = first.scheduled_at; fire <= row.gap_end; fire += 1s) {
            if (fires_at(*version.job, WallTime(), fire)) fires.push_back(fire);
        }
        const bool is_its = static_cast<std::int64_t>(fires.size()) == row.fires &&
                            fires.front() == first.scheduled_at && fires.back() == row.gap_end;
        if (is_its) return fires;
    }
    return {};
}

/// Nothing but what people ask for starts in a pause that was confirmed before, and what was lost.
void Judge::check_paused_start(const Execution& execution)
{
    const RunId& id = execution.order.id;
    const auto row = rows_.find(id);
    if (row == rows_.end() || has_wrong_clocks_) return;
    const std::string& request = row->second.requested_by;
    const bool follows_schedule = request.starts_with("after ") && is_planned(id);
    if (!request.empty() && !follows_schedule) return;
    if (id.attempt > 1 && !row->second.retry_at) return;
    const WallTime due = row->second.retry_at.value_or(id.scheduled_at);
    for (const auto& [number, paused] : pauses_) {
        const Pause& pause = paused.pause;
        const bool is_known = paused.confirmed && *paused.confirmed <= execution.decided;
        const bool covers = pause.begins_at <= due && due < pause.until.value_or(WallTime::max());
        const bool is_ended = pause.ended_at.has_value();
        if (!is_known || !covers || is_ended || !is_of(pause, id.job)) continue;
        broken("started in a pause",
               fmt::format("{} on {}, pause {}", to_string(id), execution.node, number));
    }
}

/// The version by which this run may start now; none: it may not.
const Judge::Version* Judge::allows(const RunOrder& order, World::Time decided) const
{
    const auto found = versions_.find(order.id.job);
    if (found == versions_.end()) return nullptr;
    const std::vector<Version>& versions = found->second;
    for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
        const WallTime fire = order.id.scheduled_at;
        const bool follows_it = version->job && follows(order, *version->job);
        const bool due = !is_planned(order.id) ||
                         (follows_it && fires_at(*version->job, version->effective_from, fire));
        // What was due before a change runs as the job is now.
        const bool due_before = follows_it && !version->job->stop &&
                                fire <= version->effective_from && was_due(versions, fire);
        if (follows_it && (due || due_before)) return &*version;
        if (version->confirmed && *version->confirmed <= decided)
            return nullptr;  // older ones count no more
    }
    return nullptr;
}

/// Whether the fire was due by the version that held then.
bool Judge::was_due(const std::vector<Version>& versions, WallTime fire)
{
    for (std::size_t i = 0; i + 1 < versions.size(); ++i) {
        const Version& version = versions[i];
        if (version.job && fire <= versions[i + 1].effective_from &&
            fires_at(*version.job, version.effective_from, fire)) {
            return true;
        }
    }
    return false;
}

void Judge::copied(const PlanStep& step)
{
    copies_.insert(step.id());
    step_written(step);
    for (const PlannedRun& run : step.runs) copied_.insert(run.id);
}

void Judge::started(Execution& execution)
{
    const RunOrder& order = execution.order;
    const RunId& id = order.id;
    const std::string who = fmt::format("{} on {}", to_string(id), execution.node);
    world_.trace("START {} by the order of epoch {}", who, order.epoch);
    if (execution.clock < id.scheduled_at) {
        broken("started before its time",
               fmt::format("{}, by {}", who, id.scheduled_at - execution.clock));
    }
    const auto row = rows_.find(id);
    const bool is_copied = copied_.contains(id);
    if (row == rows_.end()) {
        if (!is_copied) broken("started without a row, or a copy of it", who);
    } else if (!is_copied && is_final(row->second.state) && row->second.state != RunState::lost) {
        broken("started although its row is final",
               fmt::format("{}: {}", who, to_string(row->second.state)));
    }
    for (auto other = executions_.lower_bound(before_all_of_fire(id));
         other != executions_.end() && other->first.job == id.job &&
         other->first.scheduled_at == id.scheduled_at;
         ++other) {
        if (other->first.part != id.part) {
            const std::int32_t parts = other->second.front()->order.id.parts;
            if (parts != id.parts && !has_wrong_clocks_) {
                broken("pieces of two different cuts", fmt::format("{}, and of {}", who, parts));
            }
            continue;
        }
        if (other->first.attempt != id.attempt && runs_again(id.job)) continue;
        // Whether it failed check_next_attempt() asks, and close().
        const bool is_over = other->first.attempt < id.attempt && other->second.back()->ended;
        if (is_over && versions_[id.job].front().job->retries > 0) continue;
        broken("started twice", fmt::format("{}, before on {}", who, other->second[0]->node));
    }
    check_node_of_part(execution);
    executions_[id].push_back(&execution);

    check_retry_start(execution);
    check_delayed_start(execution);
    check_daemon_start(execution);
    check_child_start(execution);
    check_demanding_start(execution);
    check_paused_start(execution);
    check_excluded_start(execution);

    const Version* const version = allows(order, execution.decided);
    if (version == nullptr) {
        broken("outside its job's version", who);
    } else if (!is_named(execution.labels, *version->job)) {
        broken("on a node that its job does not name", who);
    }
    if (is_planned(id)) {
        const auto& versions = versions_[id.job];
        const std::int64_t limit = versions.front().job->run_limit;
        if (stands_for_fire(id)) ++scheduled_starts_[id.job];
        if (scheduled_starts_[id.job] > limit && limit > 0) {
            broken("more runs than the limit", fmt::format("{}: {}", who, limit));
        }
    }
    check_locks(execution);
    if (order.concurrency.limit > 0) {
        std::vector<const Execution*>& alive = limited_[id.job];
        const auto is_met = [&](const Execution* other) { return is_met_by(execution, *other); };
        if (std::ranges::count_if(alive, is_met) >= order.concurrency.limit) {
            const Execution& other = **std::ranges::find_if(alive, is_met);
            broken("more runs at a time than there may be",
                   fmt::format("{}, and {} on {}", who, to_string(other.order.id), other.node));
        }
        alive.push_back(&execution);
    }
    WallTime due = id.scheduled_at;
    if (row != rows_.end() && id.attempt == 1) due = row->second.retry_at.value_or(due);
    const auto late = world_.wall() - due;
    const bool may_wait = has_limit(order) && order.concurrency.at_limit != Overlap::skip;
    const bool is_bound = lateness_ > 0ms && id.attempt == 1 && !may_wait &&
                          !excused_runs_.contains(id) && !away_.contains(id.node) &&
                          !is_child(id.job) && demanding(id.job) == nullptr;
    if (is_bound && late > lateness_) {
        broken("late", fmt::format("{}, by {}", who, late));
    }
}

void Judge::ended(const Execution& execution)
{
    world_.trace("END {} on {}: {}", to_string(execution.order.id), execution.node,
                 execution.killed ? "killed" : std::to_string(execution.exit_code));
    const RunId& id = execution.order.id;
    std::erase(limited_[id.job], &execution);
    for (auto& [name, lock] : locks_) std::erase(lock.holders, &execution);
}

/// Over all nodes.
void Judge::check_locks(const Execution& execution)
{
    for (const std::string& word : execution.order.fields.job().locks) {
        const auto [name, weight] = lock_of(word);
        Lock& lock = locks_[name];
        std::int64_t taken = weight;
        for (const Execution* holder : lock.holders) {
            for (const std::string& held : holder->order.fields.job().locks) {
                const auto [other, part] = lock_of(held);
                if (other == name) taken += part;
            }
        }
        if (taken > lock.limit) {
            const Execution& first = *lock.holders.front();
            broken("more of a lock is taken than there is",
                   fmt::format("{} on {} makes it {} of {} of {}, of which {} on {} has some",
                               to_string(execution.order.id), execution.node, taken, lock.limit,
                               name, to_string(first.order.id), first.node));
        }
        lock.holders.push_back(&execution);
    }
}

bool Judge::all_final() const
{
    return std::all_of(rows_.begin(), rows_.end(),
                       [](const auto& row) { return is_final(row.second.state); });
}

void Judge::close(const std::map<NodeName, std::uint64_t>& alive, World::Time again)
{
    for (const auto& [id, row] : rows_) {
        const auto executions = executions_.find(id);
        const bool ran = executions != executions_.end();
        const std::string what = fmt::format("{} is {} ({})", to_string(id), to_string(row.state),
                                             to_string(row.reason));
        if (!is_final(row.state)) broken("a row without an end", what);
        const bool is_to_come = id.scheduled_at > world_.wall() + surely_ahead;
        if (is_to_come && row.state != RunState::revoked) {
            broken("a row for a moment to come", what);
        }
        const bool never = row.state == RunState::skipped || row.state == RunState::revoked;
        if (never && ran) broken("ran, and its row says that it did not", what);
        if (row.state == RunState::success) {
            if (!ran) {
                broken("success without an execution", what);
            } else if (executions->second[0]->exit_code != 0 || executions->second[0]->killed ||
                       !executions->second[0]->ended) {
                broken("success of what did not succeed", what);
            }
        }
        if (row.state == RunState::lost && ran) {
            const Execution& execution = *executions->second[0];
            const auto node = alive.find(execution.node);
            const bool node_knows = node != alive.end() && node->second == execution.incarnation;
            if (execution.ended && node_knows) broken("lost, and its node knows better", what);
        }
    }
    for (const auto& [id, executions] : executions_) {
        if (!rows_.contains(id)) broken("ran, and has no row", to_string(id));
    }
    for (const auto& [job, alive_runs] : limited_) {
        if (!alive_runs.empty()) {
            broken("a run that never ended", fmt::format("of job {}", job));
        }
    }
    for (const auto& [id, versions] : versions_) {
        check_due(id, versions);
        check_parts(id, versions);
        check_skipped_together(id, versions);
    }
    check_attempts(again);
    check_chains(again);
}

bool Judge::runs_again(JobId job) const
{
    const auto versions = versions_.find(job);
    return versions != versions_.end() &&
           versions->second.front().job->delivery == Delivery::at_least_once;
}

/// A further attempt gets its row: the one before it must not have come to a good end.
void Judge::check_next_attempt(const RunId& id)
{
    if (!runs_again(id.job) && versions_.at(id.job).front().job->retries == 0) {
        broken("a further attempt that nobody wants", to_string(id));
    }
    const RunId earlier = previous_attempt(id);
    const auto row = rows_.find(earlier);
    // It may come later: a node that has run this one may be quicker than the steps.
    if (row == rows_.end() || !is_final(row->second.state)) return;
    const bool is_lost = is_bad_end(row->second) || lost_.contains(earlier);
    if (is_lost && runs_again(id.job)) return;
    if (!is_retried(earlier, row->second)) {
        broken("ran again although its end was known",
               fmt::format("{} is {}", to_string(earlier), to_string(row->second.state)));
    }
}

/// It counts as lost: nothing may have followed from another end, of which the ledger does not
/// know.
void Judge::check_lost(const RunId& id)
{
    const auto next = rows_.find(next_attempt(id));
    const bool is_retried = next != rows_.end() && next->second.retry_at && !runs_again(id.job);
    if (is_retried) broken("lost, and tried again", to_string(id));
    for (const auto& [job, versions] : versions_) {
        const auto row = rows_.find(RunId{job, id.scheduled_at, 1});
        // One of a clock that was ahead may stand there, revoked: it followed from a run that has
        // another moment since.
        if (row == rows_.end() || row->second.state == RunState::revoked) continue;
        const auto parent = parse_request(row->second.requested_by).parent;
        // Of several parts another one may have decided it.
        const bool is_its =
            parent && parent->job == id.job && parent->attempt == id.attempt && id.parts == 1;
        if (is_its && parent->state != RunState::lost) {
            broken("lost, and a job ran after it",
                   fmt::format("{} by the end of {}", to_string(row->first), to_string(id)));
        }
    }
}

/// Whether the job wants this end tried again, as far as its definition says so.
bool Judge::is_retried(const RunId& id, const LedgerRow& row) const
{
    const Job& job = *versions_.at(id.job).front().job;
    return is_failure(row) && id.attempt <= job.retries && names_end(job.retry_on, row);
}

/// The job's next fire by its newest version that has any.
std::optional<WallTime> Judge::next_fire(const RunId& id) const
{
    const Version* version = nullptr;
    for (const Version& known : versions_.at(id.job)) {
        if (known.job && !known.job->stop) version = &known;
    }
    if (version == nullptr || is_child(id.job)) return std::nullopt;
    WallTime fire = std::chrono::floor<std::chrono::seconds>(id.scheduled_at) + 1s;
    for (int i = 0; i < 120; ++i, fire += 1s) {
        if (fires_at(*version->job, version->effective_from, fire)) return fire;
    }
    return std::nullopt;
}

/// Of all versions of the job.
std::chrono::seconds Judge::longest_jitter(JobId job) const
{
    std::chrono::seconds longest{0};
    const auto versions = versions_.find(job);
    if (versions == versions_.end()) return longest;
    for (const Version& version : versions->second) {
        if (version.job) longest = std::max(longest, version.job->jitter);
    }
    return longest;
}

/// A fire with jitter starts within that time, and whoever plans it says the same of when: also a
/// dispatcher that plans it again, because it does not know the row.
void Judge::check_delayed_row(const RunId& id, const LedgerRow* before, const LedgerRow& after)
{
    if (has_wrong_clocks_ || after.state == RunState::revoked) return;
    // It may start later than that: see check_demanding_row().
    if (demanding(id.job) != nullptr) return;
    const WallTime start = after.retry_at.value_or(id.scheduled_at);
    if (start < id.scheduled_at || start > id.scheduled_at + longest_jitter(id.job)) {
        broken("outside its jitter",
               fmt::format("{}, by {}", to_string(id), start - id.scheduled_at));
    }
    if (after.state != RunState::planned || versions_.at(id.job).size() > 1) return;
    const auto [known, is_new] = starts_.emplace(id, start);
    if (!is_new && known->second != start) {
        broken("two starts of one fire",
               fmt::format("{}, {} apart", to_string(id), start - known->second));
    }
    if (before != nullptr && before->retry_at && before->retry_at != after.retry_at) {
        broken("the start of a fire was moved", to_string(id));
    }
}

/// Not before its row says, by its node's clock.
void Judge::check_delayed_start(const Execution& execution)
{
    const RunId& id = execution.order.id;
    const auto row = rows_.find(id);
    const bool is_delayed = id.attempt == 1 && row != rows_.end() && row->second.retry_at &&
                            longest_jitter(id.job) > 0s;
    if (!is_delayed || has_wrong_clocks_ || execution.clock >= *row->second.retry_at) return;
    broken("started before its jitter was over",
           fmt::format("{} on {}, by {}", to_string(id), execution.node,
                       *row->second.retry_at - execution.clock));
}

/// A retry gets its row.
void Judge::check_retry_row(const RunId& id, const LedgerRow& row)
{
    const std::string what = to_string(id);
    if (id.attempt < 2) broken("a first attempt that waits", what);
    if (row.state != RunState::planned || has_wrong_clocks_) return;
    const Job& job = *versions_.at(id.job).front().job;
    const auto next = next_fire(id);
    // At its limit a job has no next fire.
    const bool is_alone = versions_.at(id.job).size() == 1 && job.run_limit == 0;
    if (is_alone && next && *row.retry_at >= *next) {
        broken("a retry that the next fire ends",
               fmt::format("{}, {} after that", what, *row.retry_at - *next));
    }
}

/// A retry starts: not before its time, and not after its job was changed.
void Judge::check_retry_start(const Execution& execution)
{
    const RunId& id = execution.order.id;
    const auto row = rows_.find(id);
    if (id.attempt < 2 || row == rows_.end() || !row->second.retry_at || has_wrong_clocks_) return;
    const WallTime retry_at = *row->second.retry_at;
    const std::string who = fmt::format("{} on {}", to_string(id), execution.node);
    if (execution.clock < retry_at) {
        broken("tried again before its time",
               fmt::format("{}, by {}", who, retry_at - execution.clock));
    }
    const auto earlier = executions_.find(previous_attempt(id));
    if (earlier == executions_.end() || !earlier->second.back()->ended) return;
    const World::Time ended = *earlier->second.back()->ended;
    const std::vector<Version>& versions = versions_.at(id.job);
    const auto pause = pause_after(*versions.front().job, id.attempt - 1);
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(world_.now() - ended);
    if (waited + clocks_differ < pause - pause / 10) {
        broken("tried again too early", fmt::format("{}, after {} of {}", who, waited, pause));
    }
    // Its node may have stood still, and tells of the end when it goes on.
    const World::Time told = earlier->second.back()->noticed.value_or(ended);
    for (const Version& version : versions) {
        const bool is_later = World::time_of(version.effective_from) > told + clocks_differ;
        const bool is_known = version.confirmed && *version.confirmed <= execution.decided;
        if (is_later && is_known) broken("tried again though its job was changed", who);
    }
    const auto late = world_.wall() - std::max(retry_at, row->second.dispatched_at);
    const bool may_wait =
        has_limit(execution.order) || excused_runs_.contains(id) || away_.contains(id.node);
    if (lateness_ > 0ms && !may_wait && late > lateness_) {
        broken("a late retry", fmt::format("{}, by {}", who, late));
    }
}

/// What failed was tried again, unless people or the next fire came between.
void Judge::check_retry_owed(const RunId& id, const LedgerRow& row, World::Time again)
{
    if (!is_retried(id, row) || has_wrong_clocks_ || !row.ended_at || moved_.contains(id)) return;
    const std::vector<Version>& versions = versions_.at(id.job);
    const Job& job = *versions.front().job;
    // The last version is the stop in the end.
    const bool is_unchanged = versions.size() <= 2 && versions.back().job;
    const auto known = failed_.find(id);
    const auto later = rows_.lower_bound(RunId{id.job, id.scheduled_at + 1ms, 0});
    if (is_child(id.job) && later != rows_.end() && later->first.job == id.job) return;
    if (!is_unchanged || job.run_limit > 0 || known == failed_.end()) return;
    const auto pause = pause_after(job, id.attempt) * 11 / 10;
    const WallTime latest = *row.ended_at + pause + clocks_differ;
    const auto next = next_fire(id);
    if (next && *next <= latest) return;
    if (known->second > again || World::time_of(latest) > again) return;
    if (rows_.contains(next_attempt(id))) return;
    broken("failed, and was not tried again",
           fmt::format("{} is {} ({})", to_string(id), to_string(row.state),
                       row.exit_code.value_or(-1)));
}

void Judge::check_attempts(World::Time again)
{
    for (const auto& [id, row] : rows_) {
        if (versions_.at(id.job).front().job->retries > 0) check_retry_owed(id, row, again);
        // What ran by a clock that was ahead was no fire: that one is still to come.
        if (!runs_again(id.job) || moved_.contains(id)) continue;
        const RunId earlier = previous_attempt(id);
        if (id.attempt > 1 && !was_planned_early(row) && !rows_.contains(earlier)) {
            broken("a further attempt without an earlier one", to_string(id));
        }
        const auto next = rows_.find(next_attempt(id));
        const bool is_last = next == rows_.end() || was_planned_early(next->second);
        if (!is_last) {
            // Its report may have come after the next attempt's row.
            if (is_bad_end(row) || lost_.contains(id) || is_retried(id, row)) continue;
            broken("ran again although its end was good",
                   fmt::format("{} is {}", to_string(id), to_string(row.state)));
            continue;
        }
        const auto& versions = versions_.at(id.job);
        // In the end all jobs are stopped; what counts is whether people did that before.
        const auto is_off = [](const Version& version) {
            return !version.job || version.job->stop;
        };
        const bool was_off = !versions.back().job ||
                             std::any_of(versions.begin(), std::prev(versions.end()), is_off);
        const bool had_time = is_bad_end(row) && ended_badly_.at(id) < again && !was_off;
        const bool is_wanted = !is_planned(id) || was_due(versions, id.scheduled_at);
        const auto most = std::max<std::int64_t>(most_attempts, versions.front().job->retries + 1);
        if (!had_time || !is_wanted || id.attempt >= most) continue;
        if (has_come_to_an_end(id)) continue;
        broken("lost, and it did not run again",
               fmt::format("{} is {} ({})", to_string(id), to_string(row.state),
                           to_string(row.reason)));
    }
}

/// How the starts of a daemon have ended by its newest version, as those see it who counted least.
struct Judge::DaemonPast {
    const Execution* last = nullptr;  ///< none: it was not started since it was changed
    bool ended_by_itself = false;
    std::int64_t failures = 0;

    std::chrono::milliseconds pause(const Job& job) const
    {
        if (last == nullptr || !ended_by_itself) return 0ms;
        auto pause = job.restart_delay;
        for (std::int64_t i = 1; i < failures && pause < 1min; ++i) pause *= 2;
        return std::min(pause, std::max(job.restart_delay, job.restart_max_delay));
    }
};

/// nullopt: whether something counts is a matter of a moment.
std::optional<Judge::DaemonPast> Judge::past_of_daemon(JobId id) const
{
    DaemonPast past;
    const std::vector<Version>& versions = versions_.at(id);
    const World::Time since = World::time_of(versions.back().effective_from);
    const Job& job = *versions.front().job;
    const auto starts = daemons_.find(id);
    if (starts == daemons_.end()) return past;
    // Nobody could know how long it was up, or whether it was at all; and by hand it counts again
    // from the first.
    const auto lost = lost_.lower_bound(RunId{id, versions.back().effective_from, 0});
    if (lost != lost_.end() && lost->job == id) return std::nullopt;
    for (const Execution* start : starts->second) {
        if (!start->ended) continue;
        if (std::chrono::abs(*start->ended - since) < clocks_differ) return std::nullopt;
        if (*start->ended < since) continue;
        const auto ran = *start->ended - start->started;
        if (std::chrono::abs(ran - job.healthy_after) < clocks_differ) return std::nullopt;
        const auto row = rows_.find(start->order.id);
        if (row == rows_.end()) return std::nullopt;
        // Its row ends when its node went on after a stop.
        const bool was_noticed_late =
            start->noticed && *start->noticed - *start->ended > clocks_differ;
        if (was_noticed_late) return std::nullopt;
        past.last = start;
        past.ended_by_itself = !start->killed && !start->was_told_to_end;
        if (!row->second.requested_by.empty() || ran > job.healthy_after) past.failures = 0;
        if (ran < job.healthy_after && past.ended_by_itself) ++past.failures;
    }
    return past;
}

/// A daemon is started, as its past allows it.
void Judge::check_daemon_start(const Execution& execution)
{
    const RunId& id = execution.order.id;
    const Job& job = *versions_.at(id.job).front().job;
    if (job.kind != JobKind::daemon) return;
    const auto past = past_of_daemon(id.job);
    daemons_[id.job].push_back(&execution);
    const auto row = rows_.find(id);
    const bool is_asked_for = row == rows_.end() || !row->second.requested_by.empty();
    if (!past || past->last == nullptr || is_asked_for || has_wrong_clocks_) return;
    const std::string who = fmt::format("{} on {}", to_string(id), execution.node);
    const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(execution.started -
                                                                              *past->last->ended);
    if (waited + clocks_differ < past->pause(job)) {
        broken("a daemon was started before its back-off was over",
               fmt::format("{}, after {} of {}", who, waited, past->pause(job)));
    }
    const bool has_succeeded = past->ended_by_itself && past->last->exit_code == 0;
    if (has_succeeded && job.restart == Restart::on_failure) {
        broken("a daemon was started though it had succeeded", who);
    }
    if (past->ended_by_itself && job.start_limit > 0 && past->failures >= job.start_limit) {
        broken("a daemon was started though it had reached its limit", who);
    }
}

void Judge::check_daemons()
{
    // A start that a node refuses, a dispatcher that takes over, and a dead node's 2 s.
    constexpr auto soon = 10s;
    if (has_wrong_clocks_) return;
    for (const auto& [id, versions] : versions_) {
        const Version& version = versions.back();
        const bool is_wanted = version.job && !version.job->stop;
        if (!is_wanted || version.job->kind != JobKind::daemon) continue;
        if (world_.now() - version.committed < soon) continue;
        const auto starts = daemons_.find(id);
        const Execution* const last = starts == daemons_.end() ? nullptr : starts->second.back();
        const std::string what = fmt::format("job {}", id);
        if (last != nullptr && !last->ended) {
            if (!follows(last->order, *version.job)) broken("a daemon of an older version", what);
            continue;
        }
        const auto behind = rows_.lower_bound(RunId{id + 1, WallTime::min(), 0});
        const LedgerRow* const newest =
            behind == rows_.begin() || std::prev(behind)->first.job != id
                ? nullptr
                : &std::prev(behind)->second;
        const bool is_given_up = newest != nullptr && newest->state == RunState::skipped &&
                                 newest->reason.cause == Cause::start_limit;
        const bool is_finished = newest != nullptr && newest->state == RunState::success &&
                                 version.job->restart == Restart::on_failure;
        if (is_given_up || is_finished) continue;
        const auto longest = std::max(version.job->restart_delay, version.job->restart_max_delay);
        if (last == nullptr || world_.now() - *last->ended > longest + soon) {
            broken("a daemon stays down", what);
        }
    }
}

/// Whether a command of the fire has ended by itself, although its node did not live to tell.
bool Judge::has_come_to_an_end(const RunId& id) const
{
    for (std::int32_t attempt = 1; attempt <= id.attempt; ++attempt) {
        const auto ran = executions_.find(RunId{id.job, id.scheduled_at, attempt, id.part});
        if (ran != executions_.end() && ran->second[0]->ended && !ran->second[0]->killed) {
            return true;
        }
    }
    return false;
}

bool Judge::is_child(JobId job) const
{
    const auto versions = versions_.find(job);
    return versions != versions_.end() && is_chained(*versions->second.front().job);
}

std::optional<JobId> Judge::job_called(const std::string& name) const
{
    for (const auto& [id, versions] : versions_) {
        if (versions.front().job->name == name) return id;
    }
    return std::nullopt;
}

/// How a fire ended whose parts ended so; `of` is how many it has.
/// It has succeeded when all parts have, and is skipped when none has run.
RunState Judge::end_of_fire(const std::map<std::int32_t, RunState>& parts, std::int32_t of)
{
    if (of == 1) return parts.begin()->second;
    bool have_succeeded = std::ssize(parts) == of;
    bool has_any_run = false;
    for (const auto& [part, state] : parts) {
        have_succeeded = have_succeeded && state == RunState::success;
        has_any_run = has_any_run || state != RunState::skipped;
    }
    if (have_succeeded) return RunState::success;
    return has_any_run ? RunState::failed : RunState::skipped;
}

/// How the fires of that moment ended, by what the ledger says in the end; none when there is not
/// one of each.
std::vector<RunState> Judge::ends_of_parents(const std::vector<JobId>& parents, WallTime fire) const
{
    std::vector<RunState> ends;
    for (const JobId parent : parents) {
        std::map<std::int32_t, RunState> parts;
        std::int32_t of = 1;
        auto row = rows_.lower_bound(RunId{parent, fire, 0});
        for (; row != rows_.end() && row->first.job == parent && row->first.scheduled_at == fire;
             ++row) {
            const RunState state = row->second.state;
            const bool has_not_run = state == RunState::skipped || state == RunState::revoked;
            if (row->first.attempt == 1) {
                if (state == RunState::revoked) continue;
                parts[row->first.part] = state;
            } else {
                parts[row->first.part] = has_not_run ? RunState::failed : state;
            }
            of = row->first.parts;
        }
        if (parts.empty()) return {};
        ends.push_back(end_of_fire(parts, of));
    }
    return ends;
}

/// A child starts when its parents' commands are over, unless they were given up.
void Judge::check_child_start(const Execution& execution)
{
    const RunId& id = execution.order.id;
    // A run that was lost is delivered again whatever its parents do meanwhile.
    if (!is_child(id.job) || id.attempt != 1 || has_wrong_clocks_) return;
    // People may have asked for both of them in one moment.
    const auto row = rows_.find(id);
    if (row == rows_.end() || !row->second.requested_by.starts_with("after ")) return;
    for (const std::string& name : versions_.at(id.job).front().job->run_after) {
        const auto parent = job_called(name);
        if (!parent) continue;
        auto run = executions_.lower_bound(RunId{*parent, id.scheduled_at, 0});
        // An attempt had come to its end, but its node did not live to record that: whoever heard
        // of it may have planned the child, and the next dispatcher tries the parent again.
        bool was_over = false;
        for (; run != executions_.end() && run->first.job == *parent &&
               run->first.scheduled_at == id.scheduled_at;
             ++run) {
            const Execution& command = *run->second.back();
            const bool is_lost = lost_.contains(run->first);
            was_over = was_over || (is_lost && command.ended && !command.killed);
            if (was_over || is_lost || command.ended) continue;
            broken("started before its parent was over",
                   fmt::format("{}, and {} runs", to_string(id), to_string(run->first)));
        }
    }
}

/// The job, if it requires others; no scenario changes that.
const Job* Judge::demanding(JobId job) const
{
    const auto versions = versions_.find(job);
    if (versions == versions_.end() || !versions->second.front().job) return nullptr;
    const Job& first = *versions->second.front().job;
    return first.required.empty() ? nullptr : &first;
}

/// The moment of the job's schedule before this one.
WallTime Judge::demands_since(const RunId& id, const Job& job) const
{
    WallTime before = std::chrono::floor<std::chrono::seconds>(id.scheduled_at) - 1s;
    while (!names(job.cron_set, before)) before -= 1s;
    return before;
}

/// Whether there was a moment from `due` to `latest` at which the last fire of the job after
/// `since` was one that has succeeded, as the ledger says, and had by `latest`. It may have learned
/// that later.
bool Judge::may_have_succeeded(JobId job, WallTime since, WallTime due, WallTime latest) const
{
    const WallTime end = latest + clocks_differ;
    for (auto row = rows_.lower_bound(RunId{job, since + 1ms, 0});
         row != rows_.end() && row->first.job == job && row->first.scheduled_at <= end; ++row) {
        const WallTime fire = row->first.scheduled_at;
        if (row->second.state != RunState::success || row->second.ended_at.value_or(fire) > end) {
            continue;
        }
        const auto next = std::find_if(row, rows_.end(), [&](const auto& later) {
            return later.first.job != job ||
                   (later.first.scheduled_at > fire && later.second.state != RunState::revoked);
        });
        const bool is_last = next == rows_.end() || next->first.job != job;
        if (is_last || next->first.scheduled_at + clocks_differ > due) return true;
    }
    return false;
}

/// Whether that was so, and remained so: its last fire after `since` and up to `until` is one of
/// which the ledger knew in time.
bool Judge::has_surely_succeeded(JobId job, WallTime since, WallTime until,
                                 World::Time known_by) const
{
    auto row = rows_.lower_bound(RunId{job, until + 1ms, 0});
    while (row != rows_.begin()) {
        --row;
        if (row->first.job != job || row->first.scheduled_at <= since) break;
        if (row->second.state == RunState::revoked) continue;
        const auto known = succeeded_.find(row->first);
        return row->second.state == RunState::success && known != succeeded_.end() &&
               known->second <= known_by;
    }
    return false;
}

/// A fire is not skipped for what its job requires before it has waited for that, nor when all of
/// it had been there in time; and it waits no longer.
void Judge::check_demanding_row(const RunId& id, const LedgerRow* before, const LedgerRow& after)
{
    const Job& job = *demanding(id.job);
    const bool is_single = versions_.at(id.job).size() == 1;
    if (has_wrong_clocks_ || !is_planned(id) || !after.requested_by.empty() || !is_single) return;
    const WallTime latest = id.scheduled_at + job.jitter + job.requires_wait;
    if (after.retry_at && *after.retry_at > latest + clocks_differ) {
        broken("waited longer than it may",
               fmt::format("{}, by {}", to_string(id), *after.retry_at - latest));
    }
    const bool is_new = before == nullptr || before->state != after.state;
    const bool was_skipped =
        after.state == RunState::skipped && after.reason.cause == Cause::required;
    if (!is_new || !was_skipped) return;
    const WallTime earliest = id.scheduled_at + job.requires_wait;
    const WallTime decided = after.ended_at.value_or(after.dispatched_at);
    if (decided + clocks_differ < earliest) {
        broken("skipped before its wait was over",
               fmt::format("{}, by {}", to_string(id), earliest - decided));
    }
    const World::Time known_by = World::time_of(earliest) - known_in_time;
    const auto settled = [&](JobId needed) {
        return has_surely_succeeded(needed, demands_since(id, job), latest + clocks_differ,
                                    known_by);
    };
    for (const std::string& name : job.required) {
        const auto needed = job_called(name);
        if (!needed || versions_.at(*needed).size() > 1 || !settled(*needed)) return;
    }
    broken("skipped though what its job requires had succeeded", to_string(id));
}

/// A fire by its schedule starts when each job that its job requires had succeeded.
void Judge::check_demanding_start(const Execution& execution)
{
    const RunId& id = execution.order.id;
    const Job* const job = demanding(id.job);
    const auto row = rows_.find(id);
    const bool is_fire = job != nullptr && id.attempt == 1 && is_planned(id) &&
                         row != rows_.end() && row->second.requested_by.empty();
    if (!is_fire || has_wrong_clocks_ || versions_.at(id.job).size() > 1) return;
    const WallTime latest = id.scheduled_at + job->jitter + job->requires_wait;
    for (const std::string& name : job->required) {
        const auto needed = job_called(name);
        if (needed &&
            may_have_succeeded(*needed, demands_since(id, *job), id.scheduled_at, latest)) {
            continue;
        }
        broken("started though what its job requires had not succeeded",
               fmt::format("{} on {}, {}", to_string(id), execution.node, name));
    }
}

void Judge::check_chains(World::Time again)
{
    if (has_wrong_clocks_) return;
    for (const auto& [id, versions] : versions_) {
        if (!is_child(id)) continue;
        std::vector<JobId> parents;
        bool are_there = true;
        for (const std::string& name : versions.front().job->run_after) {
            const auto parent = job_called(name);
            // No API call deletes a parent, but people who change the table do.
            are_there = are_there && parent && versions_.at(*parent).back().job;
            if (are_there) parents.push_back(*parent);
        }
        if (are_there) check_chain(id, parents, again);
    }
}

/// For each fire of its parents the child has one row.
void Judge::check_chain(JobId child, const std::vector<JobId>& parents, World::Time again)
{
    // A dispatcher that takes over, and a store that is slow.
    constexpr auto soon = 15s;
    const std::vector<Version>& versions = versions_.at(child);
    const auto is_off = [](const Version& version) { return !version.job || version.job->stop; };
    const bool was_off =
        !versions.back().job || std::any_of(versions.begin(), std::prev(versions.end()), is_off);
    // What was over before a change is not owed if no dispatcher heard of it in time. The last
    // version is the stop in the end.
    const bool is_unchanged = versions.size() <= 2;
    const bool is_owed_all = is_unchanged && !was_off && versions.front().job->run_limit == 0;
    for (const auto& [id, row] : rows_) {
        if (!is_planned(id) || !stands_for_fire(id) || moved_.contains(id)) continue;
        if (id.job == child && row.state != RunState::revoked) {
            check_child_fire(child, parents, id.scheduled_at);
        }
        if (id.job != parents.front() || rows_.contains(RunId{child, id.scheduled_at, 1})) continue;
        const std::vector<RunState> ends = ends_of_parents(parents, id.scheduled_at);
        if (ends.empty() || !is_owed_all) continue;
        World::Time over{};
        for (const auto& [other, since] : over_) {
            const bool is_parent = std::ranges::count(parents, other.job) > 0;
            if (is_parent && other.scheduled_at == id.scheduled_at) over = std::max(over, since);
        }
        if (over + soon > again) continue;
        broken("a job did not run after others",
               fmt::format("{} after {}", to_string(RunId{child, id.scheduled_at, 1}),
                           to_string(row.state)));
    }
}

/// Its parents have fired then, and it ran as they ended.
void Judge::check_child_fire(JobId child, const std::vector<JobId>& parents, WallTime fire)
{
    const RunId id{child, fire, 1};
    const LedgerRow& row = rows_.at(id);
    const std::vector<RunState> ends = ends_of_parents(parents, fire);
    if (ends.empty()) {
        broken("it ran after jobs that had not fired", to_string(id));
        return;
    }
    // What was lost when that was decided may have ended in another way.
    for (const JobId parent : parents) {
        const RunId any{parent, fire};
        const auto lost = lost_.lower_bound(before_all_of_fire(any));
        if (lost != lost_.end() && is_same_fire(*lost, any)) return;
    }
    const auto ran = [](RunState state) { return state != RunState::skipped; };
    const auto succeeded = [](RunState state) { return state == RunState::success; };
    const RunAfterOn on = versions_.at(child).front().job->run_after_on;
    bool is_wanted = std::ranges::any_of(ends, ran);
    if (on == RunAfterOn::success) is_wanted = std::ranges::all_of(ends, succeeded);
    if (on == RunAfterOn::failure) {
        is_wanted = std::ranges::any_of(
            ends, [&](RunState state) { return ran(state) && !succeeded(state); });
    }
    const bool was_skipped = row.state == RunState::skipped && row.reason.cause == Cause::parent;
    if (was_skipped == is_wanted) {
        broken(was_skipped ? "skipped though its parents ended as it wants"
                           : "not skipped though its parents did not end as it wants",
               fmt::format("{} is {}", to_string(id), to_string(row.state)));
    }
}

/// Every fire that was due under some version has its row.
void Judge::check_due(JobId id, const std::vector<Version>& versions)
{
    if (versions.front().job->run_limit > 0 || is_child(id)) return;
    for (std::size_t i = 0; i + 1 < versions.size(); ++i) {
        const Version& version = versions[i];
        if (!version.job) continue;
        const Version& next = versions[i + 1];
        const WallTime end = next.effective_from;
        const bool unknown = !version.applied || *version.applied > next.committed;
        if (unknown && next.committed - version.committed < polled) continue;
        WallTime fire = std::chrono::floor<std::chrono::seconds>(version.effective_from);
        for (; fire <= end; fire += 1s) {
            if (!fires_at(*version.job, version.effective_from, fire) || has_row(id, fire) ||
                was_wrong(fire)) {
                continue;
            }
            const World::Time known = version.applied.value_or(version.committed + polled);
            const bool in_time = known - World::time_of(version.effective_from) < known_in_time;
            if (!in_time && World::time_of(fire) <= known + planned_ahead) continue;
            broken("a due fire without a row",
                   fmt::format("{}, version {}", to_string(RunId{id, fire, 1}), i + 1));
        }
    }
}

/// Whether none of the job's versions makes parts of its fires that belong to no node.
bool Judge::is_always_whole_or_at_nodes(JobId id) const
{
    const auto versions = versions_.find(id);
    if (versions == versions_.end() || has_wrong_clocks_) return false;
    return std::ranges::none_of(versions->second, [](const Version& version) {
        return version.job && version.job->spread == Spread::shards;
    });
}

/// The order says to which node it belongs; if it does not, the row does, unless the fire was cut
/// otherwise since, which the row says later.
void Judge::check_node_of_part(const Execution& execution)
{
    const RunId& id = execution.order.id;
    NodeName own = id.node;
    const Version* const version = allows(execution.order, execution.decided);
    const bool is_cut = version != nullptr && runs_at_every_node(*version->job);
    const auto row = rows_.find(id);
    if (own.empty() && is_cut && row != rows_.end()) own = row->first.node;
    if (own.empty() || own == execution.node) return;
    broken("a part at another node than its own",
           fmt::format("{} on {}, of {}", to_string(id), execution.node, own));
}

/// Of a fire with a part for each node none has two.
void Judge::check_nodes_of_parts(const RunId& first)
{
    std::set<NodeName> nodes;
    for (RunId part = first; part.part < first.parts; ++part.part) {
        const auto row = rows_.find(part);
        if (row == rows_.end() || row->first.node.empty()) continue;
        if (nodes.insert(row->first.node).second) continue;
        broken("two parts of one node", fmt::format("{} of {}", to_string(part), row->first.node));
    }
}

/// A fire that its job's version cuts into several parts has a row of each, unless it was skipped
/// as a whole; and no part that there is not runs.
void Judge::check_parts(JobId id, const std::vector<Version>& versions)
{
    if (has_wrong_clocks_ || is_child(id)) return;
    for (std::size_t i = 0; i + 1 < versions.size(); ++i) {
        const Version& version = versions[i];
        if (!version.job) continue;
        const bool has_nodes = runs_at_every_node(*version.job);
        const World::Time known = version.applied.value_or(version.committed + polled);
        WallTime fire = std::chrono::floor<std::chrono::seconds>(version.effective_from);
        for (; fire <= versions[i + 1].effective_from; fire += 1s) {
            const bool is_its = fires_at(*version.job, version.effective_from, fire) &&
                                World::time_of(fire) > known + planned_ahead;
            const auto first = rows_.find(RunId{id, fire, 1});
            if (!is_its || first == rows_.end() || !first->second.requested_by.empty()) continue;
            const bool is_one_row =
                first->first.parts == 1 && first->second.state == RunState::skipped;
            if (is_one_row) continue;
            // As many as there were nodes only the rows say.
            const std::int32_t parts = has_nodes ? first->first.parts : parts_of(*version.job);
            if (has_nodes) check_nodes_of_parts(first->first);
            for (RunId part{id, fire, 1, 0, parts}; part.part < parts; ++part.part) {
                if (!rows_.contains(part))
                    broken("a part of a fire without a row", to_string(part));
            }
            auto row = first;
            for (; row != rows_.end() && is_same_fire(row->first, first->first); ++row) {
                const bool is_there = row->second.state != RunState::revoked;
                const bool is_right = row->first.parts == parts && row->first.part < parts;
                if (!is_there || is_right) continue;
                broken("a part that its fire does not have",
                       fmt::format("{}, of {}", to_string(row->first), parts));
            }
        }
    }
}

bool Judge::has_row(JobId job, WallTime fire) const
{
    if (rows_.contains(RunId{job, fire, 1})) return true;
    const auto gaps = gaps_.find(job);
    if (gaps == gaps_.end()) return false;
    return std::any_of(gaps->second.begin(), gaps->second.end(),
                       [&](const auto& gap) { return gap.first <= fire && fire <= gap.second; });
}

Judge::Counts Judge::counts() const
{
    Counts counts;
    counts.rows = rows_.size();
    for (const auto& [id, executions] : executions_) counts.starts += executions.size();
    for (const auto& [id, row] : rows_) ++counts.states[row.state];
    return counts;
}

}  // namespace peercron::simulation
