#include "notify/cluster_desk.hpp"

#include "base/shared_pause.hpp"
#include "notify/delivery_rules.hpp"
#include "notify/notice_json.hpp"
#include "store/notice_store.hpp"

#include <spdlog/spdlog.h>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr auto cluster_look_interval = 1s;
/// How often what is known is stored, at least.
constexpr auto save_interval = 5s;
/// The same where nobody would be told, and no other node reads it.
constexpr auto save_interval_for_nobody = 60s;
constexpr auto look_interval_for_nobody = 5s;
/// How long a node stands in after it has said so last.
constexpr auto stand_in_time = 20s;

// Rows of what is known of jobs, which have ids from 1 on.
constexpr JobId the_cluster = 0;

/// The row of what a node knows of itself: FNV-1a of its name.
/// Source: draft-eastlake-fnv.
JobId row_of(const NodeName& node)
{
    constexpr std::uint64_t basis = 14695981039346656037U;
    constexpr std::uint64_t prime = 1099511628211U;
    std::uint64_t hash = basis;
    for (const char c : node) hash = (hash ^ static_cast<unsigned char>(c)) * prime;
    return -1 - static_cast<JobId>(hash >> 1U);
}

std::optional<WatchedCluster> read_kept(Store& store, JobId row)
{
    const std::vector<JobId> rows{row};
    const std::vector<JobWatch> kept = store.notices().watches(rows);
    if (kept.empty()) return std::nullopt;
    return read_cluster_watch(kept.front().text);
}

}  // namespace

void ClusterDesk::Sheet::add(std::vector<Notice> notices)
{
    for (Notice& notice : notices) unsaved.push_back({std::move(notice), {}});
}

ClusterDesk::ClusterDesk(asio::any_io_executor executor, Parts parts, ClusterNotices settings)
    : parts_(std::move(parts)),
      rules_(settings),
      settings_(std::move(settings)),
      leave_(executor),
      left_(std::move(executor))
{
    cluster_.row = the_cluster;
    own_.row = row_of(parts_.self);
}

asio::awaitable<void> ClusterDesk::run()
{
    bool is_told = false;
    for (;;) {
        const auto interval = is_for_nobody() ? look_interval_for_nobody : cluster_look_interval;
        const SteadyTime::duration pause = shared_pause(interval, parts_.clock.exact_now());
        co_await leave_.wait_until(parts_.clock.steady_now() + pause);
        std::string trouble;
        try {
            co_await look();
        } catch (const StoreError& error) {
            trouble = error.what();
        } catch (const Deposed& error) {
            trouble = error.what();
        }
        if (!trouble.empty() && !is_told) {
            spdlog::warn("notices: cannot store what is known of the cluster, trying again: {}",
                         trouble);
        }
        is_told = !trouble.empty();
    }
}

/// Throws StoreError and Deposed.
asio::awaitable<void> ClusterDesk::look()
{
    const Epoch epoch = parts_.epoch();
    std::exception_ptr trouble;
    try {
        if (epoch != 0) {
            stands_in_ = false;
            co_await look_as_dispatcher(epoch);
        } else {
            begun_in_ = 0;
            cluster_.unsaved.clear();
            // Once it dispatches, it hears itself.
            dispatcher_heard_ = parts_.dispatcher_heard();
            co_await look_for_a_dispatcher();
        }
    } catch (const StoreError&) {
        trouble = std::current_exception();
    }
    co_await look_at_self();
    if (trouble) std::rethrow_exception(trouble);
}

asio::awaitable<void> ClusterDesk::look_as_dispatcher(Epoch epoch)
{
    if (is_leaving_) {
        co_await store_that_it_leaves(epoch);
        co_return;
    }
    if (begun_in_ != epoch) co_await begin(epoch);
    cluster_.add(rules_.look(cluster_.watched, parts_.facts()));
    const bool is_due = parts_.clock.steady_now() >= next_save_;
    if (!is_due && cluster_.unsaved.empty()) co_return;
    co_await save_or_send(cluster_, epoch);
    const auto interval = is_for_nobody() ? save_interval_for_nobody : save_interval;
    next_save_ = parts_.clock.steady_now() + interval;
}

/// As of the last look at the channels.
bool ClusterDesk::is_for_nobody() const
{
    return parts_.is_alone && begun_in_ != 0 && channels_.empty();
}

asio::awaitable<void> ClusterDesk::begin(Epoch epoch)
{
    const auto read = [epoch, this](Store& store) {
        store.notices().begin_looking(epoch);
        channels_ = store.notices().channels();
        return read_kept(store, the_cluster);
    };
    const std::optional<WatchedCluster> kept = co_await parts_.store.call(read);
    cluster_.watched = kept.value_or(WatchedCluster());
    begun_in_ = epoch;
    next_save_ = {};
    cluster_.add(rules_.begin(cluster_.watched, epoch, parts_.clock.now(), seen_before()));
}

SeenBefore ClusterDesk::seen_before()
{
    SeenBefore seen;
    if (dispatcher_heard_ != SteadyTime{}) {
        const auto since = parts_.clock.steady_now() - dispatcher_heard_;
        seen.dispatcher_heard =
            parts_.clock.now() - std::chrono::duration_cast<std::chrono::milliseconds>(since);
    }
    seen.store_away_since = std::exchange(store_away_since_, std::nullopt);
    is_store_away_ = false;
    return seen;
}

/// Stored when it changes. Throws StoreError and Deposed.
asio::awaitable<void> ClusterDesk::look_at_self()
{
    const Epoch epoch = parts_.epoch() != 0 ? parts_.epoch() : others_epoch_;
    if (epoch == 0) co_return;
    if (!is_own_read_) {
        const auto read = [row = own_.row](Store& store) { return read_kept(store, row); };
        const std::optional<WatchedCluster> kept = co_await parts_.store.call(read);
        own_.watched = kept.value_or(WatchedCluster());
        is_own_read_ = true;
    }
    own_.add(rules_.look_at_self(own_.watched, parts_.self, parts_.own_facts()));
    if (!own_.unsaved.empty()) co_await save_or_send(own_, epoch);
}

/// Throws StoreError, when it was not stored, and Deposed.
asio::awaitable<void> ClusterDesk::save_or_send(Sheet& sheet, Epoch epoch)
{
    std::exception_ptr away;
    try {
        co_await save(sheet, epoch);
    } catch (const StoreError&) {
        away = std::current_exception();
    }
    if (!away) co_return;
    co_await send_unsaved(sheet);
    std::rethrow_exception(away);
}

asio::awaitable<void> ClusterDesk::save(Sheet& sheet, Epoch epoch)
{
    const auto write = [this, &sheet, epoch, now = parts_.clock.now()](Store& store) {
        std::vector<NoticeChannel> channels = store.notices().channels();
        const auto told = channels_of(settings_.channels, {}, channels);
        Seen seen;
        seen.at = now;
        seen.watches.push_back({sheet.row, watch_text(sheet.watched), std::nullopt});
        for (const Unsaved& one : sheet.unsaved) {
            std::vector<std::int64_t> waiting;
            std::ranges::copy_if(told, std::back_inserter(waiting), [&one](std::int64_t channel) {
                return !one.taken.contains(channel);
            });
            if (waiting.empty()) continue;
            seen.notices.push_back({one.notice.id, the_cluster,
                                    boost::json::serialize(to_json(one.notice)),
                                    std::move(waiting)});
        }
        store.notices().store_seen(epoch, seen);
        return channels;
    };
    channels_ = co_await parts_.store.call(write);
    sheet.failed_sends = 0;
    sheet.next_send = {};
    if (!sheet.unsaved.empty()) parts_.written.notify();
    sheet.unsaved.clear();
}

/// What the outbox cannot take. One round; what a channel does not take waits for the next.
asio::awaitable<void> ClusterDesk::send_unsaved(Sheet& sheet)
{
    if (sheet.unsaved.empty() || parts_.clock.steady_now() < sheet.next_send) co_return;
    const auto told = channels_of(settings_.channels, {}, channels_);
    bool has_failed = false;
    for (Unsaved& one : sheet.unsaved) {
        for (const NoticeChannel& channel : channels_) {
            const bool is_for_it = std::ranges::count(told, channel.id) > 0;
            if (!is_for_it || one.taken.contains(channel.id)) continue;
            const SendReport report = co_await parts_.messenger.send(channel, one.notice);
            if (report.is_sent || report.is_refused) {
                one.taken.insert(channel.id);
                spdlog::warn("notices: {} was sent to channel {} without the outbox{}",
                             one.notice.id, channel.name,
                             report.is_sent ? "" : ", and is refused: " + report.problem);
            } else {
                has_failed = true;
                spdlog::warn("notices: {} could not be sent to channel {}: {}", one.notice.id,
                             channel.name, report.problem);
            }
        }
    }
    sheet.failed_sends = has_failed ? sheet.failed_sends + 1 : 0;
    sheet.next_send = parts_.clock.steady_now() + pause_after_attempts(sheet.failed_sends);
}

/// Throws StoreError.
asio::awaitable<void> ClusterDesk::look_for_a_dispatcher()
{
    const SteadyTime now = parts_.clock.steady_now();
    if (now < next_look_for_others_) co_return;
    next_look_for_others_ =
        now + std::min<std::chrono::milliseconds>(settings_.after / 2, save_interval);
    const auto read = [this](Store& store) {
        channels_ = store.notices().channels();
        return read_kept(store, the_cluster);
    };
    const WallTime asked_at = parts_.clock.now();
    std::optional<WatchedCluster> kept;
    try {
        kept = co_await parts_.store.call(read);
    } catch (const StoreError&) {
        if (!is_store_away_) store_away_since_ = asked_at;
        is_store_away_ = true;
        throw;
    }
    is_store_away_ = false;
    if (!kept || kept->is_left || parts_.epoch() != 0) {
        stands_in_ = false;
        co_return;
    }
    if (kept->seen_at != others_look_ || kept->epoch != others_epoch_) {
        others_epoch_ = kept->epoch;
        others_look_ = kept->seen_at;
        others_look_since_ = now;
    }
    const SteadyTime last_sign = std::max(others_look_since_, parts_.dispatcher_heard());
    const WallTime wall = parts_.clock.now();
    const bool is_taken = kept->stands_in_until > wall && kept->stand_in != parts_.self;
    if (now - last_sign < settings_.after || is_taken) {
        stands_in_ = false;
        co_return;
    }
    // Another one that has said so at the same moment is seen at the next look.
    stands_in_ = kept->stand_in == parts_.self && kept->stands_in_until > wall;
    cluster_.watched = *std::move(kept);
    cluster_.watched.stand_in = parts_.self;
    cluster_.watched.stands_in_until = wall + stand_in_time;
    cluster_.add(rules_.nobody_dispatches(cluster_.watched, wall));
    try {
        co_await save(cluster_, cluster_.watched.epoch);
    } catch (const Deposed&) {
        stands_in_ = false;  // there is a new dispatcher
    }
}

asio::awaitable<void> ClusterDesk::leave(SteadyTime latest)
{
    is_leaving_ = true;
    leave_.notify();
    while (parts_.epoch() != 0 && !has_left_ && parts_.clock.steady_now() < latest) {
        co_await left_.wait_until(latest);
    }
}

/// Throws StoreError and Deposed.
asio::awaitable<void> ClusterDesk::store_that_it_leaves(Epoch epoch)
{
    if (has_left_ || begun_in_ != epoch) co_return;
    rules_.leave(cluster_.watched, parts_.facts());
    co_await save(cluster_, epoch);
    has_left_ = true;
    left_.notify();
}

}  // namespace peercron
