#include "notify/cluster_rules.hpp"

#include "notify/flapping.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr auto forgotten_after = std::chrono::days(7);
/// How long a message may be on its way to a channel.
constexpr auto time_to_send = 10s;
constexpr std::string_view told_afterwards = "Nobody was there to tell it while it lasted.";

/// In ids, which go into headers of mails and of HTTP.
std::string node_in_id(NodeName node)
{
    std::ranges::replace_if(
        node,
        [](char c) {
            const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                                  (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
            return !is_plain;
        },
        '_');
    return node;
}

std::string clock_text(std::chrono::milliseconds offset)
{
    return fmt::format("It is {:.1f} s {} the one that most others agree with.",
                       std::chrono::duration<double>(std::chrono::abs(offset)).count(),
                       offset > 0ms ? "ahead of" : "behind");
}

/// The clocks of the nodes minus the right one: that which most others agree with. Empty while
/// there is nothing to compare.
std::vector<std::pair<NodeName, std::chrono::milliseconds>> clock_errors(const ClusterFacts& facts)
{
    std::vector<std::pair<NodeName, std::chrono::milliseconds>> clocks{{facts.self, 0ms}};
    for (const ClusterFacts::Node& node : facts.nodes) {
        if (node.name == facts.self || !node.is_connected || !node.clock) continue;
        clocks.emplace_back(node.name, *node.clock);
    }
    // By how many agree; of several the first: the database's, then the dispatcher's.
    std::vector<std::chrono::milliseconds> candidates;
    if (facts.ahead_of_database) candidates.push_back(-*facts.ahead_of_database);
    for (const auto& [node, clock] : clocks) candidates.push_back(clock);
    if (candidates.size() < 2) return {};
    const auto agreeing = [&candidates](std::chrono::milliseconds clock) {
        return std::ranges::count_if(candidates, [clock](std::chrono::milliseconds other) {
            return std::chrono::abs(other - clock) <= clock_notice;
        });
    };
    const auto right = *std::ranges::max_element(candidates, {}, agreeing);
    for (auto& [node, clock] : clocks) clock -= right;
    return clocks;
}

}  // namespace

/// One look, at one moment.
class ClusterRules::Look {
public:
    Look(const ClusterRules& rules, WatchedCluster& watched, WallTime now)
        : settings_(rules.settings_), watched_(watched), now_(now)
    {}

    /// It is wrong since then, as of now; told when it has lasted for `after`, and again when more
    /// of its parts are wrong than were told.
    void wrong(NoticeKind kind, const NodeName& node, WallTime since, std::string detail,
               std::chrono::milliseconds after, const std::set<std::string>& parts = {})
    {
        ClusterAlarm& alarm = watched_.alarms[{kind, node}];
        if (!alarm.since) {
            alarm.since = since;
            alarm.told_at.reset();
        }
        alarm.detail = std::move(detail);
        const bool is_told = alarm.told_at && std::ranges::includes(alarm.told_of, parts);
        if (is_told) alarm.told_of = parts;  // without those that are right again
        if (is_told || now_ - *alarm.since < after || !wants(kind)) return;
        const WallTime moment = alarm.told_at ? now_ : *alarm.since;
        alarm.told_at = now_;
        alarm.told_of = parts;
        tell_change(kind, node, alarm, about(kind, node, alarm, moment));
    }

    /// It is wrong since then, and somebody has told it who could not store that.
    void was_told(NoticeKind kind, const NodeName& node, WallTime since)
    {
        ClusterAlarm& alarm = watched_.alarms[{kind, node}];
        alarm.since = since;
        if (wants(kind)) alarm.told_at = since + settings_.after;
    }

    void right(NoticeKind kind, const NodeName& node)
    {
        const auto found = watched_.alarms.find({kind, node});
        if (found == watched_.alarms.end() || !found->second.since) return;
        ClusterAlarm& alarm = found->second;
        if (alarm.told_at) {
            Notice notice = about(kind, node, alarm, now_);
            notice.kind = NoticeKind::recovered;
            notice.id = "recovered-" + notice.id;
            notice.over = {kind};
            tell_change(kind, node, alarm, std::move(notice));
        }
        alarm.since.reset();
        alarm.told_at.reset();
    }

    /// What only time tells.
    void pass()
    {
        for (auto& [what, alarm] : watched_.alarms) {
            if (is_quiet_again(alarm.changes, alarm.flapping_since, now_)) {
                calm_down(what.first, what.second, alarm);
            }
            const bool goes_on = alarm.since && alarm.told_at && settings_.every > 0ms;
            if (!goes_on || now_ - *alarm.told_at < settings_.every) continue;
            alarm.told_at = now_;
            remind(what.first, what.second, alarm);
        }
    }

    /// What is over, and what will never be.
    void forget(const std::set<NodeName>& connected)
    {
        std::erase_if(watched_.alarms, [&](const auto& one) {
            const auto& [what, alarm] = one;
            if (!alarm.since) {
                return !alarm.flapping_since &&
                       (alarm.changes.empty() || alarm.changes.back() <= now_ - change_window);
            }
            const bool is_away = !what.second.empty() && !connected.contains(what.second);
            if (!is_away || now_ - *alarm.since < forgotten_after) return false;
            if (what.first == NoticeKind::node_gone) watched_.nodes.erase(what.second);
            return true;
        });
    }

    std::vector<Notice> take() { return std::move(notices_); }

private:
    bool wants(NoticeKind kind) const
    {
        return std::ranges::count(settings_.on, to_string(kind)) > 0;
    }

    /// @param moment that is in its id.
    Notice about(NoticeKind kind, const NodeName& node, const ClusterAlarm& alarm,
                 WallTime moment) const
    {
        Notice notice;
        notice.id = fmt::format("{}{}{}-{}", to_string(kind), node.empty() ? "" : "-",
                                node_in_id(node), to_unix_millis(moment));
        notice.kind = kind;
        notice.at = now_;
        notice.since = alarm.since;
        notice.node = node;
        notice.detail = alarm.detail;
        return notice;
    }

    void tell_change(NoticeKind kind, const NodeName& node, ClusterAlarm& alarm, Notice notice)
    {
        switch (note_change(alarm.changes, alarm.flapping_since, now_)) {
            case Change::counted:
                return;
            case Change::begins_to_flap:
                notice = about(kind, node, alarm, now_);
                notice.kind = NoticeKind::flapping;
                notice.id = "flapping-" + notice.id;
                notice.over = {kind};
                notice.since = alarm.flapping_since;
                notice.count = std::ssize(alarm.changes);
                break;
            case Change::told:
                break;
        }
        notices_.push_back(std::move(notice));
    }

    void remind(NoticeKind kind, const NodeName& node, const ClusterAlarm& alarm)
    {
        if (alarm.flapping_since) return;
        Notice notice = about(kind, node, alarm, now_);
        notice.is_reminder = true;
        notices_.push_back(std::move(notice));
    }

    /// An hour without changes: says how it stands.
    void calm_down(NoticeKind kind, const NodeName& node, ClusterAlarm& alarm)
    {
        const WallTime since = *std::exchange(alarm.flapping_since, std::nullopt);
        alarm.changes.clear();
        if (alarm.since && alarm.told_at) return remind(kind, node, alarm);
        Notice notice = about(kind, node, alarm, now_);
        notice.kind = NoticeKind::recovered;
        notice.id = "recovered-" + notice.id;
        notice.over = {kind};
        notice.since = since;
        notices_.push_back(std::move(notice));
    }

    const ClusterNotices& settings_;
    WatchedCluster& watched_;
    const WallTime now_;
    std::vector<Notice> notices_;
};

std::vector<Notice> ClusterRules::begin(WatchedCluster& watched, Epoch epoch, WallTime now,
                                        const SeenBefore& seen) const
{
    Look look(*this, watched, now);
    const bool is_new = watched.epoch == 0;
    const WallTime last_sign =
        std::max(watched.seen_at, std::min(seen.dispatcher_heard.value_or(watched.seen_at), now));
    const bool was_to_dispatch = !is_new && !watched.is_left;
    const auto alarm = watched.alarms.find({NoticeKind::no_dispatcher, NodeName()});
    const bool is_known = alarm != watched.alarms.end() && alarm->second.since;
    // What has been stored since then says more about it.
    const bool was_away = !is_new && seen.store_away_since &&
                          watched.seen_at <= *seen.store_away_since + clock_notice;
    if (was_away) {
        const WallTime since = *seen.store_away_since;
        const bool is_told = last_sign - since >= settings_.after + time_to_send;
        if (is_told) {
            look.was_told(NoticeKind::store_away, "", since);
        } else {
            look.wrong(NoticeKind::store_away, "", since, std::string(told_afterwards),
                       settings_.after);
        }
        look.right(NoticeKind::store_away, "");
    }
    if (was_to_dispatch && !is_known && now - last_sign >= settings_.after) {
        look.wrong(NoticeKind::no_dispatcher, "", last_sign, std::string(told_afterwards),
                   settings_.after);
    }
    look.right(NoticeKind::no_dispatcher, "");
    watched.epoch = epoch;
    watched.seen_at = now;
    watched.is_left = false;
    watched.stand_in.clear();
    watched.stands_in_until = {};
    return look.take();
}

std::vector<Notice> ClusterRules::look(WatchedCluster& watched, const ClusterFacts& facts) const
{
    Look look(*this, watched, facts.now);
    watched.seen_at = facts.now;
    std::set<NodeName> connected;
    for (const ClusterFacts::Node& node : facts.nodes) {
        if (node.is_draining) {
            watched.nodes.erase(node.name);
            if (node.is_connected) look.right(NoticeKind::node_gone, node.name);
        } else if (node.is_connected) {
            connected.insert(node.name);
            watched.nodes[node.name].reset();
        }
    }
    for (const NodeName& node : facts.registered) {
        const bool is_leaving = std::ranges::any_of(
            facts.nodes, [&node](const auto& one) { return one.name == node && one.is_draining; });
        if (!is_leaving) watched.nodes.try_emplace(node, std::nullopt);
    }
    for (auto at = watched.nodes.begin(); at != watched.nodes.end();) {
        auto& [node, missing_since] = *at;
        const auto alarm = watched.alarms.find({NoticeKind::node_gone, node});
        const bool is_told = alarm != watched.alarms.end() && alarm->second.told_at;
        if (connected.contains(node)) {
            look.right(NoticeKind::node_gone, node);
        } else if (!facts.registered.contains(node) && !is_told) {
            // It has stopped in good order, under an earlier dispatcher perhaps.
            watched.alarms.erase({NoticeKind::node_gone, node});
            at = watched.nodes.erase(at);
            continue;
        } else {
            if (!missing_since) missing_since = facts.now;
            look.wrong(NoticeKind::node_gone, node, *missing_since, "", settings_.after);
        }
        ++at;
    }
    for (const auto& [node, error] : clock_errors(facts)) {
        if (std::chrono::abs(error) > clock_notice) {
            look.wrong(NoticeKind::clock_off, node, facts.now, clock_text(error), settings_.after);
        } else {
            look.right(NoticeKind::clock_off, node);
        }
    }
    if (facts.store_away) {
        look.wrong(NoticeKind::store_away, "", facts.store_away->since, facts.store_away->why,
                   settings_.after);
    } else {
        look.right(NoticeKind::store_away, "");
    }
    if (facts.audit && !facts.audit->is_clean) {
        look.wrong(NoticeKind::audit_finding, "", facts.now, facts.audit->found, 0ms);
    } else if (facts.audit) {
        look.right(NoticeKind::audit_finding, "");
    }
    look.pass();
    look.forget(connected);
    return look.take();
}

std::vector<Notice> ClusterRules::look_at_self(WatchedCluster& watched, const NodeName& self,
                                               const OwnFacts& facts) const
{
    Look look(*this, watched, facts.now);
    if (facts.is_journal_failing) {
        look.wrong(NoticeKind::journal_failing, self, facts.now,
                   "Results of runs that end there are in its memory alone.", settings_.after);
    } else {
        look.right(NoticeKind::journal_failing, self);
    }
    std::set<std::string> expiring;
    std::string expiries;
    for (const auto& [owner, expiry] : facts.certificates) {
        if (expiry - facts.now >= certificate_notice) continue;
        expiring.insert(owner);
        expiries += fmt::format("{}The certificate of {} expires at {:%Y-%m-%d %H:%M} UTC.",
                                expiries.empty() ? "" : " ", owner,
                                fmt::gmtime(std::chrono::system_clock::to_time_t(expiry)));
    }
    if (expiring.empty()) {
        look.right(NoticeKind::certificate_expires, self);
    } else {
        look.wrong(NoticeKind::certificate_expires, self, facts.now, std::move(expiries), 0ms,
                   expiring);
    }
    look.pass();
    look.forget({self});
    return look.take();
}

std::vector<Notice> ClusterRules::nobody_dispatches(WatchedCluster& watched, WallTime now) const
{
    Look look(*this, watched, now);
    look.wrong(NoticeKind::no_dispatcher, "", watched.seen_at, "", 0ms);
    return look.take();
}

void ClusterRules::leave(WatchedCluster& watched, const ClusterFacts& facts) const
{
    watched.nodes.erase(facts.self);
    const bool is_last = std::ranges::none_of(facts.nodes, [&facts](const auto& node) {
        return node.name != facts.self && node.is_connected && !node.is_draining;
    });
    if (is_last) watched.is_left = true;
}

std::string cluster_title(const Notice& notice)
{
    const bool is_over = notice.kind == NoticeKind::recovered;
    const auto title = [&]() -> std::string {
        switch (notice.subject()) {
            case NoticeKind::node_gone:
                return fmt::format("node {} is {}", notice.node, is_over ? "back" : "gone");
            case NoticeKind::no_dispatcher:
                return is_over ? "a node dispatches again" : "no node dispatches";
            case NoticeKind::store_away:
                return is_over ? "the database answers again" : "the database does not answer";
            case NoticeKind::journal_failing:
                return fmt::format("the journal of {} takes {}", notice.node,
                                   is_over ? "results again" : "no results");
            case NoticeKind::clock_off:
                return fmt::format("the clock of {} is {}", notice.node,
                                   is_over ? "right again" : "wrong");
            case NoticeKind::audit_finding:
                return is_over ? "the audit is clean again" : "the audit found something";
            default:
                return fmt::format("the certificate of {} {}", notice.node,
                                   is_over ? "was renewed" : "expires soon");
        }
    }();
    return notice.kind == NoticeKind::flapping ? title + ", and keeps changing" : title;
}

}  // namespace peercron
