#include "exec/executor.hpp"

#include "base/counted.hpp"
#include "base/shared_pause.hpp"
#include "base/units.hpp"
#include "model/exit_codes.hpp"

#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <system_error>
#include <thread>
#include <utility>

namespace peercron {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// When a command has ended, up to this much of its output is read at once: twice what a pipe
/// holds.
constexpr std::size_t output_at_once = 128 * 1024;

/// By how much later than this process the warden ends the runs whose lease is over: still before
/// the margin of the lease is.
constexpr milliseconds guard_patience{500};

/// With this many runs under way, their news is collected and handled together now and then: waking
/// up for each start, output and end costs more than the work itself does.
constexpr std::size_t many_runs = 16;
constexpr milliseconds news_interval{4};

std::size_t spawn_threads(const ExecSettings& settings)
{
    if (settings.spawn_threads != 0) return settings.spawn_threads;
    const std::size_t cores = std::max(std::thread::hardware_concurrency(), 1U);
    const std::size_t useful = std::min(cores * 4, settings.rules.slots);
    return std::clamp<std::size_t>(useful, 2, 16);
}

/// What ReadableSet tells: that starts_.event() is, or of a run its output or its end.
constexpr std::uint64_t started_token = 0;
constexpr std::uint64_t output_token(std::uint64_t serial)
{
    return serial << 1U;
}
constexpr std::uint64_t end_token(std::uint64_t serial)
{
    return (serial << 1U) | 1U;
}
constexpr std::uint64_t serial_of(std::uint64_t token)
{
    return token >> 1U;
}

int stop_signal_of(const RunOrder& order)
{
    // By StopSignal.
    constexpr std::array<int, PolicyNames<StopSignal>::names.size()> numbers{
        SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2, SIGWINCH};
    return numbers[static_cast<std::size_t>(order.fields.job().stop_signal)];
}

bool has_succeeded(const RunOrder& order, std::optional<int> exit_code)
{
    return exit_code && is_success_code(order.fields.job().success_codes, *exit_code);
}

}  // namespace

struct Executor::Live : CommandStarts::Start {
    Live(RunOrder run_order, RunReport blank, std::size_t max_output)
        : order(std::move(run_order)), report(std::move(blank)), capture(max_output)
    {}

    RunOrder order;
    RunReport report;              // as it runs
    std::optional<RunReport> end;  // since its process has ended
    OutputCapture capture;
    std::optional<Process> process;       // until it is reaped
    FileDescriptor output;                // the process's, while somebody may write
    std::unique_ptr<CommandSetup> setup;  // the process's, until the run is over
    std::optional<Event> news;            // for read_last_output()
    std::optional<HttpRun> request;       // instead of a process
    SteadyTime requested{};
    std::uint64_t serial = 0;   // from when there is a process
    bool is_starting = false;   // in starts_
    bool is_condemned = false;  // SIGTERM was sent, or will be as soon as there is a process
    bool has_survivor = false;
    bool was_over = false;   // when it was condemned
    bool is_forced = false;  // and SIGKILL
};

Executor::Executor(asio::any_io_executor executor, const Clock& clock, ExecSettings settings,
                   OnReport on_report, prometheus::Registry* metrics, Guard* guard,
                   HttpClient* http)
    : executor_(std::move(executor)),
      clock_(clock),
      settings_(std::move(settings)),
      on_report_(std::move(on_report)),
      guard_(guard),
      http_(http),
      book_(settings_.rules, clock.steady_now()),
      spawner_(settings_.node, settings_.shell, settings_.commands, clock, settings_.open_files),
      changed_(executor_),
      run_ended_(executor_),
      readable_(executor_),
      left_outputs_(executor_, settings_.max_left_outputs),
      endings_(executor_),
      watchers_(executor_),
      starts_(spawner_, clock, spawn_threads(settings_)),
      groups_(executor_, clock, starts_.threads())
{
    readable_.add(starts_.event(), started_token);
    if (metrics != nullptr) metrics_.emplace(*metrics, settings_.rules.http_slots);
}

Executor::~Executor() = default;

asio::awaitable<void> Executor::run()
{
    std::exception_ptr reason;
    watchers_.spawn("process groups", groups_.run());
    watchers_.spawn("processes", watch_processes());
    watchers_.spawn("outputs of runs that are over", left_outputs_.run());
    try {
        co_await follow_book();
    } catch (...) {
        reason = std::current_exception();  // co_await is not allowed in a handler
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await kill_all();
    std::rethrow_exception(reason);
}

std::vector<RunId> Executor::accept(RunOrders orders)
{
    std::vector<RunId> given_back = book_.accept(std::move(orders.orders), now());
    changed_.notify();
    return given_back;
}

void Executor::revoke(const std::vector<RunId>& runs, RevocationsUnderWay::Answer answer)
{
    std::vector<RunId> starting;
    for (const RunId& id : runs) {
        const auto found = live_.find(id);
        if (found != live_.end() && found->second->is_starting) starting.push_back(id);
    }
    revocations_.add(book_.revoke(runs), std::move(starting), std::move(answer));
}

bool Executor::kill(const RunId& run, Reason why)
{
    RunBook::Verdict verdict{RunState::killed, std::move(why)};
    const bool is_running = book_.kill(run, std::move(verdict), clock_.steady_now());
    changed_.notify();
    return is_running;
}

bool Executor::dispatcher_heard(Epoch epoch)
{
    return book_.dispatcher_heard(epoch, clock_.steady_now());
}

std::uint64_t Executor::stops()
{
    return book_.stops(clock_.steady_now());
}

void Executor::stops_known(std::uint64_t stops)
{
    if (book_.stops_known(stops)) changed_.notify();
}

void Executor::session_confirmed(SteadyTime sent)
{
    book_.session_confirmed(sent, clock_.steady_now());
}

std::vector<RunReport> Executor::running() const
{
    std::vector<RunReport> reports;
    reports.reserve(live_.size());
    for (const auto& [id, live] : live_) reports.push_back(live->report);
    return reports;
}

std::vector<RunOrder> Executor::started() const
{
    std::vector<RunOrder> orders;
    for (const auto& [id, live] : live_) {
        const bool is_named = is_daemon(live->order) || !live->order.lock_limits.empty();
        if (is_named) orders.push_back(live->order);
    }
    return orders;
}

NodeLoad Executor::load() const
{
    NodeLoad load;
    load.node = settings_.node;
    load.version = settings_.version;
    load.slots = static_cast<std::uint32_t>(settings_.rules.slots);
    load.running = static_cast<std::uint32_t>(book_.running() - book_.requests());
    load.held = static_cast<std::uint32_t>(book_.held());
    load.queued = static_cast<std::uint32_t>(book_.waiting());
    load.draining = book_.is_draining();
    return load;
}

std::vector<RunId> Executor::begin_drain()
{
    changed_.notify();
    return book_.drain();
}

OutputPart Executor::output(const RunId& run, std::int64_t from, std::size_t most) const
{
    const auto found = live_.find(run);
    return found == live_.end() ? OutputPart() : found->second->capture.read(from, most);
}

asio::awaitable<bool> Executor::drain(SteadyTime deadline)
{
    book_.drain();
    changed_.notify();
    if (co_await wait_until_idle(deadline)) co_return true;

    spdlog::warn("executor: {} still running at the end of the drain timeout: ending what is left",
                 counted(std::ssize(live_), "run is", "runs are"));
    for (const auto& [id, live] : live_) {
        Reason why{Cause::node_stopped, "still running when the node's drain timeout was over"};
        RunBook::Verdict verdict{RunState::killed, std::move(why)};
        book_.kill(id, std::move(verdict), clock_.steady_now());
    }
    changed_.notify();
    milliseconds grace = settings_.rules.kill_grace;
    for (const auto& [id, live] : live_) {
        grace = std::max(grace, kill_grace_of(live->order, settings_.rules));
    }
    const SteadyTime limit = clock_.steady_now() + grace + unkillable_after;
    co_return co_await wait_until_idle(limit);
}

asio::awaitable<bool> Executor::wait_until_idle(SteadyTime deadline)
{
    while (!live_.empty()) {
        const bool has_changed = co_await run_ended_.wait_until(deadline);
        if (!has_changed && clock_.steady_now() >= deadline) break;
    }
    co_return live_.empty();
}

asio::awaitable<void> Executor::kill_all()
{
    book_.drain();
    for (const auto& [id, live] : live_) {
        RunBook::Verdict verdict{RunState::killed, Reason{Cause::node_stopped}};
        book_.kill(id, std::move(verdict), clock_.steady_now());
        force(*live);
    }
    // A spawn has no safe point to stop at.
    while (starting_ > 0) co_await changed_.wait();
    const bool is_idle = co_await wait_until_idle(clock_.steady_now() + unkillable_after);
    if (!is_idle) spdlog::error("executor: {} processes survive SIGKILL", live_.size());
    // In this order: the watchers start endings, and endings refer to runs.
    watchers_.cancel();
    co_await watchers_.join();
    endings_.cancel();
    co_await endings_.join();
    while (!live_.empty()) lose(*live_.begin()->second, "it survives SIGKILL");
}

asio::awaitable<void> Executor::follow_book()
{
    for (;;) {
        const Moment moment = now();
        carry_out(book_.due(moment));
        renew_guard();
        if (metrics_) metrics_->show(load(), book_.requests());
        co_await changed_.wait_until(next_look(moment));
    }
}

void Executor::renew_guard()
{
    // This process ends them itself when it can.
    const SteadyTime until = book_.lease_end() + settings_.rules.fence_grace + guard_patience;
    if (guard_ == nullptr || until == guarded_until_) return;
    guarded_until_ = until;
    guard_->renew(until);
}

SteadyTime Executor::next_look(const Moment& now) const
{
    // Regularly even when nothing is due: the wall clock may be set, and this process may stand
    // still. With nothing to start or to end it is early enough to find that out afterwards.
    const SteadyTime::duration limit = settings_.rules.silence_limit;
    if (!book_.next_start() && !book_.next_deadline()) {
        return clock_.steady_now() + shared_pause_within(limit / 3, clock_.exact_now());
    }
    SteadyTime next = now.steady + limit / 6;
    if (const auto start = book_.next_start()) {
        // Clocks tell whole milliseconds: sleep to the last one, then look often.
        const milliseconds wait = *start - now.wall;
        const SteadyTime::duration close = microseconds(250);
        next = std::min(next,
                        now.steady + std::max<SteadyTime::duration>(wait - milliseconds(1), close));
    }
    if (const auto deadline = book_.next_deadline()) next = std::min(next, *deadline);
    return next;
}

void Executor::carry_out(RunBook::Actions actions)
{
    for (RunOrder& order : actions.start) {
        const RunId id = order.id;
        RunReport blank = blank_report(order);
        auto live =
            std::make_unique<Live>(std::move(order), std::move(blank), settings_.max_output);
        Live& place = *live;
        live_.emplace(id, std::move(live));
        is_request(place.order) ? start_request(place) : start(place);
    }
    for (RunBook::Skipped& skipped : actions.skipped) {
        RunReport skip = blank_report(skipped.order);
        skip.state = RunState::skipped;
        skip.reason = std::move(skipped.reason);
        skip.ended_at = clock_.now();
        report(skip);
    }
    for (const RunId& id : actions.terminate) {
        const auto found = live_.find(id);
        if (found != live_.end()) terminate(*found->second);
    }
    for (const RunId& id : actions.kill) {
        const auto found = live_.find(id);
        if (found != live_.end()) force(*found->second);
    }
}

void Executor::terminate(Live& live)
{
    if (!live.is_condemned) {
        live.was_over = live.end || (live.process && has_exited(*live.process)) ||
                        (live.request && live.request->is_over());
    }
    live.is_condemned = true;
    if (live.request) live.request->stop();
    if (!live.process) return;
    signal_group(*live.process, stop_signal_of(live.order));
    signal_group(*live.process, SIGCONT);  // a stopped process could not obey
}

void Executor::force(Live& live)
{
    live.is_condemned = true;
    live.is_forced = true;
    if (live.request) live.request->stop();
    if (live.process) signal_group(*live.process, SIGKILL);
    groups_.look_again();
    if (live.news) live.news->notify();
}

void Executor::start(Live& live)
{
    ++starting_;
    live.is_starting = true;
    starts_.begin(live, live.order, book_.lease_end());
}

void Executor::start_request(Live& live)
{
    if (http_ == nullptr) {
        live.report.state = RunState::failed;
        live.report.reason.detail = "this node makes no requests";
        finish(live);
        return;
    }
    const Moment start_moment = now();
    live.requested = start_moment.steady;
    live.report.started_at = start_moment.wall;
    live.request.emplace(*http_, live.order, settings_.max_output);
    book_.started(live.order.id, start_moment);
    report_start(live);
    // This process may be stopped before the request is sent, and another node have the run by
    // then.
    const bool has_lease = is_limited(live.order);
    live.request->start(
        executor_,
        [this, has_lease] { return !has_lease || clock_.steady_now() <= book_.lease_end(); },
        [this, &live] { end_request(live); });
}

void Executor::end_request(Live& live)
{
    const HttpVerdict verdict = live.request->verdict();
    RunReport& report = live.end.emplace(live.report);
    report.state = verdict.state;
    report.reason = verdict.reason;
    report.ended_at = clock_.now();
    report.use_time = std::chrono::round<milliseconds>(clock_.steady_now() - live.requested);
    report.http_status = live.request->status();
    finish(live);
}

void Executor::take_start(Live& live)
{
    --starting_;
    live.is_starting = false;
    const RunId id = live.order.id;
    take_process(live);
    if (!revocations_.wait_for(id)) return;
    const bool waits_again = !live_.contains(id) && !book_.revoke(std::array{id}).empty();
    waits_again ? revocations_.taken_back(id) : revocations_.started(id);
}

void Executor::take_process(Live& live)
{
    changed_.notify();  // it may have a timeout
    auto& process = *live.outcome;
    if (process.has_error() && may_start_later(live)) {
        live_.erase(RunId(live.order.id));  // `live` is gone
        run_ended_.notify();
        return;
    }
    if (process.has_error()) {
        const Cause cause = process.error().cause;
        live.report.reason = {cause, process.error().message};
        live.report.state = cause == Cause::node_isolated ? RunState::fenced : RunState::failed;
        finish(live);
        return;
    }
    live.process = std::move(*process);
    live.output = std::move(live.process->output);
    live.setup = std::move(live.process->setup);
    try {
        follow_process(live);
    } catch (const std::exception& e) {
        lose(live, e.what());
    }
}

/// Whether the fire waits again, because something had run out.
bool Executor::may_start_later(const Live& live)
{
    const SpawnFailure& failure = live.outcome->error();
    if (!failure.is_shortage) return false;
    const SteadyTime now = clock_.steady_now();
    if (!book_.put_back(live.order.id, failure.message, now)) return false;
    if (const auto left_out = shortages_.admit(now)) {
        spdlog::warn(
            "executor: {}; due fires wait until this is over, at most until their start deadlines "
            "({} times since the last such line)",
            failure.message, *left_out + 1);
    }
    return true;
}

void Executor::follow_process(Live& live)
{
    if (guard_ != nullptr && is_limited(live.order)) guard_->watch(live.process->pid);
    if (live.is_condemned) terminate(live);
    if (live.is_forced) force(live);
    const Moment start_moment{live.process->started_at, live.process->started};
    book_.started(live.order.id, start_moment);
    live.report.started_at = start_moment.wall;
    report_start(live);

    live.serial = ++last_serial_;
    followed_.emplace(live.serial, &live);
    // In this order: when it has ended already, its output is seen first.
    readable_.add(live.output.get(), output_token(live.serial));
    readable_.add_once(live.process->pidfd.get(), end_token(live.serial));
}

asio::awaitable<void> Executor::watch_processes()
{
    for (;;) {
        const std::vector<std::uint64_t> tokens = co_await readable_.wait();
        for (const std::uint64_t token : tokens) see(token);
        const bool was_all = tokens.size() < ReadableSet::most_at_once;
        if (was_all && live_.size() >= many_runs) co_await readable_.rest(news_interval);
    }
}

void Executor::see(std::uint64_t token)
{
    if (token == started_token) {
        for (CommandStarts::Start* const start : starts_.take()) {
            take_start(static_cast<Live&>(*start));
        }
        return;
    }
    const auto found = followed_.find(serial_of(token));
    if (found == followed_.end()) return;  // it has ended
    Live& live = *found->second;
    try {
        if (token == output_token(live.serial)) {
            read_output(live);
        } else if (live.is_condemned) {
            endings_.spawn("the end of a run", end_group(live));
        } else {
            end(live);
        }
    } catch (const std::exception& e) {
        lose(live, e.what());
    }
}

void Executor::read_output(Live& live)
{
    if (!live.output) return;
    if (read_some(live, scratch_.size()) == 0) close_output(live);
}

/// Not to the end: a background child may go on writing for ever.
void Executor::read_up_to(Live& live, std::size_t limit)
{
    while (live.output && limit > 0) {
        const ssize_t size = read_some(live, std::min(limit, scratch_.size()));
        if (size == 0) close_output(live);
        if (size <= 0) return;
        limit -= static_cast<std::size_t>(size);
    }
}

ssize_t Executor::read_some(Live& live, std::size_t limit)
{
    const ssize_t size = ::read(live.output.get(), scratch_.data(), limit);
    if (size <= 0) return size;
    const std::string_view output(scratch_.data(), static_cast<std::size_t>(size));
    if (live.setup && live.setup->mask) {
        take_output(live, live.setup->mask->hide(output));
    } else {
        take_output(live, output);
    }
    return size;
}

void Executor::take_output(Live& live, std::string_view output)
{
    live.capture.append(output);
    if (settings_.on_output) settings_.on_output(live.order.id, output);
}

void Executor::close_output(Live& live)
{
    readable_.remove(live.output.get());
    live.output.close();
    if (live.news) live.news->notify();
}

/// The command has ended, but another process has its output open: a `tee` that is about to write
/// the last lines, or a background child that stays for days.
asio::awaitable<void> Executor::read_last_output(Live& live)
{
    live.news.emplace(executor_);
    const SteadyTime limit = clock_.steady_now() + settings_.output_grace;
    while (live.output && !live.is_forced) {
        const bool has_changed = co_await live.news->wait_until(limit);
        if (!has_changed && clock_.steady_now() >= limit) break;
    }
    if (live.output) {
        int left = 0;
        ::ioctl(live.output.get(), FIONREAD, &left);
        read_up_to(live, static_cast<std::size_t>(left));
    }
    if (live.output) {
        readable_.remove(live.output.get());
        left_outputs_.add(std::move(live.output), live.order.id);
    }
    finish(live);
}

asio::awaitable<void> Executor::end_group(Live& live)
{
    try {
        live.has_survivor = co_await groups_.has_survivor(*live.process, live.is_forced);
        end(live);
    } catch (const std::exception& e) {
        lose(live, e.what());
    }
}

void Executor::end(Live& live)
{
    if (guard_ != nullptr && is_limited(live.order)) guard_->forget(live.process->pid);
    const ProcessEnd end = reap(*live.process);
    const SteadyTime started = live.process->started;
    live.process.reset();
    RunReport& report = live.end.emplace(live.report);
    report.ended_at = clock_.now();
    report.use_time = std::chrono::round<milliseconds>(clock_.steady_now() - started);
    report.exit_code = end.exit_code;
    report.term_signal = end.term_signal;
    report.cpu_time = end.cpu_time;
    report.max_rss = end.max_rss;
    report.state = has_succeeded(live.order, end.exit_code) ? RunState::success : RunState::failed;
    if (end.term_signal) {
        const char* name = ::sigdescr_np(*end.term_signal);
        report.reason.detail = fmt::format("ended by signal {} ({})", *end.term_signal,
                                           name != nullptr ? name : "real-time");
    }
    const bool may_be_oom =
        report.state == RunState::failed && live.setup && live.setup->control_group;
    if (may_be_oom && live.setup->control_group->ran_out_of_memory()) {
        const auto most = static_cast<std::size_t>(live.order.fields.job().memory_max);
        report.reason = {
            Cause::oom, fmt::format("it wanted more than its memory_max of {}", format_size(most))};
    }
    read_up_to(live, output_at_once);
    if (!live.output) {
        finish(live);
    } else {
        endings_.spawn("the last output of a run", read_last_output(live));
    }
}

void Executor::lose(Live& live, const char* why)
{
    spdlog::error("executor: {}: {}", to_string(live.order.id), why);
    live.report.state = RunState::failed;
    live.report.reason.detail =
        fmt::format("this node lost track of the run and killed it: {}", why);
    // Not reaped: a blocking wait has no place here, and the zombie keeps the number from being
    // used again.
    if (live.process) {
        signal_group(*live.process, SIGKILL);
        readable_.remove(live.process->pidfd.get());
    }
    if (live.output) close_output(live);
    finish(live);
}

void Executor::finish(Live& live)
{
    RunReport end = std::move(live.end ? *live.end : live.report);
    // What had ended by itself is what it is; but the warden kills in this process's name.
    const bool was_free = live.was_over || !live.is_condemned;
    const bool by_itself = was_free && end.term_signal != SIGKILL;
    auto verdict = book_.ended(live.order.id, clock_.steady_now());
    if (verdict && !by_itself) {
        end.state = verdict->state;
        end.reason = std::move(verdict->reason);
        if (live.request) {
            if (!end.reason.detail.empty()) end.reason.detail += ", ";
            end.reason.detail += live.request->progress();
        }
    }
    if (live.has_survivor) end.reason.detail += "; a process of it survived SIGKILL";
    if (!end.ended_at) end.ended_at = clock_.now();
    if (live.setup && live.setup->mask) take_output(live, live.setup->mask->rest());
    end.output = live.request ? live.request->output() : live.capture.text();
    if (live.request && settings_.on_output) settings_.on_output(live.order.id, end.output);
    end.output_bytes = live.request ? live.request->output_bytes() : live.capture.total();
    const RunId id = live.order.id;
    followed_.erase(live.serial);
    live_.erase(id);  // `live` is gone
    report(end);
    changed_.notify();
    run_ended_.notify();
}

void Executor::report_start(const Live& live)
{
    if (metrics_ && !live.report.rehearsal) {
        metrics_->count_start(live.report, live.order.due_at.value_or(live.order.id.scheduled_at));
    }
    on_report_(live.report);
}

void Executor::report(const RunReport& report)
{
    if (metrics_ && !report.rehearsal) metrics_->count_end(report);
    on_report_(report);
}

Moment Executor::now() const
{
    return Moment{clock_.now(), clock_.steady_now()};
}

RunReport Executor::blank_report(const RunOrder& order) const
{
    RunReport blank;
    blank.id = order.id;
    blank.run_server = settings_.node;
    blank.dispatch_server = order.dispatch_server;
    blank.epoch = order.epoch;
    blank.rehearsal = order.rehearsal;
    return blank;
}

}  // namespace peercron
