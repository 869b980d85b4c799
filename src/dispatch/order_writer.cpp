#include "dispatch/order_writer.hpp"

#include "model/retry.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <tuple>
#include <utility>

namespace peercron {
namespace {

/// What an order has from its job: in this order, …
auto work_in(RunOrder& order)
{
    return std::tie(order.command, order.timeout, order.concurrency, order.fields,
                    order.lock_limits, order.last_attempt);
}
auto work_in(const RunOrder& order)
{
    return std::tie(order.command, order.timeout, order.concurrency, order.fields,
                    order.lock_limits, order.last_attempt);
}
/// … as the job says it.
std::tuple<const std::string&, std::chrono::seconds, Concurrency, const NodeFields&,
           const std::vector<std::int64_t>&, std::int32_t>
work_of(const PlannedJob& planned)
{
    const Job& job = planned.job;
    return {
        job.command,         timeout_of(job),           concurrency_of(job),
        planned.node_fields, planned.lock_limits.get(), job.retries == 0 ? 0 : last_attempt(job)};
}

/// A retry of a run by a clock that was ahead may be planned for a moment before its fire's own.
WallTime start_of(const RunId& id, WallTime now, std::optional<WallTime> retry_at)
{
    return std::max({id.scheduled_at, now, retry_at.value_or(now)});
}

}  // namespace

bool is_asked_for(const RunId& id)
{
    return id.scheduled_at.time_since_epoch() % std::chrono::seconds(1) !=
           std::chrono::milliseconds(0);
}

void set_work(RunOrder& order, const PlannedJob& job)
{
    work_in(order) = work_of(job);
}

void copy_work(RunOrder& order, const RunOrder& other)
{
    work_in(order) = work_in(other);
}

bool has_work_of(const RunOrder& order, const PlannedJob& job)
{
    return work_in(order) == work_of(job);
}

OrderWriter::OrderWriter(Epoch epoch, NodeName self, const DispatchSettings& settings)
    : epoch_(epoch), self_(std::move(self)), settings_(settings)
{}

RunOrder OrderWriter::write(const RunId& id, const PlannedJob* job, WallTime now) const
{
    RunOrder order;
    order.id = id;
    if (job != nullptr) set_work(order, *job);
    readdress(order, now);
    set_times(order, now);
    return order;
}

void OrderWriter::readdress(RunOrder& order, WallTime now, std::optional<WallTime> retry_at) const
{
    order.start_at = start_of(order.id, now, retry_at);
    // One that an earlier dispatcher handed out is this one's from here on: under the old epoch
    // its new node would not take it.
    order.epoch = epoch_;
    order.dispatch_server = self_;
}

void OrderWriter::set_times(RunOrder& order, WallTime now, std::optional<WallTime> retry_at) const
{
    order.start_at = start_of(order.id, now, retry_at);
    order.start_by = order.start_at + settings_.start_deadline;
}

}  // namespace peercron
