#pragma once

#include "dispatch/node_links.hpp"
#include "dispatch/plan_clock.hpp"
#include "dispatch/revocations.hpp"
#include "dispatch/term_rules.hpp"
#include "wire/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// A request of a node's API, which waits for the answer.
template <class Asked>
struct NodeRequest {
    NodeName node;
    Asked asked;
};

/// What people ask for at nodes, and the answers. The dispatch loop has requests carried out, and
/// sends the answers after the commit that makes them true. Lives on the I/O thread.
class NodeRequests {
public:
    NodeRequests(const PlanClock& clock, NodeLinks& links, Revocations& revocations,
                 TermRules& rules)
        : clock_(clock), links_(links), revocations_(revocations), rules_(rules)
    {}

    /// The table has the jobs as they are now.
    void add(NodeRequest<JobChanged> request) { changes_.push_back(std::move(request)); }
    void add(NodeRequest<RunNow> request) { runs_.push_back(std::move(request)); }
    void add(NodeRequest<EndRun> request) { ends_.push_back(std::move(request)); }
    /// `newest` is the newest attempt that there is of the fire.
    void add(NodeRequest<RetryRun> request, LogRow newest)
    {
        retries_.push_back({std::move(request), std::move(newest)});
    }

    /// Whether none waits to be carried out.
    bool is_empty() const
    {
        return changes_.empty() && runs_.empty() && retries_.empty() && ends_.empty();
    }

    /// Takes back the runs of these jobs, of those that requests name, and those that a new pause
    /// keeps from starting, and has them planned again.
    asio::awaitable<void> apply_changes(std::set<JobId> others);
    void start_runs();
    void retry_runs();
    asio::awaitable<void> end_runs();

    /// `error`: "" = it was done.
    void answer(const NodeName& node, std::uint64_t request, std::string error);
    bool has_answers() const { return !answers_.empty(); }
    void send_answers();

private:
    struct RetryRequest {
        NodeRequest<RetryRun> request;
        LogRow newest;
    };

    asio::awaitable<std::string> end_run(const EndRun& asked);
    void answer(const NodeName& node, std::uint64_t request, const Result<RunId>& run);

    const PlanClock& clock_;
    NodeLinks& links_;
    Revocations& revocations_;
    TermRules& rules_;
    std::vector<NodeRequest<JobChanged>> changes_;
    std::vector<NodeRequest<RunNow>> runs_;
    std::vector<RetryRequest> retries_;
    std::vector<NodeRequest<EndRun>> ends_;
    std::vector<NodeRequest<Done>> answers_;
};

}  // namespace peercron
