#include "base/contain.hpp"

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "integration/store/told_log.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <stdexcept>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::StartsWith;

asio::awaitable<void> fail()
{
    throw std::runtime_error("disk full");
    co_return;
}

asio::awaitable<void> fail_with(boost::system::error_code error)
{
    throw boost::system::system_error(error);
    co_return;
}

asio::awaitable<void> go_on(bool& has_gone_on)
{
    co_await sleep_for(1ms);
    has_gone_on = true;
}

TEST(ContainTest, AFailureIsToldAndTheOthersGoOn)
{
    const testing::ToldLog log;
    asio::io_context io;
    TaskGroup group(io.get_executor());
    bool has_gone_on = false;
    group.spawn("other", go_on(has_gone_on));
    group.spawn("a", contain("reader 7", fail()));
    group.spawn("b", contain("reader 8", fail_with(asio::error::connection_reset)));
    EXPECT_NO_THROW(testing::run(io, group.join()));
    EXPECT_TRUE(has_gone_on);
    EXPECT_THAT(log.lines(), ElementsAre("reader 7: failed: disk full",
                                         StartsWith("reader 8: failed: Connection reset")));
}

TEST(ContainTest, CancellationIsNoFailure)
{
    const testing::ToldLog log;
    asio::io_context io;
    EXPECT_THROW(testing::run(io, contain("reader 7", fail_with(asio::error::operation_aborted))),
                 boost::system::system_error);
    EXPECT_THAT(log.lines(), ElementsAre());
}

}  // namespace
}  // namespace peercron
