#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "exec/command_starts.hpp"
#include "exec/executor_metrics.hpp"
#include "exec/group_watch.hpp"
#include "exec/http_run.hpp"
#include "exec/output_capture.hpp"
#include "exec/output_drain.hpp"
#include "exec/process.hpp"
#include "exec/readable_set.hpp"
#include "exec/run_book.hpp"
#include "exec/runs.hpp"
#include "exec/warden.hpp"
#include "model/node_load.hpp"
#include "wire/log_throttle.hpp"
#include "wire/message.hpp"

#include <sys/resource.h>
#include <boost/asio/awaitable.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace peercron {

struct ExecSettings {
    NodeName node;
    std::string version;
    std::string shell = "/bin/sh";
    std::size_t max_output = 1U << 20U;  ///< bytes kept of a command's output
    /// How long after the end of a command output of the processes that it has left behind still
    /// counts. The wait ends as soon as none of them has the output open.
    std::chrono::milliseconds output_grace{250};
    std::size_t max_left_outputs = 256;  ///< see OutputDrain
    /// Is told what a run writes as it comes, secrets hidden, on the I/O thread; of a request the
    /// answer, when it is whole. Must not throw.
    std::function<void(const RunId& run, std::string_view output)> on_output = {};
    std::optional<rlimit> open_files;  ///< of commands, see Spawner
    CommandRules commands;
    /// A spawn blocks its thread until the child has got a core and become the command, which takes
    /// longer the more commands run. 0: four per core, at most 16, and no more than slots.
    std::size_t spawn_threads = 0;
    RunRules rules;
};

/// Runs the fires that are handed to this node: carries out the rules of RunBook with processes.
///
/// Each run is reported when its process has started (state running) and when it has ended, skipped
/// ones only then. Reports are made on the I/O thread; the function must not throw.
///
/// A fire whose command cannot be started because descriptors, processes or memory are short waits,
/// as if it had no slot.
///
/// A run ends with its process. What the command has left in the background lives on, as with cron;
/// its output belongs to the run for another `output_grace`, and is read and discarded after that
/// (see OutputDrain). A run that is killed ends when its whole process group has: SIGTERM, the
/// grace, SIGKILL for the rest.
///
/// A job of kind http is a request (HttpRun), for which all of this holds, but that a request is
/// ended at once, and leaves nothing behind. Without a client (`http`) such runs fail.
///
/// Lives on the I/O thread; `clock` is asked from the spawning threads, too.
class Executor final : public Runs {
public:
    using OnReport = std::function<void(const RunReport&)>;

    Executor(asio::any_io_executor executor, const Clock& clock, ExecSettings settings,
             OnReport on_report, prometheus::Registry* metrics = nullptr, Guard* guard = nullptr,
             HttpClient* http = nullptr);
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;
    ~Executor() override;

    /// Ends only by cancellation: then every run is killed at once and reported. For a gentle stop
    /// await drain() first.
    asio::awaitable<void> run();

    std::vector<RunId> accept(RunOrders orders) override;
    void revoke(const std::vector<RunId>& runs, RevocationsUnderWay::Answer answer) override;
    bool kill(const RunId& run, Reason why) override;
    bool dispatcher_heard(Epoch epoch) override;
    std::uint64_t stops() override;
    void stops_known(std::uint64_t stops) override;
    Epoch newest_epoch() const override { return book_.newest_epoch(); }
    std::vector<RunOrder> held() const override { return book_.held_orders(); }
    std::vector<RunReport> running() const override;
    std::vector<RunOrder> started() const override;
    NodeLoad load() const override;

    /// A part of what a run has written so far, see OutputCapture::read(). A request's output is
    /// there when it has ended, not before.
    OutputPart output(const RunId& run, std::int64_t from, std::size_t most) const;

    /// See CommandSetups.
    std::optional<std::string> refusal(const Job& job, const std::string& command) const
    {
        if (job.kind == JobKind::http) return std::nullopt;
        return spawner_.setups().refusal(job, command);
    }

    const Spawner& spawner() const { return spawner_; }

    /// Consul confirmed this node's session, in a request that was sent at `sent`.
    void session_confirmed(SteadyTime sent);

    bool is_running() const { return book_.running() > 0; }

    /// Runs that are due, have a slot, and are not started yet.
    std::size_t starting() const { return starting_; }

    /// From now on nothing starts here. Returns the fires that are given back; the dispatcher must
    /// be told.
    std::vector<RunId> begin_drain();

    /// Begins to drain, waits for the runs until `deadline`, then ends them (state killed,
    /// reason node-stopped). False when one survived even SIGKILL. run() must be running.
    asio::awaitable<bool> drain(SteadyTime deadline);

private:
    /// A run from the order to start it until its end is reported.
    struct Live;

    asio::awaitable<void> follow_book();
    asio::awaitable<void> watch_processes();
    void start(Live& live);
    void start_request(Live& live);
    void end_request(Live& live);
    void take_start(Live& live);
    void take_process(Live& live);
    bool may_start_later(const Live& live);
    void follow_process(Live& live);
    void see(std::uint64_t token);
    void read_output(Live& live);
    void read_up_to(Live& live, std::size_t limit);
    asio::awaitable<void> read_last_output(Live& live);
    void close_output(Live& live);
    asio::awaitable<void> end_group(Live& live);
    void end(Live& live);
    void lose(Live& live, const char* why);
    asio::awaitable<void> kill_all();
    asio::awaitable<bool> wait_until_idle(SteadyTime deadline);
    void renew_guard();
    void carry_out(RunBook::Actions actions);
    void terminate(Live& live);
    void force(Live& live);
    ssize_t read_some(Live& live, std::size_t limit);
    void take_output(Live& live, std::string_view output);
    void finish(Live& live);
    void report_start(const Live& live);
    void report(const RunReport& report);
    Moment now() const;
    SteadyTime next_look(const Moment& now) const;
    RunReport blank_report(const RunOrder& order) const;

    asio::any_io_executor executor_;
    const Clock& clock_;
    ExecSettings settings_;
    OnReport on_report_;
    std::optional<ExecutorMetrics> metrics_;
    Guard* const guard_;
    HttpClient* const http_;
    SteadyTime guarded_until_{};
    RunBook book_;
    LogThrottle shortages_{1, std::chrono::minutes(1)};
    Spawner spawner_;
    std::array<char, 65536> scratch_{};  // what was just read, of any run
    Event changed_;                      // the book wants to be looked at
    Event run_ended_;
    std::unordered_map<RunId, std::unique_ptr<Live>> live_;

    std::size_t starting_ = 0;
    RevocationsUnderWay revocations_;
    ReadableSet readable_;
    std::unordered_map<std::uint64_t, Live*> followed_;  // those that have had a process, by serial
    std::uint64_t last_serial_ = 0;
    OutputDrain left_outputs_;  // of runs that are over

    TaskGroup endings_;  // of condemned runs, and of those whose output is still open
    TaskGroup watchers_;
    CommandStarts starts_;
    GroupWatch groups_;
};

}  // namespace peercron
