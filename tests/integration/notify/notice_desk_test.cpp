#include "notify/notice_desk.hpp"

#include "base/task_group.hpp"
#include "integration/store/set_clock.hpp"
#include "integration/store/store_fixture.hpp"
#include "integration/store/told_log.hpp"
#include "model/output_to_come.hpp"
#include "notify/job_watch.hpp"
#include "run_coroutine.hpp"
#include "store/calendar_store.hpp"
#include "store/notice_store.hpp"

#include <gmock/gmock.h>
#include <spdlog/fmt/fmt.h>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::node_1;
using testing::planned;
using testing::report;
using testing::step;
using testing::t0;

/// Looks of the second dispatcher, an hour after t0.
class NoticeDeskTest : public ::testing::Test {
protected:
    NoticeDeskTest()
    {
        store_->begin_term(1, node_1);
        NoticeChannel channel;
        channel.name = "ops";
        channel.kind = "webhook";
        channel_ = store_->notices().add_channel(channel).id;
    }

    JobId add_job(std::chrono::seconds expect_every = 0s)
    {
        Job job;
        job.cron_set = "* * * * * *";
        job.command = "true";
        job.notify = {"ops"};
        job.expect_every = expect_every;
        return store_->add_job(job, t0).id;
    }

    /// A run of a second that has just ended.
    static RunReport ended(JobId job, WallTime at, RunState state)
    {
        RunReport run = report({job, at - 1s, 1}, state);
        run.started_at = at - 1s;
        run.ended_at = at;
        return run;
    }

    void record(const std::vector<RunReport>& reports)
    {
        std::vector<PlannedRun> runs;
        for (const RunReport& run : reports)
            runs.push_back(planned(run.id.job, run.id.scheduled_at));
        store_->commit(step(1, clock_.now(), std::move(runs)));
        store_->record(reports);
    }

    /// In the order in which they came.
    std::vector<std::string> outbox()
    {
        std::vector<std::string> notices;
        for (const NoticeDelivery& delivery : store_->notices().deliveries(channel_, 100)) {
            notices.push_back(delivery.notice.substr(0, delivery.notice.rfind('-')));
        }
        std::ranges::reverse(notices);
        return notices;
    }

    /// Until `is_over` says so, which is asked again and again.
    asio::awaitable<void> look_until(const std::function<bool()>& is_over)
    {
        return look_until(is_over, desk_);
    }
    asio::awaitable<void> look_until(const std::function<bool()>& is_over, NoticeDesk& desk)
    {
        tasks_.spawn("notices", desk.run());
        while (!is_over()) co_await sleep_for(10ms);
        tasks_.cancel();
        co_await tasks_.join();
    }

    testing::SetClock clock_{t0 + 1h};
    std::unique_ptr<testing::StoreDatabase> database_ = testing::usual_database();
    std::unique_ptr<Store> store_ = database_->open();
    std::int64_t channel_ = 0;
    asio::io_context io_;
    StorePool pool_{io_.get_executor(), 1, [this] { return database_->open(); }};
    TaskGroup tasks_{io_.get_executor()};
    NoticeDesk desk_{io_.get_executor(), clock_, pool_, {}, [] { return Epoch{2}; }};
};

/// More than a look takes has ended.
TEST_F(NoticeDeskTest, WhatTimeTellsDoesNotWaitForALongBacklog)
{
    const JobId busy = add_job();
    const JobId failing = add_job();
    const JobId silent = add_job(60s);
    const JobId well = add_job(60s);
    WatchedJob since_then;
    since_then.watched_since = t0;
    Seen seen;
    for (const JobId job : {silent, well}) {
        seen.watches.push_back({job, watch_text(since_then), t0 + 60s});
    }
    store_->notices().store_seen(1, seen);
    std::vector<RunReport> runs;
    for (int i = 1; i <= 1000; ++i) runs.push_back(ended(busy, t0 + i * 1s, RunState::success));
    record(runs);
    record({ended(failing, t0 + 30min, RunState::failed), ended(well, t0 + 1h, RunState::success)});

    testing::run(io_, look_until([this] { return store_->notices().unseen_ends(1).empty(); }));
    EXPECT_THAT(outbox(), ElementsAre("silent-" + std::to_string(silent),
                                      "failing-" + std::to_string(failing)));
}

/// The job has had no success since it is known, and has not been changed since.
TEST_F(NoticeDeskTest, WhatTheConfigurationExpectsNowCountsFromNowOn)
{
    NoticeDefaults defaults;
    defaults.tags = {{.tag = "db", .expect_every = 60s}};
    NoticeDesk desk{io_.get_executor(), clock_, pool_, defaults, [] { return Epoch{2}; }};
    const JobId id = add_job();
    add_job();  // without the tag
    JobPatch patch;
    patch.set(&Job::tags, std::vector<std::string>{"db"});
    store_->update_job(id, patch, t0);
    WatchedJob since_then;
    since_then.watched_since = t0;
    Seen seen;
    seen.watches = {{id, watch_text(since_then), std::nullopt}};
    store_->notices().store_seen(1, seen);
    const auto is_over = [&] {
        const auto watches = store_->notices().watches(std::vector{id});
        if (!watches.empty() && watches[0].due_at == t0 + 1h + 60s) clock_.set(t0 + 1h + 60s);
        return !outbox().empty();
    };
    testing::run(io_, look_until(is_over, desk));
    const auto told = store_->notices().deliveries(channel_, 100);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].notice, fmt::format("silent-{}-{}", id, to_unix_millis(t0 + 1h + 60s)));
}

/// Also where what they say is known already.
TEST_F(NoticeDeskTest, AChangeOfACalendarIsSeen)
{
    const auto freeze = [this](const std::string& dates) {
        Calendar calendar;
        calendar.name = "freeze";
        calendar.dates = dates;
        calendar.set_at = clock_.now();
        store_->calendars().put_calendar(calendar);
    };
    freeze("2025-11-01..2025-12-01");
    Job job;
    job.cron_set = "* * * * * *";
    job.command = "true";
    job.notify = {"ops"};
    job.expect_every = 60s;
    job.calendar = {"!freeze"};
    const JobId id = store_->add_job(job, t0).id;
    const auto due = [&] {
        const auto watches = store_->notices().watches(std::vector{id});
        return watches.empty() ? std::nullopt : watches[0].due_at;
    };
    bool is_changed = false;
    const auto is_over = [&] {
        if (!is_changed && due() == t0 + 2h) {
            clock_.set(t0 + 2h);
            freeze("12-24");
            is_changed = true;
        }
        if (is_changed && due() == t0 + 2h + 60s) clock_.set(t0 + 2h + 60s);
        return is_changed && due() != t0 + 2h && due() != t0 + 2h + 60s;
    };
    testing::run(io_, look_until(is_over));
    EXPECT_THAT(outbox(), ElementsAre("silent-" + std::to_string(id)));
}

TEST_F(NoticeDeskTest, AnOutageOfTheStoreIsToldOnceAndSoIsItsEnd)
{
    const testing::ToldLog told;
    int failures = 0;
    bool is_away = true;
    pool_.observe([&](std::chrono::steady_clock::duration /*took*/, bool failed) {
        is_away = failed;
        if (failed) ++failures;
    });
    database_->execute("ALTER TABLE notice_channel RENAME TO notice_channel_away");
    const auto is_over = [&] {
        if (failures == 2 && is_away) {
            database_->execute("ALTER TABLE notice_channel_away RENAME TO notice_channel");
            ++failures;
        }
        return failures > 2 && !is_away;
    };
    testing::run(io_, look_until(is_over));
    EXPECT_EQ(told.count("cannot look at what has ended"), 1U);
    EXPECT_EQ(told.count("can look at what has ended again"), 1U);
}

/// The notice would tell what stands for the output.
TEST_F(NoticeDeskTest, AnEndWhoseOutputIsToComeWaitsForItForSomeSeconds)
{
    const JobId waiting = add_job();
    const JobId other = add_job();
    RunReport told = ended(waiting, t0 + 1h, RunState::failed);
    told.output = std::string(output_to_come);
    record({told, ended(other, t0 + 1h + 1s, RunState::failed)});
    const std::string first = "failing-" + std::to_string(other);
    bool is_over = false;
    testing::run(io_, look_until([&] {
                     const std::vector<std::string> notices = outbox();
                     if (!is_over && !notices.empty()) {
                         EXPECT_THAT(notices, ElementsAre(first)) << "of the same look";
                         is_over = true;
                         clock_.set(t0 + 1h + 5s);
                     }
                     return notices.size() == 2;
                 }));
    EXPECT_THAT(outbox(), ElementsAre(first, "failing-" + std::to_string(waiting)));
}

TEST_F(NoticeDeskTest, WhatTheDispatcherBeforeHasReadIsNotStoredAnyMore)
{
    const auto is_refused = [this] {
        try {
            store_->notices().store_seen(1, {});
        } catch (const Deposed&) {
            return true;
        }
        return false;
    };
    EXPECT_FALSE(is_refused());
    testing::run(io_, look_until(is_refused));
}

}  // namespace
}  // namespace peercron
