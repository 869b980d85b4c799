#include "dispatch/clock_keeper.hpp"

#include "unit/dispatch/reader_fixture.hpp"

#include <functional>
#include <optional>

namespace peercron {
namespace {

/// Has nothing to set back, and the clock that the test gives it.
class ClockAnswersStore final : public simulation::UnusedStore {
public:
    std::function<std::optional<WallTime>()> its_clock;
    int readings = 0;
    int searches = 0;  ///< for rows of a clock that was ahead

    std::optional<WallTime> clock() override
    {
        ++readings;
        return its_clock();
    }
    SteppedBack step_back(Epoch /*epoch*/, const StepBack& /*order*/) override
    {
        ++searches;
        return {};
    }
};

class ClockKeeperTest : public ReaderTest<ClockAnswersStore> {
protected:
    ~ClockKeeperTest() override { loop_.drop_all(); }

    asio::awaitable<void> keep()
    {
        co_await keeper_.begin(TermStart());
        co_await keeper_.run();
    }

    ClockKeeper keeper_{clock_, pool_, calls_, writer_, metrics_, rules_, settings_};
};

TEST_F(ClockKeeperTest, ADatabaseWithoutAClockOfItsOwnIsAskedOnce)
{
    store_.its_clock = [] { return std::nullopt; };
    spawn(keep());
    pass(10min);
    EXPECT_EQ(store_.readings, 1);
    EXPECT_GE(store_.searches, 10) << "the rest of its work goes on";
}

TEST_F(ClockKeeperTest, AnotherClockIsComparedAllTheTime)
{
    store_.its_clock = [this] { return machine_.now(); };
    spawn(keep());
    pass(1ms);
    const int at_first = store_.readings;
    EXPECT_GE(at_first, 1);
    pass(60s);
    EXPECT_GE(store_.readings, at_first + 29);
}

}  // namespace
}  // namespace peercron
