#include "simulation/lock_service.hpp"

#include "base/timer.hpp"

#include <openssl/evp.h>
#include <spdlog/fmt/fmt.h>
#include <boost/json.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace peercron::simulation {
namespace {

namespace http = boost::beast::http;
namespace json = boost::json;

constexpr auto check_every = 250ms;  // how soon checks fail is measured in consul_coordinator.hpp

std::string_view path_of(std::string_view target)
{
    return target.substr(0, target.find('?'));
}

/// What follows `prefix`, if the path begins with it.
std::optional<std::string_view> after(std::string_view prefix, std::string_view path)
{
    if (!path.starts_with(prefix)) return std::nullopt;
    return path.substr(prefix.size());
}

/// Of the query; empty when it is not there.
std::string parameter(std::string_view target, std::string_view name)
{
    std::string_view query = target.substr(path_of(target).size());
    while (!query.empty()) {
        query.remove_prefix(1);  // '?' or '&'
        const std::string_view pair = query.substr(0, query.find('&'));
        const std::size_t equals = pair.find('=');
        if (pair.substr(0, equals) == name) return std::string(pair.substr(equals + 1));
        query.remove_prefix(pair.size());
    }
    return {};
}

std::string in_base64(const std::string& text)
{
    std::string encoded((text.size() + 2) / 3 * 4 + 1, ' ');
    const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                       reinterpret_cast<const unsigned char*>(text.data()),
                                       static_cast<int>(text.size()));
    encoded.resize(static_cast<std::size_t>(size));
    return encoded;
}

ConsulAnswer good(std::string body)
{
    ConsulAnswer answer;
    answer.status = 200;
    answer.body = std::move(body);
    return answer;
}

ConsulAnswer refusal(unsigned status, std::string why)
{
    ConsulAnswer answer;
    answer.status = status;
    answer.body = std::move(why);
    return answer;
}

}  // namespace

LockService::LockService(World& world, std::function<Look(const NodeName&)> look)
    : world_(world), look_(std::move(look))
{
    check_ = world_.at(world_.now(), [this] { check(); });
}

void LockService::wipe()
{
    lock_ = Lock();
    nodes_.clear();
    sessions_.clear();
    changed();
}

/// Source: Consul, HTTP API, "Service - Agent", "Check - Agent", "Sessions", "KV Store", "Health".
ConsulAnswer LockService::answer(const NodeName& node, const ConsulCall& call)
{
    const std::string_view path = path_of(call.target);
    if (const auto rest = after("/v1/agent/", path)) return agent(node, *rest);
    if (const auto rest = after("/v1/session/", path)) return session(node, *rest, call.body);
    if (path.starts_with("/v1/health/service/")) return members();
    if (!path.starts_with("/v1/kv/")) return refusal(404, "Invalid URL path");
    return call.method == http::verb::put ? put_lock(call) : lock();
}

ConsulAnswer LockService::agent(const NodeName& node, std::string_view path)
{
    if (path == "services") return good("{}");
    if (path == "service/register") {
        nodes_[node] = Node();
        changed();
        return good("");
    }
    if (path.starts_with("service/deregister/")) {
        invalidate(node);
        nodes_.erase(node);
        changed();
        return good("");
    }
    // check/pass: how soon a check fails is in check().
    if (!nodes_.contains(node)) return refusal(404, "Unknown check ID");
    return good("");
}

ConsulAnswer LockService::session(const NodeName& node, std::string_view path,
                                  const std::string& body)
{
    if (path == "create") return make_session(node, body);
    if (const auto id = after("renew/", path)) {
        if (!sessions_.contains(std::string(*id))) return refusal(404, "Session id not found");
        return good("[]");
    }
    if (const auto id = after("destroy/", path)) {
        destroy(std::string(*id));
        return good("true");
    }
    if (const auto id = after("info/", path)) {
        return sessions([&](const std::string& known, const Session&) { return known == *id; });
    }
    return sessions([&](const std::string&, const Session& of) { return of.node == node; });
}

ConsulAnswer LockService::make_session(const NodeName& node, const std::string& body)
{
    const auto found = nodes_.find(node);
    if (found == nodes_.end() || !found->second.passing) {
        return refusal(500, "Check is in critical state");
    }
    const std::string id = fmt::format("session-{}", ++last_session_);
    const json::value asked = json::parse(body);
    sessions_.emplace(id, Session{node, asked.at("Name").as_string().c_str()});
    return good(json::serialize(json::object{{"ID", id}}));
}

ConsulAnswer LockService::sessions(
    const std::function<bool(const std::string&, const Session&)>& wanted)
{
    json::array found;
    for (const auto& [id, session] : sessions_) {
        if (!wanted(id, session)) continue;
        found.push_back({{"ID", id}, {"Name", session.name}, {"Node", session.node}});
    }
    return good(json::serialize(found));
}

void LockService::destroy(const std::string& session)
{
    if (sessions_.erase(session) == 0) return;
    if (lock_.session == session) {
        lock_.session.clear();
        changed();
    }
}

ConsulAnswer LockService::lock() const
{
    ConsulAnswer answer = refusal(404, "");
    if (lock_.lock_index > 0) {
        answer = good(json::serialize(json::array{{{"LockIndex", lock_.lock_index},
                                                   {"Flags", lock_.flags},
                                                   {"Value", in_base64(lock_.value)},
                                                   {"Session", lock_.session}}}));
    }
    answer.index = index_;
    return answer;
}

ConsulAnswer LockService::put_lock(const ConsulCall& call)
{
    const std::uint64_t flags = std::stoull(parameter(call.target, "flags"));
    if (const std::string session = parameter(call.target, "release"); !session.empty()) {
        if (lock_.session != session) return good("false");
        lock_.session.clear();
        lock_.flags = flags;
        changed();
        return good("true");
    }
    const std::string session = parameter(call.target, "acquire");
    if (!sessions_.contains(session)) return refusal(500, "invalid session");
    if (!lock_.session.empty() && lock_.session != session) return good("false");
    if (lock_.session.empty()) ++lock_.lock_index;
    lock_.session = session;
    lock_.flags = flags;
    lock_.value = call.body;
    changed();
    return good("true");
}

ConsulAnswer LockService::members() const
{
    json::array found;
    for (const auto& [name, node] : nodes_) {
        const std::size_t colon = name.find(':');
        const json::object service{{"Address", name.substr(0, colon)},
                                   {"Port", std::stoi(name.substr(colon + 1))}};
        const json::array checks{{{"Status", node.passing ? "passing" : "critical"}}};
        found.push_back({{"Service", service}, {"Checks", checks}});
    }
    ConsulAnswer answer = good(json::serialize(found));
    answer.index = index_;
    return answer;
}

void LockService::check()
{
    for (auto& [name, node] : nodes_) {
        if (away_) break;
        const Look look = look_(name);
        if (look == Look::answers) {
            node.failing_since.reset();
            if (!node.passing) {
                node.passing = true;
                changed();
            }
            continue;
        }
        if (!node.failing_since) {
            node.failing_since = world_.now();
            node.patience = look == Look::refuses ? world_.random.between(50us, 900'000us)
                                                  : world_.random.between(1'200'000us, 2'100'000us);
        }
        if (node.passing && world_.now() - *node.failing_since >= node.patience) {
            node.passing = false;
            invalidate(name);
            changed();
        }
    }
    check_ = world_.at(world_.now() + check_every, [this] { check(); });
}

void LockService::invalidate(const NodeName& node)
{
    std::vector<std::string> lost;
    for (const auto& [id, session] : sessions_) {
        if (session.node == node) lost.push_back(id);
    }
    for (const std::string& id : lost) destroy(id);
}

void LockService::changed()
{
    ++index_;
    for (const auto& [serial, listener] : listeners) listener();
}

ConsulAgent::ConsulAgent(Actor& actor, const asio::any_io_executor& executor, LockService& service,
                         NodeName node, std::function<bool()> cut_off, std::uint64_t serial)
    : actor_(actor),
      service_(service),
      node_(std::move(node)),
      address_("consul of " + node_),
      cut_off_(std::move(cut_off)),
      serial_(serial),
      news_(executor)
{
    const auto tell = [this] {
        World& world = actor_.world();
        news_comes_ = world.at(world.now(), actor_, [this] { news_.notify(); });
    };
    service_.listeners.emplace(serial_, tell);
}

ConsulAgent::~ConsulAgent()
{
    service_.listeners.erase(serial_);
}

asio::awaitable<Result<ConsulAnswer, NoAnswer>> ConsulAgent::call(ConsulCall call)
{
    World& world = actor_.world();
    Random& random = world.random;
    const std::string wait = parameter(call.target, "wait");
    if (!wait.empty()) {
        const std::uint64_t index = std::stoull(parameter(call.target, "index"));
        co_await await_news(index, std::chrono::seconds(std::stoi(wait)));
    }
    if (service_.away() || cut_off_()) {
        World::Time::duration patience = random.between(100us, 3000us);
        if (cut_off_()) patience = random.between(0us, std::chrono::microseconds(call.timeout));
        co_await sleep_for(patience);
        co_return NoAnswer{address_ + " cannot be reached", false};
    }
    const auto timeout = call.timeout;
    const auto there = random.between(100us, 2000us);
    const auto back = random.between(100us, 2000us);
    const auto answer = std::make_shared<std::optional<ConsulAnswer>>();
    // What has been sent arrives, whatever becomes of this process.
    const auto arrive = [&service = service_, node = node_, call = std::move(call), answer] {
        if (!service.away()) *answer = service.answer(node, call);
    };
    world.post(world.now() + there, arrive);
    co_await sleep_for(there + back);
    if (!*answer || cut_off_()) {
        co_await sleep_for(timeout / 4);
        co_return NoAnswer{address_ + " did not answer in time", true};
    }
    co_return std::move(**answer);
}

asio::awaitable<void> ConsulAgent::await_news(std::uint64_t index, World::Time::duration wait)
{
    const World::Time limit = actor_.world().now() + wait;
    while (service_.index() == index) {
        const bool notified = co_await news_.wait_until(limit);
        if (!notified) break;
    }
}

}  // namespace peercron::simulation
