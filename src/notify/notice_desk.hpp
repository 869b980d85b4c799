#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "model/notice_channel.hpp"
#include "model/run.hpp"
#include "notify/notice_rules.hpp"
#include "schedule/calendars.hpp"
#include "store/calendar_store.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// The calendars, which are read only when they are others than before. Used where the store is.
class KnownCalendars {
public:
    /// Those that count at `now`. Throws StoreError.
    void refresh(Store& store, WallTime now);
    const Calendars& all() const { return all_; }

private:
    std::optional<CalendarStamp> stamp_;
    Calendars all_;
};

/// Looks at what has ended and at what should have, while this node dispatches, and puts notices
/// into the outbox.
///
/// Everything is in the store: what has ended since the last look, what is known of each job, and
/// the outbox; each look is one transaction there. So the next dispatcher goes on where this one
/// stops, nothing is told twice and nothing is left out. Has a session of its own with the store,
/// and nobody waits for it.
///
/// Lives on the I/O thread.
class NoticeDesk {
public:
    /// @param store its own.
    /// @param epoch in which this node dispatches; 0 while it does not.
    NoticeDesk(asio::any_io_executor executor, const Clock& clock, StorePool& store,
               NoticeDefaults defaults, std::function<Epoch()> epoch);

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// There are notices to be sent.
    Event& written() { return written_; }

private:
    /// One look at the store.
    struct Look {
        Epoch epoch = 0;
        WallTime now{};
        bool is_search = false;  ///< also for what is in no list of its own
        std::vector<NoticeChannel> channels;
        bool is_search_done = true;  ///< it leaves no jobs for the next look
        std::size_t ends = 0;        ///< how many there were
        std::size_t notices = 0;     ///< that it has given
    };

    asio::awaitable<void> look(Epoch epoch);
    void tell(const std::string& trouble);
    void look_at_ends(Store& store, Look& look);
    void look_at_time(Store& store, Look& look);

    const Clock& clock_;
    StorePool& store_;
    const NoticeRules rules_;
    const std::function<Epoch()> epoch_;
    Event written_;
    Epoch begun_in_ = 0;
    bool has_channels_ = true;
    KnownCalendars calendars_;  ///< of the store's thread while a look goes on
    bool is_told_ = false;      ///< that looks fail
    SteadyTime next_search_{};  ///< for jobs that nobody watches, and runs that take long
    JobId searched_to_ = 0;     ///< the last job that a search has found which is not done
};

}  // namespace peercron
