#include "notify/courier.hpp"

#include "base/task_group.hpp"
#include "integration/notify/moved_clock.hpp"
#include "integration/store/store_fixture.hpp"
#include "notify/notice_json.hpp"
#include "run_coroutine.hpp"
#include "unit/http_client/raw_server.hpp"

#include <gmock/gmock.h>
#include <boost/asio/io_context.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::node_1;
using ::testing::Not;
using ::testing::SizeIs;
using testing::t0;
using State = NoticeDelivery::State;

/// A courier, an outbox in a store, and a channel at a server that takes everything.
class CourierTest : public ::testing::Test {
protected:
    CourierTest() { store_->begin_term(1, node_1); }

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
        while (!is_over()) co_await sleep_for(10ms);
        tasks.cancel();
        co_await tasks.join();
        http_.close();
        mail_.close();
        amqp_.close();
        programs_.close();
        server_.stop();
    }

    testing::MovedClock clock_;
    std::unique_ptr<testing::StoreDatabase> database_ = testing::usual_database();
    std::unique_ptr<Store> store_ = database_->open();
    std::int64_t channel_ = 0;
    asio::io_context io_;
    testing::RawServer server_{io_.get_executor(), [](const std::string&) {
                                   return testing::RawServer::Reply{testing::ok("ok"), true};
                               }};
    HttpClient http_{io_.get_executor(), {}};
    MailClient mail_{io_.get_executor(), {}};
    AmqpClient amqp_{io_.get_executor(), {}};
    Spawner spawner_{node_1, "/bin/sh", {}, clock_};
    ProgramRunner programs_{io_.get_executor(), spawner_};
    Messenger messenger_{clock_, {http_, mail_, amqp_, programs_}, {}, node_1};
    Event written_{io_.get_executor()};
    StorePool pool_{io_.get_executor(), 1, [this] { return database_->open(); }};
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
