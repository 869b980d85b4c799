#include "api/routes.hpp"
#include "http/answer.hpp"

#include <map>

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

void write_node(JsonWriter& json, const NodeName& name, const NodeView& node, bool is_dispatcher)
{
    const NodeLoad* const load = has_left(node) ? nullptr : node.load;
    const auto of_load = [load](auto member) {
        using Value = std::remove_cvref_t<decltype(load->*member)>;
        return load != nullptr ? std::optional<Value>(load->*member) : std::nullopt;
    };
    json.begin_object();
    json.field("name", name);
    json.field("http_address", node.member != nullptr ? node.member->http_address : "");
    json.field("version", node.member != nullptr ? node.member->version : node.load->version);
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
    json.key("clock_offset_ms");
    if (load != nullptr) {
        json.value(std::int64_t{load->clock_offset.count()});
    } else {
        json.null();
    }
    json.end_object();
}

asio::awaitable<Response> list_nodes(const ApiContext& context, const Call&)
{
    const std::vector<NodeLoad> loads = context.loads();
    std::map<NodeName, NodeView> nodes;
    for (const Member& member : context.coordinator.members()) nodes[member.name].member = &member;
    for (const NodeLoad& load : loads) nodes[load.node].load = &load;
    const NodeName& dispatcher = context.coordinator.dispatcher();
    const auto write = [&](JsonWriter& json) {
        json.begin_object();
        json.key("nodes");
        json.begin_array();
        for (const auto& [name, node] : nodes) write_node(json, name, node, name == dispatcher);
        json.end_array();
        json.field("dispatcher", dispatcher);
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

}  // namespace

void add_node_routes(Router& router, const ApiContext& context)
{
    router.add({
        .pattern = "/node/list",
        .methods = {http::verb::get},
        .role = Role::read,
        .handler = bind(context, list_nodes),
    });
}

}  // namespace peercron
