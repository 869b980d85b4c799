#include "dispatch/term_lock.hpp"

#include "fake_coordinator.hpp"
#include "store/store.hpp"
#include "unit/base/jumping_loop.hpp"

#include <gtest/gtest.h>

namespace peercron {
namespace {

class Lock final : public testing::FakeCoordinator {
public:
    using FakeCoordinator::FakeCoordinator;
    Epoch epoch() const override { return held; }

    Epoch held = 7;
};

class TermLockTest : public ::testing::Test {
protected:
    testing::JumpingLoop loop_;
    Lock coordinator_{loop_.executor()};
    TermLock lock_{coordinator_, 7};
};

TEST_F(TermLockTest, TheLockOfAnotherEpochIsLost)
{
    EXPECT_NO_THROW(lock_.check());
    coordinator_.held = 8;
    EXPECT_FALSE(lock_.is_held());
    EXPECT_THROW(lock_.check(), Deposed);
    coordinator_.held = 0;
    EXPECT_THROW(lock_.check(), Deposed);
}

TEST_F(TermLockTest, AnEpochThatHasStepsAlreadyCannotBegin)
{
    EXPECT_NO_THROW(lock_.check_unused(6));
    try {
        lock_.check_unused(7);
        FAIL();
    } catch (const Deposed& error) {
        EXPECT_EQ(error.newest(), 7U);
    }
    EXPECT_THROW(lock_.check_unused(8), Deposed);
}

TEST_F(TermLockTest, ADispatcherOfWhichANodeHasHeardEndsTheTerm)
{
    EXPECT_NO_THROW(lock_.check_newest());
    lock_.note_newer(9);
    try {
        lock_.check_newest();
        FAIL();
    } catch (const Deposed& error) {
        EXPECT_EQ(error.newest(), 9U);
    }
}

}  // namespace
}  // namespace peercron
