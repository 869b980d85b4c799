#include "simulation/process.hpp"

#include "simulation/dispatcher.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace peercron::simulation {
namespace {

// Figures of the parts that this stands for.
constexpr auto record_interval = 30ms;  // recorder.hpp
constexpr std::size_t record_rows = 500;
constexpr auto announce_limit = 10s;  // agent.cpp
constexpr auto lease_check = 250ms;   // node.cpp
constexpr auto flush_limit = 5s;
constexpr auto unkillable_after = 5s;  // executor.cpp
constexpr auto guard_patience = 500ms;
constexpr auto orphan_grace = 1000ms;  // warden.hpp
constexpr auto last_word = 3000ms;
constexpr auto farewell = 500ms;

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

void end_child(World& world, Judge& judge, const std::shared_ptr<Child>& child, bool killed)
{
    if (!child->alive) return;
    child->alive = false;
    child->natural_end.cancel();
    child->execution.ended = world.now();
    child->execution.killed = killed;
    judge.ended(child->execution);
    if (child->is_ours && child->on_end) child->on_end();
}

}  // namespace

Recorder::Recorder(Process& process, StoreLine& store)
    : process_(process),
      store_(store),
      added_(process),
      written_(process),
      backoff_(process.world(), 100ms, 5000ms),
      batch_limit_(record_rows)
{}

Task<void> Recorder::run()
{
    World& world = process_.world();
    for (;;) {
        while (waiting_.empty()) co_await added_.wait();
        const World::Time latest = world.now() + record_interval;
        while (!is_urgent_ && waiting_.size() < batch_limit_) {
            const bool is_more = co_await added_.wait_until(latest);
            if (!is_more) break;
        }
        co_await write_batch();
    }
}

void Recorder::add(const RunReport& report)
{
    const auto [place, is_new] = waiting_.try_emplace(report.id);
    if (is_new) queue_.push_back(report.id);
    place->second = report;
    added_.notify();
}

Task<bool> Recorder::flush(World::Time deadline)
{
    is_urgent_ = true;
    added_.notify();
    while (!waiting_.empty() || !writing_.empty()) {
        const bool is_written = co_await written_.wait_until(deadline);
        if (!is_written && process_.world().now() >= deadline) break;
    }
    is_urgent_ = false;
    co_return waiting_.empty() && writing_.empty();
}

std::vector<RunReport> Recorder::pending() const
{
    std::vector<RunReport> ended;
    for (const RunReport& report : writing_) {
        if (is_final(report.state)) ended.push_back(report);
    }
    for (const auto& [id, report] : waiting_) {
        if (is_final(report.state)) ended.push_back(report);
    }
    return ended;
}

Task<void> Recorder::write_batch()
{
    while (!queue_.empty() && writing_.size() < batch_limit_) {
        const auto found = waiting_.find(queue_.front());
        writing_.push_back(std::move(found->second));
        waiting_.erase(found);
        queue_.pop_front();
    }
    bool failed = false;
    try {
        const auto record = [reports = writing_](Database& database) { database.record(reports); };
        co_await store_.call(record);
    } catch (const StoreError&) {
        failed = true;
    }
    if (!failed || process_.mutation() == Mutation::drops_failed_reports) {
        backoff_.reset();
        batch_limit_ = std::min(record_rows, batch_limit_ * 2);
        writing_.clear();
        written_.notify();
        co_return;
    }
    for (RunReport& report : writing_) {
        const RunId id = report.id;
        const bool is_new = waiting_.try_emplace(id, std::move(report)).second;
        if (is_new) queue_.push_back(id);
    }
    writing_.clear();
    batch_limit_ = std::max<std::size_t>(1, batch_limit_ / 2);
    co_await Sleep(process_, backoff_.next());
}

Executor::Executor(Process& process, std::function<void(const RunReport&)> on_report)
    : process_(process),
      on_report_(std::move(on_report)),
      book_(process.settings().rules, process.world().now()),
      run_ended_(process)
{}

Executor::~Executor()
{
    for (const auto& [id, live] : live_) {
        if (live->child) live->child->on_end = nullptr;
    }
}

std::vector<RunId> Executor::accept(std::vector<RunOrder> orders)
{
    if (process_.mutation() == Mutation::obeys_anybody) {
        for (RunOrder& order : orders) order.epoch = std::max(order.epoch, newest_epoch());
    }
    std::vector<RunId> given_back = book_.accept(std::move(orders), process_.now());
    look_soon();
    return given_back;
}

std::vector<RunId> Executor::revoke(const std::vector<RunId>& runs)
{
    if (process_.mutation() == Mutation::revokes_in_words) return runs;
    return book_.revoke(runs);
}

void Executor::kill(const RunId& run, Reason why)
{
    book_.kill(run, {RunState::killed, std::move(why)}, process_.world().now());
    look_soon();
}

bool Executor::dispatcher_heard(Epoch epoch)
{
    return book_.dispatcher_heard(epoch, process_.world().now());
}

void Executor::session_confirmed(World::Time sent)
{
    book_.session_confirmed(sent, process_.world().now());
}

std::vector<RunReport> Executor::running() const
{
    std::vector<RunReport> reports;
    for (const auto& [id, live] : live_) reports.push_back(live->report);
    return reports;
}

NodeLoad Executor::load() const
{
    NodeLoad load;
    load.slots = static_cast<std::uint32_t>(process_.settings().rules.slots);
    load.running = static_cast<std::uint32_t>(book_.running());
    load.held = static_cast<std::uint32_t>(book_.held());
    load.queued = static_cast<std::uint32_t>(book_.waiting());
    load.draining = book_.is_draining();
    return load;
}

Task<bool> Executor::drain(World::Time deadline)
{
    book_.drain();
    const bool idle = co_await wait_until_idle(deadline);
    if (idle) co_return true;
    for (const auto& [id, live] : live_) {
        book_.kill(id, {RunState::killed, Reason{Cause::node_stopped}}, process_.world().now());
    }
    look_soon();
    const auto limit = process_.settings().rules.kill_grace + unkillable_after;
    co_return co_await wait_until_idle(process_.world().now() + limit);
}

Task<bool> Executor::wait_until_idle(World::Time deadline)
{
    while (!live_.empty()) {
        const bool has_changed = co_await run_ended_.wait_until(deadline);
        if (!has_changed && process_.world().now() >= deadline) break;
    }
    co_return live_.empty();
}

void Executor::look()
{
    Moment now = process_.now();
    if (process_.mutation() == Mutation::starts_early) now.wall += 200ms;
    carry_out(book_.due(now));
    renew_guard();
    look_ = process_.world().at(next_look(now), process_, [this] { look(); });
}

/// The warden lives on while this process is stopped.
void Executor::renew_guard()
{
    const World::Time until =
        book_.lease_end() + process_.settings().rules.fence_grace + guard_patience;
    if (until == guarded_until_ || process_.mutation() == Mutation::has_no_guard) return;
    guarded_until_ = until;
    World& world = process_.world();
    Judge& judge = process_.cluster().judge;
    const auto end_limited = [&world, &judge, &children = process_.children] {
        for (const std::weak_ptr<Child>& weak : children) {
            const std::shared_ptr<Child> child = weak.lock();
            if (child && is_limited(child->execution.order)) end_child(world, judge, child, true);
        }
    };
    guard_ = world.at(std::max(until, world.now()), end_limited);
}

void Executor::look_soon()
{
    look_ = process_.world().at(process_.world().now(), process_, [this] { look(); });
}

World::Time Executor::next_look(const Moment& now) const
{
    World::Time next = now.steady + process_.settings().rules.silence_limit / 6;
    if (const auto start = book_.next_start()) {
        // Never at the very moment: a thread takes a while to wake.
        const auto late = process_.world().random.between(0us, 1500us);
        const World::Time due = process_.time_of(*start) - (now.wall - process_.wall());
        next = std::min(next, std::max(due, now.steady) + late);
    }
    if (const auto deadline = book_.next_deadline()) next = std::min(next, *deadline);
    return next;
}

void Executor::carry_out(RunBook::Actions actions)
{
    World& world = process_.world();
    for (RunOrder& order : actions.start) {
        const RunId id = order.id;
        auto live = std::make_unique<Live>();
        live->report = blank_report(order);
        live->order = std::move(order);
        live->decided = process_.now();
        live->lease_end = book_.lease_end();
        Live& place = *live;
        live_[id] = std::move(live);
        auto thread = world.random.between(100us, 2000us);
        if (world.random.once_in(200)) thread = world.random.between(2000us, 300'000us);
        place.next = world.at(world.now() + thread, process_, [this, &place] { spawn(place); });
    }
    for (RunBook::Skipped& skipped : actions.skipped) {
        RunReport skip = blank_report(skipped.order);
        skip.state = RunState::skipped;
        skip.reason = std::move(skipped.reason);
        skip.ended_at = process_.wall();
        on_report_(skip);
    }
    for (const RunId& id : actions.terminate) {
        const auto found = live_.find(id);
        if (found != live_.end()) terminate(*found->second);
    }
    for (const RunId& id : actions.kill) {
        const auto found = live_.find(id);
        if (found != live_.end()) force(*found->second);
    }
}

/// The command starts. The I/O thread hears of it a little later.
void Executor::spawn(Live& live)
{
    World& world = process_.world();
    Cluster& cluster = process_.cluster();
    if (is_limited(live.order) && world.now() > live.lease_end) return child_ended(live);
    const auto child = std::make_shared<Child>();
    child->execution.order = live.order;
    child->execution.node = process_.name();
    child->execution.incarnation = process_.incarnation();
    child->execution.decided = live.decided.steady;
    child->execution.clock = live.decided.wall;
    child->execution.started = world.now();
    child->execution.exit_code = world.random.once_in(10) ? 1 : 0;
    child->ignores_term = world.random.once_in(5);
    live.child = child;
    process_.children.push_back(child);
    cluster.executions.push_back(child);
    cluster.judge.started(child->execution);

    std::chrono::microseconds longest = process_.machine().longest_command;
    if (!world.random.once_in(5)) longest = std::min<std::chrono::microseconds>(longest, 400ms);
    const auto length = world.random.between(2000us, longest);
    const auto end = [&world, &cluster, child] { end_child(world, cluster.judge, child, false); };
    child->natural_end = world.at(world.now() + length, end);

    const WallTime started_at = process_.wall();
    const World::Time started = world.now();
    const auto hear = [this, &live, started_at, started] {
        if (live.is_condemned) terminate(live);
        if (live.is_forced) force(live);
        book_.started(live.order.id, Moment{started_at, started});
        look_soon();
        live.report.started_at = started_at;
        on_report_(live.report);
        const auto on_end = [this, &live] { child_ended(live); };
        if (live.child->alive) {
            live.child->on_end = on_end;
        } else {
            on_end();
        }
    };
    const auto notice = world.random.between(20us, 400us);
    live.next = world.at(world.now() + notice, process_, hear);
}

void Executor::terminate(Live& live)
{
    live.is_condemned = true;
    if (!live.child || live.child->ignores_term) return;
    World& world = process_.world();
    Judge& judge = process_.cluster().judge;
    const auto obey = [&world, &judge, child = live.child] {
        end_child(world, judge, child, true);
    };
    const auto delay = world.random.between(100us, 300'000us);
    live.child->signal_end = world.at(world.now() + delay, obey);
}

void Executor::force(Live& live)
{
    live.is_condemned = true;
    live.is_forced = true;
    if (!live.child) return;
    World& world = process_.world();
    Judge& judge = process_.cluster().judge;
    const auto die = [&world, &judge, child = live.child] { end_child(world, judge, child, true); };
    live.child->signal_end = world.at(world.now() + world.random.between(100us, 4000us), die);
}

/// The command's process is gone; this one reads of it when it comes to it.
void Executor::child_ended(Live& live)
{
    World& world = process_.world();
    auto delay = world.random.between(20us, 2000us);
    if (live.is_condemned) delay += world.random.between(0us, 100'000us);  // its whole group
    const RunId id = live.order.id;
    live.next = world.at(world.now() + delay, process_, [this, id] { finish(id); });
}

void Executor::finish(const RunId& run)
{
    const RunId id = run;  // `run` may be a part of what is erased below
    Live& live = *live_.at(id);
    RunReport end = live.report;
    end.state = live.child ? RunState::failed : RunState::fenced;
    if (live.child && !live.child->execution.killed) {
        end.exit_code = live.child->execution.exit_code;
        if (end.exit_code == 0) end.state = RunState::success;
    }
    const bool was_killed = live.child && live.child->execution.killed;
    const bool by_itself = !live.is_condemned && !was_killed;
    auto verdict = book_.ended(id, process_.world().now());
    if (verdict && !by_itself) {
        end.state = verdict->state;
        end.reason = std::move(verdict->reason);
    }
    end.ended_at = process_.wall();
    RunBook::Actions again;
    if (process_.mutation() == Mutation::forgets_what_ran && process_.world().random.once_in(50)) {
        again.start.push_back(live.order);
    }
    live_.erase(id);
    carry_out(std::move(again));
    on_report_(end);
    look_soon();
    run_ended_.notify();
}

RunReport Executor::blank_report(const RunOrder& order) const
{
    RunReport blank;
    blank.id = order.id;
    blank.run_server = process_.name();
    blank.dispatch_server = order.dispatch_server;
    blank.epoch = order.epoch;
    return blank;
}

StepKeeper::StepKeeper(Process& process, std::function<void(const StepKept&)> on_kept)
    : process_(process), on_kept_(std::move(on_kept)), copies_(process.machine().journal)
{}

void StepKeeper::keep(PlanStep step)
{
    const StepId id = step.id();
    copies_.try_emplace(id, std::move(step));
    World& world = process_.world();
    written_at_ = std::max(written_at_, world.now()) + world.random.between(50us, 5000us);
    while (writing_.size() > 1000) writing_.pop_front();
    writing_.push_back(world.at(written_at_, process_, [this, id] { write(id); }));
}

void StepKeeper::write(const StepId& id)
{
    const auto copy = copies_.find(id);
    if (copy == copies_.end()) return;
    Machine& machine = process_.machine();
    if (machine.has_journal) machine.journal.insert(*copy);
    process_.cluster().judge.copied(copy->second);
    on_kept_(StepKept{id, machine.has_journal});
}

void StepKeeper::stored(StepId through)
{
    copies_.erase(copies_.begin(), copies_.upper_bound(through));
    World& world = process_.world();
    const auto remove = [&journal = process_.machine().journal, through] {
        journal.erase(journal.begin(), journal.upper_bound(through));
    };
    written_at_ = std::max(written_at_, world.now()) + world.random.between(50us, 5000us);
    while (writing_.size() > 1000) writing_.pop_front();
    writing_.push_back(world.at(written_at_, process_, remove));
}

Agent::Agent(Process& process, Executor& runs, const Recorder& recorder, StepKeeper& steps)
    : process_(process), runs_(runs), recorder_(recorder), steps_(steps), changed_(process)
{}

void Agent::converse(std::unique_ptr<Endpoint> endpoint)
{
    Session& session = sessions_.emplace_back();
    session.channel = std::move(endpoint);
    Endpoint::Handlers handlers;
    handlers.message = [this, &session](Message message) { handle(session, std::move(message)); };
    handlers.end = [this, &session] { ended(session); };
    session.channel->listen(std::move(handlers));
}

void Agent::ended(Session& session)
{
    if (is_current(session)) current_ = nullptr;
    changed_.notify();
    const auto remove = [this, &session] {
        sessions_.remove_if([&](const Session& other) { return &other == &session; });
    };
    session.farewell = process_.world().at(process_.world().now(), process_, remove);
}

void Agent::report(const RunReport& report)
{
    if (current_ == nullptr) return;
    if (process_.mutation() == Mutation::is_silent_about_ends && is_final(report.state)) return;
    RunReports message;
    message.reports.push_back(report);
    current_->channel->send(message);
}

Task<bool> Agent::announce(std::vector<JobId> jobs)
{
    JobChanged message;
    message.jobs = std::move(jobs);
    return ask(std::move(message), Repeat::safe);
}

Task<bool> Agent::run_now(JobId job)
{
    RunNow message;
    message.job = job;
    message.requested_by = "a person";
    return ask(std::move(message), Repeat::unsafe);
}

Task<bool> Agent::end_run(RunId run)
{
    EndRun message;
    message.run = run;
    message.reason = parse_reason("on-request: by a person");
    return ask(std::move(message), Repeat::safe);
}

template <class Asked>
Task<bool> Agent::ask(Asked message, Repeat repeat)
{
    const auto deadline = process_.world().now() + announce_limit;
    for (;;) {
        if (current_ == nullptr) {
            const bool notified = co_await changed_.wait_until(deadline);
            if (notified) continue;
            co_return false;
        }
        const Session* asked = current_;
        const Epoch epoch = current_->epoch;
        message.request = ++last_request_;
        current_->channel->send(message);
        bool in_time = true;
        while (in_time && current_ == asked && current_->epoch == epoch &&
               !answers_.contains(message.request)) {
            in_time = co_await changed_.wait_until(deadline);
        }
        const auto answer = answers_.extract(message.request);
        if (answer) co_return answer.mapped().error.empty();
        if (!in_time || repeat == Repeat::unsafe) co_return false;
    }
}

void Agent::begin_draining()
{
    draining_ = true;
    if (current_ == nullptr) return;
    NodeBeat message;
    message.echo = message.sent_at = process_.wall();
    message.load = load();
    current_->channel->send(message);
}

void Agent::kept(const StepKept& step)
{
    if (current_ != nullptr) current_->channel->send(step);
}

Roster Agent::roster() const
{
    Roster told = roster_;
    if (told.by.empty()) return told;
    const auto since =
        std::chrono::duration_cast<std::chrono::milliseconds>(process_.world().now() - beat_at_);
    told.ahead = dispatcher_clock_ + since - process_.wall();
    return told;
}

void Agent::die(bool silently)
{
    for (Session& session : sessions_) session.channel->die(silently);
}

void Agent::handle(Session& session, Message message)
{
    if (const auto* greeting = std::get_if<TermHello>(&message)) {
        hello(session, *greeting);
        return;
    }
    const bool anybody = process_.mutation() == Mutation::obeys_anybody;
    if (!is_current(session) && !anybody) return;
    const auto on_orders = [&](RunOrders& orders) {
        std::vector<RunId> not_here = runs_.accept(std::move(orders.orders));
        if (!not_here.empty()) session.channel->send(Revoked{0, std::move(not_here)});
    };
    const auto on_revoke = [&](const Revoke& revoke) {
        session.channel->send(Revoked{revoke.request, runs_.revoke(revoke.runs)});
    };
    const auto on_kill = [&](KillRun& kill) { runs_.kill(kill.run, std::move(kill.reason)); };
    const auto on_beat = [&](const DispatcherBeat& news) { beat(session, news); };
    const auto on_done = [&](Done& done) {
        const std::uint64_t request = done.request;
        answers_[request] = std::move(done);
        changed_.notify();
    };
    const auto on_copy = [&](StepCopy& copy) {
        if (copy.step.epoch == session.epoch) steps_.keep(std::move(copy.step));
    };
    const auto on_stored = [&](const StepsStored& stored) {
        if (stored.through.epoch <= session.epoch) steps_.stored(stored.through);
    };
    const auto ignore = [](const auto&) {};
    std::visit(
        Overloaded{on_orders, on_revoke, on_kill, on_beat, on_done, on_copy, on_stored, ignore},
        message);
}

void Agent::hello(Session& session, const TermHello& hello)
{
    if (runs_.dispatcher_heard(hello.epoch)) {
        if (first_epoch_ == 0) first_epoch_ = hello.epoch;
        session.epoch = hello.epoch;
        session.dispatcher = hello.dispatcher;
        current_ = &session;
        changed_.notify();
        for (const auto& [id, step] : steps_.steps()) session.channel->send(StepCopy{step});
    }
    session.channel->send(account());
}

void Agent::beat(Session& session, const DispatcherBeat& beat)
{
    if (beat.epoch != session.epoch || beat.epoch < runs_.newest_epoch()) return;
    if (!beat.unheard) runs_.dispatcher_heard(beat.epoch);
    if (!beat.nodes.empty()) roster_.nodes = beat.nodes;
    roster_.by = session.dispatcher;
    dispatcher_clock_ = beat.sent_at;
    beat_at_ = process_.world().now();
    NodeBeat answer;
    answer.echo = beat.sent_at;
    answer.sent_at = process_.wall();
    answer.load = load();
    session.channel->send(answer);
}

Account Agent::account() const
{
    const Mutation mutation = process_.mutation();
    Account account;
    account.node = process_.name();
    account.incarnation = process_.incarnation();
    account.uptime = std::chrono::duration_cast<std::chrono::milliseconds>(process_.world().now() -
                                                                           process_.started());
    account.first_epoch = first_epoch_;
    account.draining = draining_;
    account.newest_epoch = runs_.newest_epoch();
    account.slots = runs_.load().slots;
    if (mutation != Mutation::omits_held) account.held = runs_.held();
    if (mutation != Mutation::omits_running) account.running = runs_.running();
    if (mutation != Mutation::omits_ended) account.ended = recorder_.pending();
    account.has_journal = process_.machine().has_journal;
    return account;
}

NodeLoad Agent::load() const
{
    NodeLoad load = runs_.load();
    load.node = process_.name();
    load.draining = draining_;
    return load;
}

Process::Process(Cluster& cluster, Machine& machine)
    : Actor(cluster.world),
      cluster_(cluster),
      machine_(machine),
      incarnation_(++machine.incarnations),
      started_(cluster.world.now()),
      stop_(*this),
      store_(*this, cluster.database, cluster.weather, cluster.settings.store_timeout),
      coordinator_(
          *this, cluster.consul, machine.name, [&machine] { return machine.cut_from_consul; },
          ++cluster.last_serial),
      recorder_(*this, store_),
      executor_(*this,
                [this](const RunReport& report) {
                    recorder_.add(report);
                    agent_.report(report);
                }),
      steps_(*this, [this](const StepKept& step) { agent_.kept(step); }),
      agent_(*this, executor_, recorder_, steps_),
      dispatcher_(std::make_unique<Dispatcher>(*this, coordinator_, store_, agent_)),
      api_tasks_(*this),
      exec_tasks_(*this),
      dispatch_tasks_(*this),
      life_(*this)
{
    life_.spawn(live());
}

Process::~Process()
{
    life_.cancel();
    api_tasks_.cancel();
    dispatch_tasks_.cancel();
    exec_tasks_.cancel();
}

Task<void> Process::live()
{
    co_await prepare_store();
    accepts_ = true;
    exec_tasks_.spawn(recorder_.run());
    executor_.begin();
    exec_tasks_.spawn(renew_lease());
    coordinator_.run();
    dispatch_tasks_.spawn(dispatcher_->run());
    while (!stopping_) co_await stop_.wait();
    co_await drain();
    world().trace("{}: stopped in good order", name());
    const auto exit = [&cluster = cluster_, &machine = machine_] {
        cluster.kill(machine, Ending::in_good_order);
    };
    exit_ = world().at(world().now(), exit);
}

Task<void> Process::prepare_store()
{
    Backoff backoff(world(), 500ms, 5s);
    for (;;) {
        bool failed = false;
        try {
            const auto migrate = [](Database&) {};
            co_await store_.call(migrate);
        } catch (const StoreError&) {
            failed = true;
        }
        if (!failed) co_return;
        co_await Sleep(*this, backoff.next());
    }
}

Task<void> Process::renew_lease()
{
    for (;;) {
        const World::Time confirmed = coordinator_.session_confirmed();
        if (mutation() == Mutation::does_not_fence) executor_.session_confirmed(world().now());
        if (confirmed != World::Time::min()) executor_.session_confirmed(confirmed);
        co_await Sleep(*this, lease_check);
    }
}

Task<void> Process::drain()
{
    agent_.begin_draining();
    dispatch_tasks_.cancel();
    dispatcher_->cancel();
    co_await coordinator_.resign();
    const World::Time given_away = world().now() + settings().dispatch.lookahead;
    while (!executor_.held().empty() && world().now() < given_away) co_await Sleep(*this, 20ms);
    co_await executor_.drain(world().now() + settings().drain_timeout);
    co_await recorder_.flush(world().now() + flush_limit);
    if (steps_.steps().empty()) co_await coordinator_.leave();
}

Task<Process::Connected> Process::connect(NodeName node)
{
    Network& network = cluster_.network;
    if (node == name()) {
        auto [here, there] = network.connect(*this, name(), *this, name());
        agent_.converse(std::move(there));
        Connected connected;
        connected.channel = std::move(here);
        co_return connected;
    }
    const World::Time deadline = world().now() + settings().dispatch.silence_limit;
    World::Time::duration again = 1s;  // until TCP repeats its SYN
    for (;;) {
        co_await Sleep(*this, network.latency());
        Connected connected;
        Machine& machine = cluster_.machine(node);
        const bool is_way = machine.on && network.both_ways(name(), node);
        const bool is_free = machine.process == nullptr && !machine.warden;
        if (network.refuses(name(), node) || (is_way && is_free)) {
            co_await Sleep(*this, network.latency());
            connected.refused = true;
            co_return connected;
        }
        const bool answers = is_way && !network.refuses(node, name());
        if (answers && machine.process == nullptr) {
            connected.word = co_await ask_warden(machine);
            if (connected.word) co_return connected;
        }
        if (answers && machine.process && machine.process->accepts() &&
            !machine.process->stopped()) {
            Process& peer = *machine.process;
            auto [here, there] = network.connect(*this, name(), peer, node);
            peer.agent_.converse(std::move(there));
            connected.channel = std::move(here);
            co_await Sleep(*this, network.latency() + network.latency());
            co_return connected;
        }
        if (answers) again = 50ms;  // connected, but the greeting waits
        if (world().now() + again >= deadline) {
            co_await Sleep(*this, std::max<World::Time::duration>(deadline - world().now(), 0ms));
            co_return connected;
        }
        co_await Sleep(*this, again);
    }
}

/// What the warden says of the process that was there; none: it says nothing.
Task<std::optional<NodeDied>> Process::ask_warden(Machine& machine)
{
    Network& network = cluster_.network;
    const auto is_heard = [&] {
        return machine.on && machine.warden && world().now() >= machine.warden->died_at &&
               network.both_ways(name(), machine.name) && !network.refuses(machine.name, name()) &&
               !network.refuses(name(), machine.name);
    };
    for (int i = 0; i < 3; ++i) {  // the greeting
        if (!is_heard()) co_return std::nullopt;
        co_await Sleep(*this, network.latency());
    }
    if (!is_heard()) co_return std::nullopt;
    const Warden& warden = *machine.warden;
    NodeDied word;
    word.incarnation = warden.incarnation;
    word.ago = std::chrono::floor<std::chrono::milliseconds>(world().now() - warden.died_at);
    word.lived =
        std::chrono::floor<std::chrono::milliseconds>(warden.died_at - warden.listened_from);
    co_await Sleep(*this, network.latency());
    const auto confirm = [&machine, incarnation = word.incarnation] {
        const bool is_it = machine.warden && machine.warden->incarnation == incarnation;
        if (is_it) machine.warden->was_heard = true;
    };
    world().post(world().now() + network.latency(), confirm);
    co_return word;
}

void Process::stop()
{
    stopping_ = true;
    stop_.notify();
}

void Process::add_job(Job draft)
{
    const WallTime at = wall();
    auto add = [draft = std::move(draft), at](Database& database) -> std::optional<Job> {
        return database.add_job(draft, at);
    };
    api_tasks_.spawn(write_change(std::move(add), at, 0));
}

void Process::change_job(JobId id, JobPatch patch)
{
    const WallTime at = wall();
    auto change = [id, patch = std::move(patch), at](Database& database) {
        return database.update_job(id, patch, at);
    };
    api_tasks_.spawn(write_change(std::move(change), at, id));
}

void Process::delete_job(JobId id)
{
    const WallTime at = wall();
    auto remove = [id, at](Database& database) -> std::optional<Job> {
        database.delete_job(id, at);
        return std::nullopt;
    };
    api_tasks_.spawn(write_change(std::move(remove), at, id));
}

void Process::run_now(JobId id)
{
    api_tasks_.spawn(ask_run(id));
}

void Process::end_run(RunId id)
{
    api_tasks_.spawn(ask_end(id));
}

void Process::die(bool silently)
{
    agent_.die(silently);
    dispatcher_->die(silently);
}

Task<void> Process::write_change(std::function<std::optional<Job>(Database&)> change, WallTime at,
                                 JobId id)
{
    try {
        const std::optional<Job> job = co_await store_.call(std::move(change));
        if (job) {
            id = job->id;
            at = job->effective_from;
        }
    } catch (const StoreError&) {
        id = 0;
    }
    if (id == 0) co_return;  // nobody knows whether it was made: the answer is 503
    std::vector<JobId> jobs(1, id);
    const bool confirmed = co_await agent_.announce(std::move(jobs));
    if (confirmed) cluster_.judge.change_confirmed(id, at);
}

Task<void> Process::ask_run(JobId id)
{
    co_await agent_.run_now(id);
}

Task<void> Process::ask_end(RunId id)
{
    co_await agent_.end_run(id);
}

Cluster::Cluster(std::uint64_t seed, const Settings& settings_, Mutation mutation_, bool traced)
    : world(seed, traced),
      settings(settings_),
      mutation(mutation_),
      judge(world),
      database(world, mutation_, judge),
      network(world, settings_.dispatch.lease),
      consul(world, [this](const NodeName& name) {
          const Machine& there = machine(name);
          if (!there.on || there.cut_from_consul) return LockService::Look::silent;
          if (there.warden && world.now() < there.warden->died_at) return LockService::Look::silent;
          if (there.process == nullptr) return LockService::Look::refuses;
          return there.process->stopped() ? LockService::Look::silent : LockService::Look::answers;
      })
{}

Cluster::~Cluster()
{
    for (const auto& machine : machines) machine->process.reset();
    // What is planned for a command keeps it, and it keeps what is planned.
    for (const std::shared_ptr<Child>& child : executions) {
        child->natural_end.cancel();
        child->signal_end.cancel();
    }
}

Machine& Cluster::machine(const NodeName& name)
{
    const auto is_it = [&](const auto& machine) { return machine->name == name; };
    return **std::find_if(machines.begin(), machines.end(), is_it);
}

void Cluster::look_for_copies(Epoch epoch, const NodeName& dispatcher, World::Time begun)
{
    const bool has_waited =
        world.now() - begun >= settings.dispatch.lease + settings.dispatch.lease_margin;
    for (const StepId& id : judge.copies()) {
        if (id.epoch >= epoch || id <= database.last_step()) continue;
        const auto has_it = [&](const auto& machine) {
            return machine->process && machine->process->steps().steps().contains(id) &&
                   !(has_waited && is_out_of_reach(*machine, dispatcher, begun));
        };
        if (std::any_of(machines.begin(), machines.end(), has_it)) continue;
        judge.give_up(fmt::format("nobody who has step {} of epoch {} is up and within reach",
                                  id.number, id.epoch));
        return;
    }
}

bool Cluster::is_out_of_reach(const Machine& machine, const NodeName& of, World::Time since) const
{
    const auto from = network.cut_since(of, machine.name);
    const auto to = network.cut_since(machine.name, of);
    const auto stopped = machine.process->stopped_since();
    return (from && *from <= since) || (to && *to <= since) || (stopped && *stopped <= since);
}

void Cluster::start(Machine& machine)
{
    if (machine.process != nullptr || machine.warden) return;
    machine.on = true;
    machine.process = std::make_unique<Process>(*this, machine);
    world.trace("{}: incarnation {} starts", machine.name, machine.incarnations);
}

void Cluster::kill(Machine& machine, Ending how, std::chrono::milliseconds stopped)
{
    if (machine.process == nullptr) return;
    world.trace("{}: incarnation {} is dead", machine.name, machine.incarnations);
    const bool has_warden = how == Ending::in_good_order || how == Ending::killed;
    // First the warden's part: it kills the commands while the kernel closes the connections.
    for (const std::weak_ptr<Child>& weak : machine.process->children) {
        const std::shared_ptr<Child> child = weak.lock();
        if (!child || !child->alive) continue;
        child->is_ours = false;
        child->on_end = nullptr;
        if (mutation == Mutation::survives_its_warden && has_warden) continue;
        const auto die = [this, child] { end_child(world, judge, child, true); };
        auto delay = world.random.between(0us, 10'000us) + stopped;
        if (has_warden && child->ignores_term) delay += orphan_grace;
        child->signal_end = world.at(world.now() + delay, die);
    }
    if (has_warden) leave_warden(machine, how, stopped);
    machine.process->die(how == Ending::power_off);
    machine.process.reset();
    if (how == Ending::power_off) machine.on = false;
}

void Cluster::leave_warden(Machine& machine, Ending how, std::chrono::milliseconds stopped)
{
    Warden& warden = machine.warden.emplace();
    warden.incarnation = machine.process->incarnation();
    warden.listened_from = machine.process->started();
    warden.died_at = world.now() + world.random.between(100us, 5000us) + stopped;
    warden.until = warden.died_at + (how == Ending::killed ? last_word : farewell);
    warden.children = machine.process->children;
    warden.look = world.at(warden.died_at, [this, &machine] { look_after(machine); });
}

/// Until nothing is left to do for the warden.
void Cluster::look_after(Machine& machine)
{
    Warden& warden = *machine.warden;
    const auto is_alive = [](const std::weak_ptr<Child>& weak) {
        const std::shared_ptr<Child> child = weak.lock();
        return child && child->alive;
    };
    const bool is_known = warden.was_heard || world.now() >= warden.until;
    if (is_known && std::none_of(warden.children.begin(), warden.children.end(), is_alive)) {
        machine.warden.reset();
        return;
    }
    warden.look = world.at(world.now() + 20ms, [this, &machine] { look_after(machine); });
}

}  // namespace peercron::simulation
