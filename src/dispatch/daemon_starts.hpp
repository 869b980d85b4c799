#pragma once

#include "base/clock.hpp"
#include "dispatch/outbox.hpp"
#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"
#include "model/daemon.hpp"
#include "model/run.hpp"

#include <vector>

namespace peercron {

/// Carries out what Daemons says: starts, and the row that says that a daemon stays down. Pure; no
/// clock of its own. One thread.
class DaemonStarts {
public:
    DaemonStarts(TermBook& book, RunLife& life) : book_(book), life_(life) {}

    /// Those that are to be up and have no open run.
    void start(Moment now);
    /// What is to be ended because its job says so. Needs no commit.
    std::vector<Outgoing> to_end(Moment now);

private:
    void give_up(JobId job, const DaemonNext& next, Moment now);

    TermBook& book_;
    RunLife& life_;
};

}  // namespace peercron
