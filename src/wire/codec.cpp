#include "wire/codec.hpp"

#include "wire/limits.hpp"
#include "wire/peer.pb.h"

#include <google/protobuf/arena.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

namespace peercron {
namespace {

using google::protobuf::Arena;

/// Thrown inside decode() only.
struct Malformed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// For each type: write(value, bytes) and read(bytes) → value. `read` moves strings out of what
// it reads.

void write(const RunId& id, pb::RunId& out)
{
    out.set_job(id.job);
    out.set_scheduled_at(to_unix_millis(id.scheduled_at));
    out.set_attempt(id.attempt);
    out.set_part(id.part);
    if (id.parts != 1) out.set_parts(id.parts);
    if (!id.node.empty()) out.set_node(id.node);
}

RunId read(const pb::RunId& in)
{
    return {.job = in.job(),
            .scheduled_at = from_unix_millis(in.scheduled_at()),
            .attempt = in.attempt(),
            .part = in.part(),
            .parts = std::max(in.parts(), 1),
            .node = in.node()};
}

pb::Overlap write(Overlap overlap)
{
    switch (overlap) {
        case Overlap::allow:
            return pb::OVERLAP_UNSPECIFIED;
        case Overlap::skip:
            return pb::OVERLAP_SKIP;
        case Overlap::queue:
            return pb::OVERLAP_QUEUE;
        case Overlap::replace:
            return pb::OVERLAP_REPLACE;
    }
    throw std::logic_error("an overlap policy without a name on the wire");
}

Concurrency read_concurrency(const pb::RunOrder& in)
{
    Concurrency concurrency;
    concurrency.limit = in.concurrency_limit();
    // An older dispatcher knows one at a time only.
    if (concurrency.limit == 0 && in.is_mutex()) concurrency.limit = 1;
    // What a newer one may know besides is taken for the mildest.
    if (in.at_limit() == pb::OVERLAP_QUEUE) concurrency.at_limit = Overlap::queue;
    if (in.at_limit() == pb::OVERLAP_REPLACE) concurrency.at_limit = Overlap::replace;
    return concurrency;
}

void write(const RunOrder& order, pb::RunOrder& out)
{
    write(order.id, *out.mutable_id());
    out.set_command(order.command);
    out.set_timeout_s(order.timeout.count());
    out.set_is_mutex(order.concurrency.limit > 0);
    out.set_concurrency_limit(order.concurrency.limit);
    out.set_at_limit(write(order.concurrency.at_limit));
    if (!order.fields.empty()) out.set_fields(order.fields.text());
    for (const std::int64_t limit : order.lock_limits) out.add_lock_limits(limit);
    for (const std::string& input : order.inputs) out.add_inputs(input);
    if (!order.parent.empty()) out.set_parent(order.parent);
    out.set_start_at(to_unix_millis(order.start_at));
    out.set_start_by(to_unix_millis(order.start_by));
    if (order.due_at) out.set_due_at(to_unix_millis(*order.due_at));
    out.set_epoch(order.epoch);
    out.set_dispatch_server(order.dispatch_server);
    out.set_last_attempt(order.last_attempt);
    out.set_rehearsal(order.rehearsal);
}

RunOrder read(pb::RunOrder& in)
{
    std::optional<WallTime> due_at;
    if (in.has_due_at()) due_at = from_unix_millis(in.due_at());
    return {.id = read(in.id()),
            .command = std::move(*in.mutable_command()),
            .timeout = std::chrono::seconds(in.timeout_s()),
            .concurrency = read_concurrency(in),
            .fields = NodeFields::parse(in.fields()).value_or(NodeFields()),
            .lock_limits = {in.lock_limits().begin(), in.lock_limits().end()},
            .inputs = {in.inputs().begin(), in.inputs().end()},
            .parent = std::move(*in.mutable_parent()),
            .start_at = from_unix_millis(in.start_at()),
            .start_by = from_unix_millis(in.start_by()),
            .due_at = due_at,
            .epoch = in.epoch(),
            .dispatch_server = std::move(*in.mutable_dispatch_server()),
            .last_attempt = in.last_attempt(),
            .rehearsal = in.rehearsal()};
}

pb::RunState write(RunState state)
{
    switch (state) {
        case RunState::planned:
            return pb::RUN_STATE_PLANNED;
        case RunState::running:
            return pb::RUN_STATE_RUNNING;
        case RunState::success:
            return pb::RUN_STATE_SUCCESS;
        case RunState::failed:
            return pb::RUN_STATE_FAILED;
        case RunState::timeout:
            return pb::RUN_STATE_TIMEOUT;
        case RunState::killed:
            return pb::RUN_STATE_KILLED;
        case RunState::lost:
            return pb::RUN_STATE_LOST;
        case RunState::fenced:
            return pb::RUN_STATE_FENCED;
        case RunState::skipped:
            return pb::RUN_STATE_SKIPPED;
        case RunState::revoked:
            return pb::RUN_STATE_REVOKED;
    }
    throw std::logic_error("a run state without a name on the wire");
}

RunState read(pb::RunState state)
{
    switch (state) {
        case pb::RUN_STATE_PLANNED:
            return RunState::planned;
        case pb::RUN_STATE_RUNNING:
            return RunState::running;
        case pb::RUN_STATE_SUCCESS:
            return RunState::success;
        case pb::RUN_STATE_FAILED:
            return RunState::failed;
        case pb::RUN_STATE_TIMEOUT:
            return RunState::timeout;
        case pb::RUN_STATE_KILLED:
            return RunState::killed;
        case pb::RUN_STATE_LOST:
            return RunState::lost;
        case pb::RUN_STATE_FENCED:
            return RunState::fenced;
        case pb::RUN_STATE_SKIPPED:
            return RunState::skipped;
        case pb::RUN_STATE_REVOKED:
            return RunState::revoked;
        default:
            throw Malformed("unknown run state " + std::to_string(static_cast<int>(state)));
    }
}

void write(const RunReport& report, pb::RunReport& out)
{
    write(report.id, *out.mutable_id());
    out.set_state(write(report.state));
    out.set_reason(to_string(report.reason));
    out.set_run_server(report.run_server);
    out.set_dispatch_server(report.dispatch_server);
    out.set_epoch(report.epoch);
    if (report.started_at) out.set_started_at(to_unix_millis(*report.started_at));
    if (report.ended_at) out.set_ended_at(to_unix_millis(*report.ended_at));
    out.set_use_time_ms(report.use_time.count());
    if (report.exit_code) out.set_exit_code(*report.exit_code);
    if (report.term_signal) out.set_term_signal(*report.term_signal);
    if (report.http_status) out.set_http_status(*report.http_status);
    out.set_cpu_time_ms(report.cpu_time.count());
    out.set_max_rss(report.max_rss);
    out.set_output(report.output);
    out.set_output_bytes(report.output_bytes);
    out.set_rehearsal(report.rehearsal);
}

RunReport read(pb::RunReport& in)
{
    RunReport report{.id = read(in.id()),
                     .state = read(in.state()),
                     .reason = parse_reason(in.reason()),
                     .run_server = std::move(*in.mutable_run_server()),
                     .dispatch_server = std::move(*in.mutable_dispatch_server()),
                     .epoch = in.epoch(),
                     .started_at = {},
                     .ended_at = {},
                     .use_time = std::chrono::milliseconds(in.use_time_ms()),
                     .exit_code = {},
                     .term_signal = {},
                     .http_status = {},
                     .cpu_time = std::chrono::milliseconds(in.cpu_time_ms()),
                     .max_rss = in.max_rss(),
                     .output = std::move(*in.mutable_output()),
                     .output_bytes = in.output_bytes(),
                     .rehearsal = in.rehearsal()};
    if (in.has_started_at()) report.started_at = from_unix_millis(in.started_at());
    if (in.has_ended_at()) report.ended_at = from_unix_millis(in.ended_at());
    if (in.has_exit_code()) report.exit_code = in.exit_code();
    if (in.has_term_signal()) report.term_signal = in.term_signal();
    if (in.has_http_status()) report.http_status = in.http_status();
    return report;
}

void write(const PlannedRun& run, pb::PlannedRun& out)
{
    write(run.id, *out.mutable_id());
    out.set_state(write(run.state));
    out.set_reason(to_string(run.reason));
    out.set_run_server(run.run_server);
    out.set_dispatched_at(to_unix_millis(run.dispatched_at));
    out.set_requested_by(run.requested_by);
    out.set_fires(run.fires);
    out.set_gap_end(to_unix_millis(run.gap_end));
    if (run.retry_at) out.set_retry_at(to_unix_millis(*run.retry_at));
}

PlannedRun read(pb::PlannedRun& in)
{
    std::optional<WallTime> retry_at;
    if (in.has_retry_at()) retry_at = from_unix_millis(in.retry_at());
    return {.id = read(in.id()),
            .state = read(in.state()),
            .reason = parse_reason(in.reason()),
            .run_server = std::move(*in.mutable_run_server()),
            .dispatched_at = from_unix_millis(in.dispatched_at()),
            .requested_by = std::move(*in.mutable_requested_by()),
            .fires = in.fires(),
            .gap_end = from_unix_millis(in.gap_end()),
            .retry_at = retry_at};
}

void write(const NodeLoad& load, pb::NodeLoad& out)
{
    out.set_node(load.node);
    out.set_version(load.version);
    out.set_slots(load.slots);
    out.set_running(load.running);
    out.set_held(load.held);
    out.set_queued(load.queued);
    out.set_draining(load.draining);
    out.set_connected(load.connected);
    out.set_clock_offset_ms(load.clock_offset.count());
    out.set_clock_known(load.clock_known);
}

NodeLoad read(pb::NodeLoad& in)
{
    return {.node = std::move(*in.mutable_node()),
            .version = std::move(*in.mutable_version()),
            .slots = in.slots(),
            .running = in.running(),
            .held = in.held(),
            .queued = in.queued(),
            .draining = in.draining(),
            .connected = in.connected(),
            .clock_offset = std::chrono::milliseconds(in.clock_offset_ms()),
            .clock_known = in.clock_known()};
}

template <class Value, class Repeated>
void write_all(const std::vector<Value>& values, Repeated& out)
{
    out.Reserve(static_cast<int>(values.size()));
    for (const Value& value : values) write(value, *out.Add());
}

template <class Value, class Repeated>
std::vector<Value> read_all(Repeated& in)
{
    std::vector<Value> values;
    values.reserve(static_cast<std::size_t>(in.size()));
    for (auto& value : in) values.push_back(read(value));
    return values;
}

/// Puts each kind of message into its place of the envelope.
struct Writer {
    pb::Envelope& out;

    void operator()(const TermHello& hello) const
    {
        pb::TermHello& to = *out.mutable_term_hello();
        to.set_epoch(hello.epoch);
        to.set_dispatcher(hello.dispatcher);
        to.set_knows_rehearsals(hello.knows_rehearsals);
    }
    void operator()(const Account& account) const
    {
        pb::Account& to = *out.mutable_account();
        to.set_node(account.node);
        to.set_incarnation(account.incarnation);
        to.set_uptime(account.uptime.count());
        to.set_first_epoch(account.first_epoch);
        to.set_draining(account.draining);
        to.set_newest_epoch(account.newest_epoch);
        to.set_slots(account.slots);
        write_all(account.held, *to.mutable_held());
        write_all(account.running, *to.mutable_running());
        write_all(account.ended, *to.mutable_ended());
        write_all(account.started, *to.mutable_started());
        to.set_has_journal(account.has_journal);
        for (const std::string& name : account.known_fields) to.add_known_fields(name);
        for (const std::string& label : account.labels) to.add_labels(label);
    }
    void operator()(const RunOrders& orders) const
    {
        write_all(orders.orders, *out.mutable_run_orders()->mutable_orders());
    }
    void operator()(const Revoke& revoke) const
    {
        pb::Revoke& to = *out.mutable_revoke();
        to.set_request(revoke.request);
        write_all(revoke.runs, *to.mutable_runs());
    }
    void operator()(const Revoked& revoked) const
    {
        pb::Revoked& to = *out.mutable_revoked();
        to.set_request(revoked.request);
        write_all(revoked.revoked, *to.mutable_revoked());
    }
    void operator()(const RunReports& reports) const
    {
        write_all(reports.reports, *out.mutable_run_reports()->mutable_reports());
    }
    void operator()(const KillRun& kill) const
    {
        pb::KillRun& to = *out.mutable_kill_run();
        write(kill.run, *to.mutable_run());
        to.set_reason(to_string(kill.reason));
    }
    void operator()(const DispatcherBeat& beat) const
    {
        pb::DispatcherBeat& to = *out.mutable_dispatcher_beat();
        to.set_epoch(beat.epoch);
        to.set_sent_at(to_unix_millis(beat.sent_at));
        write_all(beat.nodes, *to.mutable_nodes());
        to.set_unheard(beat.unheard);
        if (beat.stops_known) to.set_stops_known(*beat.stops_known);
    }
    void operator()(const NodeBeat& beat) const
    {
        pb::NodeBeat& to = *out.mutable_node_beat();
        to.set_echo(to_unix_millis(beat.echo));
        to.set_sent_at(to_unix_millis(beat.sent_at));
        write(beat.load, *to.mutable_load());
        to.set_stops(beat.stops);
    }
    void operator()(const JobChanged& changed) const
    {
        pb::JobChanged& to = *out.mutable_job_changed();
        to.set_request(changed.request);
        to.mutable_jobs()->Add(changed.jobs.begin(), changed.jobs.end());
    }
    void operator()(const RunNow& run) const
    {
        pb::RunNow& to = *out.mutable_run_now();
        to.set_request(run.request);
        to.set_job(run.job);
        to.set_requested_by(run.requested_by);
    }
    void operator()(const EndRun& end) const
    {
        pb::EndRun& to = *out.mutable_end_run();
        to.set_request(end.request);
        write(end.run, *to.mutable_run());
        to.set_reason(to_string(end.reason));
    }
    void operator()(const RetryRun& retry) const
    {
        pb::RetryRun& to = *out.mutable_retry_run();
        to.set_request(retry.request);
        write(retry.run, *to.mutable_run());
        to.set_requested_by(retry.requested_by);
    }
    void operator()(const OutputAsk& ask) const
    {
        pb::OutputAsk& to = *out.mutable_output_ask();
        to.set_request(ask.request);
        write(ask.run, *to.mutable_run());
        to.set_from(ask.from);
        to.set_most(ask.most);
        to.set_wait_ms(ask.wait.count());
    }
    void operator()(const OutputPiece& piece) const
    {
        pb::OutputPiece& to = *out.mutable_output_piece();
        to.set_request(piece.request);
        to.set_is_there(piece.part.is_there);
        to.set_from(piece.part.from);
        to.set_total(piece.part.total);
        to.set_output(piece.part.bytes);
        to.set_error(piece.error);
    }
    void operator()(const StepCopy& copy) const
    {
        const PlanStep& step = copy.step;
        pb::PlanStep& to = *out.mutable_step_copy()->mutable_step();
        to.set_epoch(step.epoch);
        to.set_number(step.number);
        to.set_dispatch_server(step.dispatch_server);
        to.set_planned_through(to_unix_millis(step.planned_through));
        write_all(step.runs, *to.mutable_runs());
        write_all(step.ended, *to.mutable_ended());
        write_all(step.moved, *to.mutable_moved());
    }
    void operator()(const StepKept& kept) const
    {
        pb::StepKept& to = *out.mutable_step_kept();
        to.set_epoch(kept.step.epoch);
        to.set_number(kept.step.number);
        to.set_durable(kept.durable);
    }
    void operator()(const TermOver& over) const { out.mutable_term_over()->set_epoch(over.epoch); }
    void operator()(const NodeDied& died) const
    {
        pb::NodeDied& message = *out.mutable_node_died();
        message.set_incarnation(died.incarnation);
        message.set_ago_ms(died.ago.count());
        message.set_lived_ms(died.lived.count());
    }
    void operator()(const DeathHeard& heard) const
    {
        out.mutable_death_heard()->set_incarnation(heard.incarnation);
    }
    void operator()(const StepsStored& stored) const
    {
        pb::StepsStored& to = *out.mutable_steps_stored();
        to.set_epoch(stored.through.epoch);
        to.set_number(stored.through.number);
    }
    void operator()(const Done& done) const
    {
        pb::Done& to = *out.mutable_done();
        to.set_request(done.request);
        to.set_error(done.error);
        if (done.run) write(*done.run, *to.mutable_run());
    }
};

Message read(pb::TermHello& in)
{
    return TermHello{.epoch = in.epoch(),
                     .dispatcher = std::move(*in.mutable_dispatcher()),
                     .knows_rehearsals = in.knows_rehearsals()};
}

Message read(pb::Account& in)
{
    return Account{.node = std::move(*in.mutable_node()),
                   .incarnation = in.incarnation(),
                   .uptime = std::chrono::milliseconds(in.uptime()),
                   .first_epoch = in.first_epoch(),
                   .draining = in.draining(),
                   .newest_epoch = in.newest_epoch(),
                   .slots = in.slots(),
                   .held = read_all<RunOrder>(*in.mutable_held()),
                   .running = read_all<RunReport>(*in.mutable_running()),
                   .ended = read_all<RunReport>(*in.mutable_ended()),
                   .started = read_all<RunOrder>(*in.mutable_started()),
                   .has_journal = in.has_journal(),
                   .known_fields = {in.known_fields().begin(), in.known_fields().end()},
                   .labels = {in.labels().begin(), in.labels().end()}};
}

Message read(pb::RunOrders& in)
{
    for (const pb::RunOrder& order : in.orders()) {
        // To run the job without them would be to run another one. In an account they do no harm.
        if (!NodeFields::parse(order.fields())) {
            throw Malformed("an order with job fields that this node does not know: " +
                            order.fields());
        }
    }
    return RunOrders{read_all<RunOrder>(*in.mutable_orders())};
}

Message read(pb::DispatcherBeat& in)
{
    DispatcherBeat beat;
    beat.epoch = in.epoch();
    beat.sent_at = from_unix_millis(in.sent_at());
    beat.nodes = read_all<NodeLoad>(*in.mutable_nodes());
    beat.unheard = in.unheard();
    if (in.has_stops_known()) beat.stops_known = in.stops_known();
    return beat;
}

Message read(pb::NodeBeat& in)
{
    return NodeBeat{.echo = from_unix_millis(in.echo()),
                    .sent_at = from_unix_millis(in.sent_at()),
                    .load = read(*in.mutable_load()),
                    .stops = in.stops()};
}

Message read(pb::Done& in)
{
    Done done;
    done.request = in.request();
    done.error = std::move(*in.mutable_error());
    if (in.has_run()) done.run = read(in.run());
    return done;
}

Message read(pb::OutputAsk& in)
{
    return OutputAsk{.request = in.request(),
                     .run = read(in.run()),
                     .from = in.from(),
                     .most = in.most(),
                     .wait = std::chrono::milliseconds(in.wait_ms())};
}

Message read(pb::OutputPiece& in)
{
    OutputPiece piece;
    piece.request = in.request();
    piece.part.is_there = in.is_there();
    piece.part.from = in.from();
    piece.part.total = in.total();
    piece.part.bytes = std::move(*in.mutable_output());
    piece.error = std::move(*in.mutable_error());
    return piece;
}

Message read(pb::StepCopy& in)
{
    pb::PlanStep& step = *in.mutable_step();
    StepCopy copy;
    copy.step.epoch = step.epoch();
    copy.step.number = step.number();
    copy.step.dispatch_server = std::move(*step.mutable_dispatch_server());
    copy.step.planned_through = from_unix_millis(step.planned_through());
    copy.step.runs = read_all<PlannedRun>(*step.mutable_runs());
    copy.step.ended = read_all<RunReport>(*step.mutable_ended());
    copy.step.moved = read_all<PlannedRun>(*step.mutable_moved());
    return copy;
}

std::optional<Message> read(pb::Envelope& in)
{
    switch (in.kind_case()) {
        case pb::Envelope::kTermHello:
            return read(*in.mutable_term_hello());
        case pb::Envelope::kAccount:
            return read(*in.mutable_account());
        case pb::Envelope::kRunOrders:
            return read(*in.mutable_run_orders());
        case pb::Envelope::kRevoke:
            return Revoke{in.revoke().request(),
                          read_all<RunId>(*in.mutable_revoke()->mutable_runs())};
        case pb::Envelope::kRevoked:
            return Revoked{in.revoked().request(),
                           read_all<RunId>(*in.mutable_revoked()->mutable_revoked())};
        case pb::Envelope::kRunReports:
            return RunReports{read_all<RunReport>(*in.mutable_run_reports()->mutable_reports())};
        case pb::Envelope::kKillRun:
            return KillRun{read(in.kill_run().run()), parse_reason(in.kill_run().reason())};
        case pb::Envelope::kDispatcherBeat:
            return read(*in.mutable_dispatcher_beat());
        case pb::Envelope::kNodeBeat:
            return read(*in.mutable_node_beat());
        case pb::Envelope::kJobChanged:
            return JobChanged{in.job_changed().request(),
                              {in.job_changed().jobs().begin(), in.job_changed().jobs().end()}};
        case pb::Envelope::kRunNow:
            return RunNow{in.run_now().request(), in.run_now().job(),
                          std::move(*in.mutable_run_now()->mutable_requested_by())};
        case pb::Envelope::kEndRun:
            return EndRun{in.end_run().request(), read(in.end_run().run()),
                          parse_reason(in.end_run().reason())};
        case pb::Envelope::kRetryRun:
            return RetryRun{in.retry_run().request(), read(in.retry_run().run()),
                            std::move(*in.mutable_retry_run()->mutable_requested_by())};
        case pb::Envelope::kOutputAsk:
            return read(*in.mutable_output_ask());
        case pb::Envelope::kOutputPiece:
            return read(*in.mutable_output_piece());
        case pb::Envelope::kDone:
            return read(*in.mutable_done());
        case pb::Envelope::kStepCopy:
            return read(*in.mutable_step_copy());
        case pb::Envelope::kStepKept:
            return StepKept{{in.step_kept().epoch(), in.step_kept().number()},
                            in.step_kept().durable()};
        case pb::Envelope::kStepsStored:
            return StepsStored{{in.steps_stored().epoch(), in.steps_stored().number()}};
        case pb::Envelope::kTermOver:
            return TermOver{in.term_over().epoch()};
        case pb::Envelope::kNodeDied:
            return NodeDied{in.node_died().incarnation(),
                            std::chrono::milliseconds(in.node_died().ago_ms()),
                            std::chrono::milliseconds(in.node_died().lived_ms())};
        case pb::Envelope::kDeathHeard:
            return DeathHeard{in.death_heard().incarnation()};
        case pb::Envelope::KIND_NOT_SET:
            break;
    }
    // A kind of the future is a message like the others; anything else is no envelope at all.
    const auto& unknown = pb::Envelope::GetReflection()->GetUnknownFields(in);
    for (int i = 0; i < unknown.field_count(); ++i) {
        const auto& field = unknown.field(i);
        if (field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
            return std::nullopt;
        }
    }
    throw Malformed("no message in it");
}

}  // namespace

std::string encode(const Message& message)
{
    std::string out;
    append_encoded(out, message);
    return out;
}

void append_encoded(std::string& out, const Message& message)
{
    Arena arena;
    auto& envelope = *Arena::CreateMessage<pb::Envelope>(&arena);
    std::visit(Writer{envelope}, message);
    if (!envelope.AppendToString(&out)) {
        throw std::length_error("a message to a peer is larger than 2 GiB");
    }
}

Result<std::optional<Message>> decode(std::string_view payload)
{
    if (payload.size() > std::size_t{std::numeric_limits<int>::max()}) {
        return Error{"a message of more than 2 GiB"};
    }
    if (const auto excess = find_excess(payload, *pb::Envelope::descriptor())) {
        return Error{fmt::format("{} bytes that are not a message: {}", payload.size(), *excess)};
    }
    Arena arena;
    auto& envelope = *Arena::CreateMessage<pb::Envelope>(&arena);
    if (!envelope.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
        return Error{fmt::format("{} bytes that are not a message", payload.size())};
    }
    try {
        return read(envelope);
    } catch (const Malformed& error) {
        return Error{
            fmt::format("{} bytes that are not a message: {}", payload.size(), error.what())};
    }
}

std::string encode_report(const RunReport& report)
{
    pb::RunReport message;
    write(report, message);
    std::string out;
    if (!message.AppendToString(&out)) throw std::length_error("a report larger than 2 GiB");
    return out;
}

Result<RunReport> decode_report(std::string_view bytes)
{
    pb::RunReport message;
    if (bytes.size() > std::size_t{std::numeric_limits<int>::max()} ||
        !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
        !message.has_id()) {
        return Error{fmt::format("{} bytes that are not the report of a run", bytes.size())};
    }
    try {
        return read(message);
    } catch (const Malformed& error) {
        return Error{fmt::format("{} bytes that are not the report of a run: {}", bytes.size(),
                                 error.what())};
    }
}

}  // namespace peercron
