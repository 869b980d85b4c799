#include "dispatch/until_it_works.hpp"

#include "unit/base/jumping_loop.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <optional>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// Something that the store lets happen only after it has failed a number of times.
class UntilItWorksTest : public ::testing::Test {
protected:
    asio::awaitable<int> attempt()
    {
        ++attempts_;
        if (attempts_ <= failures_) throw StoreError("away");
        co_return attempts_;
    }

    asio::awaitable<void> carry_out()
    {
        const auto attempt_it = [this] { return attempt(); };
        result_ = co_await until_it_works(retry_, attempt_it);
    }

    void run()
    {
        asio::co_spawn(loop_.executor(), carry_out(),
                       [this](const std::exception_ptr& error) { error_ = error; });
        loop_.run();
    }

    testing::JumpingLoop loop_;
    const SteadyTime begin_ = loop_.now();
    Retry retry_;
    int failures_ = 0;
    int attempts_ = 0;
    std::optional<int> result_;
    std::exception_ptr error_;
};

TEST_F(UntilItWorksTest, WhatWorksAtOnceIsNotRepeated)
{
    run();
    EXPECT_EQ(result_, 1);
    EXPECT_EQ(loop_.now(), begin_);
}

TEST_F(UntilItWorksTest, WhatTheStoreRefusesIsTriedAgainAfterPausesOfAtLeastHalfAStep)
{
    failures_ = 3;
    run();
    EXPECT_EQ(result_, 4);
    EXPECT_GE(loop_.now() - begin_, 50ms + 100ms + 200ms);
    EXPECT_LE(loop_.now() - begin_, 100ms + 200ms + 400ms);
}

TEST_F(UntilItWorksTest, TheCheckAfterAPauseEndsIt)
{
    failures_ = 1000;
    retry_.check = [this] {
        if (attempts_ == 2) throw Deposed("the lock was lost");
    };
    run();
    ASSERT_TRUE(error_);
    EXPECT_THROW(std::rethrow_exception(error_), Deposed);
    EXPECT_EQ(attempts_, 2);
}

}  // namespace
}  // namespace peercron
