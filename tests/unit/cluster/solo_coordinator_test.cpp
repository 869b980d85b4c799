#include "cluster/solo_coordinator.hpp"

#include "base/task_group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <limits>

namespace peercron {
namespace {

using ::testing::SizeIs;

asio::awaitable<Epoch> answer(Epoch epoch)
{
    co_return epoch;
}

class SoloCoordinatorTest : public ::testing::Test {
protected:
    SoloCoordinatorTest()
        : coordinator_(io_.get_executor(),
                       Member{"127.0.0.1:9990", "127.0.0.1:9990", "1.0", false, {}},
                       [] { return answer(41); })
    {}

    void start()
    {
        tasks_.spawn("coordinator", coordinator_.run());
        io_.poll();
    }
    ~SoloCoordinatorTest() override
    {
        tasks_.cancel();
        io_.run();
    }

    asio::io_context io_{1};
    SoloCoordinator coordinator_;
    TaskGroup tasks_{io_.get_executor()};
};

TEST_F(SoloCoordinatorTest, DispatchesInANewTermOnceTheStoreHasAnswered)
{
    EXPECT_EQ(coordinator_.epoch(), 0U);
    EXPECT_EQ(coordinator_.dispatcher(), "");
    start();
    EXPECT_EQ(coordinator_.epoch(), 42U);
    EXPECT_EQ(coordinator_.dispatcher(), "127.0.0.1:9990");
    ASSERT_THAT(coordinator_.members(), SizeIs(1));
    EXPECT_TRUE(coordinator_.members()[0].passing);
}

TEST_F(SoloCoordinatorTest, RaisesItsEpochAboveOneThatTheStoreHasSeen)
{
    start();
    coordinator_.raise_epoch(99);
    EXPECT_EQ(coordinator_.epoch(), 100U);
    coordinator_.raise_epoch(7);
    EXPECT_EQ(coordinator_.epoch(), 100U) << "never back";
}

TEST_F(SoloCoordinatorTest, AnEpochThatCannotBeRaisesNothing)
{
    start();
    coordinator_.raise_epoch(std::numeric_limits<Epoch>::max());
    EXPECT_EQ(coordinator_.epoch(), 42U);
}

TEST_F(SoloCoordinatorTest, ResignsForGood)
{
    start();
    tasks_.spawn("resign", coordinator_.resign());
    io_.poll();
    EXPECT_EQ(coordinator_.epoch(), 0U);
    EXPECT_EQ(coordinator_.dispatcher(), "");
    coordinator_.raise_epoch(99);
    EXPECT_EQ(coordinator_.epoch(), 0U);
}

}  // namespace
}  // namespace peercron
