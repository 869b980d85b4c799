#include "notify/cluster_watch.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <exception>
#include <stdexcept>

namespace peercron {

namespace json = boost::json;

namespace {

json::value unix_millis(WallTime time)
{
    return std::int64_t{to_unix_millis(time)};
}

json::value unix_millis(const std::optional<WallTime>& time)
{
    return time ? unix_millis(*time) : json::value(nullptr);
}

WallTime moment_in(const json::value& value)
{
    return from_unix_millis(json::value_to<std::int64_t>(value));
}

std::optional<WallTime> moment_or_none(const json::value& value)
{
    if (value.is_null()) return std::nullopt;
    return moment_in(value);
}

NoticeKind cluster_kind(const json::value& value)
{
    const auto word = json::value_to<std::string>(value);
    const auto* const found = std::ranges::find(notice_words, word);
    if (found == notice_words.end()) throw std::invalid_argument("there is no notice " + word);
    return static_cast<NoticeKind>(found - notice_words.begin());
}

WatchedCluster read_cluster(std::string_view text)
{
    const json::value document = json::parse(text);
    const json::object& object = document.as_object();
    WatchedCluster watched;
    watched.epoch = json::value_to<Epoch>(object.at("epoch"));
    watched.seen_at = moment_in(object.at("seen_at"));
    watched.is_left = object.at("is_left").as_bool();
    for (const auto& [node, missing] : object.at("nodes").as_object()) {
        watched.nodes.emplace(std::string(node), moment_or_none(missing));
    }
    for (const json::value& one : object.at("alarms").as_array()) {
        const json::object& from = one.as_object();
        ClusterAlarm alarm;
        alarm.since = moment_or_none(from.at("since"));
        alarm.told_at = moment_or_none(from.at("told_at"));
        alarm.detail = json::value_to<std::string>(from.at("detail"));
        for (const json::value& change : from.at("changes").as_array()) {
            alarm.changes.push_back(moment_in(change));
        }
        alarm.flapping_since = moment_or_none(from.at("flapping_since"));
        const auto node = json::value_to<std::string>(from.at("node"));
        watched.alarms.emplace(std::pair(cluster_kind(from.at("kind")), node), std::move(alarm));
    }
    watched.stand_in = json::value_to<std::string>(object.at("stand_in"));
    watched.stands_in_until = moment_in(object.at("stands_in_until"));
    return watched;
}

}  // namespace

std::string watch_text(const WatchedCluster& watched)
{
    json::object nodes;
    for (const auto& [node, missing] : watched.nodes) nodes[node] = unix_millis(missing);
    json::array alarms;
    for (const auto& [what, alarm] : watched.alarms) {
        json::array changes;
        for (const WallTime change : alarm.changes) changes.push_back(unix_millis(change));
        alarms.push_back(json::object{{"kind", to_string(what.first)},
                                      {"node", what.second},
                                      {"since", unix_millis(alarm.since)},
                                      {"told_at", unix_millis(alarm.told_at)},
                                      {"detail", alarm.detail},
                                      {"changes", std::move(changes)},
                                      {"flapping_since", unix_millis(alarm.flapping_since)}});
    }
    return json::serialize(json::object{{"epoch", watched.epoch},
                                        {"seen_at", unix_millis(watched.seen_at)},
                                        {"is_left", watched.is_left},
                                        {"nodes", std::move(nodes)},
                                        {"alarms", std::move(alarms)},
                                        {"stand_in", watched.stand_in},
                                        {"stands_in_until", unix_millis(watched.stands_in_until)}});
}

std::optional<WatchedCluster> read_cluster_watch(std::string_view text)
{
    try {
        return read_cluster(text);
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

}  // namespace peercron
