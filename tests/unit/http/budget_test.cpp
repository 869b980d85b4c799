#include "http/budget.hpp"

#include "await.hpp"
#include "http/message.hpp"

#include <gmock/gmock.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <optional>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t mib = 1U << 20U;

asio::awaitable<void> take(Budget& budget, std::size_t bytes, std::vector<Budget::Share>& shares)
{
    Budget::Share share = co_await budget.take(bytes);
    shares.push_back(std::move(share));
}

class BudgetTest : public ::testing::Test {
protected:
    /// Takes a share, or waits for one.
    void start(std::size_t bytes, std::vector<Budget::Share>& shares)
    {
        asio::co_spawn(io_, take(budget_, bytes, shares), [this](std::exception_ptr error) {
            if (error) error_ = error;
        });
        io_.restart();
        io_.poll();
    }

    asio::io_context io_{1};
    Budget budget_{io_.get_executor(), 8 * mib, 10ms};
    std::exception_ptr error_;
};

TEST_F(BudgetTest, WhatDoesNotFitWaitsInLine)
{
    std::vector<Budget::Share> first, second, third;
    for (int i = 0; i < 4; ++i) start(2 * mib, first);
    EXPECT_EQ(first.size(), 4U);
    start(2 * mib, second);
    start(100'000, third);
    EXPECT_EQ(second.size() + third.size(), 0U);
    first.back().resize(2 * mib - 100'000);
    io_.restart();
    io_.poll();
    EXPECT_EQ(second.size() + third.size(), 0U) << "nobody overtakes the first in line";
    first.pop_back();
    io_.restart();
    io_.poll();
    EXPECT_EQ(second.size(), 1U);
    EXPECT_EQ(third.size(), 0U);
    first.clear();
    io_.restart();
    io_.poll();
    EXPECT_EQ(third.size(), 1U);
    EXPECT_EQ(budget_.used(), 2 * mib + 100'000);
    second.clear();
    third.clear();
    EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(BudgetTest, WhoWaitsForTooLongIsAskedToTryAgain)
{
    const Budget::Share all(budget_, 9 * mib);
    std::vector<Budget::Share> none;
    start(mib, none);
    io_.restart();
    io_.run();
    ASSERT_TRUE(error_);
    try {
        std::rethrow_exception(error_);
    } catch (const HttpError& error) {
        EXPECT_EQ(error.status(), http::status::service_unavailable);
        EXPECT_THAT(error.what(), HasSubstr("8 MiB, [http] max_memory"));
        EXPECT_THAT(error.headers(), ElementsAre(std::pair(http::field::retry_after, "5")));
    }
    EXPECT_EQ(budget_.used(), 9 * mib);
}

TEST_F(BudgetTest, NothingIsTooLargeForEver)
{
    std::vector<Budget::Share> shares;
    start(1'000 * mib, shares);
    ASSERT_EQ(shares.size(), 1U);
    EXPECT_EQ(budget_.used(), 2 * mib);
    shares.front().resize(1'000 * mib);
    EXPECT_EQ(budget_.used(), 1'000 * mib);
}

TEST_F(BudgetTest, WhatIsSmallIsNotCountedAndDoesNotWait)
{
    const Budget::Share all(budget_, 9 * mib);
    std::vector<Budget::Share> shares;
    start(Budget::small, shares);
    EXPECT_EQ(shares.size(), 1U);
    EXPECT_EQ(budget_.used(), 9 * mib);
}

}  // namespace
}  // namespace peercron
