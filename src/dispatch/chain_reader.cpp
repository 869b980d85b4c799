#include "dispatch/chain_reader.hpp"

#include "dispatch/until_it_works.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <set>
#include <utility>

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

ChainReader::ChainReader(asio::any_io_executor executor, const PlanClock& clock, StorePool& store,
                         StepWriter& writer, TermRules& rules, std::function<void()> wake)
    : clock_(clock),
      store_(store),
      writer_(writer),
      rules_(rules),
      wake_(std::move(wake)),
      wanted_(std::move(executor))
{}

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
            const SteadyTime due = clock_.now().steady + look_again_after[looks];
            while (!rules_.has_chain_questions() && clock_.now().steady < due) {
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
        // A ledger that lacks steps does not know of all rows.
        co_await writer_.store_added();
        Retry retry;
        retry.trouble = "dispatch: cannot read which jobs have to run after others";
        const auto attempt = [this, &edges] { return ask(edges); };
        std::vector<ChainRow> rows = co_await until_it_works(retry, attempt);
        rules_.found_chain_rows(std::move(rows), clock_.now().steady + longest_hold);
        wake_();
    }
}

/// Throws StoreError.
asio::awaitable<std::vector<ChainRow>> ChainReader::ask(const std::vector<ChainEdge>& edges)
{
    const auto read = [&edges, since = clock_.now().wall - chain_reach](Store& store) {
        return store.chain_rows(edges, since);
    };
    co_return co_await store_.call(read);
}

}  // namespace peercron
