#include "simulation/lock_service.hpp"

#include "base/backoff.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <memory>
#include <utility>

namespace peercron::simulation {
namespace {

// consul_coordinator.cpp; how soon checks fail is measured in consul_coordinator.hpp.
constexpr auto refresh_every = 500ms;
constexpr auto renew_every = 2500ms;
constexpr auto call_timeout = 8000ms;
constexpr auto farewell_timeout = 1000ms;
constexpr auto watch_wait = 10s;
constexpr auto short_wait = 1s;
constexpr auto check_every = 250ms;

}  // namespace

LockService::LockService(World& world, std::function<Look(const NodeName&)> look)
    : world_(world), look_(std::move(look))
{
    check_ = world_.at(world_.now(), [this] { check(); });
}

void LockService::wipe()
{
    lock_ = LockEntry();
    nodes_.clear();
    sessions_.clear();
    changed();
}

void LockService::register_node(const NodeName& node)
{
    nodes_[node] = Node();
    changed();
}

void LockService::deregister_node(const NodeName& node)
{
    invalidate(node);
    nodes_.erase(node);
    changed();
}

std::string LockService::make_session(const NodeName& node)
{
    const auto found = nodes_.find(node);
    if (found == nodes_.end() || !found->second.passing) return "";
    std::string id = fmt::format("session {} of {}", ++last_session_, node);
    sessions_.emplace(id, node);
    return id;
}

void LockService::destroy(const std::string& session)
{
    if (sessions_.erase(session) == 0) return;
    if (lock_.session == session) {
        lock_.session.clear();
        changed();
    }
}

void LockService::destroy_older(const NodeName& node, const std::string& session)
{
    std::vector<std::string> older;
    for (const auto& [id, owner] : sessions_) {
        if (owner == node && id != session) older.push_back(id);
    }
    for (const std::string& id : older) destroy(id);
}

bool LockService::acquire(const Campaign::Bid& bid, const NodeName& holder)
{
    if (!sessions_.contains(bid.session)) return false;
    if (!lock_.session.empty() && lock_.session != bid.session) return true;
    if (lock_.session.empty()) ++lock_.lock_index;
    lock_.session = bid.session;
    lock_.flags = bid.flags;
    lock_.holder = holder;
    changed();
    return true;
}

void LockService::release(const std::string& session, std::uint64_t flags)
{
    if (lock_.session != session) return;
    lock_.session.clear();
    lock_.flags = flags;
    changed();
}

std::vector<Member> LockService::members() const
{
    std::vector<Member> members;
    for (const auto& [name, node] : nodes_) members.push_back({name, "", "", node.passing});
    return members;
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
    destroy_older(node, "");
}

void LockService::changed()
{
    ++index_;
    for (const auto& [serial, listener] : listeners) listener();
}

LockClient::LockClient(Actor& actor, const asio::any_io_executor& executor, LockService& service,
                       NodeName self, std::function<bool()> cut_off, std::uint64_t serial)
    : actor_(actor),
      service_(service),
      self_(std::move(self)),
      cut_off_(std::move(cut_off)),
      serial_(serial),
      changed_(executor),
      session_wanted_(executor),
      news_(executor)
{
    const auto tell = [this] {
        World& world = actor_.world();
        news_comes_ = world.at(world.now(), actor_, [this] { news_.notify(); });
    };
    service_.listeners.emplace(serial_, tell);
}

LockClient::~LockClient()
{
    service_.listeners.erase(serial_);
}

asio::awaitable<void> LockClient::run()
{
    const auto executor = co_await asio::this_coro::executor;
    TaskGroup tasks(executor);
    tasks.spawn("registration", keep_registered());
    tasks.spawn("session", keep_session());
    tasks.spawn("lock", follow_lock());
    tasks.spawn("members", follow_members());
    try {
        co_await tasks.join();
    } catch (const boost::system::system_error&) {
        // Cancelled: the farewell must still go out.
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    tasks.cancel();
    co_await tasks.join();
    co_await leave();
}

asio::awaitable<void> LockClient::resign()
{
    campaign_.resign();
    announce();
    co_await release_lock();
}

asio::awaitable<void> LockClient::leave()
{
    const std::string session = campaign_.session();
    campaign_.session_lost();
    announce();
    const auto farewell = [session, self = self_,
                           keeps = keeps_registration_](LockService& service) {
        service.destroy(session);
        if (!keeps) service.deregister_node(self);
    };
    co_await ask(farewell, farewell_timeout);
}

void LockClient::raise_epoch(Epoch used)
{
    campaign_.raise_epoch(used);
    announce();
    attend_to_session();
}

asio::awaitable<void> LockClient::keep_registered()
{
    Backoff backoff(co_await asio::this_coro::executor, 100ms, 2s);
    for (;;) {
        if (!registered_) {
            const auto enlist = [self = self_](LockService& service) {
                service.register_node(self);
            };
            const bool done = co_await ask(enlist, call_timeout);
            if (!done) {
                co_await sleep_for(backoff.next());
                continue;
            }
            registered_ = true;
            attend_to_session();
            backoff.reset();
        }
        co_await sleep_for(refresh_every);
        // The refresh itself is in LockService::check().
        const auto known = std::make_shared<bool>(true);
        const auto refresh = [self = self_, known](LockService& service) {
            *known = service.knows(self);
        };
        co_await ask(refresh, call_timeout);
        if (!*known) registered_ = false;
    }
}

asio::awaitable<void> LockClient::keep_session()
{
    Backoff backoff(co_await asio::this_coro::executor, 50ms, 2s);
    for (;;) {
        bool done = false;
        if (!campaign_.session().empty()) {
            done = co_await renew_session();
        } else {
            while (!registered_) co_await session_wanted_.wait();
            done = co_await make_session();
        }
        if (!done) {
            co_await sleep_for(backoff.next());
            continue;
        }
        backoff.reset();
        co_await act_on_lock();
        if (campaign_.session().empty()) continue;
        if (!session_due_) co_await session_wanted_.wait_for(renew_every);
        session_due_ = false;
    }
}

asio::awaitable<bool> LockClient::make_session()
{
    const World::Time asked = actor_.world().now();
    const auto session = std::make_shared<std::string>();
    const auto make = [self = self_, session](LockService& service) {
        *session = service.make_session(self);
        if (!session->empty()) service.destroy_older(self, *session);
    };
    const bool answered = co_await ask(make, call_timeout);
    if (!answered || session->empty()) co_return false;
    campaign_.session_made(*session);
    confirmed_ = std::max(confirmed_, asked);
    co_return true;
}

asio::awaitable<bool> LockClient::renew_session()
{
    const World::Time asked = actor_.world().now();
    const auto alive = std::make_shared<bool>(true);
    const auto renew = [session = campaign_.session(), alive](LockService& service) {
        *alive = service.renew(session);
    };
    const bool answered = co_await ask(renew, call_timeout);
    if (!answered) co_return false;
    if (*alive) {
        confirmed_ = std::max(confirmed_, asked);
    } else {
        campaign_.session_lost();
        announce();
    }
    co_return true;
}

asio::awaitable<void> LockClient::follow_lock()
{
    std::uint64_t index = 0;
    Backoff backoff(co_await asio::this_coro::executor, 50ms, 1s);
    for (;;) {
        const bool unsettled =
            campaign_.lock_is_free() || campaign_.bid() || campaign_.must_release();
        const World::Time asked = actor_.world().now();
        World::Time::duration wait = watch_wait;
        if (unsettled) wait = short_wait;
        const auto entry = std::make_shared<LockEntry>();
        bool answered = co_await watch(index, wait);
        if (answered) {
            const auto read = [entry](LockService& service) { *entry = service.lock(); };
            answered = co_await ask(read, call_timeout);
        }
        if (!answered) {
            index = 0;
            co_await sleep_for(backoff.next());
            continue;
        }
        backoff.reset();
        if (campaign_.holds(*entry)) confirmed_ = std::max(confirmed_, asked);
        campaign_.seen(*entry);
        announce();
        const bool acted = co_await act_on_lock();
        if (!acted) attend_to_session();
        co_await sleep_for(5ms);
    }
}

asio::awaitable<void> LockClient::follow_members()
{
    std::uint64_t index = 0;
    Backoff backoff(co_await asio::this_coro::executor, 50ms, 1s);
    for (;;) {
        const auto members = std::make_shared<std::vector<Member>>();
        bool answered = co_await watch(index, watch_wait);
        if (answered) {
            const auto read = [members](LockService& service) { *members = service.members(); };
            answered = co_await ask(read, call_timeout);
        }
        if (!answered) {
            index = 0;
            co_await sleep_for(backoff.next());
            continue;
        }
        backoff.reset();
        if (*members != members_) {
            members_ = *members;
            changed_.notify();
        }
        co_await sleep_for(5ms);
    }
}

asio::awaitable<bool> LockClient::act_on_lock()
{
    if (campaign_.must_release()) co_await release_lock();
    const auto bid = campaign_.bid();
    if (!bid) co_return true;
    const auto accepted = std::make_shared<bool>(false);
    const auto take = [accepted, bid = *bid, self = self_](LockService& service) {
        *accepted = service.acquire(bid, self);
    };
    const bool answered = co_await ask(take, call_timeout);
    if (campaign_.resigned()) co_await release_lock();
    co_return answered&&* accepted;
}

asio::awaitable<void> LockClient::release_lock()
{
    if (campaign_.session().empty()) co_return;
    const auto release = [session = campaign_.session(), flags = campaign_.flags()](
                             LockService& service) { service.release(session, flags); };
    co_await ask(release, farewell_timeout);
}

asio::awaitable<bool> LockClient::ask(std::function<void(LockService&)> work,
                                      std::chrono::milliseconds timeout)
{
    World& world = actor_.world();
    Random& random = world.random;
    if (service_.away() || cut_off_()) {
        World::Time::duration wait = random.between(100us, 3000us);
        if (cut_off_()) wait = random.between(0us, std::chrono::microseconds(timeout));
        co_await sleep_for(wait);
        co_return false;
    }
    const auto there = random.between(100us, 2000us);
    const auto back = random.between(100us, 2000us);
    const auto arrived = std::make_shared<bool>(false);
    const auto arrive = [&service = service_, work = std::move(work), arrived] {
        if (service.away()) return;
        *arrived = true;
        work(service);
    };
    world.post(world.now() + there, arrive);
    co_await sleep_for(there + back);
    if (!*arrived || cut_off_()) {
        co_await sleep_for(timeout / 4);
        co_return false;
    }
    co_return true;
}

/// A blocking query: waits until something is newer than `index`, but not longer than `wait`.
asio::awaitable<bool> LockClient::watch(std::uint64_t& index, World::Time::duration wait)
{
    const World::Time limit = actor_.world().now() + wait;
    while (service_.index() == index) {
        const bool notified = co_await news_.wait_until(limit);
        if (!notified) break;
    }
    if (service_.away()) co_return false;
    index = service_.index();
    co_return true;
}

void LockClient::announce()
{
    const Epoch now = campaign_.epoch();
    const Epoch before = std::exchange(announced_epoch_, now);
    if (now != before && before != 0) attend_to_session();
    const bool other = campaign_.dispatcher() != announced_dispatcher_;
    announced_dispatcher_ = campaign_.dispatcher();
    if (now != before || other) changed_.notify();
}

void LockClient::attend_to_session()
{
    session_due_ = true;
    session_wanted_.notify();
}

}  // namespace peercron::simulation
