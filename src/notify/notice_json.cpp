#include "notify/notice_json.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <stdexcept>

namespace peercron {

namespace json = boost::json;

namespace {

json::value number_or_null(const std::optional<int>& number)
{
    if (!number) return nullptr;
    return *number;
}

std::optional<int> read_number_or_null(const json::value& value)
{
    if (value.is_null()) return std::nullopt;
    return json::value_to<int>(value);
}

std::string read_text(const json::value& value)
{
    return json::value_to<std::string>(value);
}

RunState read_run_state(const json::value& value)
{
    const auto state = parse_run_state(read_text(value));
    if (!state) throw std::invalid_argument("there is no such state of a run");
    return *state;
}

}  // namespace

json::value to_json(WallTime time)
{
    return std::int64_t{to_unix_millis(time)};
}

json::value to_json(const std::optional<WallTime>& time)
{
    return time ? to_json(*time) : json::value(nullptr);
}

json::array to_json(const std::vector<WallTime>& times)
{
    json::array array;
    for (const WallTime time : times) array.push_back(to_json(time));
    return array;
}

WallTime read_time(const json::value& value)
{
    return from_unix_millis(json::value_to<std::int64_t>(value));
}

std::optional<WallTime> read_time_or_null(const json::value& value)
{
    if (value.is_null()) return std::nullopt;
    return read_time(value);
}

std::vector<WallTime> read_times(const json::value& value)
{
    std::vector<WallTime> times;
    for (const json::value& time : value.as_array()) times.push_back(read_time(time));
    return times;
}

NoticeKind read_kind(const json::value& value)
{
    const std::string word = read_text(value);
    const auto* const found = std::ranges::find(notice_words, word);
    if (found == notice_words.end()) throw std::invalid_argument("there is no notice " + word);
    return static_cast<NoticeKind>(found - notice_words.begin());
}

json::object to_json(const Notice::Run& run)
{
    return {{"id", run.id},
            {"scheduled_at", to_unix_millis(run.scheduled_at)},
            {"attempt", run.attempt},
            {"part", run.part},
            {"state", to_string(run.state)},
            {"reason", run.reason},
            {"run_server", run.node},
            {"started_at", to_json(run.started_at)},
            {"ended_at", to_json(run.ended_at)},
            {"exit_code", number_or_null(run.exit_code)},
            {"http_status", number_or_null(run.http_status)},
            {"output", run.output}};
}

json::object to_json(const Notice& notice)
{
    json::array tags(notice.tags.begin(), notice.tags.end());
    json::array over;
    for (const NoticeKind kind : notice.over) over.emplace_back(to_string(kind));
    json::array notices;
    for (const Notice& one : notice.notices) notices.emplace_back(to_json(one));
    return {{"id", notice.id},
            {"kind", to_string(notice.kind)},
            {"at", to_unix_millis(notice.at)},
            {"cron_id", notice.job},
            {"name", notice.job_name},
            {"tags", std::move(tags)},
            {"run", notice.run ? json::value(to_json(*notice.run)) : json::value(nullptr)},
            {"count", notice.count},
            {"since", to_json(notice.since)},
            {"over", std::move(over)},
            {"is_reminder", notice.is_reminder},
            {"node", notice.node},
            {"detail", notice.detail},
            {"notices", std::move(notices)}};
}

Notice::Run read_run(const json::value& value)
{
    const json::object& object = value.as_object();
    Notice::Run run;
    run.id = json::value_to<std::int64_t>(object.at("id"));
    run.scheduled_at = read_time(object.at("scheduled_at"));
    run.attempt = json::value_to<std::int32_t>(object.at("attempt"));
    // Of an older release, which waits to be sent.
    const json::value* const part = object.if_contains("part");
    if (part != nullptr) run.part = json::value_to<std::int32_t>(*part);
    run.state = read_run_state(object.at("state"));
    run.reason = read_text(object.at("reason"));
    run.node = read_text(object.at("run_server"));
    run.started_at = read_time_or_null(object.at("started_at"));
    run.ended_at = read_time_or_null(object.at("ended_at"));
    run.exit_code = read_number_or_null(object.at("exit_code"));
    run.http_status = read_number_or_null(object.at("http_status"));
    run.output = read_text(object.at("output"));
    return run;
}

Notice read_notice(const json::value& value)
{
    const json::object& object = value.as_object();
    Notice notice;
    notice.id = read_text(object.at("id"));
    notice.kind = read_kind(object.at("kind"));
    notice.at = read_time(object.at("at"));
    notice.job = json::value_to<std::int64_t>(object.at("cron_id"));
    notice.job_name = read_text(object.at("name"));
    for (const json::value& tag : object.at("tags").as_array()) {
        notice.tags.push_back(read_text(tag));
    }
    if (!object.at("run").is_null()) notice.run = read_run(object.at("run"));
    notice.count = json::value_to<std::int64_t>(object.at("count"));
    notice.since = read_time_or_null(object.at("since"));
    for (const json::value& kind : object.at("over").as_array()) {
        notice.over.push_back(read_kind(kind));
    }
    notice.is_reminder = object.at("is_reminder").as_bool();
    // An older version wrote none.
    if (const auto* node = object.if_contains("node")) notice.node = read_text(*node);
    if (const auto* detail = object.if_contains("detail")) notice.detail = read_text(*detail);
    for (const json::value& one : object.at("notices").as_array()) {
        notice.notices.push_back(read_notice(one));
    }
    return notice;
}

std::string rfc3339_text(WallTime moment)
{
    const auto whole = std::chrono::floor<std::chrono::seconds>(moment);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(whole)),
                       (moment - whole).count());
}

}  // namespace peercron
