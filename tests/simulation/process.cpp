#include "simulation/process.hpp"

#include "base/backoff.hpp"
#include "node/local_channel.hpp"
#include "store/calendar_store.hpp"
#include "store/pause_store.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace peercron::simulation {
namespace {

// Figures of node.cpp.
constexpr auto lease_check = 250ms;
constexpr auto flush_limit = 5s;
constexpr auto successor_limit = 5s;

constexpr auto refused = "connection refused";

ConsulSettings consul_settings(const NodeName& node)
{
    ConsulSettings settings;
    settings.bind_address = node;
    return settings;
}

}  // namespace

Process::Process(Cluster& cluster, Machine& machine)
    : Actor(cluster.world),
      cluster_(cluster),
      machine_(machine),
      incarnation_(++machine.incarnations),
      started_(cluster.world.now()),
      loop_(*this),
      io_(loop_.executor()),
      clock_(*this),
      store_line_(*this, cluster.database, cluster.weather, cluster.mutation,
                  cluster.settings.store_timeout, *this),
      plan_store_(io_, clock_, store_line_.sessions(3), StorePool::TooLong::store),
      record_store_(io_, clock_, store_line_.sessions(1), StorePool::TooLong::store),
      api_store_(io_, clock_, store_line_.sessions(10), StorePool::TooLong::caller),
      coordinator_(io_, clock_, make_agent(), consul_settings(machine.name)),
      journal_(cluster.world, machine.disk, machine.has_journal),
      recorder_(io_, clock_, record_store_, RecorderSettings(), &journal_),
      executor_(*this, io_,
                [this](const RunReport& report) {
                    recorder_.add(report);
                    agent_.report(report);
                }),
      steps_(io_, journal_, [this](const StepKept& kept) { tell_kept(kept); }),
      agent_(io_, clock_, identity(), executor_, recorder_, steps_),
      dispatcher_(io_, dispatcher_parts(), machine.name, cluster.settings.dispatch),
      stop_(io_),
      api_tasks_(io_),
      run_tasks_(io_),
      exec_tasks_(io_),
      cluster_tasks_(io_),
      dispatch_tasks_(io_),
      life_(io_)
{
    life_.spawn("life", live());
}

Process::~Process()
{
    loop_.drop_all();
}

std::function<WallTime()> Process::machine_clock() const
{
    return [&machine = machine_, &world = world()] { return machine.wall(world); };
}

bool Process::is_everybody_there() const
{
    return std::ranges::all_of(cluster_.machines, [](const auto& machine) {
        return machine->process && machine->process->accepts();
    });
}

void Process::has_asked_nodes(Epoch epoch, World::Time begun)
{
    cluster_.look_for_copies(epoch, name(), begun);
}

void Process::has_planned()
{
    planned_.clear();
    dispatcher_.jobs().for_each([this](const PlannedJob& job) {
        planned_.emplace_back(job.job.id, job.job.effective_from);
    });
}

void Process::has_stored_plan()
{
    for (const auto& [id, from] : planned_) cluster_.judge.change_applied(id, from);
}

std::unique_ptr<ConsulApi> Process::make_agent()
{
    const auto is_cut_off = [&machine = machine_] { return machine.cut_from_consul; };
    return std::make_unique<ConsulAgent>(*this, io_, cluster_.consul, machine_.name, is_cut_off,
                                         ++cluster_.last_serial);
}

Dispatcher::Parts Process::dispatcher_parts()
{
    return {clock_,
            coordinator_,
            plan_store_,
            api_store_,
            [this](NodeName node) { return connect(std::move(node)); },
            [this] { return agent_.roster(); },
            metrics_};
}

Agent::Identity Process::identity() const
{
    Agent::Identity identity;
    identity.name = name();
    identity.incarnation = incarnation_;
    identity.labels = machine_.labels();
    return identity;
}

void Process::tell_kept(const StepKept& kept)
{
    for (const PlanStep& step : steps_.steps()) {
        if (step.id() == kept.step) cluster_.judge.copied(step);
    }
    agent_.kept(kept);
}

bool Process::keeps(const StepId& step) const
{
    const std::vector<PlanStep> steps = steps_.steps();
    return std::ranges::any_of(steps, [&](const PlanStep& kept) { return kept.id() == step; });
}

std::size_t Process::measured(std::string_view name) const
{
    for (const auto& family : metrics_.Collect()) {
        if (family.name == name) return static_cast<std::size_t>(family.metric.at(0).gauge.value);
    }
    return 0;
}

asio::awaitable<void> Process::live()
{
    agent_.begin(started_);
    co_await recorder_.replay();
    co_await steps_.replay();
    co_await prepare_store();
    accepts_since_ = world().now();
    exec_tasks_.spawn("recorder", recorder_.run());
    exec_tasks_.spawn("journal", recorder_.keep());
    exec_tasks_.spawn("steps", steps_.run());
    executor_.begin();
    run_tasks_.spawn("lease", renew_lease());
    cluster_tasks_.spawn("coordinator", coordinator_.run());
    dispatch_tasks_.spawn("dispatcher", dispatcher_.run());
    while (!is_stopping_) co_await stop_.wait();
    co_await drain();
    world().trace("{}: stopped in good order", name());
    const auto exit = [&cluster = cluster_, &machine = machine_] {
        cluster.kill(machine, Ending::in_good_order);
    };
    exit_ = world().at(world().now(), exit);
}

asio::awaitable<void> Process::prepare_store()
{
    Backoff backoff(co_await asio::this_coro::executor, 500ms, 2s);
    for (;;) {
        bool failed = false;
        try {
            const auto migrate = [](Store& store) { store.ping(); };
            co_await plan_store_.call(migrate);
        } catch (const StoreError&) {
            failed = true;
        }
        if (!failed) co_return;
        co_await sleep_for(backoff.next());
    }
}

asio::awaitable<void> Process::renew_lease()
{
    for (;;) {
        const SteadyTime confirmed = coordinator_.session_confirmed();
        if (mutation() == Mutation::does_not_fence) executor_.session_confirmed(world().now());
        if (confirmed != SteadyTime::min()) executor_.session_confirmed(confirmed);
        co_await sleep_for(lease_check);
    }
}

asio::awaitable<void> Process::drain()
{
    const auto end = [](TaskGroup& tasks) {
        tasks.cancel();
        return tasks.join();
    };
    co_await await_successor();
    co_await dispatcher_.finish(world().now() + settings().dispatch.lookahead / 2);
    agent_.begin_draining();
    co_await end(dispatch_tasks_);
    co_await coordinator_.resign();
    const World::Time given_away = world().now() + settings().dispatch.lookahead;
    while (!executor_.held().empty() && world().now() < given_away) co_await sleep_for(20ms);
    co_await executor_.drain(world().now() + settings().drain_timeout);
    co_await recorder_.flush(world().now() + flush_limit);
    if (!steps_.empty()) coordinator_.keep_registration();
    co_await end(cluster_tasks_);
    co_await end(run_tasks_);
    co_await end(exec_tasks_);
    co_await end(api_tasks_);
}

asio::awaitable<void> Process::await_successor()
{
    if (dispatcher_.loads().size() < 2) co_return;
    const World::Time latest = world().now() + successor_limit;
    while (dispatcher_.epoch() != 0 && !has_successor() && world().now() < latest) {
        co_await sleep_for(50ms);
    }
}

bool Process::has_successor() const
{
    const std::vector<NodeLoad> loads = dispatcher_.loads();
    return std::ranges::any_of(coordinator_.members(), [&](const Member& member) {
        const auto is_ready = [&](const NodeLoad& load) {
            return load.node == member.name && load.connected && !load.draining;
        };
        return member.name != name() && member.passing && std::ranges::any_of(loads, is_ready);
    });
}

asio::awaitable<Process::Connected> Process::connect(NodeName node)
{
    Connected connected = Error();
    if (node == name()) {
        connected = connect_to_self();
    } else {
        connected = co_await connect_to(node);
    }
    const bool was_refused = !connected && connected.error().message == refused;
    const bool is_taken_for_dead =
        !connected && (mutation() == Mutation::silence_is_death ||
                       (was_refused && mutation() == Mutation::refusal_is_death));
    if (is_taken_for_dead) {
        Machine& machine = cluster_.machine(node);
        connected = warden_channel(machine, NodeDied{machine.incarnations, 0ms, 1h});
    }
    if (connected) {
        auto channel = mistaken(std::move(*connected), MistakenChannel::Side::dispatchers);
        connected = std::move(channel);
    }
    co_return connected;
}

Process::Connected Process::connect_to_self()
{
    auto [dispatcher, node] = make_local_channels(io_);
    accept(std::move(node));
    return std::move(dispatcher);
}

asio::awaitable<Process::Connected> Process::connect_to(NodeName node)
{
    Network& network = cluster_.network;
    const World::Time deadline = world().now() + settings().dispatch.silence_limit;
    World::Time::duration again = 1s;  // until TCP repeats its SYN
    for (;;) {
        co_await sleep_for(network.latency());
        Machine& machine = cluster_.machine(node);
        const bool is_way = machine.on && network.both_ways(name(), node);
        const bool is_free = machine.process == nullptr && !machine.warden;
        if (network.refuses(name(), node) || (is_way && is_free)) {
            co_await sleep_for(network.latency());
            co_return Error{refused};
        }
        const bool answers = is_way && !network.refuses(node, name());
        if (answers && machine.process == nullptr) {
            auto channel = co_await ask_warden(machine);
            if (channel) co_return channel;
        }
        if (answers && machine.process && machine.process->accepts() &&
            !machine.process->stopped()) {
            Process& peer = *machine.process;
            auto [here, there] = network.connect(*this, name(), peer, node);
            peer.accept(std::make_unique<NetChannel>(peer.io_, peer.channels_, std::move(there)));
            std::unique_ptr<Channel> channel =
                std::make_unique<NetChannel>(io_, channels_, std::move(here));
            co_await sleep_for(network.latency() + network.latency());
            co_return channel;
        }
        if (answers) again = 50ms;  // connected, but the greeting waits
        if (world().now() + again >= deadline) {
            co_await sleep_for(std::max<World::Time::duration>(deadline - world().now(), 0ms));
            co_return Error{"no answer"};
        }
        co_await sleep_for(again);
    }
}

/// What the warden says of the process that was there; none: it says nothing.
asio::awaitable<std::unique_ptr<Channel>> Process::ask_warden(Machine& machine)
{
    Network& network = cluster_.network;
    const auto is_heard = [&] {
        return machine.on && machine.warden && world().now() >= machine.warden->died_at &&
               network.both_ways(name(), machine.name) && !network.refuses(machine.name, name()) &&
               !network.refuses(name(), machine.name);
    };
    for (int i = 0; i < 3; ++i) {  // the greeting
        if (!is_heard()) co_return nullptr;
        co_await sleep_for(network.latency());
    }
    if (!is_heard()) co_return nullptr;
    const Warden& warden = *machine.warden;
    NodeDied word;
    word.incarnation = warden.incarnation;
    word.ago = std::chrono::floor<std::chrono::milliseconds>(world().now() - warden.died_at);
    word.lived =
        std::chrono::floor<std::chrono::milliseconds>(warden.died_at - warden.listened_from);
    co_await sleep_for(network.latency());
    co_return warden_channel(machine, word);
}

std::unique_ptr<Channel> Process::warden_channel(Machine& machine, NodeDied word)
{
    const auto confirm = [&machine, incarnation = word.incarnation] {
        const bool is_it = machine.warden && machine.warden->incarnation == incarnation;
        if (is_it) machine.warden->was_heard = true;
    };
    const auto on_heard = [this, confirm] {
        world().post(world().now() + cluster_.network.latency(), confirm);
    };
    return std::make_unique<WardenChannel>(io_, word, on_heard);
}

void Process::accept(std::unique_ptr<Channel> channel)
{
    auto heard = mistaken(std::move(channel), MistakenChannel::Side::nodes);
    cluster_tasks_.spawn("conversation", agent_.converse(std::move(heard)));
}

std::unique_ptr<Channel> Process::mistaken(std::unique_ptr<Channel> channel,
                                           MistakenChannel::Side side)
{
    if (mutation() == Mutation::none) return channel;
    const auto obey = [this](RunOrders orders) { executor_.accept(std::move(orders)); };
    return std::make_unique<MistakenChannel>(io_, world(), mutation(), side, std::move(channel),
                                             obey);
}

void Process::stop()
{
    is_stopping_ = true;
    stop_.notify();
}

void Process::add_job(Job draft)
{
    const WallTime at = wall();
    auto add = [draft = std::move(draft), at](Store& store) -> std::optional<Job> {
        return store.add_job(draft, at);
    };
    api_tasks_.spawn("add", write_change(std::move(add), at, 0));
}

void Process::change_job(JobId id, JobPatch patch)
{
    const WallTime at = wall();
    auto change = [id, patch = std::move(patch), at](Store& store) {
        return store.update_job(id, patch, at);
    };
    api_tasks_.spawn("change", write_change(std::move(change), at, id));
}

void Process::delete_job(JobId id)
{
    const WallTime at = wall();
    auto remove = [id, at](Store& store) -> std::optional<Job> {
        store.delete_job(id, at);
        return std::nullopt;  // the row as it was says nothing
    };
    api_tasks_.spawn("delete", write_change(std::move(remove), at, id));
}

void Process::run_now(JobId id)
{
    api_tasks_.spawn("run now", ask_run(id));
}

void Process::end_run(RunId id)
{
    api_tasks_.spawn("end run", ask_end(id));
}

void Process::pause_jobs(Pause pause)
{
    auto add = [pause = std::move(pause)](Store& store) {
        return std::vector<Pause>(1, store.pauses().add_pause(pause));
    };
    api_tasks_.spawn("pause", write_pauses(std::move(add)));
}

void Process::resume_jobs()
{
    auto end = [at = wall()](Store& store) { return store.pauses().end_pauses({}, at, ""); };
    api_tasks_.spawn("resume", write_pauses(std::move(end)));
}

void Process::set_calendar(std::string dates)
{
    Calendar calendar;
    calendar.name = calendar_name;
    calendar.dates = std::move(dates);
    calendar.set_at = wall();
    api_tasks_.spawn("calendar", write_calendar(std::move(calendar)));
}

void Process::die(bool silently)
{
    for (NetChannel* channel : channels_) channel->die(silently);
}

asio::awaitable<void> Process::write_change(std::function<std::optional<Job>(Store&)> change,
                                            WallTime at, JobId id)
{
    try {
        const std::optional<Job> job = co_await api_store_.call(std::move(change));
        if (job) {
            id = job->id;
            at = job->effective_from;
        }
    } catch (const StoreError&) {
        id = 0;
    }
    if (id == 0) co_return;  // nobody knows whether it was made: the answer is 503
    std::vector<JobId> jobs(1, id);
    const auto confirmed = co_await agent_.announce(std::move(jobs));
    if (confirmed) cluster_.judge.change_confirmed(id, at);
}

asio::awaitable<void> Process::write_pauses(std::function<std::vector<Pause>(Store&)> change)
{
    std::vector<Pause> pauses;
    try {
        pauses = co_await api_store_.call(std::move(change));
    } catch (const StoreError&) {
        co_return;  // nobody knows whether it was made: the answer is 503
    }
    std::vector<JobId> jobs;
    const auto confirmed = co_await agent_.announce(std::move(jobs));
    if (!confirmed) co_return;
    for (const Pause& pause : pauses) cluster_.judge.pause_confirmed(pause.id);
}

asio::awaitable<void> Process::write_calendar(Calendar calendar)
{
    const auto put = [&calendar](Store& store) { return store.calendars().put_calendar(calendar); };
    try {
        calendar = co_await api_store_.call(put);
    } catch (const StoreError&) {
        co_return;  // nobody knows whether it was made: the answer is 503
    }
    std::vector<JobId> jobs;
    for (const auto& [id, job] : cluster_.database.jobs()) {
        if (!job.calendar.empty()) jobs.push_back(id);
    }
    const auto confirmed = co_await agent_.announce(std::move(jobs));
    if (confirmed) cluster_.judge.calendar_confirmed(calendar.id);
}

asio::awaitable<void> Process::ask_run(JobId id)
{
    co_await agent_.run_now(id, "a person");
}

asio::awaitable<void> Process::ask_end(RunId id)
{
    Reason why{Cause::on_request, "by a person"};
    co_await agent_.end_run(id, std::move(why));
}

}  // namespace peercron::simulation
