#include "simulation/executor.hpp"

#include "simulation/process.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace peercron::simulation {
namespace {

constexpr auto unkillable_after = 5s;  // executor.cpp
constexpr auto guard_patience = 500ms;

/// Two of three fail, whichever node runs them and whenever.
int flaky_exit_code(std::uint64_t seed, const RunId& id)
{
    static const std::vector<int> codes{0, 1, 2, 75, 0, 1};
    Random dice(seed ^ std::hash<RunId>()(id));
    return dice.one_of(codes);
}

}  // namespace

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

Executor::Executor(Process& process, const asio::any_io_executor& executor,
                   std::function<void(const RunReport&)> on_report)
    : process_(process),
      on_report_(std::move(on_report)),
      book_(process.settings().rules, process.world().now()),
      run_ended_(executor)
{}

Executor::~Executor()
{
    for (const auto& [id, live] : live_) {
        if (live->child) live->child->on_end = nullptr;
    }
}

std::vector<RunId> Executor::accept(RunOrders orders)
{
    if (process_.mutation() == Mutation::obeys_anybody) {
        for (RunOrder& order : orders.orders) order.epoch = std::max(order.epoch, newest_epoch());
    }
    if (process_.mutation() == Mutation::plans_one_part) {
        std::erase_if(orders.orders, [](const RunOrder& order) { return order.id.part > 0; });
    }
    if (process_.mutation() == Mutation::knows_no_parts) {
        for (RunOrder& order : orders.orders) order.id.part = 0;
    }
    std::vector<RunId> given_back = book_.accept(std::move(orders.orders), process_.now());
    look_soon();
    return given_back;
}

void Executor::revoke(const std::vector<RunId>& runs, RevocationsUnderWay::Answer answer)
{
    answer(process_.mutation() == Mutation::revokes_in_words ? runs : book_.revoke(runs));
}

bool Executor::kill(const RunId& run, Reason why)
{
    const bool is_known =
        book_.kill(run, {RunState::killed, std::move(why)}, process_.world().now());
    look_soon();
    return is_known;
}

bool Executor::dispatcher_heard(Epoch epoch)
{
    return book_.dispatcher_heard(epoch, process_.world().now());
}

std::uint64_t Executor::stops()
{
    return book_.stops(process_.world().now());
}

void Executor::stops_known(std::uint64_t stops)
{
    if (book_.stops_known(stops)) look_soon();
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

std::vector<RunOrder> Executor::started() const
{
    std::vector<RunOrder> orders;
    for (const auto& [id, live] : live_) {
        const bool is_named = is_daemon(live->order) || !live->order.lock_limits.empty();
        if (is_named) orders.push_back(live->order);
    }
    return orders;
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

asio::awaitable<bool> Executor::drain(World::Time deadline)
{
    book_.drain();
    look_soon();
    const bool idle = co_await wait_until_idle(deadline);
    if (idle) co_return true;
    for (const auto& [id, live] : live_) {
        book_.kill(id, {RunState::killed, Reason{Cause::node_stopped}}, process_.world().now());
    }
    look_soon();
    const auto limit = process_.settings().rules.kill_grace + unkillable_after;
    co_return co_await wait_until_idle(process_.world().now() + limit);
}

asio::awaitable<bool> Executor::wait_until_idle(World::Time deadline)
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
    child->execution.labels = process_.labels();
    child->execution.decided = live.decided.steady;
    child->execution.clock = live.decided.wall;
    child->execution.started = world.now();
    child->execution.exit_code = world.random.once_in(10) ? 1 : 0;
    if (live.order.command.starts_with(flaky)) {
        child->execution.exit_code = flaky_exit_code(world.seed(), live.order.id);
    }
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

/// The command's process has ended; the node learns of it a little later.
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
    if (live.child) {
        live.child->execution.noticed = process_.world().now();
        live.child->execution.was_told_to_end = live.is_condemned;
    }
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

}  // namespace peercron::simulation
