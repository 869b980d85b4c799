#include "dispatch/chain_reader.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// In one call.
constexpr std::size_t children_per_read = 100;
/// Fires that were due longer ago are not looked at.
constexpr auto chain_reach = std::chrono::days(31);
/// An end of which the store has not heard yet comes there a little later, and much later when the
/// store does not take it.
constexpr std::array<std::chrono::seconds, 2> look_again_after{10s, 60s};
/// By then the dispatcher has found what else it has to try again or to deliver again after a
/// take-over (RetryReader, DoubtReader).
constexpr auto longest_hold = 90s;

}  // namespace

asio::awaitable<void> ChainReader::run()
{
    for (;;) {
        while (!rules_.has_chain_questions()) co_await wanted_.wait();
        std::set<JobId> children;
        for (std::size_t looks = 0; looks < look_again_after.size();) {
            if (rules_.has_chain_questions()) {
                const std::vector<JobId> asked = rules_.chains_in_question();
                children.insert(asked.begin(), asked.end());
                looks = 0;
            }
            co_await answer_questions();
            const SteadyTime due = ledger_.now().steady + look_again_after[looks];
            while (!rules_.has_chain_questions() && ledger_.now().steady < due) {
                co_await wanted_.wait_until(due);
            }
            if (rules_.has_chain_questions()) continue;
            rules_.ask_chains(children);
            co_await answer_questions();
            ++looks;
        }
    }
}

asio::awaitable<void> ChainReader::answer_questions()
{
    while (rules_.has_chain_questions()) {
        const std::vector<ChainEdge> edges = rules_.take_chain_questions(children_per_read);
        const Retry retry{.trouble = "dispatch: cannot read which jobs have to run after others"};
        const auto query = [&edges](Store& store, WallTime now) {
            return store.chain_rows(edges, now - chain_reach);
        };
        std::vector<ChainRow> rows = co_await ledger_.read(retry, query);
        rules_.found_chain_rows(std::move(rows), ledger_.now().steady + longest_hold);
        ledger_.wake();
    }
}

}  // namespace peercron
