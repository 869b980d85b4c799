#include "dispatch/term_runner.hpp"

#include "base/overloaded.hpp"
#include "base/shared_pause.hpp"
#include "dispatch/dispatcher_metrics.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>
#include <map>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// For the last messages to get into the sockets.
constexpr auto goodbye_time = 20ms;
/// One beat in this many carries the load of all nodes, for the display.
constexpr unsigned beats_per_roster = 4;

AuditRules audit_rules(const DispatchSettings& settings)
{
    AuditRules rules;
    rules.default_zone = settings.default_zone;
    return rules;
}

}  // namespace

Dispatcher::TermRunner::TermRunner(Dispatcher& dispatcher, Epoch lock_epoch)
    : dispatcher_(dispatcher),
      rules_(lock_epoch, dispatcher.self_, dispatcher.settings_, dispatcher.jobs_,
             dispatcher.clock_.now()),
      lock_(dispatcher.parts_.coordinator, lock_epoch),
      calls_(dispatcher.parts_.store, lock_, dispatcher.self_),
      writer_(dispatcher.executor_, dispatcher.parts_.clock, dispatcher.parts_.store,
              *dispatcher.metrics_, dispatcher.parts_.coordinator),
      links_(dispatcher.executor_, dispatcher.clock_, dispatcher.parts_.coordinator,
             dispatcher.parts_.connect, dispatcher.self_, dispatcher.settings_, rules_,
             {[this](const NodeName& node, Message message) { handle(node, std::move(message)); },
              [this](const NodeName& node) {
                  copies_.remove_node(node);
                  revocations_.give_up_on(node);
              }}),
      copies_(dispatcher.clock_, writer_, links_, lock_, dispatcher.self_),
      inherited_(dispatcher.clock_, links_, dispatcher.parts_.store, calls_, lock_,
                 dispatcher.self_, dispatcher.settings_, dispatcher.registry_complete_from()),
      revocations_(dispatcher.executor_, dispatcher.clock_, links_, rules_),
      requests_(dispatcher.clock_, links_, revocations_, rules_),
      clock_keeper_(dispatcher.clock_, dispatcher.parts_.history_store, calls_, writer_,
                    *dispatcher.metrics_, rules_, dispatcher.settings_),
      historian_(dispatcher.executor_, dispatcher.parts_.clock, dispatcher.parts_.history_store),
      job_reader_(dispatcher.executor_, dispatcher.clock_, dispatcher.job_feed_, historian_,
                  requests_, rules_, dispatcher.self_, dispatcher.settings_, [this] { wake(); }),
      doubt_reader_(dispatcher.executor_, dispatcher.clock_, dispatcher.parts_.store, calls_,
                    writer_, dispatcher.job_feed_, rules_, [this] { wake(); }),
      ledger_(dispatcher.executor_, dispatcher.clock_, dispatcher.parts_.history_store, writer_,
              [this] { wake(); }),
      retry_reader_(ledger_, requests_, rules_),
      daemon_reader_(ledger_, rules_),
      chain_reader_(ledger_, rules_),
      requirement_reader_(ledger_, rules_),
      backfill_reader_(ledger_, rules_),
      self_audit_(dispatcher.parts_.clock, dispatcher.parts_.history_store, *dispatcher.metrics_,
                  audit_rules(dispatcher.settings_), dispatcher.settings_.audit_interval),
      retention_(dispatcher.parts_.clock, dispatcher.parts_.history_store, *dispatcher.metrics_,
                 dispatcher.settings_.ledger_retention),
      tasks_(dispatcher.executor_),
      wake_(dispatcher.executor_)
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
    links_.send_to_all(TermOver{rules_.epoch()});
    co_await sleep_for(goodbye_time);
    links_.cancel();
    try {
        co_await links_.join();
    } catch (...) {
        if (!reason) reason = std::current_exception();
    }
    if (reason) std::rethrow_exception(reason);
}

asio::awaitable<void> Dispatcher::TermRunner::dispatch()
{
    co_await take_over();
    tasks_.spawn("steps", writer_.run());
    tasks_.spawn("clock", clock_keeper_.run());
    tasks_.spawn("jobs", job_reader_.run());
    tasks_.spawn("doubts", doubt_reader_.run());
    tasks_.spawn("runs to repeat", doubt_reader_.read_runs_to_repeat());
    tasks_.spawn("failed runs", retry_reader_.read_failed());
    tasks_.spawn("retries", retry_reader_.read_requested());
    tasks_.spawn("daemons", daemon_reader_.run());
    tasks_.spawn("chains", chain_reader_.run());
    tasks_.spawn("requirements", requirement_reader_.run());
    tasks_.spawn("backfills", backfill_reader_.run());
    while (lock_.is_held() && !dispatcher_.finishing_) {
        lock_.check_newest();
        is_woken_ = false;
        const auto next_round = now().steady + until_next_round();
        follow_lag();
        co_await let_jobs_change();
        revocations_.apply_late_answers();
        if (doubt_reader_.has_read()) doubt_reader_.settle();
        co_await requests_.apply_changes(job_reader_.take_changes());
        const auto& polled_at = job_reader_.polled_at();
        if (polled_at && !job_reader_.has_changes()) rules_.changes_are_known_until(*polled_at);
        requests_.start_runs();
        requests_.retry_runs();
        backfill_reader_.plan_runs();
        co_await requests_.end_runs();
        co_await evacuate();
        for (Outgoing& end : rules_.daemons_to_end(now())) links_.send(end.node, end.message);
        if (rules_.has_doubts()) doubt_reader_.notice();
        if (rules_.has_hidden_ends()) retry_reader_.notice_hidden_ends();
        if (rules_.has_daemon_questions()) daemon_reader_.notice();
        if (rules_.has_chain_questions()) chain_reader_.notice();
        if (rules_.has_required_questions()) requirement_reader_.notice();
        const bool due = now().steady - last_commit_ >= dispatcher_.settings_.longest_plan_pause;
        if (due || requests_.has_answers() || rules_.has_news(now())) co_await commit_step();
        requests_.send_answers();
        copies_.drop_when_stored();
        if (is_idle()) co_await wake_.wait_until(next_round);
    }
    tasks_.cancel();
}

/// Schedules fire at whole seconds: then all cores are for the commands, so that is not when their
/// successors are planned.
SteadyTime::duration Dispatcher::TermRunner::until_next_round() const
{
    return shared_pause_within(dispatcher_.settings_.lookahead / 4,
                               dispatcher_.clock_.machine().exact_now());
}

bool Dispatcher::TermRunner::is_idle() const
{
    return !is_woken_ && requests_.is_empty() && !job_reader_.has_changes() &&
           to_evacuate_.empty() && !doubt_reader_.has_read() &&
           (!job_reader_.turn_wanted() || is_plan_held_) && !rules_.behind();
}

void Dispatcher::TermRunner::wake()
{
    is_woken_ = true;
    wake_.notify();
}

asio::awaitable<void> Dispatcher::TermRunner::take_over()
{
    const auto started = now().steady;
    const Roster told = dispatcher_.parts_.roster();
    rules_.learn_clocks(told, now());
    const TermStart before = co_await calls_.begin_term();
    co_await clock_keeper_.begin(before);
    inherited_.begin(before, !told.nodes.empty());
    co_await job_reader_.read_all(calls_);  // which of a node's runs count for a limit
    links_.follow_registry();
    for (const NodeLoad& load : told.nodes) {
        if (load.connected && !load.draining) links_.add(load.node);
    }
    tasks_.spawn("links", links_.join());  // one that fails ends the term
    tasks_.spawn("members", follow_members());
    tasks_.spawn("beat", beat());
    tasks_.spawn("history", historian_.run());
    if (dispatcher_.settings_.audit_interval > 0ms) tasks_.spawn("audit", self_audit_.run());
    if (dispatcher_.settings_.ledger_retention > 0s) tasks_.spawn("retention", retention_.run());
    co_await inherited_.await_accounts();
    // How far the ledger goes: planned-through, or a row that stands behind it.
    WallTime reach = before.planned_through.value_or(WallTime());
    for (const RunId& id : before.ended_lately) reach = std::max(reach, id.scheduled_at);
    TermRules::BeforeRead known;
    TermStart found;
    do {
        reach = inherited_.reach(reach);
        co_await inherited_.store_all();
        co_await clock_keeper_.set_plan_back_from(reach);
        co_await job_reader_.read_all(calls_);
        // Read after the accounts were given: what had ended by then is final here.
        known = rules_.before_read();
        found = co_await calls_.begin_term();
    } while (inherited_.has_more());
    job_reader_.note_changed(rules_.begin(found, now(), known));
    revocations_.send_wanted();
    copies_.drop_stored();
    for (const NodeName& node : rules_.busy_nodes()) links_.add(node);
    for (const auto& [node, death] : links_.deaths()) rules_.died(node, death, now());
    co_await take_back_early();
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now().steady - started);
    dispatcher_.metrics_->term_began(rules_.epoch(), took);
    spdlog::info(
        "dispatch: this node dispatches in epoch {}: {} jobs, {} open runs, {} ms after "
        "winning the lock",
        rules_.epoch(), dispatcher_.jobs_.size(), rules_.open_runs(), took.count());
}

/// What was planned by a clock that was ahead, and has not started. What a node does not give back
/// stays its own, and is the run of that moment when it comes.
asio::awaitable<void> Dispatcher::TermRunner::take_back_early()
{
    std::map<NodeName, std::vector<RunId>> held = rules_.held_early(now());
    std::vector<RunId> given_back;
    if (!held.empty()) given_back = (co_await revocations_.take_back(std::move(held))).runs;
    rules_.take_back_early(given_back, now());
}

/// First, what was due by the jobs as they are is planned: when that has stood still for longer
/// than the lookahead, nobody could tell afterwards.
asio::awaitable<void> Dispatcher::TermRunner::let_jobs_change()
{
    if (!job_reader_.turn_wanted() || is_plan_held_) co_return;
    while (!rules_.may_change(*job_reader_.turn_wanted(), now())) co_await commit_step();
    co_await job_reader_.give_turn();
}

asio::awaitable<void> Dispatcher::TermRunner::evacuate()
{
    for (const NodeName& node : std::exchange(to_evacuate_, {})) {
        std::map<NodeName, std::vector<RunId>> held;
        held[node] = rules_.held_by(node);
        if (held[node].empty()) continue;
        const auto back = co_await revocations_.take_back(std::move(held));
        rules_.evacuated(node, back.runs);
        spdlog::info("dispatch: {}; {} of its runs go to other nodes",
                     rules_.has_wrong_clock(node) ? fmt::format("the clock of {} is wrong", node)
                                                  : fmt::format("{} drains", node),
                     back.runs.size());
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
    for (Outgoing& outgoing : rules_.messages(now(), revocations_.last_number())) {
        revocations_.send(std::move(outgoing));
    }
    dispatcher_.metrics_->stepped(planned, rules_.open_runs(), rules_.waiting_runs(),
                                  dispatcher_.jobs_.size());
    const Daemons& daemons = rules_.daemons();
    dispatcher_.metrics_->counted_daemons(daemons.wanted(now().wall), daemons.up());
    for (const EndedFires& ended : rules_.take_ended()) {
        dispatcher_.metrics_->ended(ended.state, ended.reason.cause);
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
    if (writer_.stored() < number) co_await copies_.copy(number);
    last_commit_ = writer_.stored() < number ? begun : writer_.stored_at();
}

asio::awaitable<void> Dispatcher::TermRunner::follow_members()
{
    for (;;) {
        links_.follow_registry();
        wake();
        co_await dispatcher_.parts_.coordinator.changed().wait();
    }
}

asio::awaitable<void> Dispatcher::TermRunner::beat()
{
    for (unsigned count = 0;; ++count) {
        if (is_confirmed_within(dispatcher_.settings_.lease)) {
            DispatcherBeat message;
            message.epoch = rules_.epoch();
            message.sent_at = now().wall;
            if (rules_.has_begun()) revocations_.send_wanted();  // see TermRules::stops_known()
            if (count % beats_per_roster == 0) {
                message.nodes = loads();
                dispatcher_.metrics_->measured(message.nodes);
                dispatcher_.metrics_->ledger_behind(writer_.behind(now().steady),
                                                    writer_.waiting_bytes());
            }
            for (const NodeName& node : links_.connected()) {
                message.unheard = !rules_.hears(node, now());
                message.stops_known = rules_.stops_known(node);
                // To its own node this dispatcher is worth what it has heard from others.
                if (node == dispatcher_.self_) {
                    message.unheard = !is_confirmed_within(dispatcher_.settings_.silence_limit);
                }
                links_.send(node, message);
            }
        }
        co_await sleep_for(shared_pause(dispatcher_.settings_.beat_interval,
                                        dispatcher_.clock_.machine().exact_now()));
    }
}

/// Whether the store, or the registry, has confirmed this term within that time.
bool Dispatcher::TermRunner::is_confirmed_within(std::chrono::milliseconds time) const
{
    const auto confirmed =
        std::max(last_commit_, dispatcher_.parts_.coordinator.session_confirmed());
    return now().steady - confirmed < time;
}

void Dispatcher::TermRunner::handle(const NodeName& node, Message message)
{
    const auto on_account = [&](const Account& account) { take_account(node, account); };
    const auto on_reports = [&](const RunReports& reports) {
        for (const RunReport& report : reports.reports) rules_.report(node, report, now());
        if (rules_.has_chain_news()) wake();
        if (rules_.has_required_questions()) requirement_reader_.notice();
    };
    const auto on_beat = [&](const NodeBeat& beat) {
        rules_.beat(node, beat, now());
        links_.note_beat(node, beat.load.draining);
        const bool is_wrong = rules_.has_wrong_clock(node) &&
                              dispatcher_.clock_.guard().is_agreed(dispatcher_.clock_.own());
        if ((beat.load.draining || is_wrong) && !rules_.held_by(node).empty()) {
            to_evacuate_.insert(node);
            wake();
        }
    };
    const auto on_revoked = [&](Revoked& revoked) {
        if (revoked.request == 0) {
            rules_.evacuated(node, revoked.revoked);
            wake();
            return;
        }
        const bool is_late = revocations_.take_answer(node, std::move(revoked));
        if (is_late) wake();
    };
    const auto on_change = [&](JobChanged& change) {
        backfill_reader_.note(change);
        job_reader_.read_for(NodeRequest<JobChanged>{node, std::move(change)});
    };
    const auto on_run_now = [&](RunNow& asked) {
        if (dispatcher_.jobs_.find(asked.job) == nullptr) {
            job_reader_.read_for(NodeRequest<RunNow>{node, std::move(asked)});
            return;
        }
        requests_.add(NodeRequest<RunNow>{node, std::move(asked)});
        wake();
    };
    const auto on_retry = [&](RetryRun& asked) {
        retry_reader_.read_for(NodeRequest<RetryRun>{node, std::move(asked)});
    };
    const auto on_copy = [&](StepCopy& copy) {
        if (rules_.has_begun() || !links_.is_believed(node, copy.step.epoch)) return;
        inherited_.take_copy(std::move(copy.step));
    };
    const auto on_kept = [&](const StepKept& kept) { copies_.note_kept(node, kept); };
    const auto on_end_run = [&](EndRun& asked) {
        requests_.add(NodeRequest<EndRun>{node, std::move(asked)});
        wake();
    };
    const auto on_died = [&](const NodeDied& word) {
        const Death death = links_.note_death(node, word);
        rules_.died(node, death, now());
        wake();
    };
    const auto ignore = [](const auto&) {};  // not for a dispatcher
    std::visit(Overloaded{on_account, on_reports, on_beat, on_revoked, on_change, on_run_now,
                          on_retry, on_end_run, on_copy, on_kept, on_died, ignore},
               message);
}

void Dispatcher::TermRunner::take_account(const NodeName& node, const Account& account)
{
    if (!links_.is_believed(node, std::max(account.newest_epoch, account.first_epoch))) return;
    if (account.newest_epoch > rules_.epoch()) {
        lock_.note_newer(account.newest_epoch);
        wake();
        return;
    }
    links_.note_account(node);
    inherited_.take_account(node, account);
    rules_.connected(node, account, now());
    // It waits a moment for this before it starts what is late.
    revocations_.send_wanted();
    copies_.add_node(node);
    if (rules_.has_begun()) links_.send(node, copies_.stored());
    if (account.draining) to_evacuate_.insert(node);
    spdlog::info("dispatch: {} is connected: {} slots, {} runs held, {} running", node,
                 account.slots, account.held.size(), account.running.size());
    wake();
}

}  // namespace peercron
