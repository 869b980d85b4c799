#pragma once

#include "model/lock.hpp"
#include "simulation/mutation.hpp"
#include "simulation/process.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peercron::simulation {

/// What happens to a cluster. Most of it ends after `length`.
enum class Fault : std::uint8_t {
    kill,         ///< kill -9 of the process; a new one starts afterwards
    power_off,    ///< of the machine
    pause,        ///< SIGSTOP, and SIGCONT
    leave,        ///< SIGTERM; a new process starts afterwards
    cut,          ///< nothing goes between two nodes
    cut_one_way,  ///< only in one direction
    isolate,      ///< a node has no connection to anybody, Consul included
    deaf,         ///< the same, but only nothing reaches it
    mute,         ///< the same, but only nothing leaves it
    cut_consul,   ///< a node does not reach Consul
    reset,        ///< something on the way resets the connections of two nodes
    slow_network,
    consul_away,
    consul_wiped,
    store_away,
    store_slow,
    store_flaky,  ///< calls fail or hang, with an effect or without, or with a late one
    clock_jump,
    add_job,
    change_job,
    delete_job,
    run_now,
    end_run,
    refuse,            ///< packets between two nodes are answered with a reset, though both live
    refuse_one_way,    ///< only those in one direction
    kill_with_warden,  ///< kill -9 of a node and its warden: nobody tells of it
    kill_and_stop,     ///< kill -9 of a node whose warden stands still, for less than the lease
    clock_ahead,       ///< seconds, hours or a day, and set right
    store_late,        ///< calls take effect, and are answered seconds later
    database_clock,    ///< as after a failover: the database's clock is another one
    pause_jobs,
    resume_jobs,
    set_calendar,
};

/// Of those that scenarios are made of first; the later ones are drawn beside them.
constexpr std::size_t fault_kinds = static_cast<std::size_t>(Fault::end_run) + 1;
constexpr std::size_t all_fault_kinds = static_cast<std::size_t>(Fault::set_calendar) + 1;

std::string_view to_string(Fault fault);

/// One thing that happens, at `at` after the start. Whom it meets, and what else is open, follows
/// from `dice`; what is written by hand names the nodes.
struct Happening {
    std::chrono::milliseconds at{0};
    std::chrono::milliseconds length{0};
    Fault fault = Fault::kill;
    std::uint64_t dice = 0;
    NodeName one;    ///< empty: any, the dispatcher more often than others
    NodeName other;  ///< of two; empty: any
};

/// Everything that a seed decides beforehand. What is left (latencies, how long commands take) is
/// drawn from the same seed while it runs.
struct Scenario {
    std::uint64_t seed = 0;
    Settings settings;
    std::size_t nodes = 3;
    bool have_journals = true;
    bool has_database_clock = true;  ///< beside those of the nodes
    bool has_wrong_clocks = false;   ///< by seconds and more
    bool has_labels = false;         ///< nodes have, and others with each start
    bool has_shards = false;         ///< changes of jobs make more or fewer of them
    bool has_every = false;          ///< changes of jobs make them run at every node, or at one
    std::chrono::milliseconds longest_command{8000};
    std::vector<Job> jobs;
    std::vector<LockLimit> lock_limits;
    std::string calendar_dates;  ///< what the calendar says in the beginning; empty: there is none
    std::vector<std::chrono::milliseconds> clock_errors;
    std::vector<Happening> happenings;
    std::chrono::milliseconds healed{0};              ///< nothing is broken any more
    std::chrono::milliseconds jobs_stop_after{7000};  ///< being healed
    /// Only the dispatcher is ever touched: then fires are at most so late.
    bool dispatcher_only = false;

    /// With the settings that all of them share, without jobs and faults.
    static Scenario usual();
    static Scenario from_seed(std::uint64_t seed);
};

struct Outcome {
    std::string verdict;  ///< empty: every promise was kept
    std::uint64_t fingerprint = 0;
    bool gave_up = false;  ///< see Judge::give_up()
    std::uint64_t events = 0;
    Judge::Counts counts;
};

/// Runs it. The same scenario gives the same outcome.
Outcome run(const Scenario& scenario, Mutation mutation = Mutation::none, bool traced = false);

/// The scenario with the happenings left out that its failure does not need.
Scenario minimize(Scenario scenario, Mutation mutation);

}  // namespace peercron::simulation
