#pragma once

#include "base/event.hpp"
#include "dispatch/node_links.hpp"
#include "dispatch/outbox.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/term_rules.hpp"
#include "wire/message.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <vector>

namespace peercron {

/// Asks nodes to give runs back that they have not started. Lives on the I/O thread.
class Revocations {
public:
    Revocations(asio::any_io_executor executor, const PlanClock& clock, NodeLinks& links,
                TermRules& rules);

    struct TakenBack {
        std::vector<RunId> runs;
        std::set<NodeName> mute;  ///< these could not be asked, or did not answer
    };
    /// Asks for these runs, and waits for the answers for a moment. One call at a time.
    asio::awaitable<TakenBack> take_back(std::map<NodeName, std::vector<RunId>> runs);

    /// The node's answer to a revocation of this class. Says whether it came too late, so that it
    /// waits for apply_late_answers().
    bool take_answer(const NodeName& node, Revoked answer);
    /// The node has lost its connection, and will not answer.
    void give_up_on(const NodeName& node);
    /// What was given back when nobody waited any more goes to the rules.
    void apply_late_answers();

    /// Sends the message; a Revoke gets a number, so that its answer is not taken for one to
    /// another.
    void send(Outgoing outgoing);
    /// Sends what the rules want revoked, without waiting for answers.
    void send_wanted();
    /// Of the newest Revoke.
    std::uint64_t last_number() const { return last_number_; }

private:
    struct LateAnswer {
        NodeName node;
        Revoked answer;
    };

    const PlanClock& clock_;
    NodeLinks& links_;
    TermRules& rules_;
    Event answered_;
    std::uint64_t last_number_ = 0;
    std::map<std::uint64_t, NodeName> asked_;  ///< without an answer yet
    TakenBack taken_back_;                     ///< so far
    std::vector<LateAnswer> late_;             ///< to be applied
};

}  // namespace peercron
