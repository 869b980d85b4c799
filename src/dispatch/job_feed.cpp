#include "dispatch/job_feed.hpp"

#include "store/calendar_store.hpp"
#include "store/lock_store.hpp"
#include "store/pause_store.hpp"

#include <malloc.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

namespace peercron {
namespace {

/// The calendars, which are read only when they are others than those of the table.
class CalendarChanges {
public:
    explicit CalendarChanges(const JobTable& jobs) : known_(jobs.calendar_stamp()) {}

    /// On the store's thread, which has the time to understand their texts.
    void read(Store& store)
    {
        stamp_ = store.calendars().calendar_stamp();
        if (stamp_ != known_) calendars_ = Calendars::of(store.calendars().calendars_of_plan());
    }

    /// @param changed is added to.
    void put(JobTable& jobs, std::vector<JobId>& changed)
    {
        if (stamp_ == known_) return;
        const std::vector<JobId> concerned = jobs.put_calendars(std::move(calendars_), stamp_);
        changed.insert(changed.end(), concerned.begin(), concerned.end());
    }

private:
    const CalendarStamp known_;
    CalendarStamp stamp_;
    Calendars calendars_;
};

/// What decides about jobs' runs beside the jobs' own rows.
class Surroundings {
public:
    explicit Surroundings(const JobTable& jobs) : calendars_(jobs) {}

    // On the store's thread: the limits of locks before the jobs are read, the rest after that.

    void read_before_jobs(Store& store) { limits_ = store.locks().limits(); }
    void read_after_jobs(Store& store)
    {
        pauses_ = store.pauses().pauses_of_plan();
        calendars_.read(store);
    }

    // In the same order into the table.

    /// Returns the jobs that this changes.
    std::vector<JobId> put_before_jobs(JobTable& jobs)
    {
        return jobs.set_lock_limits(std::move(limits_));
    }
    /// @param changed is added to.
    void put_after_jobs(JobTable& jobs, std::vector<JobId>& changed)
    {
        jobs.put_pauses(std::move(pauses_));
        calendars_.put(jobs, changed);
    }

private:
    std::vector<LockLimit> limits_;
    std::vector<Pause> pauses_;
    CalendarChanges calendars_;
};

/// What to read of these jobs between the table's version and the row's, where that matters.
std::vector<PastQuery> wanted_pasts(const auto& rows, JobFeed::User& user)
{
    std::vector<PastQuery> queries;
    for (const Job& row : rows) {
        if (const auto query = user.wanted_past(row)) queries.push_back(*query);
    }
    return queries;
}

}  // namespace

asio::awaitable<void> JobFeed::refresh(User& user)
{
    try {
        co_await read_changes(user);
    } catch (const StoreError& error) {
        tell(error.what());
        throw;
    }
    tell("");
}

/// `trouble`: "" = the table was read.
void JobFeed::tell(const std::string& trouble)
{
    if (!trouble.empty() && !is_told_) {
        spdlog::warn(
            "dispatch: cannot read the jobs; going on with the known ones, and trying again: {}",
            trouble);
    }
    if (trouble.empty() && is_told_) spdlog::info("dispatch: can read the jobs again");
    is_told_ = !trouble.empty();
}

/// Of table cron.
asio::awaitable<void> JobFeed::read_changes(User& user)
{
    Surroundings surroundings(jobs_);
    const auto read = [cursor = cursor_, &surroundings](Store& store) {
        surroundings.read_before_jobs(store);
        JobChanges changes = store.changes_since(cursor);
        surroundings.read_after_jobs(store);
        return changes;
    };
    JobChanges changes = co_await store_.call(read);
    std::vector<PastQuery> wanted = wanted_pasts(changes.changed, user);
    const std::vector<JobPast> pasts = co_await read_pasts(std::move(wanted));
    co_await user.may_change();
    std::vector<JobId> changed = surroundings.put_before_jobs(jobs_);
    const WallTime seen = clock_.now().wall;
    put_all(changes.changed, seen, changed);
    cursor_ = std::move(changes.next);
    surroundings.put_after_jobs(jobs_, changed);
    const bool same_ids = changes.count == static_cast<std::int64_t>(jobs_.size()) &&
                          changes.id_sum == jobs_.id_sum();
    user.learn_unwanted(pasts);
    user.has_changed(changed);
    if (same_ids) co_return;

    const auto read_ids = [](Store& store) { return store.job_ids(); };
    const std::vector<JobId> ids = co_await store_.call(read_ids);
    co_await user.may_change();
    std::vector<JobId> gone = jobs_.missing_from(ids);
    for (const JobId id : gone) jobs_.erase(id);
    std::vector<JobId> unknown;
    const auto is_unknown = [this](JobId id) { return jobs_.find(id) == nullptr; };
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(unknown), is_unknown);
    user.has_changed(gone);
    if (!unknown.empty()) co_await reload(std::move(unknown), user);
}

/// What is moved out of a million rows would keep the memory of all that is dropped with them,
/// piece by piece between. So the table gets copies, and the rows go as a whole.
void JobFeed::put_all(ManyJobs& rows, WallTime seen, std::vector<JobId>& changed)
{
    constexpr std::size_t at_once = 8192;
    constexpr std::size_t worth_a_trim = 100'000;
    const bool are_many = rows.size() >= worth_a_trim;
    while (!rows.empty()) {
        const auto end = rows.begin() + static_cast<std::ptrdiff_t>(std::min(rows.size(), at_once));
        for (auto row = rows.begin(); row != end; ++row) {
            if (jobs_.put(*row, seen)) changed.push_back(row->id);
        }
        rows.erase(rows.begin(), end);
    }
    if (are_many) ::malloc_trim(0);
}

asio::awaitable<void> JobFeed::reload(std::vector<JobId> ids, User& user)
{
    Surroundings surroundings(jobs_);
    const auto read = [&ids, &surroundings](Store& store) {
        surroundings.read_before_jobs(store);
        std::vector<Job> jobs = store.find_jobs_by_id(ids);
        surroundings.read_after_jobs(store);
        return jobs;
    };
    std::vector<Job> rows = co_await store_.call(read);
    std::vector<PastQuery> wanted = wanted_pasts(rows, user);
    const std::vector<JobPast> pasts = co_await read_pasts(std::move(wanted));
    co_await user.may_change();
    const WallTime seen = clock_.now().wall;
    std::unordered_set<JobId> gone(ids.begin(), ids.end());
    std::vector<JobId> changed = surroundings.put_before_jobs(jobs_);
    for (Job& row : rows) {
        const JobId id = row.id;
        gone.erase(id);
        if (jobs_.put(std::move(row), seen)) changed.push_back(id);
    }
    for (const JobId id : gone) {
        if (jobs_.erase(id)) changed.push_back(id);
    }
    surroundings.put_after_jobs(jobs_, changed);
    user.learn_unwanted(pasts);
    user.has_changed(changed);
}

asio::awaitable<std::vector<JobPast>> JobFeed::read_pasts(std::vector<PastQuery> queries)
{
    std::vector<JobPast> pasts;
    if (queries.empty()) co_return pasts;
    const auto read = [&queries](Store& store) {
        std::vector<JobPast> found;
        for (const PastQuery& query : queries) {
            for (JobPast& past : store.find_pasts(query)) found.push_back(std::move(past));
        }
        return found;
    };
    pasts = co_await store_.call(read);
    co_return pasts;
}

}  // namespace peercron
