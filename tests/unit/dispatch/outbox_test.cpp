#include "dispatch/outbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const NodeName alpha = "127.0.0.1:9991";
const NodeName beta = "127.0.0.1:9993";

RunOrder order(JobId job, std::size_t length = 4)
{
    RunOrder order;
    order.id.job = job;
    order.command = std::string(length, 'x');
    return order;
}

/// To whom, and the orders of which jobs.
std::vector<std::pair<NodeName, std::vector<JobId>>> orders_in(const std::vector<Outgoing>& sent)
{
    std::vector<std::pair<NodeName, std::vector<JobId>>> found;
    for (const Outgoing& outgoing : sent) {
        auto& [node, jobs] = found.emplace_back(outgoing.node, std::vector<JobId>());
        for (const RunOrder& order : std::get<RunOrders>(outgoing.message).orders) {
            jobs.push_back(order.id.job);
        }
    }
    return found;
}

TEST(OutboxTest, ANodesOrdersGoInOneMessage)
{
    Outbox outbox;
    outbox.order(beta, order(1));
    outbox.order(alpha, order(2));
    outbox.order(beta, order(3));
    EXPECT_THAT(orders_in(outbox.take_orders()),
                ElementsAre(Pair(alpha, ElementsAre(2)), Pair(beta, ElementsAre(1, 3))));
    EXPECT_THAT(outbox.take_orders(), IsEmpty());
}

TEST(OutboxTest, AMessageOfOrdersHasABound)
{
    Outbox outbox;
    outbox.order(beta, order(1, Outbox::longest_batch / 2));
    outbox.order(beta, order(2, Outbox::longest_batch / 2));
    outbox.order(beta, order(3));
    outbox.order(alpha, order(4, Outbox::longest_batch));
    EXPECT_THAT(orders_in(outbox.take_orders()),
                ElementsAre(Pair(beta, ElementsAre(1, 2)), Pair(alpha, ElementsAre(4)),
                            Pair(beta, ElementsAre(3))));
}

TEST(OutboxTest, RevocationsDoNotWaitForOrders)
{
    Outbox outbox;
    const RunId run{1, WallTime(5s), 1};
    outbox.order(alpha, order(1));
    outbox.revoke(beta, run);
    const std::vector<Outgoing> revocations = outbox.take_revocations();
    ASSERT_EQ(revocations.size(), 1U);
    EXPECT_EQ(revocations[0].node, beta);
    EXPECT_EQ(std::get<Revoke>(revocations[0].message).request, 0U);
    EXPECT_THAT(std::get<Revoke>(revocations[0].message).runs, ElementsAre(run));
    EXPECT_THAT(outbox.take_revocations(), IsEmpty());
    EXPECT_THAT(orders_in(outbox.take_orders()), ElementsAre(Pair(alpha, ElementsAre(1))));
}

}  // namespace
}  // namespace peercron
