#include "dispatch/revocations.hpp"

#include "unit/dispatch/links_fixture.hpp"

#include <gmock/gmock.h>

namespace peercron {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RevocationsTest : public LinksTest {
protected:
    RevocationsTest()
    {
        on_end_ = [this](const NodeName& name) { revocations_.give_up_on(name); };
    }
    ~RevocationsTest() override { loop_.drop_all(); }

    static RunId run(std::int64_t second) { return {1, WallTime(std::chrono::seconds(second)), 0}; }

    asio::awaitable<void> ask(std::map<NodeName, std::vector<RunId>> runs)
    {
        taken_back_ = co_await revocations_.take_back(std::move(runs));
    }
    void take_back(std::map<NodeName, std::vector<RunId>> runs)
    {
        asio::co_spawn(loop_.executor(), ask(std::move(runs)), [](const std::exception_ptr&) {});
        pass(1ms);
    }

    Revocations revocations_{loop_.executor(), clock_, links_, rules_};
    std::optional<Revocations::TakenBack> taken_back_;
};

TEST_F(RevocationsTest, WhatTheNodesGiveBackIsTheAnswer)
{
    connect_all();
    take_back({{beta, {run(1), run(2)}}, {gamma, {run(3)}}});
    EXPECT_FALSE(taken_back_);
    const Revoke asked = heard<Revoke>(beta).at(0);
    EXPECT_THAT(asked.runs, ElementsAre(run(1), run(2)));
    EXPECT_FALSE(revocations_.take_answer(beta, Revoked{asked.request, {run(2)}}));
    EXPECT_FALSE(
        revocations_.take_answer(gamma, Revoked{heard<Revoke>(gamma).at(0).request, {run(3)}}));
    pass(1ms);
    ASSERT_TRUE(taken_back_);
    EXPECT_THAT(taken_back_->runs, ElementsAre(run(2), run(3)));
    EXPECT_THAT(taken_back_->mute, IsEmpty());
}

TEST_F(RevocationsTest, ANodeThatIsNotConnectedIsMuteAtOnce)
{
    node(beta).accepts = false;
    connect_all();
    take_back({{beta, {run(1)}}});
    ASSERT_TRUE(taken_back_);
    EXPECT_THAT(taken_back_->mute, ElementsAre(beta));
}

TEST_F(RevocationsTest, ANodeWhoseConnectionEndsIsMute)
{
    connect_all();
    take_back({{beta, {run(1)}}});
    EXPECT_FALSE(taken_back_);
    hang_up(beta);
    ASSERT_TRUE(taken_back_);
    EXPECT_THAT(taken_back_->mute, ElementsAre(beta));
}

TEST_F(RevocationsTest, AnAnswerAfterASecondIsLateAndNotTakenForAnother)
{
    connect_all();
    take_back({{beta, {run(1)}}});
    pass(1s);
    ASSERT_TRUE(taken_back_);
    EXPECT_THAT(taken_back_->mute, ElementsAre(beta));
    taken_back_.reset();
    take_back({{beta, {run(2)}}});
    const std::vector<Revoke> asked = heard<Revoke>(beta);
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_TRUE(revocations_.take_answer(beta, Revoked{asked[0].request, {run(1)}}));
    pass(1ms);
    EXPECT_FALSE(taken_back_);
    EXPECT_FALSE(revocations_.take_answer(beta, Revoked{asked[1].request, {run(2)}}));
    pass(1ms);
    ASSERT_TRUE(taken_back_);
    EXPECT_THAT(taken_back_->runs, ElementsAre(run(2)));
}

}  // namespace
}  // namespace peercron
