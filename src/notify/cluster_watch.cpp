#include "notify/cluster_watch.hpp"

#include "notify/notice_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>

#include <exception>
#include <set>
#include <string>
#include <utility>

namespace peercron {

namespace json = boost::json;

namespace {

WatchedCluster read_cluster(std::string_view text)
{
    const json::value document = json::parse(text);
    const json::object& object = document.as_object();
    WatchedCluster watched;
    watched.epoch = json::value_to<Epoch>(object.at("epoch"));
    watched.seen_at = read_time(object.at("seen_at"));
    watched.is_left = object.at("is_left").as_bool();
    for (const auto& [node, missing] : object.at("nodes").as_object()) {
        watched.nodes.emplace(std::string(node), read_time_or_null(missing));
    }
    for (const json::value& one : object.at("alarms").as_array()) {
        const json::object& from = one.as_object();
        ClusterAlarm alarm;
        alarm.since = read_time_or_null(from.at("since"));
        alarm.told_at = read_time_or_null(from.at("told_at"));
        alarm.detail = json::value_to<std::string>(from.at("detail"));
        // Older programs do not write it.
        if (const json::value* const told_of = from.if_contains("told_of")) {
            alarm.told_of = json::value_to<std::set<std::string>>(*told_of);
        }
        alarm.changes = read_times(from.at("changes"));
        alarm.flapping_since = read_time_or_null(from.at("flapping_since"));
        const auto node = json::value_to<std::string>(from.at("node"));
        watched.alarms.emplace(std::pair(read_kind(from.at("kind")), node), std::move(alarm));
    }
    watched.stand_in = json::value_to<std::string>(object.at("stand_in"));
    watched.stands_in_until = read_time(object.at("stands_in_until"));
    return watched;
}

}  // namespace

std::string watch_text(const WatchedCluster& watched)
{
    json::object nodes;
    for (const auto& [node, missing] : watched.nodes) nodes[node] = to_json(missing);
    json::array alarms;
    for (const auto& [what, alarm] : watched.alarms) {
        alarms.push_back(json::object{{"kind", to_string(what.first)},
                                      {"node", what.second},
                                      {"since", to_json(alarm.since)},
                                      {"told_at", to_json(alarm.told_at)},
                                      {"detail", alarm.detail},
                                      {"told_of", json::value_from(alarm.told_of)},
                                      {"changes", to_json(alarm.changes)},
                                      {"flapping_since", to_json(alarm.flapping_since)}});
    }
    return json::serialize(json::object{{"epoch", watched.epoch},
                                        {"seen_at", to_json(watched.seen_at)},
                                        {"is_left", watched.is_left},
                                        {"nodes", std::move(nodes)},
                                        {"alarms", std::move(alarms)},
                                        {"stand_in", watched.stand_in},
                                        {"stands_in_until", to_json(watched.stands_in_until)}});
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
