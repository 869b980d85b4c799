#include "dispatch/revocations.hpp"

#include <chrono>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How long a node may take to give runs back. Well below the lookahead, which goes on meanwhile.
constexpr auto revoke_deadline = 1s;

}  // namespace

Revocations::Revocations(asio::any_io_executor executor, const PlanClock& clock, NodeLinks& links,
                         TermRules& rules)
    : clock_(clock), links_(links), rules_(rules), answered_(std::move(executor))
{}

asio::awaitable<Revocations::TakenBack> Revocations::take_back(
    std::map<NodeName, std::vector<RunId>> runs)
{
    taken_back_ = TakenBack();
    for (auto& [node, ids] : runs) {
        if (!links_.is_connected(node) || !rules_.accounted(node)) {
            taken_back_.mute.insert(node);
            continue;
        }
        asked_[++last_number_] = node;
        links_.send(node, Revoke{last_number_, std::move(ids)});
    }
    const auto deadline = clock_.now().steady + revoke_deadline;
    while (!asked_.empty()) {
        const bool notified = co_await answered_.wait_until(deadline);
        if (!notified) break;
    }
    for (const auto& [number, node] : asked_) taken_back_.mute.insert(node);
    asked_.clear();
    co_return std::exchange(taken_back_, TakenBack());
}

bool Revocations::take_answer(const NodeName& node, Revoked answer)
{
    if (asked_.erase(answer.request) == 0) {
        // Nobody waits any more, but the node has forgotten them: they must not be.
        late_.push_back({node, std::move(answer)});
        return true;
    }
    // What was ordered after that was asked has nothing to do with the answer.
    rules_.drop_later_orders(answer.request, answer.revoked);
    taken_back_.runs.insert(taken_back_.runs.end(), answer.revoked.begin(), answer.revoked.end());
    answered_.notify();
    return false;
}

void Revocations::give_up_on(const NodeName& node)
{
    std::erase_if(asked_, [&](const auto& asked) {
        if (asked.second != node) return false;
        taken_back_.mute.insert(node);
        return true;
    });
    answered_.notify();
}

void Revocations::apply_late_answers()
{
    for (LateAnswer& late : std::exchange(late_, {})) {
        // Only now: an order may have left since the answer came.
        rules_.drop_later_orders(late.answer.request, late.answer.revoked);
        rules_.given_back_late(late.node, late.answer.revoked);
    }
}

void Revocations::send(Outgoing outgoing)
{
    if (auto* revoke = std::get_if<Revoke>(&outgoing.message)) revoke->request = ++last_number_;
    links_.send(outgoing.node, outgoing.message);
}

void Revocations::send_wanted()
{
    for (Outgoing& outgoing : rules_.take_revocations()) send(std::move(outgoing));
}

}  // namespace peercron
