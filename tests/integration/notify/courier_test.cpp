#include "notify/courier.hpp"

#include "integration/notify/messenger_fixture.hpp"
#include "notify/notice_json.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using testing::t0;
using State = NoticeDelivery::State;

/// A courier, and a channel at the server.
class CourierTest : public testing::MessengerTest {
protected:
    void add_channel(const std::string& kind)
    {
        NoticeChannel channel;
        channel.name = "ops";
        channel.kind = kind;
        channel.settings["url"] = server_.url("/hook");
        channel_ = store_->notices().add_channel(channel).id;
    }

    /// Of as many jobs.
    void tell(int notices, WallTime at = t0)
    {
        Seen seen;
        seen.at = at;
        for (JobId job = 1; job <= notices; ++job) {
            Notice notice;
            notice.id = "failing-" + std::to_string(job);
            notice.kind = NoticeKind::failing;
            notice.at = at;
            notice.job = job;
            seen.notices.push_back(
                {notice.id, job, boost::json::serialize(to_json(notice)), {channel_}});
        }
        store_->notices().store_seen(1, seen);
    }

    std::ptrdiff_t count(State state)
    {
        return std::ranges::count(store_->notices().deliveries(channel_, 100), state,
                                  &NoticeDelivery::state);
    }

    /// Until `is_over` says so, which is asked again and again.
    void send_until(const std::function<bool()>& is_over) { testing::run(io_, go(is_over)); }

    asio::awaitable<void> go(const std::function<bool()>& is_over)
    {
        TaskGroup tasks(io_.get_executor());
        tasks.spawn("courier", courier_.run());
        co_await end_when(tasks, is_over);
    }

    std::int64_t channel_ = 0;
    prometheus::Registry registry_;
    Courier courier_{io_.get_executor(),  clock_,   pool_, messenger_, written_,
                     [] { return true; }, registry_};
};

/// Months of old news are worse than none.
TEST_F(CourierTest, WhatWasNotTakenWithinADayIsGivenUpUnsent)
{
    add_channel("webhook");
    tell(2, t0 - 24h);
    send_until([this] { return count(State::expired) == 2; });
    EXPECT_THAT(server_.requests, IsEmpty());
}

TEST_F(CourierTest, AfterTenMessagesPeopleGetTheOthersAsOneList)
{
    add_channel("slack");
    tell(13);
    bool is_moved = false;
    send_until([&] {
        if (!is_moved && count(State::sent) == 10) {
            clock_.move(30s);
            is_moved = true;
        }
        return count(State::sent) == 13;
    });
    ASSERT_THAT(server_.requests, SizeIs(11));
    EXPECT_THAT(server_.requests.back(), HasSubstr("3 notices"));
    server_.requests.pop_back();
    EXPECT_THAT(server_.requests, Each(Not(HasSubstr("notices"))));
}

TEST_F(CourierTest, ProgramsGetEachMessage)
{
    add_channel("webhook");
    tell(13);
    send_until([this] { return count(State::sent) == 13; });
    EXPECT_THAT(server_.requests, SizeIs(13));
}

}  // namespace
}  // namespace peercron
