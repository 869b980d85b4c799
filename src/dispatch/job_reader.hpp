#pragma once

#include "base/event.hpp"
#include "dispatch/dispatch_settings.hpp"
#include "dispatch/historian.hpp"
#include "dispatch/job_feed.hpp"
#include "dispatch/node_requests.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/store_calls.hpp"
#include "dispatch/term_rules.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// Reads the jobs during a term, beside the dispatch loop: at the poll interval, and those that
/// requests name. The table changes only in a turn that the loop gives. Lives on the I/O thread.
class JobReader : private JobFeed::User {
public:
    /// @param wake has the loop look at what is here.
    /// @param self is this node's name, for messages.
    JobReader(asio::any_io_executor executor, const PlanClock& clock, JobFeed& feed,
              Historian& historian, NodeRequests& requests, TermRules& rules, NodeName self,
              const DispatchSettings& settings, std::function<void()> wake);

    /// During the take-over: tried until it works. With a table that lacks jobs, planned-through
    /// would move past their fires.
    asio::awaitable<void> read_all(const StoreCalls& calls);
    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// Has the jobs read again that are named, and then goes on with NodeRequests.
    void read_for(NodeRequest<JobChanged> change);
    void read_for(NodeRequest<RunNow> run);

    /// Since when a turn has been wanted; nullopt: none is.
    const std::optional<WallTime>& turn_wanted() const { return turn_wanted_; }
    /// Returns when the table has changed.
    asio::awaitable<void> give_turn();

    /// These have changed, or may have.
    void note_changed(const std::vector<JobId>& jobs) { changed_.insert(jobs.begin(), jobs.end()); }
    bool has_changes() const { return !changed_.empty(); }
    std::set<JobId> take_changes() { return std::exchange(changed_, {}); }
    /// When the last successful poll of this term began; nullopt: there was none.
    const std::optional<WallTime>& polled_at() const { return polled_at_; }

private:
    asio::awaitable<void> may_change() override;
    void has_changed(const std::vector<JobId>& jobs) override;
    std::optional<PastQuery> wanted_past(const Job& row) override;
    void learn_unwanted(const std::vector<JobPast>& pasts) override;

    SteadyTime::duration until_next_poll() const;
    asio::awaitable<void> poll();
    asio::awaitable<void> poll_once();
    asio::awaitable<void> read_asked();
    template <class Asked>
    void go_on(std::vector<NodeRequest<Asked>> requests, const std::string& error);

    const PlanClock& clock_;
    JobFeed& feed_;
    Historian& historian_;
    NodeRequests& requests_;
    TermRules& rules_;
    const NodeName self_;
    const DispatchSettings& settings_;
    const std::function<void()> wake_;

    Event turn_;
    std::optional<WallTime> turn_wanted_;
    bool turn_given_ = false;

    Event read_wanted_;
    std::vector<NodeRequest<JobChanged>> changes_to_read_;
    std::vector<NodeRequest<RunNow>> runs_to_read_;
    bool is_polling_ = false;
    std::optional<WallTime> polled_at_;
    std::set<JobId> changed_;  ///< to be applied; nobody waits
};

}  // namespace peercron
