#include "notify/job_watch.hpp"

#include "notify/notice_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <array>
#include <exception>

namespace peercron {

namespace json = boost::json;

namespace {

/// What the text of most jobs takes as JSON, on the stack; more of it comes from the heap.
class Scratch {
public:
    json::storage_ptr storage() { return &resource_; }

private:
    std::array<unsigned char, 2048> memory_;
    json::monotonic_resource resource_{memory_.data(), memory_.size()};
};

std::size_t place_of_alarm(NoticeKind kind)
{
    return static_cast<std::size_t>(std::ranges::find(alarm_kinds, kind) - alarm_kinds.begin());
}

// Not to_json(): that would hide the others from this namespace.
json::object alarm_json(const Alarm& alarm)
{
    json::object object{{"since", to_json(alarm.since)}, {"count", alarm.count}};
    if (alarm.told_at) object["told_at"] = to_json(*alarm.told_at);
    if (alarm.run) object["run"] = to_json(*alarm.run);
    return object;
}

Alarm read_alarm(const json::value& value)
{
    const json::object& object = value.as_object();
    Alarm alarm;
    alarm.since = read_time(object.at("since"));
    alarm.count = json::value_to<std::int64_t>(object.at("count"));
    if (const auto* told = object.if_contains("told_at")) alarm.told_at = read_time(*told);
    if (const auto* run = object.if_contains("run")) alarm.run = read_run(*run);
    return alarm;
}

WatchedJob read(std::string_view text)
{
    Scratch scratch;
    const json::value document = json::parse(text, scratch.storage());
    const json::object& object = document.as_object();
    WatchedJob watched;
    watched.watched_since = read_time(object.at("watched_since"));
    watched.newest_end = read_time(object.at("newest_end"));
    for (const NoticeKind kind : alarm_kinds) {
        const json::value* const alarm = object.if_contains(to_string(kind));
        if (alarm != nullptr) watched.alarm(kind) = read_alarm(*alarm);
    }
    if (const auto* last = object.if_contains("last_success")) {
        watched.last_success = read_time(*last);
    }
    if (const auto* last = object.if_contains("last_run")) {
        const json::array& run = last->as_array();
        watched.last_run = RunId{json::value_to<JobId>(run.at(0)), read_time(run.at(1)),
                                 json::value_to<std::int32_t>(run.at(2))};
        if (run.size() > 4) watched.last_run->part = json::value_to<std::int32_t>(run.at(4));
        const auto state = parse_run_state(json::value_to<std::string>(run.at(3)));
        watched.last_state = state.value_or(RunState::planned);
    }
    if (const auto* fires = object.if_contains("fires")) {
        for (const json::value& fire : fires->as_array()) {
            const json::array& pair = fire.as_array();
            WatchedFire& kept = watched.fires.emplace_back();
            kept.at = read_time(pair.at(0));
            kept.parts = json::value_to<std::string>(pair.at(1));
            if (pair.size() > 2) kept.odd = json::value_to<std::string>(pair.at(2));
        }
    }
    if (const auto* forgotten = object.if_contains("forgotten_fire")) {
        watched.forgotten_fire = read_time(*forgotten);
    }
    watched.changes = read_times(object.at("changes"));
    if (const auto* since = object.if_contains("flapping_since")) {
        watched.flapping_since = read_time(*since);
    }
    if (const auto* inherited = object.if_contains("inherited")) {
        const json::array& parts = inherited->as_array();
        watched.inherited.every = std::chrono::seconds(json::value_to<std::int64_t>(parts.at(0)));
        watched.inherited.by = json::value_to<std::string>(parts.at(1));
        watched.inherited_since = read_time(parts.at(2));
    }
    return watched;
}

}  // namespace

std::optional<Alarm>& WatchedJob::alarm(NoticeKind kind)
{
    return alarms.at(place_of_alarm(kind));
}

const std::optional<Alarm>& WatchedJob::alarm(NoticeKind kind) const
{
    return alarms.at(place_of_alarm(kind));
}

std::string watch_text(const WatchedJob& watched)
{
    Scratch scratch;
    json::object object(scratch.storage());
    object["watched_since"] = to_json(watched.watched_since);
    object["newest_end"] = to_json(watched.newest_end);
    object["changes"] = to_json(watched.changes);
    for (std::size_t i = 0; i < alarm_kinds.size(); ++i) {
        if (watched.alarms[i]) object[to_string(alarm_kinds[i])] = alarm_json(*watched.alarms[i]);
    }
    if (watched.last_success) object["last_success"] = to_json(*watched.last_success);
    if (watched.last_run) {
        object["last_run"] = json::array(
            {watched.last_run->job, to_json(watched.last_run->scheduled_at),
             watched.last_run->attempt, to_string(watched.last_state), watched.last_run->part},
            scratch.storage());
    }
    if (!watched.fires.empty()) {
        json::array fires;
        for (const WatchedFire& fire : watched.fires) {
            fires.push_back(json::array{to_json(fire.at), fire.parts, fire.odd});
        }
        object["fires"] = std::move(fires);
    }
    if (watched.forgotten_fire) object["forgotten_fire"] = to_json(*watched.forgotten_fire);
    if (watched.flapping_since) object["flapping_since"] = to_json(*watched.flapping_since);
    if (watched.inherited_since != WallTime{}) {
        object["inherited"] = json::array{std::int64_t{watched.inherited.every.count()},
                                          watched.inherited.by, to_json(watched.inherited_since)};
    }
    return json::serialize(object);
}

WatchedJob read_watch(std::string_view text, WallTime now)
{
    try {
        if (!text.empty()) return read(text);
    } catch (const std::exception&) {
        // Somebody wrote it into the database, or a later version did.
    }
    WatchedJob watched;
    watched.watched_since = now;
    return watched;
}

}  // namespace peercron
