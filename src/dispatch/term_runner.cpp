#include "dispatch/term_runner.hpp"

#include "base/backoff.hpp"
#include "base/overloaded.hpp"
#include "dispatch/dispatcher_metrics.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How long a new dispatcher waits for the nodes' accounts before it plans without them.
constexpr auto account_deadline = 700ms;
/// Between the clocks of two nodes, to be on the safe side.
constexpr auto clock_difference = 500ms;
/// How long a node may take to give runs back. Well below the lookahead, which goes on meanwhile.
constexpr auto revoke_deadline = 1s;
/// For how long after its last answer the registry's word on other nodes is believed: a node that
/// is elected meanwhile is noticed later than that.
constexpr auto registry_trust = 2s;
/// For the last messages to get into the sockets.
constexpr auto goodbye_time = 20ms;
/// A step that waits for copies for longer is worth a message.
constexpr auto copy_warning = 2s;
/// Runs that ended badly longer ago do not run again, whatever their job's misfire window is.
constexpr auto undelivered_reach = 1h;
/// One beat in this many carries the load of all nodes, for the display.
constexpr unsigned beats_per_roster = 4;
/// How often the clock is compared with the database's.
constexpr auto clock_interval = 2s;
/// A clock that was set is looked at twice before anything follows from it.
constexpr auto second_look = 500ms;
/// How often rows are looked for that stand for moments to come though this dispatcher knows of
/// none: of runs that were planned by a clock that was ahead, and whose end was told late.
constexpr auto early_rows_interval = 30s;
/// Rows that are moved in one transaction.
constexpr std::size_t most_moved = 2'000;

std::string join(const std::set<NodeName>& names)
{
    std::string text;
    for (const NodeName& name : names) {
        if (!text.empty()) text += ", ";
        text += name;
    }
    return text;
}

AuditRules audit_rules(const DispatchSettings& settings)
{
    AuditRules rules;
    rules.default_zone = settings.default_zone;
    return rules;
}

}  // namespace

Dispatcher::TermRunner::TermRunner(Dispatcher& dispatcher, Epoch lock_epoch)
    : dispatcher_(dispatcher),
      lock_epoch_(lock_epoch),
      rules_(lock_epoch, dispatcher.self_, dispatcher.settings_, dispatcher.jobs_,
             dispatcher.now()),
      historian_(dispatcher.executor_, dispatcher.parts_.clock, dispatcher.parts_.history_store),
      self_audit_(dispatcher.parts_.clock, dispatcher.parts_.history_store, *dispatcher.metrics_,
                  audit_rules(dispatcher.settings_), dispatcher.settings_.audit_interval),
      retention_(dispatcher.parts_.clock, dispatcher.parts_.history_store, *dispatcher.metrics_,
                 dispatcher.settings_.log_keep),
      tasks_(dispatcher.executor_),
      link_tasks_(dispatcher.executor_),
      wake_(dispatcher.executor_),
      writer_(dispatcher.executor_, dispatcher.parts_.clock, dispatcher.parts_.store,
              *dispatcher.metrics_, dispatcher.parts_.coordinator),
      turn_(dispatcher.executor_),
      read_wanted_(dispatcher.executor_),
      doubts_(dispatcher.executor_),
      answered_(dispatcher.executor_)
{}

asio::awaitable<void> Dispatcher::TermRunner::run()
{
    tasks_.spawn("dispatch", dispatch());
    std::exception_ptr reason;
    try {
        co_await tasks_.join();
    } catch (...) {
        reason = std::current_exception();
    }
    // Cancelled from outside, the children do not know it yet.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    tasks_.cancel();
    try {
        co_await tasks_.join();
    } catch (...) {
        if (!reason) reason = std::current_exception();
    }
    // An older node would take the end of this for the end of the process.
    for (const auto& [node, link] : links_) send(node, TermOver{rules_.epoch()});
    co_await sleep_for(goodbye_time);
    link_tasks_.cancel();
    try {
        co_await link_tasks_.join();
    } catch (...) {
        if (!reason) reason = std::current_exception();
    }
    if (reason) std::rethrow_exception(reason);
}

asio::awaitable<void> Dispatcher::TermRunner::dispatch()
{
    co_await take_over();
    tasks_.spawn("steps", writer_.run());
    tasks_.spawn("clock", tend_clock());
    tasks_.spawn("jobs", read_jobs());
    tasks_.spawn("doubts", read_doubts());
    tasks_.spawn("undelivered", read_undelivered());
    while (holds_lock() && !dispatcher_.finishing_) {
        check_newer_epoch();
        woken_ = false;
        const auto next_round = now().steady + until_next_round();
        follow_lag();
        co_await give_turn();
        apply_late_answers();
        if (settled_) settle_doubts();
        if (!changes_.empty() || !changed_jobs_.empty()) co_await apply_changes();
        if (polled_at_ && changed_jobs_.empty()) rules_.changes_are_known_until(*polled_at_);
        if (!run_now_.empty()) start_runs();
        if (!end_run_.empty()) co_await end_runs();
        if (!draining_.empty()) co_await evacuate();
        if (rules_.has_doubts()) doubts_.notify();
        const bool due = now().steady - last_commit_ >= longest_plan_pause;
        if (due || !answers_.empty() || rules_.has_news(now())) co_await commit_step();
        send_answers();
        if (have_copies_ && writer_.waiting().empty()) drop_copies();
        if (idle()) co_await wake_.wait_until(next_round);
    }
    tasks_.cancel();
}

/// Schedules fire at whole seconds: then all cores are for the commands, so that is not when their
/// successors are planned.
std::chrono::milliseconds Dispatcher::TermRunner::until_next_round() const
{
    constexpr auto step = 500ms;
    constexpr auto quiet = 250ms;  // after each whole and half second
    const auto longest = dispatcher_.settings_.lookahead / 4;
    if (longest < step) return longest;
    const auto latest = now().wall + longest - quiet;
    return longest - latest.time_since_epoch() % step;
}

asio::awaitable<void> Dispatcher::TermRunner::take_over()
{
    const auto started = now().steady;
    const Roster told = dispatcher_.parts_.roster();
    rules_.learn_clocks(told, now());
    was_told_ = !told.nodes.empty();
    const TermStart before = co_await begin_term();
    co_await compare_clocks_at_last(before);
    check_epoch(before.last_step.epoch);
    planned_before_ = before.planned_through;
    co_await read_all_jobs();  // which of the runs that an account names count for a limit
    sync_links();
    for (const NodeLoad& load : told.nodes) {
        if (load.connected && !load.draining) add_link(load.node);
    }
    tasks_.spawn("links", link_tasks_.join());  // one that fails ends the term
    tasks_.spawn("members", follow_members());
    tasks_.spawn("beat", beat());
    tasks_.spawn("history", historian_.run());
    if (dispatcher_.settings_.audit_interval > 0ms) tasks_.spawn("audit", self_audit_.run());
    if (dispatcher_.settings_.log_keep > 0s) tasks_.spawn("retention", retention_.run());
    co_await await_accounts(before);
    if (!inherited_.empty()) check_epoch(inherited_.rbegin()->first.epoch);
    WallTime reach = reach_of(before);
    for (const auto& [id, step] : inherited_) reach = std::max(reach, step.planned_through);
    co_await inherit_steps(before.last_step);
    if (is_too_far(reach)) co_await set_plan_back(reach);
    co_await read_all_jobs();
    // Read after the accounts were given: what had ended by then is final here.
    const TermRules::BeforeRead known = rules_.before_read();
    const TermStart found = co_await begin_term();
    for (const JobId job : rules_.begin(found, now(), known)) changed_jobs_.insert(job);
    begun_ = true;
    send_revocations();
    drop_copies();
    for (const NodeName& node : rules_.busy_nodes()) add_link(node);
    for (const auto& [node, state] : links_) {
        if (state.death) rules_.died(node, *state.death, now());
    }
    co_await take_back_early();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now().steady - started);
    dispatcher_.metrics_->term_began(rules_.epoch(), took);
    spdlog::info(
        "dispatch: this node dispatches in epoch {}: {} jobs, {} open runs, {} ms after "
        "winning the lock",
        rules_.epoch(), dispatcher_.jobs_.size(), rules_.open_runs(), took.count());
}

asio::awaitable<TermStart> Dispatcher::TermRunner::begin_term()
{
    const auto begin = [epoch = rules_.epoch(), self = dispatcher_.self_](Store& store) {
        return store.begin_term(epoch, self);
    };
    Backoff backoff(co_await asio::this_coro::executor, 100ms, 2s);
    bool told = false;
    for (;;) {
        std::string trouble;
        try {
            co_return co_await dispatcher_.parts_.store.call(begin);
        } catch (const StoreError& error) {
            trouble = error.what();
        }
        if (!std::exchange(told, true)) {
            spdlog::warn("dispatch: the store does not let epoch {} begin, trying again: {}",
                         rules_.epoch(), trouble);
        }
        co_await sleep_for(backoff.next());
        check_lock();
    }
}

asio::awaitable<void> Dispatcher::TermRunner::await_accounts(const TermStart& before)
{
    const auto begun = now().steady;
    const auto deadline = begun + account_deadline;
    const auto open = [](const auto& entry) { return !entry.second.answered; };
    while (std::any_of(links_.begin(), links_.end(), open)) {
        const bool notified = co_await answered_.wait_until(deadline);
        if (!notified) break;
    }
    if (!may_lack_steps(before)) co_return;
    spdlog::warn(
        "dispatch: the ledger may lack runs that an earlier dispatcher handed out; waiting for {} "
        "nodes to report what they have of them",
        links_.size() - links_.size() / 2);
    const auto latest = begun + dispatcher_.settings_.lease + dispatcher_.settings_.lease_margin;
    while (may_lack_steps(before) && now().steady < latest) {
        co_await answered_.wait_for(100ms);
        check_lock();
        check_newer_epoch();
    }
}

/// Whether steps may be missing that were handed out by copies alone.
bool Dispatcher::TermRunner::may_lack_steps(const TermStart& before) const
{
    const bool has_lagged = !inherited_.empty() && before.last_step < inherited_.rbegin()->first;
    Witnesses witnesses;
    for (const auto& [node, link] : links_) witnesses.nodes.push_back(link.witness);
    witnesses.is_complete = find_member(dispatcher_.self_) != nullptr &&
                            dispatcher_.now().steady >= dispatcher_.forgotten_until_;
    witnesses.ledger_reaches_ahead =
        !has_lagged && before.planned_through && *before.planned_through >= now().wall;
    return peercron::may_lack_steps(witnesses);
}

/// Whether the node's process has been there since before the first step that the store may lack.
bool Dispatcher::TermRunner::was_there(const Account& account) const
{
    if (!planned_before_) return false;
    const WallTime first_lacking = *planned_before_ - dispatcher_.settings_.lookahead;
    return now().wall - account.uptime < first_lacking - clock_difference;
}

/// Stores what earlier dispatchers could not, and handed out.
asio::awaitable<void> Dispatcher::TermRunner::inherit_steps(StepId last_stored)
{
    std::size_t count = 0;
    for (const auto& [id, step] : std::exchange(inherited_, {})) {
        if (id <= last_stored || id.epoch >= rules_.epoch()) continue;
        const auto write = [&step, epoch = rules_.epoch()](Store& store) {
            store.commit_as(epoch, step);
        };
        Backoff backoff(co_await asio::this_coro::executor, 100ms, 2s);
        for (;;) {
            std::string trouble;
            try {
                co_await dispatcher_.parts_.store.call(write);
            } catch (const StoreError& error) {
                trouble = error.what();
            }
            if (trouble.empty()) break;
            spdlog::warn("dispatch: the store does not take a step of epoch {}, trying again: {}",
                         id.epoch, trouble);
            co_await sleep_for(backoff.next());
            check_lock();
        }
        ++count;
    }
    if (count > 0) {
        spdlog::info("dispatch: stored {} steps that an earlier dispatcher left at the nodes",
                     count);
    }
}

/// Compares the clock with the database's, and looks after what a clock left that was ahead.
asio::awaitable<void> Dispatcher::TermRunner::tend_clock()
{
    SteadyTime next_look = now().steady + early_rows_interval;
    for (;;) {
        co_await sleep_for(clock_interval);
        const bool compared = co_await compare_clocks();
        if (!compared) continue;
        co_await check_clock();
        if (!rules_.remembers_early(now()) && now().steady < next_look) continue;
        next_look = now().steady + early_rows_interval;
        const std::optional<ClockStep> step = co_await step_back(Plan::stays);
        if (!step) continue;
        spdlog::warn(
            "dispatch: moved {} runs that were due by a clock that was ahead to about when they "
            "ran",
            step->moved);
    }
}

/// Says whether it could. A database that does not answer is asked again later.
asio::awaitable<bool> Dispatcher::TermRunner::compare_clocks()
{
    constexpr int most_readings = 5;
    bool is_settled = false;
    for (int i = 0; i < most_readings && !is_settled; ++i) {
        std::optional<WallTime> theirs;
        Moment sent = dispatcher_.own_now();
        const auto read = [](Store& store) { return store.clock(); };
        const auto begins = [this, &sent] { sent = dispatcher_.own_now(); };
        try {
            theirs = co_await dispatcher_.parts_.history_store.call(read, begins);
        } catch (const StoreError&) {
            co_return false;
        }
        if (!theirs) co_return true;
        is_settled = dispatcher_.clock_guard_.read(sent, *theirs, dispatcher_.own_now());
    }
    count_clocks();
    tell_of_clock();
    co_return true;
}

/// Before anything is planned.
asio::awaitable<void> Dispatcher::TermRunner::compare_clocks_at_last(const TermStart& before)
{
    Backoff backoff(co_await asio::this_coro::executor, 100ms, 2s);
    for (;;) {
        const bool compared = co_await compare_clocks();
        if (compared) break;
        co_await sleep_for(backoff.next());
        check_lock();
    }
    if (!before.planned_through) co_return;
    const WallTime planned_at = *before.planned_through - dispatcher_.settings_.lookahead;
    dispatcher_.clock_guard_.reached(planned_at, dispatcher_.own_now());
    count_clocks();
}

/// The clocks of other nodes say which of the two is wrong.
void Dispatcher::TermRunner::count_clocks()
{
    ClockGuard& guard = dispatcher_.clock_guard_;
    const Moment own = dispatcher_.own_now();
    const auto offset = guard.offset(own);
    if (!offset) return;
    std::size_t mine = 1;
    std::size_t the_databases = 1;
    const auto ahead = own.wall - guard.trusted(own).wall;
    for (const auto clock : rules_.measured_clocks(now())) {
        // Measured against the time that is planned by.
        const auto against_own = clock - ahead;
        const auto against_database = against_own + offset->middle();
        if (std::chrono::abs(against_own) <= guard.tolerance()) ++mine;
        if (std::chrono::abs(against_database) <= guard.tolerance()) ++the_databases;
    }
    guard.votes(mine, the_databases);
    rules_.own_clock_ahead(own.wall - guard.trusted(own).wall);
}

void Dispatcher::TermRunner::tell_of_clock()
{
    const ClockGuard& guard = dispatcher_.clock_guard_;
    const Moment own = dispatcher_.own_now();
    const auto offset = guard.offset(own);
    if (!offset) return;
    dispatcher_.metrics_->clock_compared(offset->middle());
    const ClockGuard::Basis basis = guard.basis(own);
    if (basis == std::exchange(said_basis_, basis)) return;
    if (basis == ClockGuard::Basis::own) {
        spdlog::info("dispatch: this node's clock agrees with the database's again");
        return;
    }
    spdlog::error(
        "dispatch: this node's clock is {} ms ahead of the database server's; planning by {}. "
        "Is the time synchronised on both?",
        offset->middle().count(), dispatcher_.basis_text(basis));
}

bool Dispatcher::TermRunner::is_too_far(WallTime planned) const
{
    return planned > dispatcher_.clock_guard_.latest(dispatcher_.own_now()) + great_step();
}

/// The next term sets the plan back.
asio::awaitable<void> Dispatcher::TermRunner::check_clock()
{
    for (int look = 0; look < 2; ++look) {
        if (!is_too_far(rules_.planned_through()) || !writer_.waiting().empty()) co_return;
        if (look > 0) break;
        co_await sleep_for(second_look);
        const bool compared = co_await compare_clocks();
        if (!compared) co_return;
    }
    throw Deposed(fmt::format("the clock was set back: fires are planned up to {}, and it is {}",
                              time_text(rules_.planned_through()), time_text(now().wall)),
                  rules_.epoch());
}

/// How far the ledger goes: planned-through, or a row that stands behind it.
WallTime Dispatcher::TermRunner::reach_of(const TermStart& found) const
{
    WallTime reach = found.planned_through.value_or(WallTime());
    for (const RunId& id : found.ended_lately) reach = std::max(reach, id.scheduled_at);
    return reach;
}

/// The ledger goes on behind what any clock says.
asio::awaitable<void> Dispatcher::TermRunner::set_plan_back(WallTime reach)
{
    co_await sleep_for(second_look);
    co_await compare_clocks();
    if (!is_too_far(reach)) co_return;
    const std::optional<ClockStep> step = co_await step_back(Plan::goes_back);
    if (!step) co_return;
    dispatcher_.last_clock_step_ = step;
    dispatcher_.metrics_->clock_stepped();
    spdlog::error(
        "dispatch: a clock had been {} s ahead: fires were planned up to {}, and it is {}. The "
        "plan goes on from here; {} runs that stood for moments to come were moved to about when "
        "they ran, and 'peercron audit' reports it. Is the time synchronised?",
        (step->from - step->at) / 1s, time_text(step->from), time_text(step->at), step->moved);
}

/// What was planned by a clock that was ahead, and has not started. What a node does not give back
/// stays its own, and is the run of that moment when it comes.
asio::awaitable<void> Dispatcher::TermRunner::take_back_early()
{
    std::map<NodeName, std::vector<RunId>> held = rules_.held_early(now());
    if (held.empty()) co_return;
    const std::vector<RunId> given_back = co_await take_back(std::move(held));
    rules_.take_back_early(given_back, now());
}

/// See Store::step_back(), which judges by the time when it takes effect. Returns the whole step.
asio::awaitable<std::optional<ClockStep>> Dispatcher::TermRunner::step_back(Plan plan)
{
    StepBack order;
    order.own_clock = [&clock = dispatcher_.parts_.clock] { return clock.now(); };
    order.margin = great_step();
    order.sets_plan = plan == Plan::goes_back;
    order.limit = most_moved;
    Backoff backoff(co_await asio::this_coro::executor, 100ms, 2s);
    const std::vector<RunId> ended = rules_.ended_beyond_plan();
    bool was_mute = false;
    for (;;) {
        const auto write = [&order, epoch = rules_.epoch()](Store& store) {
            return store.step_back(epoch, order);
        };
        SteppedBack done;
        std::string trouble;
        try {
            done = co_await dispatcher_.parts_.history_store.call(write);
        } catch (const StoreError& error) {
            trouble = error.what();
        }
        rules_.moved(done.moved);
        if (done.step && order.begun) {
            order.begun->moved += done.step->moved;
        } else if (done.step) {
            order.begun = done.step;
        }
        if (trouble.empty() && done.moved.size() < most_moved) break;
        if (trouble.empty()) continue;
        was_mute = true;  // and may have done it
        spdlog::warn("dispatch: cannot set the plan back, trying again: {}", trouble);
        co_await sleep_for(backoff.next());
        check_lock();
    }
    if (was_mute && begun_) {
        const TermStart found = co_await begin_term();
        rules_.moved_unless_found(ended, found);
    }
    co_return order.begun;
}

/// First, what was due by the jobs as they are is planned: when that has stood still for longer
/// than the lookahead, nobody could tell afterwards.
asio::awaitable<void> Dispatcher::TermRunner::give_turn()
{
    if (!turn_wanted_ || is_plan_held_) co_return;
    while (rules_.planned_through() < turn_wanted_at_ + dispatcher_.settings_.lookahead / 2) {
        co_await commit_step();
    }
    turn_given_ = true;
    turn_.notify();
    while (turn_given_) co_await turn_.wait();
}

asio::awaitable<void> Dispatcher::TermRunner::may_change()
{
    if (!begun_) co_return;
    turn_wanted_ = true;
    turn_wanted_at_ = now().wall;
    wake();
    while (!turn_given_) co_await turn_.wait();
}

void Dispatcher::TermRunner::has_changed(const std::vector<JobId>& jobs)
{
    if (polling_) historian_.notice(jobs);
    if (!begun_) return;
    changed_jobs_.insert(jobs.begin(), jobs.end());
    turn_wanted_ = false;
    turn_given_ = false;
    turn_.notify();
    wake();
}

/// A take-over reads it with the ledger.
std::optional<PastQuery> Dispatcher::TermRunner::wanted_past(const Job& row)
{
    if (!begun_) return std::nullopt;
    return rules_.wanted_past(row);
}

void Dispatcher::TermRunner::learn_unwanted(const std::vector<JobPast>& pasts)
{
    rules_.learn_unwanted(pasts);
}

asio::awaitable<void> Dispatcher::TermRunner::read_jobs()
{
    for (;;) {
        const auto next_poll = now().steady + dispatcher_.settings_.poll_interval;
        while (now().steady < next_poll) {
            if (changes_to_read_.empty() && runs_to_read_.empty()) {
                co_await read_wanted_.wait_until(next_poll);
            } else {
                co_await read_asked();
            }
        }
        co_await poll_jobs();
    }
}

/// Reads the jobs that nodes have named, and has the loop go on with what they asked for.
asio::awaitable<void> Dispatcher::TermRunner::read_asked()
{
    std::vector<Request<JobChanged>> changes = std::exchange(changes_to_read_, {});
    std::vector<Request<RunNow>> runs = std::exchange(runs_to_read_, {});
    std::set<JobId> named;
    for (const auto& change : changes) {
        named.insert(change.asked.jobs.begin(), change.asked.jobs.end());
    }
    for (const auto& run : runs) named.insert(run.asked.job);
    std::string error;
    try {
        std::vector<JobId> ids(named.begin(), named.end());
        co_await dispatcher_.reload_jobs(std::move(ids), *this);
    } catch (const StoreError& failure) {
        error = fmt::format("the dispatcher {} cannot read the job: {}", dispatcher_.self_,
                            failure.what());
    }
    for (auto& change : changes) {
        if (error.empty()) {
            changes_.push_back(std::move(change));
        } else {
            answer(change.node, change.asked.request, error);
        }
    }
    for (auto& run : runs) {
        if (error.empty()) {
            run_now_.push_back(std::move(run));
        } else {
            answer(run.node, run.asked.request, error);
        }
    }
    wake();
}

/// With a table that lacks jobs, planned-through would move past their fires.
asio::awaitable<void> Dispatcher::TermRunner::read_all_jobs()
{
    Backoff backoff(co_await asio::this_coro::executor, 100ms, 2s);
    for (;;) {
        const bool are_read = co_await poll_jobs();
        if (are_read) co_return;
        co_await sleep_for(backoff.next());
        check_lock();
    }
}

/// Says whether it could.
asio::awaitable<bool> Dispatcher::TermRunner::poll_jobs()
{
    std::string trouble;
    polling_ = true;
    const WallTime asked = now().wall;
    try {
        co_await dispatcher_.refresh_jobs(*this);
        if (begun_) polled_at_ = asked;
    } catch (const StoreError& error) {
        trouble = error.what();
    }
    polling_ = false;
    dispatcher_.tell_of_jobs(trouble);
    co_return trouble.empty();
}

asio::awaitable<void> Dispatcher::TermRunner::read_doubts()
{
    for (;;) {
        while (settled_ || !rules_.has_doubts()) co_await doubts_.wait();
        Settled settled;
        settled.doubts = rules_.doubts();
        // A ledger that lacks steps says nothing about their runs.
        const std::uint64_t handed_out = writer_.added();
        while (writer_.stored() < handed_out) co_await writer_.changed().wait();
        settled.found = co_await begin_term();
        const bool wants_more = rules_.wants_undelivered(settled.doubts);
        if (wants_more) settled.undelivered = co_await undelivered();
        settled_ = std::move(settled);
        wake();
    }
}

void Dispatcher::TermRunner::apply_late_answers()
{
    for (LateAnswer& late : std::exchange(given_back_late_, {})) {
        // Only now: an order may have left since the answer came.
        rules_.drop_later_orders(late.answer.request, late.answer.revoked);
        rules_.given_back_late(late.node, late.answer.revoked);
    }
}

void Dispatcher::TermRunner::settle_doubts()
{
    rules_.resolve_doubts(settled_->found, std::move(settled_->doubts), now(),
                          settled_->undelivered);
    settled_.reset();
}

/// Once: what ended badly under an earlier dispatcher that did not live to hear of it.
asio::awaitable<void> Dispatcher::TermRunner::read_undelivered()
{
    Backoff first_look(co_await asio::this_coro::executor, 1s, 30s);
    co_await sleep_for(first_look.next());
    const std::vector<RunId> runs = co_await undelivered();
    rules_.deliver_again(runs);
    wake();
}

asio::awaitable<std::vector<RunId>> Dispatcher::TermRunner::undelivered()
{
    Backoff backoff(co_await asio::this_coro::executor, 1s, 30s);
    for (;;) {
        const auto read = [since = now().wall - undelivered_reach](Store& store) {
            return store.runs_to_repeat(since);
        };
        std::string trouble;
        try {
            const std::vector<RunId> runs = co_await dispatcher_.parts_.store.call(read);
            const std::vector<JobPast> pasts =
                co_await dispatcher_.read_pasts(rules_.pasts_of(runs));
            co_return rules_.still_wanted(runs, pasts);
        } catch (const StoreError& error) {
            trouble = error.what();
        }
        spdlog::warn("dispatch: cannot read which runs must run again: {}", trouble);
        co_await sleep_for(backoff.next());
    }
}

asio::awaitable<void> Dispatcher::TermRunner::apply_changes()
{
    const std::vector<Request<JobChanged>> changes = std::exchange(changes_, {});
    std::set<JobId> named = std::exchange(changed_jobs_, {});
    for (const auto& change : changes) {
        named.insert(change.asked.jobs.begin(), change.asked.jobs.end());
    }
    const std::vector<JobId> jobs(named.begin(), named.end());
    const std::vector<RunId> given_back = co_await take_back(rules_.handed_out(jobs));
    std::string error;
    if (!mute_.empty()) {
        error = fmt::format(
            "{} cannot be asked; a run that was handed out to it before the "
            "change may still start there",
            join(mute_));
    }
    rules_.jobs_changed(jobs, given_back, now());
    for (const auto& change : changes) answer(change.node, change.asked.request, error);
}

void Dispatcher::TermRunner::start_runs()
{
    for (auto& [node, asked] : std::exchange(run_now_, {})) {
        Done done;
        done.request = asked.request;
        if (const auto run = rules_.run_now(asked.job, std::move(asked.requested_by), now())) {
            done.run = *run;
        } else {
            done.error = run.error().message;
        }
        answers_.push_back({node, std::move(done)});
    }
}

asio::awaitable<void> Dispatcher::TermRunner::end_runs()
{
    const std::vector<Request<EndRun>> requests = std::exchange(end_run_, {});
    for (const auto& request : requests) {
        std::string error = co_await end_run(request.asked);
        answer(request.node, request.asked.request, std::move(error));
    }
}

/// What is wrong; empty when the run has ended or its node is told.
asio::awaitable<std::string> Dispatcher::TermRunner::end_run(const EndRun& asked)
{
    using Whereabouts = TermRules::Whereabouts;
    if (rules_.find_run(asked.run).whereabouts == Whereabouts::held) {
        std::map<NodeName, std::vector<RunId>> held;
        held[rules_.find_run(asked.run).node].push_back(asked.run);
        const std::vector<RunId> given_back = co_await take_back(std::move(held));
        if (!given_back.empty()) {
            rules_.cancel(asked.run, asked.reason, now());
            co_return "";
        }
        // It starts just now, or its node does not answer.
    }
    const TermRules::RunPlace place = rules_.find_run(asked.run);
    switch (place.whereabouts) {
        case Whereabouts::unknown:
            co_return to_string(asked.run) + " has ended";
        case Whereabouts::here:
            rules_.cancel(asked.run, asked.reason, now());
            co_return "";
        case Whereabouts::held:
        case Whereabouts::running:
            break;
    }
    const auto link = links_.find(place.node);
    if (link == links_.end() || link->second.channel == nullptr) {
        co_return fmt::format("{} is not connected; no other node can end its commands",
                              place.node);
    }
    link->second.channel->send(KillRun{asked.run, asked.reason});
    co_return "";
}

asio::awaitable<void> Dispatcher::TermRunner::evacuate()
{
    for (const NodeName& node : std::exchange(draining_, {})) {
        std::map<NodeName, std::vector<RunId>> held;
        held[node] = rules_.held_by(node);
        if (held[node].empty()) continue;
        const std::vector<RunId> given_back = co_await take_back(std::move(held));
        rules_.evacuated(node, given_back);
        spdlog::info("dispatch: {} drains; {} of its runs go to other nodes", node,
                     given_back.size());
    }
}

/// A database that takes less than is planned must not fill the memory of all nodes.
void Dispatcher::TermRunner::follow_lag()
{
    const std::size_t most = dispatcher_.settings_.max_ledger_lag;
    const std::size_t lag = writer_.waiting_bytes();
    if (is_plan_held_ ? lag > most / 4 : lag <= most) return;
    is_plan_held_ = !is_plan_held_;
    rules_.hold_plan(is_plan_held_);
    if (is_plan_held_) {
        spdlog::error(
            "dispatch: the ledger is {} steps and {} s behind, more than may wait: nothing new is "
            "planned until the database has caught up; fires that are too late by then are skipped "
            "({})",
            writer_.waiting().size(), writer_.behind(now().steady) / 1s,
            to_string(Cause::overload));
    } else {
        spdlog::info("dispatch: the ledger has caught up enough: planning again");
    }
}

asio::awaitable<void> Dispatcher::TermRunner::commit_step()
{
    std::size_t planned = 0;
    do {
        rules_.registry_seen(dispatcher_.parts_.coordinator.session_confirmed());
        PlanStep step = rules_.step(now());
        planned += step.runs.size();
        co_await commit(std::move(step));
        // This process may have been stopped since that was confirmed, and given up.
    } while (now().steady - last_commit_ >= dispatcher_.settings_.lease);
    for (Outgoing& outgoing : rules_.messages(now(), last_request_)) {
        send_numbered(outgoing.node, std::move(outgoing.message));
    }
    dispatcher_.metrics_->stepped(planned, rules_.open_runs(), dispatcher_.jobs_.size());
    for (const EndedFires& ended : rules_.take_ended()) {
        dispatcher_.metrics_->ended(ended.state);
        dispatcher_.missed_.note(ended);
    }
}

asio::awaitable<void> Dispatcher::TermRunner::commit(PlanStep step)
{
    const SteadyTime begun = now().steady;
    const SteadyTime patience = begun + dispatcher_.settings_.lookahead / 4;
    const std::uint64_t number = writer_.add(std::move(step));
    while (writer_.stored() < number && !writer_.is_away()) {
        const bool changed = co_await writer_.changed().wait_until(patience);
        if (!changed) writer_.note_late();
    }
    if (writer_.stored() < number) co_await copy(number);
    last_commit_ = writer_.stored() < number ? begun : writer_.stored_at();
}

/// Until enough nodes have a copy of the step, or the store has it.
asio::awaitable<void> Dispatcher::TermRunner::copy(std::uint64_t number)
{
    const SteadyTime begun = now().steady;
    bool warned = false;
    for (;;) {
        send_copies();
        const std::set<NodeName> lacking = lacking_copy(number);
        if (lacking.empty() || writer_.stored() >= number) break;
        if (!warned && now().steady - begun > copy_warning) {
            warned = true;
            spdlog::error(
                "dispatch: nothing new is handed out: the ledger cannot be written, and there is "
                "no copy of the plan at {}",
                join(lacking));
        }
        co_await writer_.changed().wait_for(100ms);
        check_lock();
        check_newer_epoch();
    }
    if (warned) spdlog::info("dispatch: handing out again");
}

void Dispatcher::TermRunner::send_copies()
{
    for (auto& [node, copies] : copies_) {
        for (const PlanStep& step : writer_.waiting()) {
            if (step.number <= copies.sent) continue;
            send(node, StepCopy{step});
            copies.sent = step.number;
            have_copies_ = true;
        }
    }
}

/// The nodes whose copies are wanting before the step may be handed out; none = it may.
std::set<NodeName> Dispatcher::TermRunner::lacking_copy(std::uint64_t number) const
{
    // The registered nodes, and those that Consul has forgotten and that are connected still.
    std::set<NodeName> without;
    bool durable = false;
    for (const auto& [node, link] : links_) {
        const auto copies = copies_.find(node);
        if (copies == copies_.end() || copies->second.kept < number) {
            without.insert(node);
        } else {
            durable = durable || copies->second.durable;
        }
    }
    // One that is dead may be back and elected while this one is cut off: it has to meet a copy.
    const bool by_most = without.size() < links_.size() - links_.size() / 2;
    const bool outlives = durable || links_.size() - without.size() > 1;
    if (by_most && outlives) {
        std::erase_if(without, [this](const NodeName& node) { return !may_be_elected(node); });
    } else if (without.empty()) {
        without.insert(dispatcher_.self_);
    }
    return without;
}

/// Whether the node may become dispatcher, as far as this one can rule that out.
bool Dispatcher::TermRunner::may_be_elected(const NodeName& node) const
{
    const auto link = links_.find(node);
    if (link != links_.end() && link->second.death) return false;
    const Coordinator& coordinator = dispatcher_.parts_.coordinator;
    const bool is_fresh = now().steady - coordinator.session_confirmed() < registry_trust;
    const Member* member = find_member(node);
    return !is_fresh || (member != nullptr && member->passing);
}

const Member* Dispatcher::TermRunner::find_member(const NodeName& node) const
{
    const auto& members = dispatcher_.parts_.coordinator.members();
    const auto is_it = [&](const Member& member) { return member.name == node; };
    const auto member = std::find_if(members.begin(), members.end(), is_it);
    return member == members.end() ? nullptr : &*member;
}

/// The store has everything: the nodes may forget their copies, and those of earlier terms.
void Dispatcher::TermRunner::drop_copies()
{
    const StepId through{rules_.epoch(), writer_.stored()};
    for (const auto& [node, copies] : copies_) send(node, StepsStored{through});
    have_copies_ = false;
}

asio::awaitable<std::vector<RunId>> Dispatcher::TermRunner::take_back(
    std::map<NodeName, std::vector<RunId>> runs)
{
    mute_.clear();
    given_back_.clear();
    for (auto& [node, ids] : runs) {
        const auto found = links_.find(node);
        const bool is_connected = found != links_.end() && found->second.channel != nullptr;
        if (!is_connected || !rules_.accounted(node)) {
            mute_.insert(node);
            continue;
        }
        asked_[++last_request_] = node;
        found->second.channel->send(Revoke{last_request_, std::move(ids)});
    }
    const auto deadline = now().steady + revoke_deadline;
    while (!asked_.empty()) {
        const bool notified = co_await answered_.wait_until(deadline);
        if (!notified) break;
    }
    for (const auto& [request, node] : asked_) mute_.insert(node);
    asked_.clear();
    co_return std::exchange(given_back_, {});
}

void Dispatcher::TermRunner::answer(const NodeName& node, std::uint64_t request, std::string error)
{
    Done done;
    done.request = request;
    done.error = std::move(error);
    answers_.push_back({node, std::move(done)});
}

void Dispatcher::TermRunner::send_answers()
{
    for (const auto& [node, done] : std::exchange(answers_, {})) send(node, done);
}

asio::awaitable<void> Dispatcher::TermRunner::link(NodeName node)
{
    constexpr auto longest_pause = 1s;
    Backoff backoff(co_await asio::this_coro::executor, 50ms, longest_pause);
    while (wanted(node)) {
        auto connected = co_await dispatcher_.parts_.connect(node);
        if (connected) {
            const SteadyTime begun = now().steady;
            co_await converse(node, std::move(*connected));
            // A connection that ends as soon as it has begun counts as a failed attempt.
            if (now().steady - begun >= longest_pause) backoff.reset();
        } else {
            not_connected(node, connected.error());
        }
        co_await sleep_for(backoff.next());
        links_.at(node).answered = true;
    }
    links_.erase(node);
}

asio::awaitable<void> Dispatcher::TermRunner::converse(NodeName node,
                                                       std::unique_ptr<Channel> channel)
{
    struct Attached {
        Link& link;
        ~Attached() { link.channel = nullptr; }
    } attached{links_.at(node)};
    attached.link.channel = channel.get();
    channel->send(TermHello{rules_.epoch(), dispatcher_.self_});
    const auto on_message = [this, node](Message message) { handle(node, std::move(message)); };
    const ChannelEnd end = co_await channel->run(on_message);
    spdlog::info("dispatch: the connection to {} ended: {}", node, end.why);
    rules_.disconnected(node, now());
    copies_.erase(node);
    std::erase_if(asked_, [&](const auto& asked) {
        if (asked.second != node) return false;
        mute_.insert(node);
        return true;
    });
    answered_.notify();
}

asio::awaitable<void> Dispatcher::TermRunner::follow_members()
{
    for (;;) {
        sync_links();
        wake();
        co_await dispatcher_.parts_.coordinator.changed().wait();
    }
}

asio::awaitable<void> Dispatcher::TermRunner::beat()
{
    for (unsigned count = 0;; ++count) {
        if (confirmed_within(dispatcher_.settings_.lease)) {
            DispatcherBeat message;
            message.epoch = rules_.epoch();
            message.sent_at = now().wall;
            if (count % beats_per_roster == 0) {
                message.nodes = loads();
                dispatcher_.metrics_->measured(message.nodes);
                dispatcher_.metrics_->ledger_behind(writer_.behind(now().steady),
                                                    writer_.waiting_bytes());
            }
            for (const auto& [node, state] : links_) {
                if (state.channel == nullptr) continue;
                message.unheard = !rules_.hears(node, now());
                // To its own node this dispatcher is worth what it has heard from others.
                if (node == dispatcher_.self_) {
                    message.unheard = !confirmed_within(dispatcher_.settings_.silence_limit);
                }
                state.channel->send(message);
            }
        }
        co_await sleep_for(dispatcher_.settings_.beat_interval);
    }
}

void Dispatcher::TermRunner::sync_links()
{
    std::set<NodeName> passing;
    for (const Member& member : dispatcher_.parts_.coordinator.members()) {
        if (member.passing) passing.insert(member.name);
        add_link(member.name);
        links_.at(member.name).known_at = now().steady;
    }
    add_link(dispatcher_.self_);
    passing.insert(dispatcher_.self_);
    rules_.registry(passing, now());
}

void Dispatcher::TermRunner::add_link(const NodeName& node)
{
    const auto [link_to_it, is_new] = links_.try_emplace(node);
    if (!is_new) return;
    link_to_it->second.known_at = now().steady;
    link_tasks_.spawn("link to " + node, link(node));
}

bool Dispatcher::TermRunner::wanted(const NodeName& node) const
{
    if (node == dispatcher_.self_) return true;
    if (find_member(node) != nullptr || !begun_) return true;
    // Consul may have forgotten it, and it may come back and be elected.
    const Link& link = links_.at(node);
    const auto known_for = dispatcher_.settings_.lease + dispatcher_.settings_.lease_margin;
    if (!link.is_leaving && now().steady - link.known_at < known_for) return true;
    const std::vector<NodeName> busy = rules_.busy_nodes();
    return std::find(busy.begin(), busy.end(), node) != busy.end();
}

/// Whatever the reason: that the node is dead only its warden can say.
void Dispatcher::TermRunner::not_connected(const NodeName& node, const Error& failure)
{
    Link& state = links_.at(node);
    if (!state.answered) spdlog::warn("dispatch: no connection to {}: {}", node, failure.message);
    state.answered = true;
    answered_.notify();
}

void Dispatcher::TermRunner::handle(const NodeName& node, Message message)
{
    const auto on_account = [&](const Account& account) { taken(node, account); };
    const auto on_reports = [&](const RunReports& reports) {
        for (const RunReport& report : reports.reports) rules_.report(node, report, now());
    };
    const auto on_beat = [&](const NodeBeat& beat) {
        rules_.beat(node, beat, now());
        links_.at(node).known_at = now().steady;
        links_.at(node).is_leaving = beat.load.draining;
        if (beat.load.draining && !rules_.held_by(node).empty()) {
            draining_.insert(node);
            wake();
        }
    };
    const auto on_revoked = [&](Revoked& revoked) {
        if (revoked.request == 0) {
            rules_.evacuated(node, revoked.revoked);
            wake();
            return;
        }
        if (asked_.erase(revoked.request) == 0) {
            // Nobody waits any more, but the node has forgotten them: they must not be.
            given_back_late_.push_back({node, std::move(revoked)});
            wake();
            return;
        }
        // What was ordered after that was asked has nothing to do with the answer.
        rules_.drop_later_orders(revoked.request, revoked.revoked);
        given_back_.insert(given_back_.end(), revoked.revoked.begin(), revoked.revoked.end());
        answered_.notify();
    };
    const auto on_change = [&](JobChanged& change) {
        changes_to_read_.push_back({node, std::move(change)});
        read_wanted_.notify();
    };
    const auto on_run_now = [&](RunNow& asked) {
        if (dispatcher_.jobs_.find(asked.job) == nullptr) {
            runs_to_read_.push_back({node, std::move(asked)});
            read_wanted_.notify();
            return;
        }
        run_now_.push_back({node, std::move(asked)});
        wake();
    };
    const auto on_copy = [&](StepCopy& copy) {
        if (begun_ || !is_believed(node, copy.step.epoch)) return;
        inherited_.emplace(copy.step.id(), std::move(copy.step));
    };
    const auto on_kept = [&](const StepKept& kept) {
        const auto copies = copies_.find(node);
        if (copies == copies_.end() || kept.step.epoch != rules_.epoch()) return;
        copies->second.kept = std::max(copies->second.kept, kept.step.number);
        copies->second.durable = kept.durable;
        writer_.changed().notify();
    };
    const auto on_end_run = [&](EndRun& asked) {
        end_run_.push_back({node, std::move(asked)});
        wake();
    };
    const auto on_died = [&](const NodeDied& word) { heard_of_death(node, word); };
    const auto ignore = [](const auto&) {};  // not for a dispatcher
    std::visit(Overloaded{on_account, on_reports, on_beat, on_revoked, on_change, on_run_now,
                          on_end_run, on_copy, on_kept, on_died, ignore},
               message);
}

void Dispatcher::TermRunner::taken(const NodeName& node, const Account& account)
{
    if (!is_believed(node, std::max(account.newest_epoch, account.first_epoch))) return;
    if (account.newest_epoch > rules_.epoch()) {
        newer_epoch_ = account.newest_epoch;
        wake();
        return;
    }
    Link& state = links_.at(node);
    state.death.reset();
    state.answered = true;
    state.witness.accounted = true;
    // A process may have waited for the store before any dispatcher knew of it.
    state.witness.is_fresh = !was_there(account) || (node == dispatcher_.self_ && !was_told_);
    state.witness.remembers = account.has_journal || !state.witness.is_fresh;
    rules_.connected(node, account, now());
    // It waits a moment for this before it starts what is late.
    send_revocations();
    copies_[node] = {};
    if (begun_) send(node, StepsStored{StepId{rules_.epoch(), writer_.stored()}});
    if (account.draining) draining_.insert(node);
    spdlog::info("dispatch: {} is connected: {} slots, {} runs held, {} running", node,
                 account.slots, account.held.size(), account.running.size());
    answered_.notify();
    wake();
}

/// Its warden has answered in its place.
void Dispatcher::TermRunner::heard_of_death(const NodeName& node, const NodeDied& word)
{
    constexpr std::chrono::milliseconds longest = std::chrono::years(100);
    Link& state = links_.at(node);
    if (!state.death || state.death->incarnation != word.incarnation) {
        spdlog::warn("dispatch: {} died {} ms ago, reports its warden", node, word.ago.count());
    }
    // The word was on its way for a moment, so that this is not before the death.
    const SteadyTime at = now().steady - std::clamp(word.ago, 0ms, longest);
    state.death = Death{word.incarnation, at - std::clamp(word.lived, 0ms, longest), at};
    state.answered = true;
    rules_.died(node, *state.death, now());
    state.channel->send(DeathHeard{word.incarnation});
    answered_.notify();
    wake();
}

/// Whether the node can have heard of this epoch. One that has not must not depose anybody; and it
/// is of no use, since it obeys no dispatcher that can exist.
bool Dispatcher::TermRunner::is_believed(const NodeName& node, Epoch named)
{
    if (is_plausible_epoch(named, rules_.epoch())) return true;
    Link& state = links_.at(node);
    if (!std::exchange(state.is_disbelieved, true)) {
        spdlog::error(
            "dispatch: {} reports a dispatcher of epoch {}, which is impossibly high "
            "(this one's is {}); that node gets no runs until it is restarted",
            node, named, rules_.epoch());
    }
    state.answered = true;
    answered_.notify();
    state.channel->close();
    return false;
}

void Dispatcher::TermRunner::send_revocations()
{
    for (Outgoing& outgoing : rules_.take_revocations()) {
        send_numbered(outgoing.node, std::move(outgoing.message));
    }
}

void Dispatcher::TermRunner::send(const NodeName& node, const Message& message)
{
    const auto found = links_.find(node);
    if (found != links_.end() && found->second.channel != nullptr) {
        found->second.channel->send(message);
    }
}

/// The answer to a Revoke must not be taken for one to another.
void Dispatcher::TermRunner::send_numbered(const NodeName& node, Message message)
{
    if (auto* revoke = std::get_if<Revoke>(&message)) revoke->request = ++last_request_;
    send(node, message);
}

void Dispatcher::TermRunner::wake()
{
    woken_ = true;
    wake_.notify();
}

bool Dispatcher::TermRunner::idle() const
{
    return !woken_ && changes_.empty() && changed_jobs_.empty() && run_now_.empty() &&
           end_run_.empty() && draining_.empty() && !settled_ && (!turn_wanted_ || is_plan_held_) &&
           !rules_.behind();
}

bool Dispatcher::TermRunner::holds_lock() const
{
    return dispatcher_.parts_.coordinator.epoch() == lock_epoch_;
}

void Dispatcher::TermRunner::check_lock() const
{
    if (!holds_lock()) throw Deposed("the lock was lost");
}

/// `used` is the epoch of a step that others have made, or an earlier process of this node.
void Dispatcher::TermRunner::check_epoch(Epoch used) const
{
    if (used >= rules_.epoch()) {
        throw Deposed(fmt::format("epoch {} has been used before", rules_.epoch()), used);
    }
}

void Dispatcher::TermRunner::check_newer_epoch() const
{
    if (newer_epoch_ == 0) return;
    throw Deposed(fmt::format("a node has heard a dispatcher of epoch {}", newer_epoch_),
                  newer_epoch_);
}

/// Whether the store, or the registry, has confirmed this term within that time.
bool Dispatcher::TermRunner::confirmed_within(std::chrono::milliseconds time) const
{
    const auto confirmed =
        std::max(last_commit_, dispatcher_.parts_.coordinator.session_confirmed());
    return now().steady - confirmed < time;
}

std::vector<NodeLoad> Dispatcher::TermRunner::loads() const
{
    return rules_.loads(now());
}

}  // namespace peercron
