#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "insight/agenda.hpp"
#include "model/job.hpp"
#include "model/pause.hpp"
#include "schedule/calendars.hpp"
#include "schedule/schedule.hpp"
#include "store/calendar_store.hpp"
#include "store/store.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace peercron {

/// What forecasts need to know of a job.
struct BookedJob {
    std::string name;
    std::vector<std::string> tags;
    std::vector<std::string> required;  ///< see Job
    std::vector<std::string> calendar;
    const Calendars* calendars = nullptr;  ///< those that there are
    std::optional<Schedule> schedule;      ///< none: the row makes no sense
    Window window;
    std::chrono::seconds jitter{0};
    bool stop = false;
    std::optional<std::int64_t> runs_left;  ///< about: it is as old as the last change of the job
    std::optional<std::chrono::milliseconds> usual_time;  ///< at most a minute old

    /// The fires by its schedule in that window, without those that calendars exclude.
    OpenFires fires_in(const Window& when) const { return {&*schedule, when, calendars, calendar}; }
    /// Why calendars exclude a fire; nullopt: they do not.
    std::optional<std::string> why_excluded(WallTime fire) const
    {
        return calendars->why_not(calendar, fire, schedule->zone());
    }

    bool may_fire() const { return schedule && !stop && (!runs_left || *runs_left > 0); }
};
using BookedJobs = std::map<JobId, BookedJob>;

/// All jobs, for what looks at the schedules of all of them: kept from call to call, and brought up
/// to date with the store's changes before each use. Nothing is kept before the first. Lives on the
/// I/O thread; outlives every call.
class JobBook {
public:
    JobBook(StorePool& store, const Clock& clock, std::string default_zone,
            asio::any_io_executor executor)
        : store_(store),
          clock_(clock),
          default_zone_(std::move(default_zone)),
          freed_(std::move(executor))
    {}

    /// What `use(Store&, const BookedJobs&)` returns, called on a thread of the store; one use at a
    /// time. Throws what it throws, and StoreError.
    template <class Use>
    asio::awaitable<std::invoke_result_t<Use&, Store&, const BookedJobs&>> read(Use use)
    {
        while (is_used_) co_await freed_.wait();
        const Turn turn(*this);
        const auto work = [this, &use](Store& store) {
            refresh(store);
            return use(store, std::as_const(jobs_));
        };
        co_return co_await store_.call(work);
    }

private:
    class Turn {
    public:
        explicit Turn(JobBook& book) : book_(book) { book_.is_used_ = true; }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        ~Turn()
        {
            book_.is_used_ = false;
            book_.freed_.notify();
        }

    private:
        JobBook& book_;
    };

    void refresh(Store& store);
    void refresh_calendars(Store& store);
    void refresh_usual_times(Store& store);
    void put(const Job& job);
    void erase(JobId id);

    StorePool& store_;
    const Clock& clock_;
    const std::string default_zone_;
    bool is_used_ = false;
    Event freed_;
    // Of the one use that there is.
    BookedJobs jobs_;
    Calendars calendars_;
    CalendarStamp calendar_stamp_;
    JobCursor cursor_;
    std::int64_t id_sum_ = 0;
    std::optional<SteadyTime> usual_times_at_;
};

/// The job's window without a pause that covers `from`; nullopt: nobody knows when that ends.
std::optional<Window> open_window(JobId id, const BookedJob& job, const Pauses& pauses,
                                  WallTime from);

/// Those that fire, for agenda().
std::vector<AgendaJob> agenda_jobs(const BookedJobs& jobs, const Pauses& pauses, WallTime from);

}  // namespace peercron
