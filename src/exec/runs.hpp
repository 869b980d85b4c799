#pragma once

#include "exec/revocations_under_way.hpp"
#include "model/node_load.hpp"
#include "model/run.hpp"
#include "wire/message.hpp"

#include <cstdint>
#include <vector>

namespace peercron {

/// What runs on this node, as those see it who hand runs out and account for them. Lives on the I/O
/// thread.
class Runs {
public:
    Runs() = default;
    Runs(const Runs&) = delete;
    Runs& operator=(const Runs&) = delete;
    virtual ~Runs() = default;

    /// Takes the orders of one dispatcher. Returns those that will not start here because this
    /// node drains; the dispatcher must be told.
    virtual std::vector<RunId> accept(RunOrders orders) = 0;

    /// Takes back what has not started. `answer` gets the runs that will not start here, when all
    /// others have started: within this call, unless a command is just being started.
    virtual void revoke(const std::vector<RunId>& runs, RevocationsUnderWay::Answer answer) = 0;

    /// Ends a run; `why` goes into its row. False when it does not run here.
    virtual bool kill(const RunId& run, Reason why) = 0;

    /// A message of the dispatcher of `epoch` was read just now. False when it is not the newest.
    virtual bool dispatcher_heard(Epoch epoch) = 0;

    /// How often this process has stood still (RunBook::stops()).
    virtual std::uint64_t stops() = 0;
    /// The newest dispatcher answered what this node had said after that many stops.
    virtual void stops_known(std::uint64_t stops) = 0;

    virtual Epoch newest_epoch() const = 0;
    virtual std::vector<RunOrder> held() const = 0;
    virtual std::vector<RunReport> running() const = 0;
    /// The orders of those of running() that are daemons or hold locks.
    virtual std::vector<RunOrder> started() const = 0;
    virtual NodeLoad load() const = 0;
};

}  // namespace peercron
