#include "notify/notice_desk.hpp"

#include "base/shared_pause.hpp"
#include "model/output_to_come.hpp"
#include "notify/notice_json.hpp"
#include "store/notice_store.hpp"
#include "store/pause_store.hpp"

#include <spdlog/spdlog.h>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr auto look_interval = 1s;
/// What is known of jobs is kept all the same: a channel may come.
constexpr auto look_interval_without_channels = 5s;
/// The search for what is in no list of its own (jobs that nobody watches, runs that go on for
/// long) takes no more than a hundredth of the time, but for jobs that it has just found.
constexpr SteadyTime::duration shortest_search_pause = 5s;
constexpr int search_pause = 100;
constexpr auto longest_pause_of_looks = 30s;
constexpr std::size_t ends_at_once = 1000;
constexpr std::size_t jobs_at_once_looked_at = 1000;

/// One look, on the store's thread: what is known of the jobs, and the notices that follow.
class LookAtJobs {
public:
    /// @param channels, calendars must outlive this, and these are read when they are needed.
    LookAtJobs(Store& store, const NoticeRules& rules, std::vector<JobId> jobs, WallTime now,
               const std::vector<NoticeChannel>& channels, KnownCalendars& calendars)
        : store_(store), rules_(rules), now_(now), channels_(channels), calendars_(calendars.all())
    {
        std::ranges::sort(jobs);
        const auto repeated = std::ranges::unique(jobs);
        jobs.erase(repeated.begin(), repeated.end());
        for (Job& job : store.find_jobs_by_id(jobs)) {
            const JobId id = job.id;
            jobs_.emplace(id, std::move(job));
        }
        if (jobs_.empty()) {
            seen_.forgotten = std::move(jobs);
            return;
        }
        pauses_ = Pauses(store.pauses().pauses_after(now - past_exclusions));
        const auto has_calendar = [](const auto& job) { return !job.second.calendar.empty(); };
        if (std::ranges::any_of(jobs_, has_calendar)) calendars.refresh(store, now);
        read_usual_times();
        for (const JobWatch& watch : store.notices().watches(jobs)) {
            watched_.emplace(watch.job, read_watch(watch.text, now));
        }
        for (const JobId job : jobs) {
            if (!jobs_.contains(job)) seen_.forgotten.push_back(job);
        }
        for (const auto& [id, job] : jobs_) rules_.note_expected(job, watch_of(job), now_);
    }

    void end(const LogRow& row)
    {
        const auto job = jobs_.find(row.run.id.job);
        if (job == jobs_.end()) return;
        const LogRow ended = not_after(now_, row);
        const std::optional<LogRow> before = attempt_before(row.run);
        add(job->second, rules_.ended(job->second, ended, watch_of(job->second), usual_[job->first],
                                      before ? &*before : nullptr));
    }

    void slow(const LogRow& row)
    {
        const auto job = jobs_.find(row.run.id.job);
        if (job == jobs_.end()) return;
        add(job->second,
            rules_.takes_long(job->second, row, watch_of(job->second), now_, usual_[job->first]));
    }

    void up(const LogRow& row)
    {
        const auto job = jobs_.find(row.run.id.job);
        if (job == jobs_.end()) return;
        add(job->second, rules_.stays_up(job->second, row, watch_of(job->second)));
    }

    void pass_time(JobId id)
    {
        const auto job = jobs_.find(id);
        if (job == jobs_.end()) return;
        add(job->second,
            rules_.passed(job->second, watch_of(job->second), now_, pauses_, calendars_));
    }

    /// How many notices there are; they are stored.
    std::size_t finish(Epoch epoch, std::vector<std::int64_t> ends)
    {
        seen_.ends = std::move(ends);
        seen_.at = now_;
        for (const auto& [id, job] : jobs_) {
            const WatchedJob& watched = watch_of(job);
            seen_.watches.push_back(
                {id, watch_text(watched), rules_.due(job, watched, now_, pauses_, calendars_)});
        }
        store_.notices().store_seen(epoch, seen_);
        return seen_.notices.size();
    }

private:
    /// Of a further attempt that did not run.
    std::optional<LogRow> attempt_before(const RunReport& run) const
    {
        if (run.id.attempt == 1 || run.started_at || run.state == RunState::lost)
            return std::nullopt;
        return store_.find_log_row(previous_attempt(run.id));
    }

    void read_usual_times()
    {
        std::vector<JobId> jobs;
        for (const auto& [id, job] : jobs_) {
            if (rules_.follows_usual_time(job)) jobs.push_back(id);
        }
        if (jobs.empty()) return;
        for (const JobInsight& insight : store_.find_insights(jobs)) {
            usual_[insight.job] = usual_time_of(insight.statistics);
        }
    }

    WatchedJob& watch_of(const Job& job)
    {
        return watched_.try_emplace(job.id, read_watch("", now_)).first->second;
    }

    void add(const Job& job, const std::vector<Notice>& notices)
    {
        if (notices.empty()) return;
        const std::vector<std::string>& named = rules_.channels(job);
        const auto channels = channels_of(named, job.tags, channels_);
        if (channels.empty()) {
            const bool names_some = !named.empty() && named.front() != no_channel;
            if (!names_some) return;
            spdlog::warn(
                "notices: job {} has something to be told ({}), but none of its channels ({}) is "
                "there or takes messages",
                job.id, to_string(notices.front().kind), fmt::join(named, ", "));
            return;
        }
        for (const Notice& notice : notices) {
            seen_.notices.push_back(
                {notice.id, job.id, boost::json::serialize(to_json(notice)), channels});
        }
    }

    Store& store_;
    const NoticeRules& rules_;
    const WallTime now_;
    const std::vector<NoticeChannel>& channels_;
    const Calendars& calendars_;
    std::map<JobId, Job> jobs_;
    Pauses pauses_;
    std::unordered_map<JobId, UsualTime> usual_;  ///< of jobs that follow it
    std::unordered_map<JobId, WatchedJob> watched_;
    Seen seen_;
};

}  // namespace

void KnownCalendars::refresh(Store& store, WallTime now)
{
    const CalendarStamp stamp = store.calendars().calendar_stamp();
    if (stamp == stamp_) return;
    all_ = Calendars::of(store.calendars().calendars_after(now - past_exclusions));
    stamp_ = stamp;
}

NoticeDesk::NoticeDesk(asio::any_io_executor executor, const Clock& clock, StorePool& store,
                       NoticeDefaults defaults, std::function<Epoch()> epoch)
    : clock_(clock),
      store_(store),
      rules_(std::move(defaults)),
      epoch_(std::move(epoch)),
      written_(std::move(executor))
{}

asio::awaitable<void> NoticeDesk::run()
{
    SteadyTime::duration pause = look_interval;
    for (;;) {
        co_await sleep_for(shared_pause(pause, clock_.exact_now()));
        const Epoch epoch = epoch_();
        if (epoch == 0) {
            pause = look_interval;
            continue;
        }
        std::string trouble;
        try {
            co_await look(epoch);
        } catch (const StoreError& error) {
            trouble = error.what();
        } catch (const Deposed& error) {
            trouble = error.what();
        }
        tell(trouble);
        if (trouble.empty()) {
            pause = has_channels_ ? look_interval : look_interval_without_channels;
            continue;
        }
        pause = std::min<SteadyTime::duration>(2 * pause, longest_pause_of_looks);
    }
}

/// `trouble`: "" = a look was taken.
void NoticeDesk::tell(const std::string& trouble)
{
    if (!trouble.empty() && !is_told_) {
        spdlog::warn("notices: cannot look at what has ended, trying again: {}", trouble);
    }
    if (trouble.empty() && is_told_) spdlog::info("notices: can look at what has ended again");
    is_told_ = !trouble.empty();
}

/// Throws StoreError and Deposed.
asio::awaitable<void> NoticeDesk::look(Epoch epoch)
{
    if (begun_in_ != epoch) {
        const auto begin = [epoch](Store& store) { store.notices().begin_looking(epoch); };
        co_await store_.call(begin);
        begun_in_ = epoch;
    }
    for (;;) {
        const SteadyTime begun = clock_.steady_now();
        Look look;
        look.epoch = epoch;
        look.now = clock_.now();
        look.is_search = begun >= next_search_;
        const auto work = [this, &look](Store& store) {
            look.channels = store.notices().channels();
            look_at_ends(store, look);
            look_at_time(store, look);
        };
        co_await store_.call(work);
        if (look.notices > 0) written_.notify();
        has_channels_ = !look.channels.empty();
        const SteadyTime now = clock_.steady_now();
        // One that is not done goes on with the next look.
        if (look.is_search && look.is_search_done) {
            next_search_ = now + std::max(shortest_search_pause, search_pause * (now - begun));
        }
        if (look.ends < ends_at_once) co_return;
        co_await sleep_for(pause_after(now - begun));
    }
}

/// On the store's thread.
void NoticeDesk::look_at_ends(Store& store, Look& look)
{
    const std::vector<UnseenEnd> ends = store.notices().unseen_ends(ends_at_once);
    look.ends = ends.size();
    if (ends.empty()) return;
    std::set<JobId> waiting;  // in the next look, and what comes after that, too
    for (const UnseenEnd& end : ends) {
        if (end.row && awaits_output(end.row->run, look.now)) waiting.insert(end.row->run.id.job);
    }
    std::vector<std::int64_t> ids;
    std::vector<JobId> jobs;
    std::vector<const LogRow*> rows;
    for (const UnseenEnd& end : ends) {
        if (end.row && waiting.contains(end.row->run.id.job)) continue;
        ids.push_back(end.id);
        if (!end.row) continue;
        jobs.push_back(end.row->run.id.job);
        rows.push_back(&*end.row);
    }
    if (ids.empty()) return;
    const auto ended_at = [](const LogRow* row) {
        return row->run.ended_at.value_or(row->run.id.scheduled_at);
    };
    std::ranges::stable_sort(rows, {}, ended_at);
    LookAtJobs desk(store, rules_, std::move(jobs), look.now, look.channels, calendars_);
    for (const LogRow* row : rows) desk.end(*row);
    look.notices += desk.finish(look.epoch, std::move(ids));
}

/// On the store's thread.
void NoticeDesk::look_at_time(Store& store, Look& look)
{
    std::vector<JobId> waiting;  // for some time
    for (const JobWatch& watch : store.notices().due_watches(look.now, jobs_at_once_looked_at)) {
        waiting.push_back(watch.job);
    }
    std::vector<LogRow> slow;
    std::vector<LogRow> up;
    if (look.is_search) {
        const std::vector<JobId> unwatched =
            store.notices().unwatched_jobs(rules_.defaults(), searched_to_, jobs_at_once_looked_at);
        look.is_search_done = unwatched.size() < jobs_at_once_looked_at;
        searched_to_ = look.is_search_done ? 0 : unwatched.back();
        std::ranges::copy(unwatched, std::back_inserter(waiting));
        slow = store.notices().slow_runs(rules_.defaults(), look.now, jobs_at_once_looked_at);
        up = store.notices().healthy_daemons(look.now, jobs_at_once_looked_at);
    }
    std::vector<JobId> jobs = waiting;
    for (const LogRow& row : slow) jobs.push_back(row.run.id.job);
    for (const LogRow& row : up) jobs.push_back(row.run.id.job);
    if (jobs.empty()) return;
    LookAtJobs desk(store, rules_, std::move(jobs), look.now, look.channels, calendars_);
    for (const LogRow& row : slow) desk.slow(row);
    for (const LogRow& row : up) desk.up(row);
    for (const JobId job : waiting) desk.pass_time(job);
    look.notices += desk.finish(look.epoch, {});
}

}  // namespace peercron
