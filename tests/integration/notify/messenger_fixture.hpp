#pragma once

#include "base/event.hpp"
#include "base/task_group.hpp"
#include "base/timer.hpp"
#include "integration/notify/moved_clock.hpp"
#include "integration/store/store_fixture.hpp"
#include "notify/messenger.hpp"
#include "store/store_pool.hpp"
#include "unit/http_client/raw_server.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace peercron::testing {

/// A messenger with all that it sends by, a store with an outbox, and a web server that takes
/// everything.
class MessengerTest : public ::testing::Test {
protected:
    MessengerTest() { store_->begin_term(1, node_1); }

    /// Lets the tasks go on until `is_over` says so, which is asked again and again; then nothing
    /// is left that keeps the context busy.
    asio::awaitable<void> end_when(TaskGroup& tasks, const std::function<bool()>& is_over)
    {
        while (!is_over()) co_await sleep_for(std::chrono::milliseconds(10));
        tasks.cancel();
        co_await tasks.join();
        http_.close();
        mail_.close();
        amqp_.close();
        programs_.close();
        server_.stop();
    }

    MovedClock clock_;
    std::unique_ptr<StoreDatabase> database_ = usual_database();
    std::unique_ptr<Store> store_ = database_->open();
    asio::io_context io_;
    RawServer server_{io_.get_executor(), [](const std::string&) {
                          return RawServer::Reply{ok(""), true};
                      }};
    HttpClient http_{io_.get_executor(), {}};
    MailClient mail_{io_.get_executor(), {}};
    AmqpClient amqp_{io_.get_executor(), {}};
    Spawner spawner_{node_1, "/bin/sh", {}, clock_};
    ProgramRunner programs_{io_.get_executor(), spawner_};
    Messenger messenger_{clock_, {http_, mail_, amqp_, programs_}, {}, node_1};
    Event written_{io_.get_executor()};
    StorePool pool_{io_.get_executor(), 1, [this] { return database_->open(); }};
};

}  // namespace peercron::testing
