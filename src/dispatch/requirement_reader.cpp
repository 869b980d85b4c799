#include "dispatch/requirement_reader.hpp"

#include "model/run_request.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// In one call.
constexpr std::size_t fires_per_look = 100;
/// Of a job, from the newest on: the last fire is among the first of them, unless those are
/// rehearsals, or were taken back.
constexpr std::size_t few_rows = 10;
constexpr std::size_t most_rows_of_job = 5000;

RequiredAttempt attempt_of(const LogRow& row)
{
    RequiredAttempt attempt;
    attempt.id = row.run.id;
    attempt.state = row.run.state;
    attempt.cause = row.run.reason.cause;
    attempt.exit_code = row.run.exit_code;
    attempt.ended_at = row.run.ended_at;
    attempt.rehearsal = row.run.rehearsal || is_rehearsal(row.requested_by);
    attempt.gap_end = row.gap_end;
    return attempt;
}

std::optional<RequiredAttempt> read_last_fire(Store& store, JobId job,
                                              std::optional<WallTime> since, WallTime until)
{
    for (std::size_t limit = few_rows;; limit = std::min(limit * 10, most_rows_of_job)) {
        std::vector<RequiredAttempt> rows;
        for (const LogRow& row : store.job_rows_before(job, until + 1ms, limit)) {
            rows.push_back(attempt_of(row));
        }
        const bool is_all = rows.size() < limit || limit == most_rows_of_job ||
                            (since && rows.back().id.scheduled_at <= *since);
        auto last = last_fire(rows, since, until);
        if (last || is_all) return last;
    }
}

/// On the store's thread.
std::vector<RequiredFinding> read_required(Store& store,
                                           std::span<const RequiredQuestion> questions)
{
    std::vector<RequiredFinding> findings;
    std::map<std::string, std::optional<JobId>> ids;
    for (const RequiredQuestion& question : questions) {
        RequiredFinding finding;
        finding.question = question;
        for (const std::string& name : question.names) {
            const auto [id, is_new] = ids.try_emplace(name);
            if (is_new) {
                const std::optional<Job> job = store.find_job_by_name(name);
                if (job && job->name == name) id->second = job->id;
            }
            RequiredJob required;
            required.name = name;
            required.exists = id->second.has_value();
            if (id->second) {
                required.last =
                    read_last_fire(store, *id->second, question.times.since, question.until);
            }
            finding.jobs.push_back(std::move(required));
        }
        findings.push_back(std::move(finding));
    }
    return findings;
}

}  // namespace

asio::awaitable<void> RequirementReader::run()
{
    for (;;) {
        const std::vector<RequiredQuestion> questions =
            rules_.take_required_questions(ledger_.now(), fires_per_look);
        if (questions.empty()) {
            co_await wait_for_question();
            continue;
        }
        const Retry retry{.trouble = "dispatch: cannot read how jobs ended that others require"};
        const auto query = [&questions](Store& store, WallTime) {
            return read_required(store, questions);
        };
        std::vector<RequiredFinding> findings = co_await ledger_.read(retry, query);
        rules_.found_required(std::move(findings), ledger_.now());
        if (rules_.has_decided_required()) ledger_.wake();
    }
}

asio::awaitable<void> RequirementReader::wait_for_question()
{
    const auto next = rules_.next_required_question();
    if (!next) {
        co_await wanted_.wait();
        co_return;
    }
    const Moment now = ledger_.now();
    co_await wanted_.wait_until(now.steady + std::max(*next - now.wall, 1ms));
}

}  // namespace peercron
