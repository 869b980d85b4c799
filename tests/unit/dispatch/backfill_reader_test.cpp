#include "dispatch/backfill_reader.hpp"

#include "unit/dispatch/reader_fixture.hpp"

#include <gmock/gmock.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace peercron {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The store's part about backfills; it has one, or none.
class BackfillAnswers final : public BackfillStore {
public:
    std::optional<BackfillWork> goes_on;
    int looks = 0;

    std::vector<BackfillWork> work(std::size_t /*limit*/) override
    {
        ++looks;
        if (!goes_on) return {};
        return {*goes_on};
    }
    Backfill add(const Backfill& draft, std::span<const WallTime> /*fires*/) override
    {
        return draft;
    }
    bool end(std::int64_t /*id*/, BackfillState /*state*/, const std::string& /*why*/,
             WallTime /*at*/) override
    {
        return false;
    }
    std::vector<BackfillProgress> list(JobId /*job*/, std::size_t /*limit*/) override { return {}; }
    std::optional<BackfillProgress> find(std::int64_t /*id*/) override { return std::nullopt; }
};

class BackfillAnswersStore final : public simulation::UnusedStore {
public:
    BackfillAnswers answers;

    BackfillStore& backfills() override { return answers; }
    std::optional<Job> find_job(JobId id) override { return every_second(id); }
    std::optional<LogRow> find_newest_attempt(const RunId& /*run*/) override
    {
        return std::nullopt;
    }
};

class BackfillReaderTest : public ReaderTest<BackfillAnswersStore> {
protected:
    BackfillReaderTest()
    {
        jobs_.put(every_second(1), clock_.now().wall);
        spawn(reader_.run());
        // A look at once would be while commands of dead nodes may be alive.
        pass(3s);
        EXPECT_EQ(looks(), 1);
    }
    ~BackfillReaderTest() override { loop_.drop_all(); }

    int looks() const { return store_.answers.looks; }

    /// A person asks for one; does not tell the dispatcher.
    void begin_backfill()
    {
        BackfillWork work;
        work.backfill.id = 7;
        work.backfill.job = 1;
        work.backfill.asked_by = "ann";
        work.next.push_back(fire_);
        store_.answers.goes_on = std::move(work);
    }
    std::vector<PlannedRun> planned()
    {
        reader_.plan_runs();
        std::vector<PlannedRun> runs = rules_.step(clock_.now()).runs;
        std::erase_if(runs, [this](const PlannedRun& run) { return run.id.scheduled_at != fire_; });
        return runs;
    }

    const WallTime fire_ = std::chrono::floor<std::chrono::seconds>(clock_.now().wall) - 24h;
    BackfillReader reader_{ledger_, rules_};
};

TEST_F(BackfillReaderTest, ABackfillBeginsAtOnceWhenItIsNoticed)
{
    pass(1s);
    begin_backfill();
    reader_.note(JobChanged());
    pass(1ms);
    EXPECT_EQ(looks(), 2);
    EXPECT_TRUE(is_woken_) << "the dispatch loop plans it now";
    const std::vector<PlannedRun> runs = planned();
    ASSERT_THAT(runs, SizeIs(1));
    EXPECT_EQ(runs[0].requested_by, "backfill 7 by ann");
}

TEST_F(BackfillReaderTest, ABackfillThatIsNoticedWhileTheStoreIsReadIsFoundByTheNextRead)
{
    store_takes_ = 200ms;
    pass(10s);  // a look has begun, and finds nothing
    ASSERT_EQ(looks(), 2);
    begin_backfill();
    reader_.note(JobChanged());
    pass(199ms);
    EXPECT_EQ(looks(), 2);
    pass(1ms);
    EXPECT_EQ(looks(), 3);
    EXPECT_FALSE(is_woken_);
    pass(200ms);
    EXPECT_TRUE(is_woken_);
}

TEST_F(BackfillReaderTest, AChangeOfJobsBeginsNone)
{
    begin_backfill();
    for (JobId job = 1; job <= 3; ++job) {
        reader_.note(JobChanged{static_cast<std::uint64_t>(job), {job}});
        pass(1s);
    }
    EXPECT_EQ(looks(), 1);
    reader_.note(JobChanged{4, {}});
    pass(1ms);
    EXPECT_EQ(looks(), 2);
}

TEST_F(BackfillReaderTest, ABackfillThatNobodyHasToldOfIsFoundWithinSeconds)
{
    begin_backfill();
    pass(9'999ms);
    EXPECT_FALSE(is_woken_);
    pass(1ms);
    EXPECT_TRUE(is_woken_) << "a node of an older version tells nothing";
}

}  // namespace
}  // namespace peercron
