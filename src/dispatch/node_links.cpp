#include "dispatch/node_links.hpp"

#include "base/backoff.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// For how long after its last answer the registry's word on other nodes is believed: a node that
/// is elected meanwhile is noticed later than that.
constexpr auto registry_trust = 2s;

/// Reasons why a node cannot be connected: the log names each once, until it is connected again.
constexpr std::size_t most_told_failures = 16;

}  // namespace

NodeLinks::NodeLinks(asio::any_io_executor executor, const PlanClock& clock,
                     const Coordinator& registry, Connect connect, NodeName self,
                     const DispatchSettings& settings, TermRules& rules, Listener listener)
    : clock_(clock),
      registry_(registry),
      connect_(std::move(connect)),
      self_(std::move(self)),
      settings_(settings),
      rules_(rules),
      listener_(std::move(listener)),
      answered_(executor),
      tasks_(std::move(executor))
{}

void NodeLinks::add(const NodeName& node)
{
    const auto [link_to_it, is_new] = links_.try_emplace(node);
    if (!is_new) return;
    link_to_it->second.known_at = now().steady;
    tasks_.spawn("link to " + node, link(node));
}

void NodeLinks::follow_registry()
{
    std::set<NodeName> passing;
    for (const Member& member : registry_.members()) {
        if (member.passing) passing.insert(member.name);
        add(member.name);
        links_.at(member.name).known_at = now().steady;
    }
    add(self_);
    passing.insert(self_);
    rules_.registry(passing, now());
}

asio::awaitable<void> NodeLinks::link(NodeName node)
{
    constexpr auto longest_pause = 1s;
    Backoff backoff(co_await asio::this_coro::executor, 50ms, longest_pause);
    while (is_wanted(node)) {
        auto connected = co_await connect_(node);
        if (connected) {
            const SteadyTime begun = now().steady;
            co_await converse(node, std::move(*connected));
            // A connection that ends as soon as it has begun counts as a failed attempt.
            if (now().steady - begun >= longest_pause) {
                backoff.reset();
                links_.at(node).told_failures.clear();
            }
        } else {
            not_connected(node, connected.error());
        }
        co_await sleep_for(backoff.next());
        links_.at(node).has_answered = true;
    }
    links_.erase(node);
}

asio::awaitable<void> NodeLinks::converse(NodeName node, std::unique_ptr<Channel> channel)
{
    struct Attached {
        Link& link;
        ~Attached() { link.channel = nullptr; }
    } attached{links_.at(node)};
    attached.link.channel = channel.get();
    channel->send(TermHello{rules_.epoch(), self_, true});
    const auto on_message = [this, node](Message message) {
        listener_.on_message(node, std::move(message));
    };
    const ChannelEnd end = co_await channel->run(on_message);
    spdlog::info("dispatch: the connection to {} ended: {}", node, end.why);
    rules_.disconnected(node, now());
    listener_.on_end(node);
    answered_.notify();
}

bool NodeLinks::is_wanted(const NodeName& node) const
{
    if (node == self_) return true;
    if (find_member(node) != nullptr || !rules_.has_begun()) return true;
    // Consul may have forgotten it, and it may come back and be elected.
    const Link& link = links_.at(node);
    const auto known_for = settings_.lease + settings_.lease_margin;
    if (!link.is_leaving && now().steady - link.known_at < known_for) return true;
    const std::vector<NodeName> busy = rules_.busy_nodes();
    return std::find(busy.begin(), busy.end(), node) != busy.end();
}

/// Whatever the reason: that the node is dead only its warden can say.
void NodeLinks::not_connected(const NodeName& node, const Error& failure)
{
    Link& state = links_.at(node);
    const bool may_tell = state.told_failures.size() < most_told_failures;
    if (may_tell && state.told_failures.insert(failure.message).second) {
        spdlog::warn("dispatch: no connection to {}: {}", node, failure.message);
    }
    state.has_answered = true;
    answered_.notify();
}

bool NodeLinks::is_connected(const NodeName& node) const
{
    const auto found = links_.find(node);
    return found != links_.end() && found->second.channel != nullptr;
}

void NodeLinks::send(const NodeName& node, const Message& message)
{
    if (is_connected(node)) links_.at(node).channel->send(message);
}

void NodeLinks::send_to_all(const Message& message)
{
    for (const auto& [node, link] : links_) {
        if (link.channel != nullptr) link.channel->send(message);
    }
}

std::vector<NodeName> NodeLinks::nodes() const
{
    std::vector<NodeName> names;
    for (const auto& [node, link] : links_) names.push_back(node);
    return names;
}

std::vector<NodeName> NodeLinks::connected() const
{
    std::vector<NodeName> names;
    for (const auto& [node, link] : links_) {
        if (link.channel != nullptr) names.push_back(node);
    }
    return names;
}

const Member* NodeLinks::find_member(const NodeName& node) const
{
    const auto& members = registry_.members();
    const auto is_it = [&](const Member& member) { return member.name == node; };
    const auto member = std::find_if(members.begin(), members.end(), is_it);
    return member == members.end() ? nullptr : &*member;
}

bool NodeLinks::have_all_answered() const
{
    const auto has_answered = [](const auto& entry) { return entry.second.has_answered; };
    return std::all_of(links_.begin(), links_.end(), has_answered);
}

bool NodeLinks::may_be_elected(const NodeName& node) const
{
    const auto link = links_.find(node);
    if (link != links_.end() && link->second.death) return false;
    const bool is_fresh = now().steady - registry_.session_confirmed() < registry_trust;
    const Member* member = find_member(node);
    return !is_fresh || (member != nullptr && member->passing);
}

std::map<NodeName, Death> NodeLinks::deaths() const
{
    std::map<NodeName, Death> deaths;
    for (const auto& [node, link] : links_) {
        if (link.death) deaths.emplace(node, *link.death);
    }
    return deaths;
}

void NodeLinks::note_account(const NodeName& node)
{
    Link& state = links_.at(node);
    state.death.reset();
    state.has_answered = true;
    answered_.notify();
}

void NodeLinks::note_beat(const NodeName& node, bool is_leaving)
{
    Link& state = links_.at(node);
    state.known_at = now().steady;
    state.is_leaving = is_leaving;
}

Death NodeLinks::note_death(const NodeName& node, const NodeDied& word)
{
    constexpr std::chrono::milliseconds longest = std::chrono::years(100);
    Link& state = links_.at(node);
    if (!state.death || state.death->incarnation != word.incarnation) {
        spdlog::warn("dispatch: {} died {} ms ago, reports its warden", node, word.ago.count());
    }
    // The word was on its way for a moment, so that this is not before the death.
    const SteadyTime at = now().steady - std::clamp(word.ago, 0ms, longest);
    state.death = Death{word.incarnation, at - std::clamp(word.lived, 0ms, longest), at};
    state.has_answered = true;
    state.channel->send(DeathHeard{word.incarnation});
    answered_.notify();
    return *state.death;
}

bool NodeLinks::is_believed(const NodeName& node, Epoch named)
{
    if (is_plausible_epoch(named, rules_.epoch())) return true;
    Link& state = links_.at(node);
    if (!std::exchange(state.is_disbelieved, true)) {
        spdlog::error(
            "dispatch: {} reports a dispatcher of epoch {}, which is impossibly high "
            "(this one's is {}); that node gets no runs until it is restarted",
            node, named, rules_.epoch());
    }
    state.has_answered = true;
    answered_.notify();
    state.channel->close();
    return false;
}

}  // namespace peercron
