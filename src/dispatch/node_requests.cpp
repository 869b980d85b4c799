#include "dispatch/node_requests.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <utility>

namespace peercron {

asio::awaitable<void> NodeRequests::apply_changes(std::set<JobId> others)
{
    const std::vector<NodeRequest<JobChanged>> changes = std::exchange(changes_, {});
    if (changes.empty() && others.empty() && !rules_.has_new_pauses()) co_return;
    for (const auto& change : changes) {
        others.insert(change.asked.jobs.begin(), change.asked.jobs.end());
    }
    const std::vector<JobId> jobs(others.begin(), others.end());
    std::map<NodeName, std::vector<RunId>> handed = rules_.handed_out(jobs);
    // Pauses may have been read before, as a term began; who made one has to be told the truth.
    const bool is_of_pauses =
        std::ranges::any_of(changes, [](const auto& change) { return change.asked.jobs.empty(); });
    if (is_of_pauses || rules_.has_new_pauses()) rules_.add_paused(handed, clock_.now());
    const auto back = co_await revocations_.take_back(std::move(handed));
    std::string error;
    if (!back.mute.empty()) {
        error = fmt::format(
            "{} cannot be asked; a run that was handed out to it before the "
            "change may still start there",
            fmt::join(back.mute, ", "));
    }
    rules_.jobs_changed(jobs, back.runs, clock_.now());
    for (const auto& change : changes) answer(change.node, change.asked.request, error);
}

void NodeRequests::start_runs()
{
    for (auto& [node, asked] : std::exchange(runs_, {})) {
        const auto run = rules_.run_now(asked.job, std::move(asked.requested_by), clock_.now());
        answer(node, asked.request, run);
    }
}

void NodeRequests::retry_runs()
{
    for (auto& [request, newest] : std::exchange(retries_, {})) {
        RetryRun& asked = request.asked;
        const auto run = rules_.retry_now(newest, std::move(asked.requested_by), clock_.now());
        answer(request.node, asked.request, run);
    }
}

void NodeRequests::answer(const NodeName& node, std::uint64_t request, const Result<RunId>& run)
{
    Done done;
    done.request = request;
    if (run) {
        done.run = *run;
    } else {
        done.error = run.error().message;
    }
    answers_.push_back({node, std::move(done)});
}

asio::awaitable<void> NodeRequests::end_runs()
{
    const std::vector<NodeRequest<EndRun>> requests = std::exchange(ends_, {});
    for (const auto& request : requests) {
        std::string error = co_await end_run(request.asked);
        answer(request.node, request.asked.request, std::move(error));
    }
}

/// What is wrong; empty when the run has ended or its node is told.
asio::awaitable<std::string> NodeRequests::end_run(const EndRun& asked)
{
    using Whereabouts = TermRules::Whereabouts;
    if (rules_.find_run(asked.run).whereabouts == Whereabouts::held) {
        std::map<NodeName, std::vector<RunId>> held;
        held[rules_.find_run(asked.run).node].push_back(asked.run);
        const auto back = co_await revocations_.take_back(std::move(held));
        if (!back.runs.empty()) {
            rules_.cancel(asked.run, asked.reason, clock_.now());
            co_return "";
        }
        // It starts just now, or its node does not answer.
    }
    const TermRules::RunPlace place = rules_.find_run(asked.run);
    switch (place.whereabouts) {
        case Whereabouts::unknown:
            co_return to_string(asked.run) + " has ended";
        case Whereabouts::here:
            rules_.cancel(asked.run, asked.reason, clock_.now());
            co_return "";
        case Whereabouts::held:
        case Whereabouts::running:
            break;
    }
    if (!links_.is_connected(place.node)) {
        co_return fmt::format("{} is not connected; no other node can end its commands",
                              place.node);
    }
    links_.send(place.node, KillRun{asked.run, asked.reason});
    co_return "";
}

void NodeRequests::answer(const NodeName& node, std::uint64_t request, std::string error)
{
    Done done;
    done.request = request;
    done.error = std::move(error);
    answers_.push_back({node, std::move(done)});
}

void NodeRequests::send_answers()
{
    for (const auto& [node, done] : std::exchange(answers_, {})) links_.send(node, done);
}

}  // namespace peercron
