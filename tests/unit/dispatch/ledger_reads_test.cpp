#include "dispatch/ledger_reads.hpp"

#include "unit/dispatch/reader_fixture.hpp"

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <vector>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Notes in which order it is called.
class NotedCalls final : public simulation::UnusedStore {
public:
    std::vector<std::string> calls;
    bool is_away = false;

    void commit_as(Epoch /*epoch*/, const PlanStep& /*step*/) override { note("step"); }
    Epoch newest_epoch() override
    {
        note("read");
        return 7;
    }

private:
    void note(std::string call)
    {
        if (is_away) throw StoreError("the store is away");
        calls.push_back(std::move(call));
    }
};

class LedgerReadsTest : public ReaderTest<NotedCalls> {
protected:
    ~LedgerReadsTest() override { loop_.drop_all(); }

    struct Read {
        Epoch epoch = 0;
        WallTime asked_at;
    };

    static Read query(Store& store, WallTime now) { return {store.newest_epoch(), now}; }

    asio::awaitable<void> read() { found_ = co_await ledger_.read(retry_, query); }

    asio::awaitable<void> try_to_read()
    {
        const Result<Read> found = co_await ledger_.try_read(query);
        if (found) {
            found_ = *found;
        } else {
            refused_ = found.error().message;
        }
    }

    const Retry retry_{.trouble = "cannot read"};
    std::optional<Read> found_;
    std::string refused_;
};

TEST_F(LedgerReadsTest, AReadWaitsForTheStepsThatWereAddedBeforeIt)
{
    writer_.add(PlanStep());
    spawn(read());
    pass(1min);
    EXPECT_THAT(store_.calls, IsEmpty()) << "a ledger that lacks a step was read";
    spawn(writer_.run());
    pass(1ms);
    EXPECT_THAT(store_.calls, ElementsAre("step", "read"));
    EXPECT_TRUE(found_);
}

TEST_F(LedgerReadsTest, AReadIsTriedUntilTheStoreAnswersEachTimeWithTheTimeThen)
{
    store_.is_away = true;
    const WallTime begun = clock_.now().wall;
    spawn(read());
    pass(1min);
    EXPECT_FALSE(found_);
    store_.is_away = false;
    pass(3s);
    ASSERT_TRUE(found_);
    EXPECT_EQ(found_->epoch, 7);
    EXPECT_GE(found_->asked_at, begun + 1min);
}

TEST_F(LedgerReadsTest, ForAPersonAReadWaitsForTheStepsToo)
{
    writer_.add(PlanStep());
    spawn(try_to_read());
    pass(1s);
    EXPECT_THAT(store_.calls, IsEmpty());
    spawn(writer_.run());
    pass(1ms);
    EXPECT_THAT(store_.calls, ElementsAre("step", "read"));
    EXPECT_TRUE(found_);
}

TEST_F(LedgerReadsTest, APersonIsToldThatStepsCannotBeWritten)
{
    store_.is_away = true;
    writer_.add(PlanStep());
    spawn(writer_.run());
    spawn(try_to_read());
    pass(1ms);
    EXPECT_THAT(refused_, HasSubstr("cannot be written"));
}

TEST_F(LedgerReadsTest, APersonIsToldThatTheStoreFails)
{
    store_.is_away = true;
    spawn(try_to_read());
    pass(1ms);
    EXPECT_EQ(refused_, "the store is away");
}

}  // namespace
}  // namespace peercron
