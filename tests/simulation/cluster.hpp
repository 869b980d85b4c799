#pragma once

#include "dispatch/term_rules.hpp"
#include "exec/run_book.hpp"
#include "simulation/database.hpp"
#include "simulation/disk.hpp"
#include "simulation/executor.hpp"
#include "simulation/judge.hpp"
#include "simulation/lock_service.hpp"
#include "simulation/mutation.hpp"
#include "simulation/network.hpp"
#include "simulation/store.hpp"
#include "simulation/world.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace peercron::simulation {

class Process;

/// What config/config.hpp says, as far as it matters here.
struct Settings {
    DispatchSettings dispatch;
    RunRules rules;
    std::chrono::milliseconds drain_timeout{4000};
    std::chrono::milliseconds store_timeout{4000};
};

/// What a process leaves behind that has died, as exec/warden.cpp: ends its commands, keeps its
/// port, and tells of its death.
struct Warden {
    std::uint64_t incarnation = 0;
    World::Time listened_from{};
    World::Time died_at{};  ///< when it was reaped: later, if the warden was stopped
    World::Time until{};    ///< for so long it waits to be heard
    bool was_heard = false;
    std::vector<std::weak_ptr<Child>> children;
    Planned look;
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
    bool has_journal = true;
    Disk disk;
    /// How long its commands take.
    std::chrono::milliseconds longest_command{8000};
    /// What its process is told: the first is always the same, the other one of two with each
    /// start.
    std::vector<std::string> labels() const;
    std::optional<std::size_t> number;  ///< not set: it has no labels
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

}  // namespace peercron::simulation
