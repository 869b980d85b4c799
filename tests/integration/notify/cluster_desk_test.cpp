#include "notify/cluster_desk.hpp"

#include "integration/notify/messenger_fixture.hpp"
#include "run_coroutine.hpp"
#include "store/notice_store.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::t0;

const NodeName one = "10.0.0.1:9991";
const NodeName two = "10.0.0.2:9991";

/// Two nodes' desks at one store, and a webhook. Node one dispatches in epoch 1 unless it is told
/// otherwise.
class ClusterDeskTest : public testing::MessengerTest {
protected:
    struct Node {
        Node(ClusterDeskTest& test, NodeName its_name, Epoch its_epoch, bool is_alone = false)
            : name(std::move(its_name)),
              epoch(its_epoch),
              desk(test.io_.get_executor(),
                   {.clock = test.clock_,
                    .store = test.pool_,
                    .messenger = test.messenger_,
                    .written = test.written_,
                    .self = name,
                    .is_alone = is_alone,
                    .epoch = [this] { return epoch; },
                    .facts =
                        [this, &test] {
                            ++looks;
                            return test.facts(name);
                        },
                    .own_facts =
                        [this, &test] {
                            return OwnFacts{test.clock_.now(), is_journal_failing};
                        },
                    .dispatcher_heard =
                        [&test] {
                            return test.is_heard_ ? test.clock_.steady_now() : SteadyTime{};
                        }},
                   all_kinds())
        {}

        NodeName name;
        Epoch epoch;
        bool is_journal_failing = false;
        int looks = 0;  ///< as the dispatcher
        ClusterDesk desk;
    };

    ClusterDeskTest()
    {
        NoticeChannel channel;
        channel.name = "ops";
        channel.kind = "webhook";
        channel.settings["url"] = server_.url("/hook");
        channel.every_job = true;
        channel_ = store_->notices().add_channel(channel).id;
        channel.name = "db";
        channel.every_job = false;
        channel.tags = {"db"};
        store_->notices().add_channel(channel);
    }

    static ClusterNotices all_kinds()
    {
        ClusterNotices notices;
        notices.after = 10s;
        for (const NoticeKind kind : cluster_kinds) notices.on.emplace_back(to_string(kind));
        return notices;
    }

    ClusterFacts facts(const NodeName& self) const
    {
        ClusterFacts facts;
        facts.now = clock_.now();
        facts.self = self;
        facts.nodes = {{.name = one, .is_connected = has_one_}, {.name = two}};
        facts.registered = {one, two};
        if (store_away_since_) facts.store_away = ClusterFacts::Outage{*store_away_since_, "gone"};
        return facts;
    }

    /// In the order in which they came; the ids without their moments.
    std::vector<std::string> outbox()
    {
        std::vector<std::string> notices;
        for (const NoticeDelivery& delivery : store_->notices().deliveries(channel_, 100)) {
            notices.push_back(delivery.notice.substr(0, delivery.notice.rfind('-')));
        }
        std::ranges::reverse(notices);
        return notices;
    }

    std::optional<WatchedCluster> kept()
    {
        const std::vector<JobId> row{0};
        const auto watches = store_->notices().watches(row);
        return watches.empty() ? std::nullopt : read_cluster_watch(watches.front().text);
    }

    /// Runs the nodes until `is_over` says so, which is asked again and again.
    void run_until(std::vector<Node*> nodes, const std::function<bool()>& is_over)
    {
        testing::run(io_, go(std::move(nodes), is_over));
    }

    asio::awaitable<void> go(std::vector<Node*> nodes, const std::function<bool()>& is_over)
    {
        TaskGroup tasks(io_.get_executor());
        for (Node* const node : nodes) tasks.spawn(node->name, node->desk.run());
        co_await end_when(tasks, is_over);
    }

    void delete_channels()
    {
        for (const NoticeChannel& channel : store_->notices().channels()) {
            store_->notices().delete_channel(channel.id);
        }
    }

    /// Whether the dispatcher stores what it knows again when these times have passed, one after
    /// the other.
    std::vector<bool> saves_after(Node& node, const std::vector<std::chrono::seconds>& times)
    {
        std::vector<bool> saves;
        std::optional<int> looks;  // when the time began to pass
        WallTime saved{};
        run_until({&node}, [&] {
            if (!kept()) return false;
            // What a look does is done when the second one after it begins.
            if (looks && node.looks < *looks + 2) return false;
            if (saved != WallTime{}) saves.push_back(kept()->seen_at != saved);
            if (saves.size() == times.size()) return true;
            if (looks) {
                saved = kept()->seen_at;
                clock_.move(times[saves.size()]);
            }
            looks = node.looks;
            return false;
        });
        return saves;
    }

    std::int64_t channel_ = 0;
    bool has_one_ = true;
    bool is_heard_ = false;  ///< the dispatcher, by each node
    std::optional<WallTime> store_away_since_;
};

TEST_F(ClusterDeskTest, TheNextDispatcherTellsThatTheLastOnesNodeIsGone)
{
    Node first(*this, one, 1);
    Node second(*this, two, 0);
    is_heard_ = true;
    enum class Stage : std::uint8_t { begun, dead, told } stage = Stage::begun;
    run_until({&first, &second}, [&] {
        if (stage == Stage::begun && kept() && kept()->nodes.contains(one)) {
            stage = Stage::dead;
            has_one_ = false;
            first.epoch = 0;
            second.epoch = 2;
        } else if (stage == Stage::dead && kept()->epoch == 2 && kept()->nodes[one]) {
            stage = Stage::told;
            clock_.move(11s);
        }
        if (!outbox().empty()) has_one_ = true;
        return outbox().size() == 2;
    });
    EXPECT_THAT(outbox(),
                ElementsAre("node-gone-10.0.0.1_9991", "recovered-node-gone-10.0.0.1_9991"));
    EXPECT_THAT(server_.requests, IsEmpty()) << "the courier sends them";
}

TEST_F(ClusterDeskTest, WhileNobodyDispatchesOneNodeSaysSoAndSendsTheOutbox)
{
    Node first(*this, one, 1);
    Node second(*this, two, 0);
    bool is_dead = false;
    run_until({&first, &second}, [&] {
        if (!is_dead && kept()) {
            is_dead = true;
            first.epoch = 0;
        }
        // The first one could stand in as well: only one of them does.
        if (is_dead) clock_.move(50ms);
        EXPECT_FALSE(first.desk.stands_in() && second.desk.stands_in());
        return first.desk.stands_in() || second.desk.stands_in();
    });
    EXPECT_THAT(outbox(), ElementsAre("no-dispatcher"));
    EXPECT_GE(clock_.now() - t0, 10s);
}

TEST_F(ClusterDeskTest, TheDispatcherThatComesSaysHowLongThereWasNone)
{
    Node first(*this, one, 1);
    Node second(*this, two, 0);
    bool is_dead = false;
    run_until({&first, &second}, [&] {
        if (!is_dead && kept()) {
            is_dead = true;
            first.epoch = 0;
        }
        if (is_dead) clock_.move(50ms);
        if (!outbox().empty()) second.epoch = 2;
        return outbox().size() == 2;
    });
    EXPECT_THAT(outbox(), ElementsAre("no-dispatcher", "recovered-no-dispatcher"));
    EXPECT_FALSE(first.desk.stands_in());
    EXPECT_FALSE(second.desk.stands_in());
}

TEST_F(ClusterDeskTest, WhileTheStoreIsAwayTheDispatcherSendsItselfAndThenTheOutboxHasTheEnd)
{
    Node first(*this, one, 1);
    enum class Stage : std::uint8_t { begun, away, back } stage = Stage::begun;
    run_until({&first}, [&] {
        if (stage == Stage::begun && kept()) {
            stage = Stage::away;
            database_->execute("ALTER TABLE notice_term RENAME TO notice_term_away");
            store_away_since_ = clock_.now();
            clock_.move(11s);
        } else if (stage == Stage::away && !server_.requests.empty()) {
            stage = Stage::back;
            database_->execute("ALTER TABLE notice_term_away RENAME TO notice_term");
            store_away_since_.reset();
        }
        return stage == Stage::back && !outbox().empty();
    });
    ASSERT_EQ(server_.requests.size(), 1U) << "the other channel is not for this";
    EXPECT_THAT(server_.requests[0], HasSubstr("webhook-id: store-away-"));
    EXPECT_THAT(outbox(), ElementsAre("recovered-store-away"))
        << "a channel that has the first one does not get it again";
}

TEST_F(ClusterDeskTest, TheEndOfAnOutageIsToldAlthoughItsDispatcherDiedInIt)
{
    Node first(*this, one, 1);
    Node second(*this, two, 0);
    is_heard_ = true;
    enum class Stage : std::uint8_t { begun, away, told, dead } stage = Stage::begun;
    int looks = 0;
    run_until({&first, &second}, [&] {
        if (stage == Stage::begun && kept()) {
            stage = Stage::away;
            database_->execute("ALTER TABLE notice_term RENAME TO notice_term_away");
            database_->execute("ALTER TABLE notice_job RENAME TO notice_job_away");
            store_away_since_ = clock_.now();
        } else if (stage == Stage::away && server_.requests.empty()) {
            clock_.move(50ms);
        } else if (stage == Stage::away) {
            stage = Stage::told;
            clock_.move(25s);
        } else if (stage == Stage::told && ++looks > 200) {  // node two hears it until now
            stage = Stage::dead;
            first.epoch = 0;
            is_heard_ = false;
            store_away_since_.reset();
            database_->execute("ALTER TABLE notice_term_away RENAME TO notice_term");
            database_->execute("ALTER TABLE notice_job_away RENAME TO notice_job");
            second.epoch = 2;
        }
        return stage == Stage::dead && !outbox().empty();
    });
    ASSERT_EQ(server_.requests.size(), 1U);
    EXPECT_THAT(server_.requests[0], HasSubstr("webhook-id: store-away-"));
    EXPECT_THAT(outbox(), ElementsAre("recovered-store-away"));
}

TEST_F(ClusterDeskTest, ANodeAloneWithoutChannelsStoresWhatItKnowsOnceAMinute)
{
    delete_channels();
    Node alone(*this, one, 1, true);
    EXPECT_THAT(saves_after(alone, {59s, 2s}), ElementsAre(false, true));
}

TEST_F(ClusterDeskTest, ANodeAloneWithChannelsStoresWhatItKnowsEveryFewSeconds)
{
    Node alone(*this, one, 1, true);
    EXPECT_THAT(saves_after(alone, {4s, 2s}), ElementsAre(false, true));
}

TEST_F(ClusterDeskTest, ADispatcherWithOtherNodesStoresWhatItKnowsEveryFewSeconds)
{
    delete_channels();
    Node first(*this, one, 1);
    EXPECT_THAT(saves_after(first, {4s, 2s}), ElementsAre(false, true)) << "they read it";
}

TEST_F(ClusterDeskTest, WhatANodeAloneKnowsItTellsItself)
{
    Node first(*this, one, 1);
    Node second(*this, two, 0);
    second.is_journal_failing = true;
    run_until({&first, &second}, [&] {
        if (kept()) clock_.move(50ms);
        if (!outbox().empty()) second.is_journal_failing = false;
        return outbox().size() == 2;
    });
    EXPECT_THAT(outbox(), ElementsAre("journal-failing-10.0.0.2_9991",
                                      "recovered-journal-failing-10.0.0.2_9991"));
    store_->notices().clean_up(clock_.now(), 1, 100);
    EXPECT_TRUE(kept()) << "what is known of the cluster is that of no job that is gone";
}

TEST_F(ClusterDeskTest, ANodeThatStopsInGoodOrderIsNotMissed)
{
    Node first(*this, one, 1);
    bool has_left = false;
    const auto leave = [&]() -> asio::awaitable<void> {
        co_await first.desk.leave(clock_.steady_now() + 1h);
        has_left = true;
    };
    bool is_leaving = false;
    run_until({&first}, [&] {
        if (!is_leaving && kept()) {
            is_leaving = true;
            asio::co_spawn(io_, leave(), asio::detached);
        }
        return has_left;
    });
    EXPECT_FALSE(kept()->nodes.contains(one));
    EXPECT_FALSE(kept()->is_left) << "node two goes on";
}

}  // namespace
}  // namespace peercron
