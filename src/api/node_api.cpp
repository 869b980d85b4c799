#include "api/insight_rows.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/counted.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "model/labels.hpp"

#include <spdlog/fmt/fmt.h>

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

/// A node as the registry or the dispatcher knows it, or both.
struct NodeView {
    const Member* member = nullptr;
    const NodeLoad* load = nullptr;
};

/// It has given everything away and is not registered any more: its figures are of the past.
bool has_left(const NodeView& node)
{
    return node.member == nullptr && node.load != nullptr && node.load->draining &&
           !node.load->connected;
}

/// All nodes, by name. They are shown as of now: `loads` are what the views point at.
struct Nodes {
    explicit Nodes(const ApiContext& context)
        : loads(context.loads()), dispatcher(context.coordinator.dispatcher())
    {
        for (const Member& member : context.coordinator.members()) {
            views[member.name].member = &member;
        }
        for (const NodeLoad& load : loads) views[load.node].load = &load;
    }

    std::vector<NodeLoad> loads;
    NodeName dispatcher;
    std::map<NodeName, NodeView> views;
};

/// All but its clock, which is never the same twice.
void write_node_fields(JsonWriter& json, const NodeName& name, const NodeView& node,
                       bool is_dispatcher)
{
    const NodeLoad* const load = has_left(node) ? nullptr : node.load;
    const auto of_load = [load](auto member) {
        using Value = std::remove_cvref_t<decltype(load->*member)>;
        return load != nullptr ? std::optional<Value>(load->*member) : std::nullopt;
    };
    json.field("name", name);
    json.field("http_address", node.member != nullptr ? node.member->http_address : "");
    json.field("version", node.member != nullptr ? node.member->version : node.load->version);
    const Labels labels =
        labels_of(name, node.member != nullptr ? node.member->labels : std::vector<std::string>());
    write_texts(json, "labels", std::vector(labels.begin(), labels.end()));
    json.field("passing", node.member != nullptr && node.member->passing);
    json.field("is_dispatcher", is_dispatcher);
    json.field("connected", node.load != nullptr && node.load->connected);
    json.field("slots", of_load(&NodeLoad::slots));
    json.field("running", of_load(&NodeLoad::running));
    json.field("held", of_load(&NodeLoad::held));
    json.field("queued", of_load(&NodeLoad::queued));
    json.key("draining");
    if (node.load != nullptr) {
        json.value(node.load->draining);
    } else {
        json.null();
    }
}

void write_node(JsonWriter& json, const NodeName& name, const NodeView& node, bool is_dispatcher)
{
    json.begin_object();
    write_node_fields(json, name, node, is_dispatcher);
    json.key("clock_offset_ms");
    if (node.load != nullptr && !has_left(node)) {
        json.value(std::int64_t{node.load->clock_offset.count()});
    } else {
        json.null();
    }
    json.end_object();
}

asio::awaitable<Response> list_nodes(const ApiContext& context, const Call&)
{
    const Nodes nodes(context);
    const auto write = [&](JsonWriter& json) {
        json.begin_object();
        json.key("nodes");
        json.begin_array();
        for (const auto& [name, node] : nodes.views) {
            write_node(json, name, node, name == nodes.dispatcher);
        }
        json.end_array();
        json.field("dispatcher", nodes.dispatcher);
        json.field("epoch", context.epoch());
        const auto trouble = context.store_trouble();
        json.key("store_away_since");
        if (trouble) {
            json.value(std::int64_t{to_unix_millis(trouble->since)});
        } else {
            json.null();
        }
        json.field("store_trouble", trouble ? trouble->why : "");
        json.end_object();
    };
    co_return answer(write);
}

/// What would happen if a node stopped.
struct IfStopped {
    NodeLoad load;
    std::vector<LogRow> running;  ///< the newest of them, without their outputs
    std::map<JobId, std::string> names;
};

void write_if_stopped(JsonWriter& json, const IfStopped& seen, std::span<const NodeLoad> others,
                      bool is_dispatcher, WallTime now)
{
    std::int64_t slots_left = 0;
    for (const NodeLoad& other : others) slots_left += other.slots;
    std::string text = fmt::format("{} on, at most for its drain_timeout; ",
                                   counted(seen.load.running, "run there goes", "runs there go"));
    if (others.empty()) {
        text += "there is no other node: nothing runs until one is back";
    } else {
        text += fmt::format(
            "{} to {}",
            counted(seen.load.held, "fire that it holds goes", "fires that it holds go"),
            counted(std::ssize(others), "other node"));
    }
    if (is_dispatcher && !others.empty()) text += "; another node becomes the dispatcher";
    json.begin_object();
    json.field("node", seen.load.node);
    json.field("answer", text + ".");
    json.field("is_dispatcher", is_dispatcher);
    json.field("held", seen.load.held);
    json.field("queued", seen.load.queued);
    json.field("slots_left", slots_left);
    json.key("running");
    json.begin_array();
    for (const LogRow& row : seen.running) {
        const auto name = seen.names.find(row.run.id.job);
        json.begin_object();
        write_brief_fields(json, row);
        json.field("name", name == seen.names.end() ? "" : std::string_view(name->second));
        json.field("elapsed", std::int64_t{elapsed(row, now).count()});
        json.end_object();
    }
    json.end_array();
    json.key("others");
    json.begin_array();
    for (const NodeLoad& other : others) {
        json.begin_object();
        json.field("name", other.node);
        json.field("slots", other.slots);
        json.field("running", other.running);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

asio::awaitable<Response> show_if_stopped(const ApiContext& context, const Call& call)
{
    constexpr std::size_t most_shown = 100;
    IfStopped seen;
    std::vector<NodeLoad> others;
    for (const NodeLoad& load : context.loads()) {
        if (load.node == call.id) {
            seen.load = load;
        } else if (load.connected && !load.draining) {
            others.push_back(load);
        }
    }
    if (seen.load.node.empty()) {
        throw HttpError(
            http::status::not_found,
            fmt::format("there is no node {}; /node/list lists them", quote_utf8(call.id)));
    }
    const auto read = [&](Store& store) {
        LogFilter filter;
        filter.state = RunState::running;
        filter.run_server = call.id;
        seen.running = store.log_page(filter, {0, most_shown}, {}, 1);
        std::set<JobId> jobs;
        for (const LogRow& row : seen.running) jobs.insert(row.run.id.job);
        const std::vector<JobId> ids(jobs.begin(), jobs.end());
        for (Job& job : store.find_jobs_by_id(ids)) seen.names.emplace(job.id, std::move(job.name));
    };
    co_await context.store.call(read);
    const bool is_dispatcher = context.coordinator.dispatcher() == call.id;
    const WallTime now = context.clock.now();
    co_return answer(
        [&](JsonWriter& json) { write_if_stopped(json, seen, others, is_dispatcher, now); });
}

}  // namespace

std::map<std::string, std::string> node_news(const ApiContext& context)
{
    const Nodes nodes(context);
    std::map<std::string, std::string> news;
    for (const auto& [name, node] : nodes.views) {
        JsonWriter json(news[name]);
        json.begin_object();
        write_node_fields(json, name, node, name == nodes.dispatcher);
        json.end_object();
    }
    return news;
}

void add_node_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/node/list",
        .methods = {http::verb::get},
        .role = Role::read,
        .scope = Scope::none,
        .handler = bind(context, list_nodes),
    });
    router.add({
        .pattern = "/node/{id}/if-stopped",
        .methods = {http::verb::get},
        .role = Role::read,
        .handler = bind(context, show_if_stopped),
    });
}

}  // namespace peercron
