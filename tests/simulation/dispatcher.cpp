#include "simulation/dispatcher.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

namespace peercron::simulation {
namespace {

// tenure.cpp.
constexpr auto account_deadline = 700ms;
constexpr auto clock_difference = 500ms;
constexpr auto revoke_deadline = 1s;
constexpr auto registry_trust = 2s;
constexpr auto undelivered_reach = 1h;
constexpr auto clock_interval = 2s;
constexpr auto second_look = 500ms;
constexpr auto early_rows_interval = 30s;
constexpr std::size_t most_moved = 2'000;
constexpr auto registration_time = 5s;  // dispatcher.cpp
constexpr auto clock_tolerance = 1s;
constexpr unsigned beats_per_roster = 4;

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

Dispatcher::Dispatcher(Process& process, Coordinator& coordinator, StoreLine& store, Agent& agent)
    : process_(process),
      coordinator_(coordinator),
      store_(store),
      agent_(agent),
      clock_guard_(clock_tolerance),
      jobs_(process.settings().dispatch.default_zone)
{}

Dispatcher::~Dispatcher() = default;

Task<void> Dispatcher::run()
{
    for (;;) {
        if (coordinator_.epoch() == 0) {
            co_await follow_jobs();
            continue;
        }
        tenure_ = std::make_unique<Tenure>(*this, coordinator_.epoch());
        bool deposed = false;
        Epoch newest = 0;
        try {
            co_await tenure_->run();
        } catch (const Deposed& error) {
            deposed = true;
            newest = error.newest();
        }
        process_.world().trace("{}: no longer dispatches (epoch {})", process_.name(),
                               tenure_->epoch());
        tenure_.reset();
        if (newest != 0) {
            forgotten_until_ = process_.world().now() + registration_time;
            coordinator_.raise_epoch(newest);
        }
        if (deposed) {
            co_await coordinator_.changed().wait_until(process_.world().now() + 1s);
        }
    }
}

void Dispatcher::cancel()
{
    tenure_.reset();
}

void Dispatcher::die(bool silently)
{
    if (tenure_) tenure_->die(silently);
}

std::optional<std::size_t> Dispatcher::open_runs() const
{
    if (!tenure_) return std::nullopt;
    return tenure_->open_runs();
}

bool Dispatcher::all_stored() const
{
    return !tenure_ || tenure_->all_stored();
}

Epoch Dispatcher::epoch() const
{
    return tenure_ ? tenure_->epoch() : 0;
}

Task<void> Dispatcher::follow_jobs()
{
    try {
        co_await refresh_jobs(nullptr);
    } catch (const StoreError&) {
        // Tried again soon.
    }
    if (coordinator_.epoch() != 0) co_return;
    const auto next = process_.world().now() + process_.settings().dispatch.poll_interval;
    co_await coordinator_.changed().wait_until(next);
}

Task<void> Dispatcher::refresh_jobs(Tenure* tenure)
{
    const auto read = [cursor = cursor_](Database& database) {
        return database.changes_since(cursor);
    };
    JobChanges changes = co_await store_.call(read);
    const std::vector<JobPast> pasts = co_await read_pasts(changes.changed, tenure);
    if (tenure != nullptr) co_await tenure->may_change();
    std::vector<JobId> changed;
    const WallTime seen = now().wall;
    for (Job& job : changes.changed) {
        const JobId id = job.id;
        if (jobs_.put(std::move(job), seen)) changed.push_back(id);
    }
    cursor_ = std::move(changes.next);
    const bool same_ids = changes.count == static_cast<std::int64_t>(jobs_.size()) &&
                          changes.id_sum == jobs_.id_sum();
    if (tenure != nullptr) tenure->learn_unwanted(pasts);
    if (tenure != nullptr) tenure->has_changed(changed);
    if (same_ids) co_return;

    const auto read_ids = [](Database& database) { return database.job_ids(); };
    const std::vector<JobId> ids = co_await store_.call(read_ids);
    if (tenure != nullptr) co_await tenure->may_change();
    const std::vector<JobId> gone = jobs_.missing_from(ids);
    for (const JobId id : gone) jobs_.erase(id);
    std::vector<JobId> unknown;
    const auto is_unknown = [this](JobId id) { return jobs_.find(id) == nullptr; };
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(unknown), is_unknown);
    if (tenure != nullptr) tenure->has_changed(gone);
    if (!unknown.empty()) co_await reload_jobs(std::move(unknown), tenure);
}

Task<void> Dispatcher::reload_jobs(std::vector<JobId> ids, Tenure* tenure)
{
    const auto read = [ids](Database& database) { return database.find_jobs(ids); };
    std::vector<Job> rows = co_await store_.call(read);
    const std::vector<JobPast> pasts = co_await read_pasts(rows, tenure);
    if (tenure != nullptr) co_await tenure->may_change();
    const WallTime seen = now().wall;
    std::unordered_set<JobId> gone(ids.begin(), ids.end());
    std::vector<JobId> changed;
    for (Job& row : rows) {
        const JobId id = row.id;
        gone.erase(id);
        if (jobs_.put(std::move(row), seen)) changed.push_back(id);
    }
    for (const JobId id : gone) {
        if (jobs_.erase(id)) changed.push_back(id);
    }
    if (tenure != nullptr) tenure->learn_unwanted(pasts);
    if (tenure != nullptr) tenure->has_changed(changed);
}

Task<std::vector<JobPast>> Dispatcher::read_pasts(const std::vector<Job>& rows, Tenure* tenure)
{
    std::vector<PastQuery> queries;
    for (const Job& row : rows) {
        if (tenure == nullptr) break;
        if (const auto query = tenure->wanted_past(row)) queries.push_back(*query);
    }
    co_return co_await read_pasts(std::move(queries));
}

Task<std::vector<JobPast>> Dispatcher::read_pasts(std::vector<PastQuery> queries)
{
    std::vector<JobPast> pasts;
    if (queries.empty()) co_return pasts;
    const auto read = [queries](Database& database) {
        std::vector<JobPast> found;
        for (const PastQuery& query : queries) found.push_back(database.find_past(query));
        return found;
    };
    pasts = co_await store_.call(read);
    co_return pasts;
}

Tenure::Tenure(Dispatcher& dispatcher, Epoch lock_epoch)
    : dispatcher_(dispatcher),
      process_(dispatcher.process_),
      lock_epoch_(lock_epoch),
      term_(lock_epoch, process_.name(), process_.settings().dispatch, dispatcher.jobs_,
            dispatcher.now()),
      wake_(process_),
      writer_(process_, dispatcher.store_, process_.mutation()),
      turn_(process_),
      read_wanted_(process_),
      doubts_(process_),
      answered_(process_),
      over_(process_),
      tasks_(process_)
{}

/// Unlike there, the links end with the rest: what was sent is on its way all the same.
Task<void> Tenure::run()
{
    tasks_.spawn(watched(dispatch()));
    while (!is_over_) co_await over_.wait();
    tasks_.cancel();
    if (failure_) std::rethrow_exception(failure_);
}

/// A part that ends, ends the tenure.
Task<void> Tenure::watched(Task<void> work)
{
    try {
        co_await work;
    } catch (...) {
        if (!failure_) failure_ = std::current_exception();
    }
    is_over_ = true;
    over_.notify();
}

Task<void> Tenure::dispatch()
{
    co_await take_over();
    tasks_.spawn(watched(writer_.run()));
    if (process_.settings().compares_clocks) tasks_.spawn(watched(tend_clock()));
    tasks_.spawn(watched(read_jobs()));
    tasks_.spawn(watched(read_doubts()));
    tasks_.spawn(read_undelivered());
    while (holds_lock()) {
        if (newer_epoch_ != 0) throw Deposed("a node has heard a newer one", newer_epoch_);
        woken_ = false;
        const auto next_round = now().steady + process_.settings().dispatch.lookahead / 4;
        co_await give_turn();
        apply_late_answers();
        if (settled_) settle_doubts();
        if (!changes_.empty() || !changed_jobs_.empty()) co_await apply_changes();
        if (!run_now_.empty()) start_runs();
        if (!end_run_.empty()) co_await end_runs();
        if (!draining_.empty()) co_await evacuate();
        if (term_.has_doubts()) doubts_.notify();
        const bool due = now().steady - last_commit_ >= longest_plan_pause;
        if (due || !answers_.empty() || term_.has_news(now())) co_await commit_step();
        send_answers();
        if (have_copies_ && writer_.waiting().empty()) drop_copies();
        if (idle()) co_await wake_.wait_until(next_round);
    }
}

void Tenure::die(bool silently)
{
    for (auto& [node, link] : links_) {
        if (link.channel != nullptr) link.channel->die(silently);
    }
}

Task<void> Tenure::take_over()
{
    const Roster told = dispatcher_.agent_.roster();
    term_.learn_clocks(told, now());
    was_told_ = !told.nodes.empty();
    const TermStart before = co_await begin_term();
    co_await compare_clocks_at_last(before);
    check_epoch(before.last_step.epoch);
    planned_before_ = before.planned_through;
    co_await read_all_jobs();
    sync_links();
    for (const NodeLoad& load : told.nodes) {
        if (load.connected && !load.draining) add_link(load.node);
    }
    tasks_.spawn(follow_members());
    tasks_.spawn(beat());
    std::optional<TermStart> early;
    if (process_.mutation() == Mutation::reads_rows_first) early = co_await begin_term();
    const World::Time begun = process_.world().now();
    co_await await_accounts(before);
    if (!inherited_.empty()) check_epoch(inherited_.rbegin()->first.epoch);
    process_.cluster().look_for_copies(term_.epoch(), process_.name(), begun);
    WallTime reach = reach_of(before);
    for (const auto& [id, step] : inherited_) reach = std::max(reach, step.planned_through);
    co_await inherit_steps(before.last_step);
    if (is_too_far(reach)) co_await set_plan_back(reach);
    co_await read_all_jobs();
    const Term::BeforeRead known = term_.before_read();
    const TermStart found = co_await begin_term();
    for (const JobId job : term_.begin(early.value_or(found), now(), known)) {
        changed_jobs_.insert(job);
    }
    begun_ = true;
    send_revocations();
    drop_copies();
    for (const NodeName& node : term_.busy_nodes()) add_link(node);
    for (const auto& [node, state] : links_) {
        if (state.death) term_.died(node, *state.death, now());
    }
    co_await take_back_early();
    dispatcher_.jobs_.for_each([this](const PlannedJob& job) {
        if (!changed_jobs_.contains(job.job.id)) {
            process_.cluster().judge.change_applied(job.job.id, job.job.effective_from);
        }
    });
    process_.world().trace("{}: dispatches in epoch {}, {} open runs", process_.name(),
                           term_.epoch(), term_.open_runs());
}

Task<TermStart> Tenure::begin_term()
{
    const auto claim = [epoch = term_.epoch(), self = process_.name()](Database& database) {
        database.claim_term(epoch, self);
    };
    const auto read = [](Database& database) { return database.read_term(); };
    Backoff backoff(process_.world(), 100ms, 2s);
    for (;;) {
        try {
            co_await dispatcher_.store_.call(claim, StoreLine::Lock::term);
            co_return co_await dispatcher_.store_.call(read);
        } catch (const StoreError&) {
            // Tried again soon.
        }
        co_await Sleep(process_, backoff.next());
        check_lock();
    }
}

Task<void> Tenure::await_accounts(const TermStart& before)
{
    const World::Time begun = process_.world().now();
    World::Time deadline = begun + account_deadline;
    if (process_.mutation() == Mutation::waits_for_accounts) deadline += 20s;
    const bool for_all = process_.mutation() == Mutation::waits_for_accounts;
    const auto open = [for_all](const auto& entry) {
        return for_all ? !entry.second.witness.accounted : !entry.second.answered;
    };
    while (std::any_of(links_.begin(), links_.end(), open)) {
        const bool notified = co_await answered_.wait_until(deadline);
        if (!notified) break;
    }
    const DispatchSettings& settings = process_.settings().dispatch;
    const World::Time latest = begun + settings.lease + settings.lease_margin;
    while (may_lack_steps(before) && process_.world().now() < latest) {
        co_await answered_.wait_until(process_.world().now() + 100ms);
        check_lock();
        if (newer_epoch_ != 0) throw Deposed("a node has heard a newer one", newer_epoch_);
    }
}

bool Tenure::may_lack_steps(const TermStart& before) const
{
    if (process_.mutation() == Mutation::plans_without_most) return false;
    const bool has_lagged = !inherited_.empty() && before.last_step < inherited_.rbegin()->first;
    Witnesses witnesses;
    for (const auto& [node, link] : links_) witnesses.nodes.push_back(link.witness);
    witnesses.is_complete = dispatcher_.coordinator_.members().contains(process_.name()) &&
                            process_.world().now() >= dispatcher_.forgotten_until_;
    witnesses.ledger_reaches_ahead =
        !has_lagged && before.planned_through && *before.planned_through >= now().wall;
    return peercron::may_lack_steps(witnesses);
}

bool Tenure::was_there(const Account& account) const
{
    if (!planned_before_) return false;
    const WallTime first_lacking = *planned_before_ - process_.settings().dispatch.lookahead;
    return now().wall - account.uptime < first_lacking - clock_difference;
}

/// Stores what earlier dispatchers could not, and handed out.
Task<void> Tenure::inherit_steps(StepId last_stored)
{
    for (const auto& [id, step] : std::exchange(inherited_, {})) {
        if (process_.mutation() == Mutation::inherits_nothing) break;
        if (id <= last_stored || id.epoch >= term_.epoch()) continue;
        process_.world().trace("{}: stores step {} of epoch {}", process_.name(), id.number,
                               id.epoch);
        const auto write = [step = step, epoch = term_.epoch()](Database& database) {
            database.commit_as(epoch, step);
        };
        Backoff backoff(process_.world(), 100ms, 2s);
        for (;;) {
            bool failed = false;
            try {
                co_await dispatcher_.store_.call(write, StoreLine::Lock::term);
            } catch (const StoreError&) {
                failed = true;
            }
            if (!failed) break;
            co_await Sleep(process_, backoff.next());
            check_lock();
        }
    }
}

Task<void> Tenure::tend_clock()
{
    const bool is_eager = process_.mutation() == Mutation::steps_back_late;
    SteadyTime next_look = now().steady + early_rows_interval;
    for (;;) {
        co_await Sleep(process_, clock_interval);
        if (is_eager) next_look = now().steady;
        const bool compared = co_await compare_clocks();
        if (!compared) continue;
        co_await check_clock();
        if (!term_.remembers_early(now()) && now().steady < next_look) continue;
        next_look = now().steady + early_rows_interval;
        co_await step_back(Plan::stays);
    }
}

Task<bool> Tenure::compare_clocks()
{
    const bool trusts_its_own = process_.mutation() == Mutation::trusts_its_clock;
    if (trusts_its_own || !process_.settings().compares_clocks) co_return true;
    constexpr int most_readings = 5;
    bool is_settled = false;
    for (int i = 0; i < most_readings && !is_settled; ++i) {
        std::optional<WallTime> theirs;
        const Moment sent = dispatcher_.own_now();
        const auto read = [](Database& database) { return database.clock(); };
        bool failed = false;
        try {
            theirs = co_await dispatcher_.store_.call(read);
        } catch (const StoreError&) {
            failed = true;
        }
        if (failed) co_return false;
        if (!theirs) co_return true;
        const Moment received = dispatcher_.own_now();
        is_settled = dispatcher_.clock_guard_.read(sent, *theirs, received);
    }
    count_clocks();
    co_return true;
}

Task<void> Tenure::compare_clocks_at_last(const TermStart& before)
{
    Backoff backoff(process_.world(), 100ms, 2s);
    for (;;) {
        const bool compared = co_await compare_clocks();
        if (compared) break;
        co_await Sleep(process_, backoff.next());
        check_lock();
    }
    if (!before.planned_through) co_return;
    const WallTime planned_at = *before.planned_through - process_.settings().dispatch.lookahead;
    dispatcher_.clock_guard_.reached(planned_at, dispatcher_.own_now());
    count_clocks();
}

void Tenure::count_clocks()
{
    ClockGuard& guard = dispatcher_.clock_guard_;
    const Moment own = dispatcher_.own_now();
    const auto offset = guard.offset(own);
    if (!offset) return;
    std::size_t mine = 1;
    std::size_t the_databases = 1;
    const auto ahead = own.wall - guard.trusted(own).wall;
    for (const auto clock : term_.measured_clocks(now())) {
        // Measured against the time that is planned by.
        const auto against_own = clock - ahead;
        const auto against_database = against_own + offset->middle();
        if (std::chrono::abs(against_own) <= guard.tolerance()) ++mine;
        if (std::chrono::abs(against_database) <= guard.tolerance()) ++the_databases;
    }
    guard.votes(mine, the_databases);
    term_.own_clock_ahead(own.wall - guard.trusted(own).wall);
    process_.world().trace("{}: its clock is {} to {} ahead; {} agree, {} with the database's",
                           process_.name(), offset->low, offset->high, mine, the_databases);
}

bool Tenure::is_too_far(WallTime planned) const
{
    const bool keeps_it = process_.mutation() == Mutation::keeps_the_plan;
    if (keeps_it || !process_.settings().compares_clocks) return false;
    return planned > dispatcher_.clock_guard_.latest(dispatcher_.own_now()) + great_step();
}

Task<void> Tenure::check_clock()
{
    for (int look = 0; look < 2; ++look) {
        if (!is_too_far(term_.planned_through()) || !writer_.waiting().empty()) co_return;
        if (look > 0) break;
        co_await Sleep(process_, second_look);
        const bool compared = co_await compare_clocks();
        if (!compared) co_return;
    }
    throw Deposed("the clock was set back", term_.epoch());
}

WallTime Tenure::reach_of(const TermStart& found) const
{
    WallTime reach = found.planned_through.value_or(WallTime());
    for (const RunId& id : found.ended_lately) reach = std::max(reach, id.scheduled_at);
    return reach;
}

std::chrono::milliseconds Tenure::great_step() const
{
    return 2 * process_.settings().dispatch.lookahead;
}

Task<void> Tenure::set_plan_back(WallTime reach)
{
    co_await Sleep(process_, second_look);
    co_await compare_clocks();
    if (is_too_far(reach)) co_await step_back(Plan::goes_back);
}

Task<void> Tenure::take_back_early()
{
    std::map<NodeName, std::vector<RunId>> held = term_.held_early(now());
    if (held.empty()) co_return;
    const std::vector<RunId> given_back = co_await take_back(std::move(held));
    term_.take_back_early(given_back, now());
}

Task<bool> Tenure::step_back(Plan plan)
{
    StepBack order;
    // It takes effect when this process may be dead.
    order.own_clock = [&machine = process_.machine(), &world = process_.world()] {
        return machine.wall(world);
    };
    if (process_.mutation() == Mutation::steps_back_late) {
        order.own_clock = [sent = now().wall] { return sent; };
    }
    order.margin = great_step();
    order.sets_plan = plan == Plan::goes_back;
    order.limit = most_moved;
    Backoff backoff(process_.world(), 100ms, 2s);
    bool was_mute = false;
    for (;;) {
        const auto write = [order, epoch = term_.epoch()](Database& database) {
            return database.step_back(epoch, order);
        };
        SteppedBack done;
        bool failed = false;
        try {
            done = co_await dispatcher_.store_.call(write, StoreLine::Lock::term);
        } catch (const StoreError&) {
            failed = true;
        }
        term_.moved(done.moved);
        if (!order.begun) order.begun = done.step;
        if (!failed && done.moved.size() < most_moved) break;
        if (!failed) continue;
        was_mute = true;
        co_await Sleep(process_, backoff.next());
        check_lock();
    }
    if (was_mute && begun_) {
        const TermStart found = co_await begin_term();
        term_.forget_moved(found, now());
    }
    co_return order.begun.has_value();
}

Task<void> Tenure::give_turn()
{
    if (!turn_wanted_) co_return;
    while (term_.planned_through() < turn_wanted_at_ + process_.settings().dispatch.lookahead / 2)
        co_await commit_step();
    turn_given_ = true;
    turn_.notify();
    while (turn_given_) co_await turn_.wait();
}

Task<void> Tenure::may_change()
{
    if (!begun_) co_return;
    turn_wanted_ = true;
    turn_wanted_at_ = now().wall;
    wake();
    while (!turn_given_) co_await turn_.wait();
}

void Tenure::has_changed(const std::vector<JobId>& jobs)
{
    if (!begun_) return;
    changed_jobs_.insert(jobs.begin(), jobs.end());
    turn_wanted_ = false;
    turn_given_ = false;
    turn_.notify();
    wake();
}

std::optional<PastQuery> Tenure::wanted_past(const Job& row) const
{
    if (!begun_) return std::nullopt;
    return term_.wanted_past(row);
}

void Tenure::learn_unwanted(const std::vector<JobPast>& pasts)
{
    term_.learn_unwanted(pasts);
}

Task<void> Tenure::read_jobs()
{
    for (;;) {
        const auto next_poll = now().steady + process_.settings().dispatch.poll_interval;
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

Task<void> Tenure::read_asked()
{
    std::vector<Request<JobChanged>> changes = std::exchange(changes_to_read_, {});
    std::vector<Request<RunNow>> runs = std::exchange(runs_to_read_, {});
    std::set<JobId> named;
    for (const auto& change : changes) {
        named.insert(change.asked.jobs.begin(), change.asked.jobs.end());
    }
    for (const auto& run : runs) named.insert(run.asked.job);
    bool failed = false;
    try {
        std::vector<JobId> ids(named.begin(), named.end());
        co_await dispatcher_.reload_jobs(std::move(ids), this);
    } catch (const StoreError&) {
        failed = true;
    }
    for (auto& change : changes) {
        if (failed) {
            answer(change.node, change.asked.request, "the dispatcher cannot read the job");
        } else {
            changes_.push_back(std::move(change));
        }
    }
    for (auto& run : runs) {
        if (failed) {
            answer(run.node, run.asked.request, "the dispatcher cannot read the job");
        } else {
            run_now_.push_back(std::move(run));
        }
    }
    wake();
}

Task<void> Tenure::read_all_jobs()
{
    Backoff backoff(process_.world(), 100ms, 2s);
    for (;;) {
        const bool are_read = co_await poll_jobs();
        if (are_read) co_return;
        co_await Sleep(process_, backoff.next());
        check_lock();
    }
}

Task<bool> Tenure::poll_jobs()
{
    bool failed = false;
    try {
        co_await dispatcher_.refresh_jobs(this);
    } catch (const StoreError&) {
        failed = true;
    }
    co_return !failed;
}

Task<void> Tenure::read_doubts()
{
    for (;;) {
        while (settled_ || !term_.has_doubts()) co_await doubts_.wait();
        Settled settled;
        settled.doubts = term_.doubts();
        const std::uint64_t handed_out = writer_.added();
        while (writer_.stored() < handed_out) co_await writer_.changed().wait();
        settled.found = co_await begin_term();
        const bool wants_more = term_.wants_undelivered(settled.doubts);
        if (wants_more) settled.undelivered = co_await undelivered();
        settled_ = std::move(settled);
        wake();
    }
}

void Tenure::apply_late_answers()
{
    for (LateAnswer& late : std::exchange(given_back_late_, {})) {
        term_.drop_later_orders(late.answer.request, late.answer.revoked);
        term_.given_back_late(late.node, late.answer.revoked);
    }
}

void Tenure::settle_doubts()
{
    term_.resolve_doubts(settled_->found, std::move(settled_->doubts), now(),
                         settled_->undelivered);
    settled_.reset();
}

Task<void> Tenure::read_undelivered()
{
    if (process_.mutation() == Mutation::forgets_undelivered) co_return;
    co_await Sleep(process_, Backoff(process_.world(), 1s, 30s).next());
    const std::vector<RunId> runs = co_await undelivered();
    term_.deliver_again(runs);
    wake();
}

Task<std::vector<RunId>> Tenure::undelivered()
{
    Backoff backoff(process_.world(), 1s, 30s);
    for (;;) {
        const auto read = [since = now().wall - undelivered_reach](Database& database) {
            return database.undelivered(since);
        };
        std::optional<std::vector<RunId>> runs;
        try {
            runs = co_await dispatcher_.store_.call(read);
            const auto pasts = co_await dispatcher_.read_pasts(term_.pasts_of(*runs));
            runs = term_.still_wanted(std::move(*runs), pasts);
        } catch (const StoreError&) {
            runs.reset();  // tried again soon
        }
        if (runs) co_return std::move(*runs);
        co_await Sleep(process_, backoff.next());
    }
}

Task<void> Tenure::apply_changes()
{
    const std::vector<Request<JobChanged>> changes = std::exchange(changes_, {});
    std::set<JobId> named = std::exchange(changed_jobs_, {});
    for (const auto& change : changes) {
        named.insert(change.asked.jobs.begin(), change.asked.jobs.end());
    }
    const std::vector<JobId> jobs(named.begin(), named.end());
    std::vector<RunId> given_back;
    if (process_.mutation() == Mutation::asks_nobody) {
        for (const auto& [node, runs] : term_.handed_out(jobs)) {
            given_back.insert(given_back.end(), runs.begin(), runs.end());
        }
    } else {
        given_back = co_await take_back(term_.handed_out(jobs));
    }
    std::string error;
    if (!mute_.empty()) error = "a node cannot be asked";
    term_.jobs_changed(jobs, given_back, now());
    applied_.insert(jobs.begin(), jobs.end());
    for (const auto& change : changes) answer(change.node, change.asked.request, error);
}

void Tenure::start_runs()
{
    for (auto& [node, asked] : std::exchange(run_now_, {})) {
        Done done;
        done.request = asked.request;
        if (const auto run = term_.run_now(asked.job, std::move(asked.requested_by), now())) {
            done.run = *run;
        } else {
            done.error = run.error().message;
        }
        answers_.push_back({node, std::move(done)});
    }
}

Task<void> Tenure::end_runs()
{
    const std::vector<Request<EndRun>> requests = std::exchange(end_run_, {});
    for (const auto& request : requests) {
        std::string error = co_await end_run(request.asked);
        answer(request.node, request.asked.request, std::move(error));
    }
}

Task<std::string> Tenure::end_run(EndRun asked)
{
    using Whereabouts = Term::Whereabouts;
    if (term_.find_run(asked.run).whereabouts == Whereabouts::held) {
        std::map<NodeName, std::vector<RunId>> held;
        held[term_.find_run(asked.run).node].push_back(asked.run);
        const std::vector<RunId> given_back = co_await take_back(std::move(held));
        if (!given_back.empty()) {
            term_.cancel(asked.run, asked.reason, now());
            co_return "";
        }
    }
    const Term::RunPlace place = term_.find_run(asked.run);
    switch (place.whereabouts) {
        case Whereabouts::unknown:
            co_return "has ended";
        case Whereabouts::here:
            term_.cancel(asked.run, asked.reason, now());
            co_return "";
        case Whereabouts::held:
        case Whereabouts::running:
            break;
    }
    const auto link = links_.find(place.node);
    if (link == links_.end() || link->second.channel == nullptr) co_return "not connected";
    link->second.channel->send(KillRun{asked.run, asked.reason});
    co_return "";
}

Task<void> Tenure::evacuate()
{
    for (const NodeName& node : std::exchange(draining_, {})) {
        std::map<NodeName, std::vector<RunId>> held;
        held[node] = term_.held_by(node);
        if (held[node].empty()) continue;
        const std::vector<RunId> given_back = co_await take_back(std::move(held));
        term_.evacuated(node, given_back);
    }
}

Task<void> Tenure::commit_step()
{
    const std::set<JobId> applied = std::exchange(applied_, {});
    const bool early = process_.mutation() == Mutation::hands_out_uncommitted;
    do {
        term_.registry_seen(dispatcher_.coordinator_.session_confirmed());
        PlanStep step = term_.step(now());
        if (early) send_out();
        co_await commit(std::move(step));
    } while (now().steady - last_commit_ >= process_.settings().dispatch.lease);
    if (!early) send_out();
    term_.take_ended();
    for (const JobId id : applied) {
        const PlannedJob* job = dispatcher_.jobs_.find(id);
        const WallTime from = job == nullptr ? WallTime() : job->job.effective_from;
        process_.cluster().judge.change_applied(id, from);
    }
}

void Tenure::send_out()
{
    for (Outgoing& outgoing : term_.messages(now(), last_request_)) {
        send_numbered(outgoing.node, std::move(outgoing.message));
    }
}

Task<void> Tenure::commit(PlanStep step)
{
    const World::Time begun = now().steady;
    const World::Time patience = begun + process_.settings().dispatch.lookahead / 4;
    const std::uint64_t number = writer_.add(std::move(step));
    while (writer_.stored() < number && !writer_.is_away()) {
        const bool changed = co_await writer_.changed().wait_until(patience);
        if (!changed) writer_.is_late();
    }
    if (writer_.stored() < number) co_await copy(number);
    last_commit_ = writer_.stored() < number ? begun : writer_.stored_at();
}

Task<void> Tenure::copy(std::uint64_t number)
{
    for (;;) {
        send_copies();
        if (lacking_copy(number).empty() || writer_.stored() >= number) break;
        co_await writer_.changed().wait_until(now().steady + 100ms);
        check_lock();
        if (newer_epoch_ != 0) throw Deposed("a node has heard a newer one", newer_epoch_);
    }
}

void Tenure::send_copies()
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

std::set<NodeName> Tenure::lacking_copy(std::uint64_t number) const
{
    if (process_.mutation() == Mutation::needs_no_copies) return {};
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
    const bool by_most = without.size() < links_.size() - links_.size() / 2;
    const bool outlives = durable || links_.size() - without.size() > 1;
    if (by_most && outlives) {
        std::erase_if(without, [this](const NodeName& node) { return !may_be_elected(node); });
    } else if (without.empty()) {
        without.insert(process_.name());
    }
    return without;
}

bool Tenure::may_be_elected(const NodeName& node) const
{
    const auto link = links_.find(node);
    if (link != links_.end() && link->second.death) return false;
    const Coordinator& coordinator = dispatcher_.coordinator_;
    const bool is_fresh = now().steady - coordinator.session_confirmed() < registry_trust;
    const auto member = coordinator.members().find(node);
    return !is_fresh || (member != coordinator.members().end() && member->second);
}

void Tenure::drop_copies()
{
    const StepId through{term_.epoch(), writer_.stored()};
    for (const auto& [node, copies] : copies_) send(node, StepsStored{through});
    have_copies_ = false;
}

Task<std::vector<RunId>> Tenure::take_back(std::map<NodeName, std::vector<RunId>> runs)
{
    mute_.clear();
    given_back_.clear();
    for (auto& [node, ids] : runs) {
        const auto found = links_.find(node);
        const bool is_connected = found != links_.end() && found->second.channel != nullptr;
        if (!is_connected || !term_.accounted(node)) {
            mute_.insert(node);
            continue;
        }
        asked_[++last_request_] = node;
        found->second.channel->send(Revoke{last_request_, std::move(ids)});
    }
    const auto deadline = process_.world().now() + revoke_deadline;
    while (!asked_.empty()) {
        const bool notified = co_await answered_.wait_until(deadline);
        if (!notified) break;
    }
    for (const auto& [request, node] : asked_) mute_.insert(node);
    asked_.clear();
    co_return std::exchange(given_back_, {});
}

void Tenure::answer(const NodeName& node, std::uint64_t request, std::string error)
{
    Done done;
    done.request = request;
    done.error = std::move(error);
    answers_.push_back({node, std::move(done)});
}

void Tenure::send_answers()
{
    for (const auto& [node, done] : std::exchange(answers_, {})) send(node, done);
}

Task<void> Tenure::link(NodeName node)
{
    constexpr auto longest_pause = 1s;
    Backoff backoff(process_.world(), 50ms, longest_pause);
    while (wanted(node)) {
        Process::Connected connected = co_await process_.connect(node);
        if (connected.channel != nullptr) {
            const SteadyTime begun = now().steady;
            co_await converse(node, std::move(connected.channel));
            if (now().steady - begun >= longest_pause) backoff.reset();
        } else if (connected.word) {
            heard_of_death(node, *connected.word);
        } else {
            not_connected(node, connected.refused);
        }
        co_await Sleep(process_, backoff.next());
        links_.at(node).answered = true;
    }
    links_.erase(node);
}

Task<void> Tenure::converse(NodeName node, std::unique_ptr<Endpoint> channel)
{
    struct Attached {
        Link& link;
        ~Attached() { link.channel = nullptr; }
    } attached{links_.at(node)};
    attached.link.channel = channel.get();
    channel->send(TermHello{term_.epoch(), process_.name()});
    Signal over(process_);
    bool is_over = false;
    Endpoint::Handlers handlers;
    handlers.message = [this, node](Message message) { handle(node, std::move(message)); };
    handlers.end = [&over, &is_over] {
        is_over = true;
        over.notify();
    };
    channel->listen(std::move(handlers));
    while (!is_over) co_await over.wait();
    term_.disconnected(node, now());
    copies_.erase(node);
    std::erase_if(asked_, [&](const auto& asked) {
        if (asked.second != node) return false;
        mute_.insert(node);
        return true;
    });
    answered_.notify();
}

Task<void> Tenure::follow_members()
{
    for (;;) {
        sync_links();
        wake();
        co_await dispatcher_.coordinator_.changed().wait();
    }
}

Task<void> Tenure::beat()
{
    for (unsigned count = 0;; ++count) {
        if (confirmed_within(process_.settings().dispatch.lease)) {
            DispatcherBeat message;
            message.epoch = term_.epoch();
            message.sent_at = now().wall;
            if (count % beats_per_roster == 0) message.nodes = term_.loads(now());
            for (const auto& [node, state] : links_) {
                if (state.channel == nullptr) continue;
                message.unheard = !term_.hears(node, now());
                if (node == process_.name()) {
                    message.unheard = !confirmed_within(process_.settings().dispatch.silence_limit);
                }
                state.channel->send(message);
            }
        }
        co_await Sleep(process_, process_.settings().dispatch.beat_interval);
    }
}

void Tenure::sync_links()
{
    std::set<NodeName> passing;
    for (const auto& [name, passes] : dispatcher_.coordinator_.members()) {
        if (passes) passing.insert(name);
        add_link(name);
        links_.at(name).known_at = now().steady;
    }
    add_link(process_.name());
    passing.insert(process_.name());
    term_.registry(passing, now());
}

void Tenure::add_link(const NodeName& node)
{
    const auto [link_to_it, is_new] = links_.try_emplace(node);
    if (!is_new) return;
    link_to_it->second.known_at = now().steady;
    tasks_.spawn(link(node));
}

bool Tenure::wanted(const NodeName& node) const
{
    if (node == process_.name()) return true;
    if (dispatcher_.coordinator_.members().contains(node) || !begun_) return true;
    const Link& link = links_.at(node);
    const DispatchSettings& settings = process_.settings().dispatch;
    const auto known_for = settings.lease + settings.lease_margin;
    if (!link.is_leaving && now().steady - link.known_at < known_for) return true;
    const std::vector<NodeName> busy = term_.busy_nodes();
    return std::find(busy.begin(), busy.end(), node) != busy.end();
}

void Tenure::not_connected(const NodeName& node, bool refused)
{
    links_.at(node).answered = true;
    answered_.notify();
    const Mutation mutation = process_.mutation();
    if (mutation == Mutation::silence_is_death ||
        (refused && mutation == Mutation::refusal_is_death)) {
        heard_of_death(node, NodeDied{process_.cluster().machine(node).incarnations, 0ms, 1h});
    }
}

/// Unlike there, the word does not come over a channel: Process::connect() has confirmed it.
void Tenure::heard_of_death(const NodeName& node, const NodeDied& word)
{
    Link& state = links_.at(node);
    const SteadyTime at = now().steady - word.ago;
    state.death = Death{word.incarnation, at - word.lived, at};
    state.answered = true;
    term_.died(node, *state.death, now());
    answered_.notify();
    wake();
}

void Tenure::handle(const NodeName& node, Message message)
{
    const auto on_account = [&](const Account& account) { taken(node, account); };
    const auto on_reports = [&](const RunReports& reports) {
        for (const RunReport& report : reports.reports) {
            term_.report(node, report, now());
            const bool repeats = process_.mutation() == Mutation::repeats_successes;
            if (!repeats || report.state != RunState::success) continue;
            if (process_.world().random.once_in(20)) term_.deliver_again({&report.id, 1});
        }
    };
    const auto on_beat = [&](const NodeBeat& beat) {
        term_.beat(node, beat, now());
        links_.at(node).known_at = now().steady;
        links_.at(node).is_leaving = beat.load.draining;
        if (beat.load.draining && !term_.held_by(node).empty()) {
            draining_.insert(node);
            wake();
        }
    };
    const auto on_revoked = [&](Revoked& revoked) {
        if (revoked.request == 0) {
            term_.evacuated(node, revoked.revoked);
            wake();
            return;
        }
        if (asked_.erase(revoked.request) == 0) {
            given_back_late_.push_back({node, std::move(revoked)});
            wake();
            return;
        }
        term_.drop_later_orders(revoked.request, revoked.revoked);
        given_back_.insert(given_back_.end(), revoked.revoked.begin(), revoked.revoked.end());
        answered_.notify();
    };
    const auto on_change = [&](JobChanged& change) {
        if (process_.mutation() == Mutation::answers_early) {
            Done done;
            done.request = change.request;
            send(node, done);
        }
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
        if (!begun_) inherited_.emplace(copy.step.id(), std::move(copy.step));
    };
    const auto on_kept = [&](const StepKept& kept) {
        const auto copies = copies_.find(node);
        if (copies == copies_.end() || kept.step.epoch != term_.epoch()) return;
        copies->second.kept = std::max(copies->second.kept, kept.step.number);
        copies->second.durable = kept.durable;
        writer_.changed().notify();
    };
    const auto on_end_run = [&](EndRun& asked) {
        end_run_.push_back({node, std::move(asked)});
        wake();
    };
    const auto ignore = [](const auto&) {};
    std::visit(Overloaded{on_account, on_reports, on_beat, on_revoked, on_change, on_run_now,
                          on_end_run, on_copy, on_kept, ignore},
               message);
}

void Tenure::taken(const NodeName& node, const Account& account)
{
    if (account.newest_epoch > term_.epoch()) {
        newer_epoch_ = account.newest_epoch;
        wake();
        return;
    }
    Link& state = links_.at(node);
    state.death.reset();
    state.answered = true;
    state.witness.accounted = true;
    state.witness.is_fresh = !was_there(account) || (node == process_.name() && !was_told_);
    state.witness.remembers = account.has_journal || !state.witness.is_fresh;
    term_.connected(node, account, now());
    // It waits a moment for this before it starts what is late.
    send_revocations();
    copies_[node] = {};
    if (begun_) send(node, StepsStored{StepId{term_.epoch(), writer_.stored()}});
    if (account.draining) draining_.insert(node);
    answered_.notify();
    wake();
}

void Tenure::send_revocations()
{
    for (Outgoing& outgoing : term_.take_revocations()) {
        send_numbered(outgoing.node, std::move(outgoing.message));
    }
}

void Tenure::send(const NodeName& node, const Message& message)
{
    const auto found = links_.find(node);
    if (found != links_.end() && found->second.channel != nullptr) {
        found->second.channel->send(message);
    }
}

void Tenure::send_numbered(const NodeName& node, Message message)
{
    if (auto* revoke = std::get_if<Revoke>(&message)) revoke->request = ++last_request_;
    send(node, message);
}

void Tenure::wake()
{
    woken_ = true;
    wake_.notify();
}

bool Tenure::idle() const
{
    return !woken_ && changes_.empty() && changed_jobs_.empty() && run_now_.empty() &&
           end_run_.empty() && draining_.empty() && !settled_ && !turn_wanted_ && !term_.behind();
}

bool Tenure::holds_lock() const
{
    return dispatcher_.coordinator_.epoch() == lock_epoch_;
}

void Tenure::check_lock() const
{
    if (!holds_lock()) throw Deposed("the lock was lost");
}

void Tenure::check_epoch(Epoch used) const
{
    if (used >= term_.epoch()) throw Deposed("this epoch has been used before", used);
}

bool Tenure::confirmed_within(std::chrono::milliseconds time) const
{
    const auto confirmed = std::max(last_commit_, dispatcher_.coordinator_.session_confirmed());
    return now().steady - confirmed < time;
}

}  // namespace peercron::simulation
