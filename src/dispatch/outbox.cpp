#include "dispatch/outbox.hpp"

namespace peercron {

void Outbox::order(const NodeName& node, const RunOrder& order)
{
    Batch& batch = batches_[node];
    batch.message.orders.push_back(order);
    batch.bytes += order.command.size() + order.fields.text().size() + sizeof(RunOrder);
    if (batch.bytes > longest_batch) {
        full_.push_back(Outgoing{node, std::exchange(batch, {}).message});
    }
}

void Outbox::revoke(const NodeName& node, const RunId& id)
{
    revocations_.push_back(Outgoing{node, Revoke{0, {id}}});
}

std::vector<Outgoing> Outbox::take_orders()
{
    std::vector<Outgoing> messages = std::exchange(full_, {});
    for (auto& [node, batch] : std::exchange(batches_, {})) {
        if (batch.bytes > 0) messages.push_back(Outgoing{node, std::move(batch.message)});
    }
    return messages;
}

}  // namespace peercron
