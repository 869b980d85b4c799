#pragma once

#include "base/clock.hpp"
#include "base/event.hpp"
#include "model/notice_channel.hpp"
#include "model/run.hpp"
#include "notify/cluster_rules.hpp"
#include "notify/messenger.hpp"
#include "store/store_pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

namespace peercron {

/// Looks at the nodes and the cluster while this node dispatches, and puts notices about them into
/// the outbox, each in one transaction with what is known, so that the next dispatcher goes on.
///
/// What a node alone knows of itself (OwnFacts) it notices itself, whoever dispatches.
///
/// While the store is away, a node sends such notices itself, to the channels that it knows. While
/// nobody dispatches, one of the nodes that reach the store says so and sends what is in the
/// outbox. They agree in the store on which one; should two think that it is them, the ids of the
/// notices are the same.
///
/// Nobody waits for it. Lives on the I/O thread.
class ClusterDesk {
public:
    struct Parts {
        const Clock& clock;
        StorePool& store;  ///< its own, or that of other work for notices
        Messenger& messenger;
        Event& written;                ///< is told of new messages in the outbox
        NodeName self;                 ///< this node
        bool is_alone = false;         ///< there are no other nodes, and will be none
        std::function<Epoch()> epoch;  ///< in which this node dispatches; 0 while it does not
        std::function<ClusterFacts()> facts;  ///< asked while it dispatches
        std::function<OwnFacts()> own_facts;
        std::function<SteadyTime()> dispatcher_heard;  ///< when this node last heard one
    };

    ClusterDesk(asio::any_io_executor executor, Parts parts, ClusterNotices settings);

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// Whether this node sends the outbox, although it does not dispatch.
    bool stands_in() const { return stands_in_; }

    /// To be called when this node is about to stop in good order, so that nobody takes that for a
    /// death: stores it, if this node dispatches. Gives up at `latest`.
    asio::awaitable<void> leave(SteadyTime latest);

private:
    /// A notice that is not in the outbox yet.
    struct Unsaved {
        Notice notice;
        std::set<std::int64_t> taken;  ///< channels that have got it already
    };

    /// What is known of one subject, and of that what is not stored yet.
    struct Sheet {
        JobId row = 0;  ///< see JobWatch::job
        WatchedCluster watched;
        std::vector<Unsaved> unsaved;
        std::int64_t failed_sends = 0;  ///< in a row
        SteadyTime next_send{};

        void add(std::vector<Notice> notices);
    };

    asio::awaitable<void> look();
    bool is_for_nobody() const;
    asio::awaitable<void> look_as_dispatcher(Epoch epoch);
    asio::awaitable<void> begin(Epoch epoch);
    SeenBefore seen_before();
    asio::awaitable<void> look_at_self();
    asio::awaitable<void> save_or_send(Sheet& sheet, Epoch epoch);
    asio::awaitable<void> save(Sheet& sheet, Epoch epoch);
    asio::awaitable<void> store_that_it_leaves(Epoch epoch);
    asio::awaitable<void> send_unsaved(Sheet& sheet);
    asio::awaitable<void> look_for_a_dispatcher();

    const Parts parts_;
    const ClusterRules rules_;
    const ClusterNotices settings_;
    Sheet cluster_;
    Sheet own_;
    bool is_own_read_ = false;
    // What this node has seen while it does not dispatch.
    SteadyTime dispatcher_heard_{};
    bool is_store_away_ = false;
    std::optional<WallTime> store_away_since_;  ///< the last time
    Epoch begun_in_ = 0;
    std::vector<NoticeChannel> channels_;  ///< as far as is known
    SteadyTime next_save_{};               ///< of what is known of the cluster
    bool stands_in_ = false;
    bool is_leaving_ = false;
    bool has_left_ = false;
    Event leave_;
    Event left_;
    // What another dispatcher has kept, and since when that is so.
    Epoch others_epoch_ = 0;
    WallTime others_look_{};
    SteadyTime others_look_since_{};
    SteadyTime next_look_for_others_{};
};

}  // namespace peercron
