#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "dispatch/channel.hpp"
#include "dispatch/node_clocks.hpp"
#include "exec/recorder.hpp"
#include "exec/runs.hpp"
#include "node/step_keeper.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace peercron {

/// A node's side of its conversations with dispatchers: takes orders for Runs, accounts for
/// its runs, and tells the newest dispatcher how they end and which jobs were changed through this
/// node's API; keeps the steps that the dispatcher cannot store.
///
/// Several dispatchers may be connected while a term changes; only the one with the newest epoch
/// is obeyed and told. Lives on the I/O thread.
class Agent {
public:
    struct Identity {
        NodeName name;
        std::string version;
        std::uint64_t incarnation = 0;
        std::vector<std::string> labels = {};
    };

    Agent(asio::any_io_executor executor, const Clock& clock, Identity identity, Runs& runs,
          const Recorder& recorder, StepKeeper& steps);

    /// From now on this process is the only one at the node's port. Before any conversation.
    void begin(SteadyTime now) { began_ = now; }

    /// Talks with one dispatcher until the conversation ends.
    asio::awaitable<void> converse(std::unique_ptr<Channel> channel);

    /// Tells the dispatcher the state of a run.
    void report(const RunReport& report);

    /// Tells the dispatcher that a copy of a step is kept here.
    void kept(const StepKept& step);

    /// Tells the dispatcher that these jobs, or without any the pauses, were changed; completes
    /// when nothing that was planned before can start any more. While there is no dispatcher it
    /// waits for one, for a limited time.
    asio::awaitable<Result<void>> announce(std::vector<JobId> jobs);

    /// Has the dispatcher plan a run of the job for now; completes when it is in the ledger. The
    /// error says why not, or that this is not known.
    asio::awaitable<Result<RunId>> run_now(JobId job, std::string requested_by);

    /// Has the dispatcher end a run; completes when its node is told.
    asio::awaitable<Result<void>> end_run(RunId run, Reason reason);

    /// Has the dispatcher try the fire of this run again now; completes when that is in the ledger,
    /// with the attempt that it is. The error says why not, or that this is not known.
    asio::awaitable<Result<RunId>> retry_run(RunId run, std::string requested_by);

    /// From now on the dispatcher gives this node nothing, and takes back what it holds.
    void begin_draining();

    /// What a beat says about this node.
    NodeLoad load() const;

    /// What the dispatcher told last.
    Roster roster() const;

    /// When a dispatcher was last heard.
    SteadyTime dispatcher_heard() const { return beat_at_; }

private:
    struct Session {
        Channel* channel = nullptr;
        Epoch epoch = 0;
        NodeName dispatcher;
        bool knows_rehearsals = false;
    };

    /// Whether a dispatcher that takes over is asked again.
    enum class Repeat : std::uint8_t { safe, unsafe };

    template <class Asked>
    asio::awaitable<Result<Done>> ask(Asked request, Repeat repeat);
    void handle(Session& session, Message message);
    void hello(Session& session, const TermHello& hello);
    void beat(Session& session, DispatcherBeat beat);
    bool is_current(const Session& session) const { return current_ == &session; }
    Account account() const;

    const Clock& clock_;
    const Identity identity_;
    Runs& runs_;
    const Recorder& recorder_;
    StepKeeper& steps_;

    SteadyTime began_{};
    Session* current_ = nullptr;
    bool draining_ = false;
    Roster roster_;
    WallTime dispatcher_clock_{};  // in its last beat, and …
    SteadyTime beat_at_{};         // … when that came
    Epoch first_epoch_ = 0;        // of the first dispatcher heard

    Event changed_;  // current_ or answers_
    std::uint64_t last_request_ = 0;
    std::map<std::uint64_t, Done> answers_;
};

}  // namespace peercron
