#pragma once

#include "figures.hpp"

#include <filesystem>

namespace peercron::bench {

/// How a part is to be measured.
struct Settings {
    bool quick = false;            ///< seconds instead of a minute, and less exact
    bool large = false;            ///< only sizes at which something breaks: see docs/scale.md
    std::filesystem::path folder;  ///< for databases and servers; exists
    std::filesystem::path corpus;  ///< of cron expressions, one on a line
};

// Each measures one part of the program beside its limit, or a reference, in the same run.

/// Spawn, capture and wait: a bare loop, and the Executor.
void measure_raw(const Settings& settings, Figures& figures);

/// Understanding an expression, and finding its next moment.
void measure_cron(const Settings& settings, Figures& figures);

/// The plan of a thousand to a million jobs, plain ones and others: memory, taking over, changes,
/// and doing nothing.
void measure_plan(const Settings& settings, Figures& figures);

/// Messages as bytes and over loopback, and what many nodes cost their dispatcher.
void measure_protocol(const Settings& settings, Figures& figures);

/// Rows of the ledger, planned and recorded, and what a take-over reads, on SQLite and MariaDB.
void measure_store(const Settings& settings, Figures& figures);

/// What statistics and the states of jobs cost each fire.
void measure_insight(const Settings& settings, Figures& figures);

/// What labels cost a fire, where there are many nodes.
void measure_where(const Settings& settings, Figures& figures);

/// Nodes that meet in one Consul: what it costs Consul, and how soon another one dispatches.
void measure_consul(const Settings& settings, Figures& figures);

}  // namespace peercron::bench
