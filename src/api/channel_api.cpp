#include "api/access_changes.hpp"
#include "api/routes.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "model/job_fields.hpp"
#include "model/notice_channel.hpp"
#include "store/notice_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

constexpr std::size_t shown_deliveries = 100;

std::vector<Param> channel_params()
{
    std::vector<Param> params{{.name = "name"}, {.name = "kind"}};
    for (const std::string_view name : channel_setting_names()) params.push_back({.name = name});
    params.push_back({.name = "tags", .type = ParamType::words});
    params.push_back({.name = "every_job", .type = ParamType::boolean});
    params.push_back({.name = "stop", .type = ParamType::boolean});
    return params;
}

void write_channel(JsonWriter& json, const NoticeChannel& channel)
{
    json.begin_object();
    json.field("id", channel.id);
    json.field("name", channel.name);
    json.field("kind", channel.kind);
    json.key("settings");
    json.begin_object();
    for (const auto& [name, value] : shown_settings(channel)) json.field(name, value);
    json.end_object();
    json.key("tags");
    json.begin_array();
    for (const std::string& tag : channel.tags) json.value(tag);
    json.end_array();
    json.field("every_job", channel.every_job);
    json.field("stop", channel.stop);
    json.end_object();
}

Response answer_with(const NoticeChannel& channel)
{
    return answer([&channel](JsonWriter& json) { write_channel(json, channel); });
}

[[noreturn]] void refuse_unknown_channel(std::string_view id)
{
    throw HttpError(http::status::not_found,
                    fmt::format("there is no channel with the id {}", quote_utf8(id)));
}

std::optional<NoticeChannel> find_channel(Store& store, std::int64_t id)
{
    std::vector<NoticeChannel> channels = store.notices().channels();
    const auto found = std::ranges::find(channels, id, &NoticeChannel::id);
    if (found == channels.end()) return std::nullopt;
    return std::move(*found);
}

asio::awaitable<NoticeChannel> read_channel(const ApiContext& context, std::string text)
{
    const std::int64_t id = parse_row_id("id", text);
    const auto find = [id](Store& store) { return find_channel(store, id); };
    std::optional<NoticeChannel> channel = co_await context.store.call(find);
    if (!channel) refuse_unknown_channel(text);
    co_return *std::move(channel);
}

/// The channel with what the call gives; a setting that is given as "" is taken out.
/// @throws HttpError 400.
NoticeChannel changed(NoticeChannel channel, const Params& params)
{
    if (const auto name = params.text("name")) channel.name = *name;
    if (const auto kind = params.text("kind"); kind && *kind != channel.kind) {
        // What the other kind wants to know is something else.
        channel.settings.clear();
        channel.kind = *kind;
    }
    for (const std::string_view name : channel_setting_names()) {
        const auto value = params.text(name);
        if (!value) continue;
        if (value->empty()) {
            channel.settings.erase(std::string(name));
        } else {
            channel.settings[std::string(name)] = *value;
        }
    }
    if (const auto tags = params.text("tags")) {
        channel.tags = split_words(*tags);
        JobPatch patch;
        patch.set(&Job::tags, channel.tags);
        if (const auto problem = find_problem(patch)) refuse("tags: " + problem->what);
    }
    if (const auto every_job = params.boolean("every_job")) channel.every_job = *every_job;
    if (const auto stop = params.boolean("stop")) channel.stop = *stop;
    if (const auto problem = find_problem(channel)) refuse(*problem);
    return channel;
}

asio::awaitable<Response> list_channels(const ApiContext& context, const Call&)
{
    const auto read = [](Store& store) { return store.notices().channels(); };
    const std::vector<NoticeChannel> channels = co_await context.store.call(read);
    const auto write = [&channels](JsonWriter& json) {
        json.begin_array();
        for (const NoticeChannel& channel : channels) write_channel(json, channel);
        json.end_array();
    };
    co_return answer(write);
}

asio::awaitable<Response> add_channel(const ApiContext& context, const Call& call)
{
    const NoticeChannel draft = changed(NoticeChannel(), call.params);
    const auto add = [&draft](Store& store) { return store.notices().add_channel(draft); };
    const NoticeChannel added = co_await context.store.call(add);
    note_act(context, call.caller, "channel added", fmt::format("{} ({})", added.name, added.kind));
    co_return answer_with(added);
}

asio::awaitable<Response> update_channel(const ApiContext& context, const Call& call)
{
    const std::string given_id = call.params.text("id").value_or("");
    const NoticeChannel before = co_await read_channel(context, given_id);
    const NoticeChannel after = changed(before, call.params);
    const auto update = [&after](Store& store) { return store.notices().update_channel(after); };
    const bool is_there = co_await context.store.call(update);
    if (!is_there) refuse_unknown_channel(given_id);
    note_act(context, call.caller, "channel changed", after.name);
    co_return answer_with(after);
}

asio::awaitable<Response> delete_channel(const ApiContext& context, const Call& call)
{
    const NoticeChannel channel = co_await read_channel(context, call.id);
    const auto remove = [id = channel.id](Store& store) {
        return store.notices().delete_channel(id);
    };
    const bool was_there = co_await context.store.call(remove);
    if (!was_there) refuse_unknown_channel(call.id);
    note_act(context, call.caller, "channel deleted", channel.name);
    co_return answer_with(channel);
}

/// Answers 200 also when the message was not taken: the call did what it is for.
asio::awaitable<Response> test_channel(const ApiContext& context, const Call& call)
{
    NoticeChannel channel = co_await read_channel(context, call.id);
    note_act(context, call.caller, "channel tested", channel.name);
    const SendReport report = co_await context.test_channel(std::move(channel));
    const auto write = [&report](JsonWriter& json) {
        json.begin_object();
        json.field("sent", report.is_sent);
        json.field("problem", report.problem);
        json.field("request", report.request);
        json.field("answer", report.answer);
        json.end_object();
    };
    co_return answer(write);
}

void write_delivery(JsonWriter& json, const NoticeDelivery& delivery)
{
    const bool waits = delivery.state == NoticeDelivery::State::waiting;
    json.begin_object();
    json.field("id", delivery.id);
    json.field("notice", delivery.notice);
    json.field("cron_id", delivery.job);
    json.field("state", to_string(delivery.state));
    json.field("attempts", delivery.attempts);
    json.field("created_at", to_unix_millis(delivery.created_at));
    json.field("due_at", waits ? std::optional(to_unix_millis(delivery.due_at)) : std::nullopt);
    json.field("ended_at", delivery.ended_at ? std::optional(to_unix_millis(*delivery.ended_at))
                                             : std::nullopt);
    json.field("answer", delivery.answer);
    json.end_object();
}

asio::awaitable<Response> list_deliveries(const ApiContext& context, const Call& call)
{
    const NoticeChannel channel = co_await read_channel(context, call.id);
    const auto read = [id = channel.id](Store& store) {
        return store.notices().deliveries(id, shown_deliveries);
    };
    const std::vector<NoticeDelivery> deliveries = co_await context.store.call(read);
    const auto write = [&deliveries](JsonWriter& json) {
        json.begin_array();
        for (const NoticeDelivery& delivery : deliveries) write_delivery(json, delivery);
        json.end_array();
    };
    co_return answer(write);
}

}  // namespace

void add_channel_routes(Router& router, const ApiContext& context)
{
    using http::verb;
    std::vector<Param> add_params = channel_params();
    add_params.front().required = true;
    std::vector<Param> update_params = channel_params();
    update_params.push_back({.name = "id", .type = ParamType::integer, .required = true});
    router.add({
        .pattern = "/channel/list",
        .methods = {verb::get},
        .role = Role::owner,
        .handler = bind(context, list_channels),
    });
    router.add({
        .pattern = "/channel/add",
        .methods = {verb::post},
        .role = Role::owner,
        .mutates = true,
        .params = std::move(add_params),
        .strictness = Strictness::strict,
        .handler = bind(context, add_channel),
    });
    router.add({
        .pattern = "/channel/update",
        .methods = {verb::post},
        .role = Role::owner,
        .mutates = true,
        .params = std::move(update_params),
        .strictness = Strictness::strict,
        .handler = bind(context, update_channel),
    });
    router.add({
        .pattern = "/channel/delete/{id}",
        .methods = {verb::post},
        .role = Role::owner,
        .mutates = true,
        .handler = bind(context, delete_channel),
    });
    router.add({
        .pattern = "/channel/test/{id}",
        .methods = {verb::post},
        .role = Role::owner,
        .mutates = true,
        .handler = bind(context, test_channel),
    });
    router.add({
        .pattern = "/channel/{id}/deliveries",
        .methods = {verb::get},
        .role = Role::owner,
        .handler = bind(context, list_deliveries),
    });
}

}  // namespace peercron
