#include "node/agent.hpp"

#include "base/overloaded.hpp"
#include "model/run_request.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How long an API call waits for the dispatcher: an election, and some.
constexpr auto announce_limit = 10s;

bool needs_rehearsals(const RunNow& asked)
{
    return is_rehearsal(asked.requested_by);
}
/// A further attempt of a rehearsal stands with a dispatcher that knew what it is.
template <class Asked>
bool needs_rehearsals(const Asked&)
{
    return false;
}

}  // namespace

Agent::Agent(asio::any_io_executor executor, const Clock& clock, Identity identity, Runs& runs,
             const Recorder& recorder, StepKeeper& steps)
    : clock_(clock),
      identity_(std::move(identity)),
      runs_(runs),
      recorder_(recorder),
      steps_(steps),
      changed_(std::move(executor))
{}

asio::awaitable<void> Agent::converse(std::unique_ptr<Channel> channel)
{
    Session session;
    session.channel = channel.get();
    struct Detach {
        Agent& agent;
        Session& session;
        ~Detach()
        {
            if (agent.is_current(session)) agent.current_ = nullptr;
            agent.changed_.notify();
        }
    };
    const Detach detach{*this, session};
    const auto on_message = [this, &session](Message message) {
        handle(session, std::move(message));
    };
    const ChannelEnd end = co_await channel->run(on_message);
    if (session.dispatcher.empty()) co_return;
    spdlog::info("node: the dispatcher {} of epoch {} has left: {}", session.dispatcher,
                 session.epoch, end.why);
}

void Agent::report(const RunReport& report)
{
    if (current_ == nullptr) return;  // the next dispatcher asks for an account
    RunReport brief;                  // the output goes to the store only
    brief.id = report.id;
    brief.state = report.state;
    brief.reason = report.reason;
    brief.run_server = report.run_server;
    brief.dispatch_server = report.dispatch_server;
    brief.epoch = report.epoch;
    brief.started_at = report.started_at;
    brief.ended_at = report.ended_at;
    brief.use_time = report.use_time;
    brief.exit_code = report.exit_code;
    brief.rehearsal = report.rehearsal;
    brief.term_signal = report.term_signal;
    brief.http_status = report.http_status;
    brief.cpu_time = report.cpu_time;
    brief.max_rss = report.max_rss;
    brief.output_bytes = report.output_bytes;
    RunReports message;
    message.reports.push_back(std::move(brief));
    current_->channel->send(message);
}

void Agent::kept(const StepKept& step)
{
    if (current_ != nullptr) current_->channel->send(step);
}

asio::awaitable<Result<void>> Agent::announce(std::vector<JobId> jobs)
{
    JobChanged message;
    message.jobs = std::move(jobs);
    const Result<Done> done = co_await ask(std::move(message), Repeat::safe);
    if (!done) co_return done.error();
    co_return Result<void>();
}

asio::awaitable<Result<RunId>> Agent::run_now(JobId job, std::string requested_by)
{
    RunNow message;
    message.job = job;
    message.requested_by = std::move(requested_by);
    const Result<Done> done = co_await ask(std::move(message), Repeat::unsafe);
    if (!done) co_return done.error();
    if (!done->run) co_return Error{"the dispatcher is too old to run a job on request"};
    co_return *done->run;
}

asio::awaitable<Result<void>> Agent::end_run(RunId run, Reason reason)
{
    EndRun message;
    message.run = run;
    message.reason = std::move(reason);
    const Result<Done> done = co_await ask(std::move(message), Repeat::safe);
    if (!done) co_return done.error();
    co_return Result<void>();
}

asio::awaitable<Result<RunId>> Agent::retry_run(RunId run, std::string requested_by)
{
    RetryRun message;
    message.run = run;
    message.requested_by = std::move(requested_by);
    const Result<Done> done = co_await ask(std::move(message), Repeat::unsafe);
    if (!done) co_return done.error();
    if (!done->run) co_return Error{"the dispatcher did not say which run it is"};
    co_return *done->run;
}

template <class Asked>
asio::awaitable<Result<Done>> Agent::ask(Asked message, Repeat repeat)
{
    const auto deadline = clock_.steady_now() + announce_limit;
    for (;;) {
        if (current_ == nullptr) {
            const bool notified = co_await changed_.wait_until(deadline);
            if (notified) continue;
            co_return Error{"there is no dispatcher at the moment"};
        }
        if (needs_rehearsals(message) && !current_->knows_rehearsals) {
            co_return Error{
                fmt::format("{}, which dispatches, is of a version that does not know "
                            "rehearsals",
                            current_->dispatcher)};
        }
        const Session* asked = current_;
        const Epoch epoch = current_->epoch;
        message.request = ++last_request_;
        current_->channel->send(message);
        bool in_time = true;
        while (in_time && current_ == asked && current_->epoch == epoch &&
               !answers_.contains(message.request)) {
            in_time = co_await changed_.wait_until(deadline);
        }
        auto answer = answers_.extract(message.request);
        if (answer && answer.mapped().error.empty()) co_return std::move(answer.mapped());
        if (answer) co_return Error{answer.mapped().error};
        if (!in_time) co_return Error{"the dispatcher did not answer in time"};
        // It has left; its successor is asked.
        if (repeat == Repeat::unsafe) {
            co_return Error{
                "the dispatcher left before it answered: it is not known whether this was done"};
        }
    }
}

void Agent::begin_draining()
{
    draining_ = true;
    if (current_ == nullptr) return;
    NodeBeat message;
    message.echo = message.sent_at = clock_.now();
    message.load = load();
    message.stops = runs_.stops();
    current_->channel->send(message);
}

Roster Agent::roster() const
{
    Roster told = roster_;
    if (told.by.empty()) return told;
    // By the steady clock, since this node's may have been set meanwhile.
    const auto since =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady_now() - beat_at_);
    told.ahead = dispatcher_clock_ + since - clock_.now();
    return told;
}

void Agent::handle(Session& session, Message message)
{
    // Only a hello is taken from a dispatcher that is not the newest.
    if (const auto* greeting = std::get_if<TermHello>(&message)) {
        hello(session, *greeting);
        return;
    }
    if (!is_current(session)) return;
    const auto on_orders = [&](RunOrders& orders) {
        std::vector<RunId> not_here = runs_.accept(std::move(orders));
        if (!not_here.empty()) session.channel->send(Revoked{0, std::move(not_here)});
    };
    const auto on_revoke = [&](const Revoke& revoke) {
        // Later, the dispatcher may have come back; then it asks again, but this is true as well.
        runs_.revoke(revoke.runs, [this, epoch = session.epoch,
                                   request = revoke.request](std::vector<RunId> revoked) {
            if (current_ == nullptr || current_->epoch != epoch) return;
            current_->channel->send(Revoked{request, std::move(revoked)});
        });
    };
    const auto on_kill = [&](KillRun& kill) { runs_.kill(kill.run, std::move(kill.reason)); };
    const auto on_beat = [&](DispatcherBeat& news) { beat(session, std::move(news)); };
    const auto on_done = [&](Done& done) {
        const std::uint64_t request = done.request;
        answers_[request] = std::move(done);
        changed_.notify();
        // Nobody waits any more for what was asked long ago.
        while (answers_.size() > 1000) answers_.erase(answers_.begin());
    };
    const auto on_copy = [&](StepCopy& copy) {
        if (copy.step.epoch == session.epoch) steps_.keep(std::move(copy.step));
    };
    const auto on_stored = [&](const StepsStored& stored) {
        if (stored.through.epoch <= session.epoch) steps_.stored(stored.through);
    };
    const auto ignore = [](const auto&) {};  // not for a node
    std::visit(
        Overloaded{on_orders, on_revoke, on_kill, on_beat, on_done, on_copy, on_stored, ignore},
        message);
}

void Agent::hello(Session& session, const TermHello& hello)
{
    if (!is_plausible_epoch(hello.epoch, runs_.newest_epoch())) {
        spdlog::error(
            "node: refused {}, which claims to dispatch in epoch {}: that is impossibly high, the "
            "newest epoch heard of is {}. Is that node's program or machine broken?",
            hello.dispatcher, hello.epoch, runs_.newest_epoch());
        session.channel->close();
        return;
    }
    if (!runs_.dispatcher_heard(hello.epoch)) {
        spdlog::warn("node: refused {}, a dispatcher of epoch {}: epoch {} has been heard",
                     hello.dispatcher, hello.epoch, runs_.newest_epoch());
    } else {
        if (first_epoch_ == 0) first_epoch_ = hello.epoch;
        session.epoch = hello.epoch;
        session.dispatcher = hello.dispatcher;
        session.knows_rehearsals = hello.knows_rehearsals;
        current_ = &session;
        spdlog::info("node: {} dispatches in epoch {}", hello.dispatcher, hello.epoch);
        changed_.notify();
        for (PlanStep& step : steps_.steps()) session.channel->send(StepCopy{std::move(step)});
    }
    session.channel->send(account());
}

void Agent::beat(Session& session, DispatcherBeat beat)
{
    if (beat.epoch != session.epoch || beat.epoch < runs_.newest_epoch()) return;
    if (!beat.unheard) runs_.dispatcher_heard(beat.epoch);
    const std::uint64_t stops = runs_.stops();
    runs_.stops_known(beat.stops_known.value_or(stops));
    if (!beat.nodes.empty()) roster_.nodes = std::move(beat.nodes);
    roster_.by = session.dispatcher;
    dispatcher_clock_ = beat.sent_at;
    beat_at_ = clock_.steady_now();
    NodeBeat answer;
    answer.echo = beat.sent_at;
    answer.sent_at = clock_.now();
    answer.load = load();
    answer.stops = stops;
    session.channel->send(answer);
}

Account Agent::account() const
{
    Account account;
    account.node = identity_.name;
    account.incarnation = identity_.incarnation;
    account.uptime =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.steady_now() - began_);
    account.first_epoch = first_epoch_;
    account.draining = draining_;
    account.newest_epoch = runs_.newest_epoch();
    account.slots = runs_.load().slots;
    account.held = runs_.held();
    account.running = runs_.running();
    account.ended = recorder_.pending();
    account.started = runs_.started();
    account.has_journal = steps_.is_durable();
    account.labels = identity_.labels;
    account.known_fields = names_of_needs(fields_for_nodes());
    account.known_fields.emplace_back(rehearsal_need);
    account.known_fields.emplace_back(parts_need);
    return account;
}

NodeLoad Agent::load() const
{
    NodeLoad load = runs_.load();
    load.node = identity_.name;
    load.version = identity_.version;
    load.draining = draining_;
    return load;
}

}  // namespace peercron
