#pragma once

#include "dispatch/term.hpp"
#include "exec/run_book.hpp"
#include "simulation/database.hpp"
#include "simulation/judge.hpp"
#include "simulation/lock_service.hpp"
#include "simulation/mutation.hpp"
#include "simulation/network.hpp"
#include "simulation/world.hpp"

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace peercron::simulation {

class Dispatcher;
class Process;

/// What config/config.hpp says, as far as it matters here.
struct Settings {
    DispatchSettings dispatch;
    RunRules rules;
    std::chrono::milliseconds drain_timeout{4000};
    std::chrono::milliseconds store_timeout{4000};
    /// With the database's: not where no clock is wrong, so that seeds without that stay what they
    /// were.
    bool compares_clocks = false;
};

struct Child;

/// What a process leaves behind that has died, as exec/warden.cpp: ends its commands, keeps its
/// port, and tells of its death.
struct Warden {
    std::uint64_t incarnation = 0;
    World::Time listened_from{};
    World::Time died_at{};  ///< when it was reaped: later, if the warden was stopped
    World::Time until{};    ///< for so long it waits to be heard
    bool was_heard = false;
    std::vector<std::weak_ptr<Child>> children;
    Timer look;
};

/// How a process ends.
enum class Ending : std::uint8_t {
    in_good_order,
    killed,
    killed_with_warden,  ///< with everything around it, as a container is: nobody tells of it
    power_off,           ///< of the machine
};

/// A machine, which outlives its processes.
struct Machine {
    NodeName name;
    std::chrono::milliseconds clock_error{0};
    WallTime wall(const World& world) const { return world.wall() + clock_error; }
    bool on = true;
    bool cut_from_consul = false;
    std::uint64_t incarnations = 0;
    std::unique_ptr<Process> process;
    std::optional<Warden> warden;  ///< while no other process can be there
    /// What is in its journal: copies of steps of the plan. Results of runs are not, here.
    bool has_journal = true;
    std::map<StepId, PlanStep> journal;
    /// How long its commands take.
    std::chrono::milliseconds longest_command{8000};
};

/// Everything that there is.
struct Cluster {
    Cluster(std::uint64_t seed, const Settings& settings_, Mutation mutation_, bool traced);
    ~Cluster();

    Machine& machine(const NodeName& name);
    /// `dispatcher` has asked the nodes for copies since `begun` and goes on without more. Gives up
    /// when steps of earlier terms are neither in the store nor at a node that is up and was within
    /// its reach for a moment of lease and margin: until then a dispatcher waits for them, and what
    /// is at nobody but the gone is for the misfire policy (docs/delivery.md).
    void look_for_copies(Epoch epoch, const NodeName& dispatcher, World::Time begun);
    void start(Machine& machine);
    /// Ends the process; its warden is stopped for `stopped` from then on.
    void kill(Machine& machine, Ending how, std::chrono::milliseconds stopped = 0ms);

    World world;
    const Settings settings;
    const Mutation mutation;
    Judge judge;
    Database database;
    StoreWeather weather;
    Network network;
    LockService consul;
    std::vector<std::unique_ptr<Machine>> machines;
    std::vector<std::shared_ptr<Child>> executions;
    std::uint64_t last_serial = 0;

private:
    void leave_warden(Machine& machine, Ending how, std::chrono::milliseconds stopped);
    void look_after(Machine& machine);
    bool is_out_of_reach(const Machine& machine, const NodeName& of, World::Time since) const;
};

/// A command that runs: a child of a node's process, which dies with it.
struct Child {
    Execution execution;
    bool alive = true;
    bool is_ours = true;  ///< its node's process lives
    std::function<void()> on_end;
    Timer natural_end;
    Timer signal_end;
    bool ignores_term = false;
};

/// Writes what became of runs into the ledger, as exec/recorder.cpp.
class Recorder {
public:
    Recorder(Process& process, StoreLine& store);

    Task<void> run();
    void add(const RunReport& report);
    Task<bool> flush(World::Time deadline);
    std::vector<RunReport> pending() const;

private:
    Task<void> write_batch();

    Process& process_;
    StoreLine& store_;
    Signal added_;
    Signal written_;
    std::unordered_map<RunId, RunReport> waiting_;
    std::deque<RunId> queue_;
    std::vector<RunReport> writing_;
    bool is_urgent_ = false;
    Backoff backoff_;
    std::size_t batch_limit_;
};

/// Carries the RunBook out, as exec/executor.cpp.
class Executor {
public:
    Executor(Process& process, std::function<void(const RunReport&)> on_report);
    ~Executor();

    void begin() { look(); }
    std::vector<RunId> accept(std::vector<RunOrder> orders);
    std::vector<RunId> revoke(const std::vector<RunId>& runs);
    void kill(const RunId& run, Reason why);
    bool dispatcher_heard(Epoch epoch);
    void session_confirmed(World::Time sent);
    std::vector<RunOrder> held() const { return book_.held_orders(); }
    std::vector<RunReport> running() const;
    Epoch newest_epoch() const { return book_.newest_epoch(); }
    NodeLoad load() const;
    Task<bool> drain(World::Time deadline);
    bool idle() const { return live_.empty() && book_.held() == 0 && book_.waiting() == 0; }

private:
    struct Live {
        RunOrder order;
        RunReport report;
        std::shared_ptr<Child> child;
        Moment decided;
        World::Time lease_end{};
        Timer next;
        bool is_condemned = false;
        bool is_forced = false;
    };

    Task<bool> wait_until_idle(World::Time deadline);
    void look();
    void look_soon();
    void renew_guard();
    World::Time next_look(const Moment& now) const;
    void carry_out(RunBook::Actions actions);
    void spawn(Live& live);
    void terminate(Live& live);
    void force(Live& live);
    void child_ended(Live& live);
    void finish(const RunId& id);
    RunReport blank_report(const RunOrder& order) const;

    Process& process_;
    std::function<void(const RunReport&)> on_report_;
    RunBook book_;
    std::map<RunId, std::unique_ptr<Live>> live_;
    std::map<RunId, RunOrder> kept_in_secret_;  ///< Mutation::revokes_in_words
    Signal run_ended_;
    Timer look_;
    World::Time guarded_until_{};
    Timer guard_;  ///< the warden's
};

/// Keeps copies of steps, as node/step_keeper.cpp.
class StepKeeper {
public:
    StepKeeper(Process& process, std::function<void(const StepKept&)> on_kept);

    void keep(PlanStep step);
    void stored(StepId through);
    const std::map<StepId, PlanStep>& steps() const { return copies_; }

private:
    void write(const StepId& id);

    Process& process_;
    std::function<void(const StepKept&)> on_kept_;
    std::map<StepId, PlanStep> copies_;
    World::Time written_at_{};  ///< one after the other
    std::deque<Timer> writing_;
};

/// A node's side of its conversations with dispatchers, as node/agent.cpp.
class Agent {
public:
    Agent(Process& process, Executor& runs, const Recorder& recorder, StepKeeper& steps);

    void converse(std::unique_ptr<Endpoint> endpoint);
    void report(const RunReport& report);
    /// What the answer was; none: nobody answered.
    Task<bool> announce(std::vector<JobId> jobs);
    Task<bool> run_now(JobId job);
    Task<bool> end_run(RunId run);
    void begin_draining();
    void kept(const StepKept& step);
    Roster roster() const;
    void die(bool silently);

private:
    struct Session {
        std::unique_ptr<Endpoint> channel;
        Epoch epoch = 0;
        NodeName dispatcher;
        Timer farewell;
    };
    enum class Repeat : std::uint8_t { safe, unsafe };

    template <class Asked>
    Task<bool> ask(Asked message, Repeat repeat);
    void handle(Session& session, Message message);
    void hello(Session& session, const TermHello& hello);
    void beat(Session& session, const DispatcherBeat& beat);
    void ended(Session& session);
    bool is_current(const Session& session) const { return current_ == &session; }
    Account account() const;
    NodeLoad load() const;

    Process& process_;
    Executor& runs_;
    const Recorder& recorder_;
    StepKeeper& steps_;
    std::list<Session> sessions_;
    Session* current_ = nullptr;
    bool draining_ = false;
    Epoch first_epoch_ = 0;
    Roster roster_;
    WallTime dispatcher_clock_{};
    World::Time beat_at_{};
    Signal changed_;
    std::uint64_t last_request_ = 0;
    std::map<std::uint64_t, Done> answers_;
};

/// A process of a node, from its start to its end, as node/node.cpp.
class Process : public Actor {
public:
    Process(Cluster& cluster, Machine& machine);
    ~Process();

    Cluster& cluster() const { return cluster_; }
    const NodeName& name() const { return machine_.name; }
    Machine& machine() const { return machine_; }
    std::uint64_t incarnation() const { return incarnation_; }
    World::Time started() const { return started_; }
    const Settings& settings() const { return cluster_.settings; }
    Mutation mutation() const { return cluster_.mutation; }

    WallTime wall() const { return machine_.wall(world()); }
    Moment now() const { return Moment{wall(), world().now()}; }
    /// When this node's clock will show `wall`, if nobody sets it meanwhile.
    World::Time time_of(WallTime wall) const { return World::time_of(wall - machine_.clock_error); }

    bool accepts() const { return accepts_; }
    bool stopping() const { return stopping_; }
    /// A connection to the node; or the word of its warden; or none.
    struct Connected {
        std::unique_ptr<Endpoint> channel;
        std::optional<NodeDied> word;
        bool refused = false;
    };
    Task<Connected> connect(NodeName node);
    Task<std::optional<NodeDied>> ask_warden(Machine& machine);

    // What a person does.
    void stop();                              ///< SIGTERM
    void stop_execution() { Actor::stop(); }  ///< SIGSTOP
    void add_job(Job draft);
    void change_job(JobId id, JobPatch patch);
    void delete_job(JobId id);
    void run_now(JobId id);
    void end_run(RunId id);

    void die(bool silently);

    const Dispatcher& dispatcher() const { return *dispatcher_; }
    const Executor& executor() const { return executor_; }
    const Recorder& recorder() const { return recorder_; }
    const StepKeeper& steps() const { return steps_; }
    std::vector<std::weak_ptr<Child>> children;

private:
    Task<void> live();
    Task<void> prepare_store();
    Task<void> renew_lease();
    Task<void> drain();
    Task<void> write_change(std::function<std::optional<Job>(Database&)> change, WallTime at,
                            JobId id);
    Task<void> ask_run(JobId id);
    Task<void> ask_end(RunId id);

    Cluster& cluster_;
    Machine& machine_;
    const std::uint64_t incarnation_;
    const World::Time started_;
    bool accepts_ = false;
    bool stopping_ = false;
    Signal stop_;
    StoreLine store_;
    Coordinator coordinator_;
    Recorder recorder_;
    Executor executor_;
    StepKeeper steps_;
    Agent agent_;
    std::unique_ptr<Dispatcher> dispatcher_;
    Tasks api_tasks_;
    Tasks exec_tasks_;
    Tasks dispatch_tasks_;
    Tasks life_;
    Timer exit_;
};

}  // namespace peercron::simulation
