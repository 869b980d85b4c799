#pragma once

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "cluster/consul_coordinator.hpp"
#include "dispatch/dispatcher.hpp"
#include "exec/recorder.hpp"
#include "node/agent.hpp"
#include "node/step_keeper.hpp"
#include "simulation/channels.hpp"
#include "simulation/cluster.hpp"
#include "simulation/disk.hpp"
#include "simulation/executor.hpp"
#include "simulation/lock_service.hpp"
#include "simulation/process_loop.hpp"
#include "simulation/store.hpp"

#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace peercron::simulation {

/// A process of a node, from its start to its end: the program's own classes in simulated
/// surroundings, put together and ended as in node/node.cpp.
class Process final : public Actor, private StoreUser {
public:
    Process(Cluster& cluster, Machine& machine);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process() override;

    Cluster& cluster() const { return cluster_; }
    const NodeName& name() const { return machine_.name; }
    Machine& machine() const { return machine_; }
    std::uint64_t incarnation() const { return incarnation_; }
    std::vector<std::string> labels() const { return machine_.labels(); }
    World::Time started() const { return started_; }
    const Settings& settings() const { return cluster_.settings; }
    Mutation mutation() const { return cluster_.mutation; }

    WallTime wall() const { return machine_.wall(world()); }
    Moment now() const { return Moment{wall(), world().now()}; }
    /// When this node's clock will show `wall`, if nobody sets it meanwhile.
    World::Time time_of(WallTime wall) const { return World::time_of(wall - machine_.clock_error); }

    bool accepts() const { return accepts_since_.has_value(); }
    /// Before, it waits for its journal and for the store, and nobody can reach it.
    std::optional<World::Time> accepts_since() const { return accepts_since_; }
    bool is_stopping() const { return is_stopping_; }

    // What a person does.
    void stop();                              ///< SIGTERM
    void stop_execution() { Actor::stop(); }  ///< SIGSTOP
    void add_job(Job draft);
    void change_job(JobId id, JobPatch patch);
    void delete_job(JobId id);
    void run_now(JobId id);
    void end_run(RunId id);
    void pause_jobs(Pause pause);
    void resume_jobs();
    /// The days of the calendar are these from now on.
    void set_calendar(std::string dates);

    void die(bool silently);

    const Dispatcher& dispatcher() const { return dispatcher_; }
    /// Open runs of the present term, and steps that are not stored yet; 0 while it does not
    /// dispatch.
    std::size_t open_runs() const { return measured("peercron_open_runs"); }
    std::size_t steps_waiting() const { return measured("peercron_steps_waiting"); }
    const Executor& executor() const { return executor_; }
    const Recorder& recorder() const { return recorder_; }
    /// Whether it has a copy of this step.
    bool keeps(const StepId& step) const;
    std::vector<std::weak_ptr<Child>> children;

private:
    /// This machine's clocks.
    class Clocks final : public Clock {
    public:
        explicit Clocks(const Process& process) : process_(process) {}
        WallTime now() const override { return process_.wall(); }
        SteadyTime steady_now() const override { return process_.world().now(); }

    private:
        const Process& process_;
    };
    using Connected = Result<std::unique_ptr<Channel>>;

    void perform(const std::function<void()>& work) override { loop_.work(std::cref(work)); }

    std::function<WallTime()> machine_clock() const override;
    bool is_everybody_there() const override;
    void has_asked_nodes(Epoch epoch, World::Time begun) override;
    void has_planned() override;
    void has_stored_plan() override;

    std::unique_ptr<ConsulApi> make_agent();
    Dispatcher::Parts dispatcher_parts();
    Agent::Identity identity() const;
    void tell_kept(const StepKept& kept);
    std::size_t measured(std::string_view name) const;

    asio::awaitable<void> live();
    asio::awaitable<void> prepare_store();
    asio::awaitable<void> renew_lease();
    asio::awaitable<void> drain();
    asio::awaitable<void> await_successor();
    bool has_successor() const;

    asio::awaitable<Connected> connect(NodeName node);
    asio::awaitable<Connected> connect_to(NodeName node);
    Connected connect_to_self();
    asio::awaitable<std::unique_ptr<Channel>> ask_warden(Machine& machine);
    std::unique_ptr<Channel> warden_channel(Machine& machine, NodeDied word);
    void accept(std::unique_ptr<Channel> channel);
    std::unique_ptr<Channel> mistaken(std::unique_ptr<Channel> channel, MistakenChannel::Side side);

    asio::awaitable<void> write_change(std::function<std::optional<Job>(Store&)> change,
                                       WallTime at, JobId id);
    asio::awaitable<void> write_pauses(std::function<std::vector<Pause>(Store&)> change);
    asio::awaitable<void> write_calendar(Calendar calendar);
    asio::awaitable<void> ask_run(JobId id);
    asio::awaitable<void> ask_end(RunId id);

    Cluster& cluster_;
    Machine& machine_;
    const std::uint64_t incarnation_;
    const World::Time started_;
    std::optional<World::Time> accepts_since_;
    bool is_stopping_ = false;
    std::vector<std::pair<JobId, WallTime>> planned_;  ///< versions; see StoreUser

    ProcessLoop loop_;
    const asio::any_io_executor io_;
    const Clocks clock_;
    OpenChannels channels_;
    prometheus::Registry metrics_;
    StoreLine store_line_;
    StorePool plan_store_;
    StorePool record_store_;
    StorePool api_store_;
    ConsulCoordinator coordinator_;
    SimulatedJournal journal_;
    Recorder recorder_;
    Executor executor_;
    StepKeeper steps_;
    Agent agent_;
    Dispatcher dispatcher_;
    Event stop_;
    TaskGroup api_tasks_;
    TaskGroup run_tasks_;
    TaskGroup exec_tasks_;
    TaskGroup cluster_tasks_;
    TaskGroup dispatch_tasks_;
    TaskGroup life_;
    Planned exit_;
};

}  // namespace peercron::simulation
