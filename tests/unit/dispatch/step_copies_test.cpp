#include "dispatch/step_copies.hpp"

#include "dispatch/dispatcher_metrics.hpp"
#include "unit/dispatch/links_fixture.hpp"

#include <gmock/gmock.h>

namespace peercron {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A store that takes what it is given, or does not answer.
class CalmSessions final : public StoreSessions {
public:
    explicit CalmSessions(const asio::any_io_executor& executor) : never(executor) {}
    std::size_t count() const override { return 1; }
    asio::awaitable<void> run(std::size_t, const Job&) override
    {
        while (is_away) co_await never.wait();
    }

    bool is_away = true;
    Event never;
};

/// The dispatcher's node and two others; the store is away.
class StepCopiesTest : public LinksTest {
protected:
    StepCopiesTest()
    {
        connect_all();
        for (const NodeName& name : {alpha, beta, gamma}) copies_.add_node(name);
        asio::co_spawn(loop_.executor(), writer_.run(), [](const std::exception_ptr&) {});
        pass(1ms);
    }
    ~StepCopiesTest() override { loop_.drop_all(); }

    asio::awaitable<void> copy(std::uint64_t step)
    {
        co_await copies_.copy(step);
        is_copied_ = true;
    }
    void commit()
    {
        step_ = writer_.add(PlanStep());
        asio::co_spawn(loop_.executor(), copy(step_), [](const std::exception_ptr&) {});
        pass(1ms);
    }
    void keep(const NodeName& name, bool durable)
    {
        copies_.note_kept(name, StepKept{StepId{7, step_}, durable});
        pass(1ms);
    }

    prometheus::Registry registry_;
    Dispatcher::Metrics metrics_{registry_};
    CalmSessions* sessions_ = nullptr;
    StorePool store_{loop_.executor(), machine_, make_sessions(), StorePool::TooLong::store};
    StepWriter writer_{loop_.executor(), machine_, store_, metrics_, lock_};
    TermLock term_lock_{lock_, 7};
    StepCopies copies_{clock_, writer_, links_, term_lock_, alpha};
    std::uint64_t step_ = 0;
    bool is_copied_ = false;

private:
    std::unique_ptr<StoreSessions> make_sessions()
    {
        auto sessions = std::make_unique<CalmSessions>(loop_.executor());
        sessions_ = sessions.get();
        return sessions;
    }
};

TEST_F(StepCopiesTest, AStepCountsWhenEveryNodeThatCouldBeElectedHasACopy)
{
    commit();
    for (const NodeName& name : {alpha, beta, gamma}) EXPECT_THAT(heard<StepCopy>(name), SizeIs(1));
    keep(alpha, true);
    keep(beta, true);
    EXPECT_FALSE(is_copied_) << "the third one could be elected";
    lock_.nodes.at(2).passing = false;
    pass(100ms);
    EXPECT_TRUE(is_copied_);
}

TEST_F(StepCopiesTest, CopiesAtFewerThanMostOfTheNodesAreNotEnough)
{
    lock_.nodes.at(1).passing = false;
    lock_.nodes.at(2).passing = false;
    commit();
    keep(alpha, true);
    EXPECT_FALSE(is_copied_) << "not at most of the nodes";
    keep(beta, false);
    EXPECT_TRUE(is_copied_);
}

TEST_F(StepCopiesTest, ANodeThatHasConnectedAgainHasNoCopyUntilItSaysSo)
{
    commit();
    keep(beta, true);
    copies_.remove_node(beta);
    copies_.add_node(beta);
    keep(alpha, true);
    keep(gamma, true);
    EXPECT_FALSE(is_copied_);
    pass(100ms);
    EXPECT_THAT(heard<StepCopy>(beta), SizeIs(2));
    keep(beta, true);
    EXPECT_TRUE(is_copied_);
}

TEST_F(StepCopiesTest, CopiesAreDroppedOnceTheStoreHasTheSteps)
{
    commit();
    copies_.drop_when_stored();
    EXPECT_THAT(heard<StepsStored>(beta), IsEmpty());
    sessions_->is_away = false;
    sessions_->never.notify();
    pass(200ms);
    EXPECT_TRUE(is_copied_) << "the store has it";
    copies_.drop_when_stored();
    EXPECT_EQ(heard<StepsStored>(beta).at(0).through, (StepId{7, step_}));
    copies_.drop_when_stored();
    EXPECT_THAT(heard<StepsStored>(beta), SizeIs(1)) << "once is enough";
}

}  // namespace
}  // namespace peercron
