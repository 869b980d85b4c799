#include "notify/notice_desk.hpp"

#include "simulation/unused_store.hpp"
#include "store/notice_store.hpp"
#include "unit/base/jumping_loop.hpp"
#include "unit/base/loop_clock.hpp"
#include "unit/store/loop_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

/// Always one end and one watch that is due, each of a job that is deleted.
class DeletedJobs final : public NoticeStore {
public:
    int looks = 0;
    int channels_read = 0;
    std::vector<JobId> forgotten;
    JobId unwatched = 0;  ///< jobs, from 1 on
    std::vector<JobId> searched_after;

    std::vector<NoticeChannel> channels() override
    {
        ++channels_read;
        return {NoticeChannel()};
    }
    void begin_looking(Epoch /*epoch*/) override {}
    std::vector<UnseenEnd> unseen_ends(std::size_t /*limit*/) override
    {
        ++looks;
        UnseenEnd end;
        end.id = looks;
        end.row.emplace();
        end.row->run.id.job = 1;
        end.row->run.state = RunState::failed;
        return {end};
    }
    std::vector<JobWatch> due_watches(WallTime /*now*/, std::size_t /*limit*/) override
    {
        return {{2, "", std::nullopt}};
    }
    std::vector<JobId> unwatched_jobs(const NoticeDefaults& /*defaults*/, JobId after,
                                      std::size_t limit) override
    {
        searched_after.push_back(after);
        std::vector<JobId> found;
        while (after < unwatched && found.size() < limit) found.push_back(++after);
        return found;
    }
    std::vector<LogRow> slow_runs(const NoticeDefaults& /*defaults*/, WallTime /*now*/,
                                  std::size_t /*limit*/) override
    {
        return {};
    }
    std::vector<LogRow> healthy_daemons(WallTime /*now*/, std::size_t /*limit*/) override
    {
        return {};
    }
    void store_seen(Epoch /*epoch*/, const Seen& seen) override
    {
        forgotten.insert(forgotten.end(), seen.forgotten.begin(), seen.forgotten.end());
    }

    NoticeChannel add_channel(const NoticeChannel& /*channel*/) override { unused(); }
    bool update_channel(const NoticeChannel& /*channel*/) override { unused(); }
    bool delete_channel(std::int64_t /*id*/) override { unused(); }
    std::vector<JobWatch> watches(std::span<const JobId> /*jobs*/) override { unused(); }
    std::vector<NoticeDelivery> due_deliveries(std::int64_t /*channel*/, WallTime /*now*/,
                                               std::size_t /*limit*/) override
    {
        unused();
    }
    void update_deliveries(std::span<const NoticeDelivery> /*deliveries*/) override { unused(); }
    std::vector<NoticeDelivery> deliveries(std::int64_t /*channel*/, std::size_t /*limit*/) override
    {
        unused();
    }
    std::int64_t count_waiting() override { unused(); }
    std::size_t clean_up(WallTime /*before*/, std::size_t /*keep*/, std::size_t /*limit*/) override
    {
        unused();
    }

private:
    [[noreturn]] static void unused() { throw std::logic_error("a look does not call this"); }
};

class DeletedJobsStore final : public simulation::UnusedStore {
public:
    DeletedJobs of_notices;

    NoticeStore& notices() override { return of_notices; }
    std::vector<Job> find_jobs_by_id(std::span<const JobId> /*ids*/) override { return {}; }
};

class NoticeDeskTest : public ::testing::Test {
protected:
    ~NoticeDeskTest() override { loop_.drop_all(); }

    void pass(std::chrono::milliseconds time) { loop_.run_until(loop_.now() + time); }

    testing::JumpingLoop loop_;
    testing::LoopClock clock_{loop_};
    DeletedJobsStore store_;
    std::chrono::milliseconds store_takes_{0};
    StorePool pool_{loop_.executor(), clock_,
                    std::make_unique<testing::LoopSession>(store_, store_takes_),
                    StorePool::TooLong::caller};
    NoticeDesk desk_{loop_.executor(), clock_, pool_, {}, [] { return Epoch{7}; }};
};

/// All that is looked at in one look goes by the same channels.
TEST_F(NoticeDeskTest, ALookReadsTheChannelsOnce)
{
    asio::co_spawn(loop_.executor(), desk_.run(), [](const std::exception_ptr&) {});
    pass(1250ms);
    const DeletedJobs& asked = store_.of_notices;
    EXPECT_EQ(asked.looks, 1);
    EXPECT_THAT(asked.forgotten, ElementsAre(1, 2)) << "at ends, and at what time tells";
    EXPECT_EQ(asked.channels_read, 1);
    pass(4s);
    EXPECT_GT(asked.looks, 1);
    EXPECT_EQ(asked.channels_read, asked.looks);
}

TEST_F(NoticeDeskTest, ASearchThatHasNotSeenAllJobsGoesOnWithTheNextLook)
{
    store_.of_notices.unwatched = 2500;
    asio::co_spawn(loop_.executor(), desk_.run(), [](const std::exception_ptr&) {});
    const std::vector<JobId>& searched = store_.of_notices.searched_after;
    pass(5s);
    EXPECT_THAT(searched, ElementsAre(0, 1000, 2000));
    pass(10s);
    ASSERT_GE(searched.size(), 4U);
    EXPECT_EQ(searched[3], 0) << "and begins again after a pause";
}

}  // namespace
}  // namespace peercron
