#include "cluster/consul_coordinator.hpp"

#include "base/backoff.hpp"
#include "base/task_group.hpp"
#include "cluster/blocking_query.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using boost::beast::http::verb;

/// The TTL check is 2 s: three refreshes may fail.
constexpr auto refresh_every = 500ms;
constexpr auto refresh_timeout = 1000ms;

/// A session lives for 10 to 20 s without renewal. Renewed more often than it must be, so that
/// session_confirmed() is fresh and a lost session is soon found.
constexpr std::chrono::milliseconds renew_every{2500};

/// While sessions of an earlier process may be left, which may hold the lock.
constexpr std::chrono::milliseconds look_again_every{500};
/// The own session has to be renewed meanwhile.
constexpr auto look_timeout = 1000ms;

/// Longer than the 7 s for which an agent without a leader keeps a request, so that it can say so.
constexpr auto call_timeout = 8000ms;

/// While stopping, or resigning: whoever waits has better things to do.
constexpr auto farewell_timeout = 1000ms;

/// How long a blocking query waits for news. Short, because a connection whose other end vanished
/// is noticed only by its end.
constexpr auto watch_wait = 10s;

/// The same while the lock is free, or this node has to write to it: then somebody will have to
/// try again even without news (a lock delay that another's session left, a request that failed).
constexpr auto short_wait = 1s;

/// The agent adds up to a sixteenth to the wait.
constexpr std::chrono::milliseconds watch_timeout(std::chrono::seconds wait)
{
    return wait + wait / 16 + 3s;
}

ConsulCall get(std::string target)
{
    ConsulCall call;
    call.target = std::move(target);
    call.timeout = call_timeout;
    return call;
}

ConsulCall put(std::string target, std::string body, std::chrono::milliseconds timeout)
{
    ConsulCall call;
    call.method = verb::put;
    call.target = std::move(target);
    call.body = std::move(body);
    call.timeout = timeout;
    return call;
}

ConsulCall watch(const std::string& target, const BlockingIndex& index, std::chrono::seconds wait)
{
    ConsulCall call;
    call.target = fmt::format("{}?index={}&wait={}s", target, index.next(), wait.count());
    call.timeout = watch_timeout(wait);
    return call;
}

/// Plain text of an error, on one line.
std::string reason_of(const ConsulAnswer& answer)
{
    return fmt::format("{} {}", answer.status, answer.body.substr(0, answer.body.find('\n')));
}

std::string describe(const std::vector<Member>& members)
{
    std::string text;
    for (const Member& member : members) {
        if (!text.empty()) text += ", ";
        text += member.name;
        if (!member.passing) text += " (failing)";
    }
    return text.empty() ? "none" : text;
}

}  // namespace

void ConsulCoordinator::Trouble::because(const std::string& reason)
{
    if (reason == reason_) return;
    reason_ = reason;
    spdlog::warn("consul: cannot {}: {}; trying again", task_, reason_);
}

void ConsulCoordinator::Trouble::over()
{
    if (reason_.empty()) return;
    reason_.clear();
    spdlog::info("consul: can {} again", task_);
}

ConsulCoordinator::ConsulCoordinator(asio::any_io_executor executor, const Clock& clock,
                                     std::unique_ptr<ConsulApi> consul, ConsulSettings settings)
    : settings_(std::move(settings)),
      names_(settings_),
      registration_(registration_body(settings_)),
      clock_(clock),
      consul_(std::move(consul)),
      changed_(executor),
      session_wanted_(executor)
{}

asio::awaitable<void> ConsulCoordinator::run()
{
    const auto executor = co_await asio::this_coro::executor;
    TaskGroup tasks(executor);
    tasks.spawn("consul registration", keep_registered());
    tasks.spawn("consul session", keep_session());
    tasks.spawn("consul lock", follow_lock());
    tasks.spawn("consul members", follow_members());
    std::exception_ptr reason;
    try {
        co_await tasks.join();
    } catch (...) {
        reason = std::current_exception();  // co_await is not allowed in a handler
    }
    // In a cancelled coroutine the next co_await throws; the farewell must still go out.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    tasks.cancel();
    try {
        co_await tasks.join();
    } catch (...) {
        reason = std::current_exception();
    }
    co_await leave();
    if (reason) std::rethrow_exception(reason);
}

asio::awaitable<void> ConsulCoordinator::resign()
{
    spdlog::info("consul: this node resigns and does not campaign any more");
    campaign_.resign();
    announce();
    co_await release_lock();
}

void ConsulCoordinator::raise_epoch(Epoch used)
{
    campaign_.raise_epoch(used);
    announce();
    attend_to_session();
}

/// Registers the node, keeps its TTL check fresh, and registers it again when the agent has
/// forgotten it.
asio::awaitable<void> ConsulCoordinator::keep_registered()
{
    Backoff backoff(co_await asio::this_coro::executor, 100ms, 2s);
    Trouble registering("register this node");
    Trouble refreshing("report that this node is alive");
    const std::string refresh = "/v1/agent/check/pass/" + url_path(names_.alive_check);
    for (;;) {
        if (!is_registered_) {
            if (!co_await register_service(registering)) {
                co_await sleep_for(backoff.next());
                continue;
            }
            backoff.reset();
        }
        co_await sleep_for(refresh_every);
        ConsulCall call = put(refresh, {}, refresh_timeout);
        const Answer answer = co_await ask(std::move(call));
        if (!answer) {
            went_away(answer.error().reason);  // the agent alone answers this, so it must be quick
        } else if (answer->status == 404 || answer->status == 500) {  // 500 in Consul 1.8
            spdlog::warn("consul: {} does not know this node any more ({})", consul_->address(),
                         reason_of(*answer));
            is_registered_ = false;
            forgotten_ = clock_.steady_now();
        } else {
            accept(answer, refreshing);
        }
    }
}

asio::awaitable<bool> ConsulCoordinator::register_service(Trouble& trouble)
{
    co_await remove_stale_services();
    ConsulCall call =
        put("/v1/agent/service/register?replace-existing-checks=true", registration_, call_timeout);
    const Answer answer = co_await ask(std::move(call));
    if (!accept(answer, trouble)) co_return false;
    is_registered_ = true;
    attend_to_session();
    spdlog::info("consul: registered as {} at {}", names_.service_id, consul_->address());
    co_return true;
}

/// This process has the peer port, so whatever else is registered there is dead. Not worth a
/// trouble: the registration that follows meets the same one.
asio::awaitable<void> ConsulCoordinator::remove_stale_services()
{
    ConsulCall list = get("/v1/agent/services");
    const Answer services = co_await ask(std::move(list));
    if (!services || !services->ok()) co_return;
    const auto stale = parse_stale_services(services->body, settings_);
    if (!stale) co_return;
    for (const std::string& id : *stale) {
        ConsulCall remove = put("/v1/agent/service/deregister/" + url_path(id), {}, call_timeout);
        const Answer removed = co_await ask(std::move(remove));
        if (removed && removed->ok()) {
            spdlog::info("consul: removed the old registration {} of this node", id);
        }
    }
}

/// Makes a session as soon as the checks are there, renews it, and makes a new one when it is lost.
asio::awaitable<void> ConsulCoordinator::keep_session()
{
    Backoff backoff(co_await asio::this_coro::executor, 50ms, 2s);
    Trouble making("create a session");
    Trouble renewing("renew the session");
    Trouble bidding("take the lock " + settings_.lock_key);
    for (;;) {
        bool done = false;
        if (!campaign_.session().empty()) {
            done = co_await renew_session(renewing);
        } else {
            while (!is_registered_) co_await session_wanted_.wait();
            done = co_await make_session(making);
        }
        if (!done) {
            co_await sleep_for(backoff.next());
            continue;
        }
        backoff.reset();
        if (may_have_older_sessions_ && !campaign_.session().empty()) {
            may_have_older_sessions_ = !co_await destroy_older_sessions();
        }
        co_await act_on_lock(bidding);
        if (campaign_.session().empty()) continue;
        const auto pause = may_have_older_sessions_ ? look_again_every : renew_every;
        if (!is_session_due_) co_await session_wanted_.wait_for(pause);
        is_session_due_ = false;
    }
}

/// Has keep_session() look after the session now, or as soon as it is done with what it does.
void ConsulCoordinator::attend_to_session()
{
    is_session_due_ = true;
    session_wanted_.notify();
}

asio::awaitable<bool> ConsulCoordinator::make_session(Trouble& trouble)
{
    const SteadyTime asked = clock_.steady_now();
    ConsulCall call = put("/v1/session/create", session_body(settings_), call_timeout);
    const Answer answer = co_await ask(std::move(call));
    if (!accept(answer, trouble)) co_return false;
    const auto id = parse_session_id(answer->body);
    if (!id) {
        trouble.because(id.error().message);
        co_return false;
    }
    campaign_.session_made(*id);
    confirm_session(asked);
    spdlog::info("consul: session {} made", *id);
    may_have_older_sessions_ = true;
    co_return true;
}

/// A process of this node that died may have left a session whose checks never failed, because
/// this process came up so soon; it would keep the lock for up to 20 s. Sessions have no address,
/// so they are told by their name and by the agent's node. Returns false when Consul did not answer
/// a request: then some may be left. One that it refuses (for want of permissions) it will refuse
/// again.
asio::awaitable<bool> ConsulCoordinator::destroy_older_sessions()
{
    const std::string own = campaign_.session();
    ConsulCall look = get("/v1/session/info/" + own);
    look.timeout = look_timeout;
    const Answer info = co_await ask(std::move(look));
    if (!info) co_return false;
    if (!info->ok()) co_return true;
    const auto self = parse_sessions(info->body);
    if (!self || self->empty()) co_return true;
    const std::string node = self->front().node;

    ConsulCall list = get("/v1/session/node/" + url_path(node));
    list.timeout = look_timeout;
    const Answer listed = co_await ask(std::move(list));
    if (!listed) co_return false;
    if (!listed->ok()) co_return true;
    const auto sessions = parse_sessions(listed->body);
    if (!sessions) co_return true;
    bool have_all_answered = true;
    for (const SessionInfo& session : *sessions) {
        if (session.name != names_.session || session.id == own) continue;
        ConsulCall destroy = put("/v1/session/destroy/" + session.id, {}, look_timeout);
        const Answer destroyed = co_await ask(std::move(destroy));
        if (!destroyed) have_all_answered = false;
        if (destroyed && destroyed->ok()) {
            spdlog::info("consul: destroyed the old session {} of this node", session.id);
        }
    }
    co_return have_all_answered;
}

asio::awaitable<bool> ConsulCoordinator::renew_session(Trouble& trouble)
{
    const std::string id = campaign_.session();
    const SteadyTime asked = clock_.steady_now();
    ConsulCall call = put("/v1/session/renew/" + id, {}, call_timeout);
    const Answer answer = co_await ask(std::move(call));
    if (answer && answer->status == 404) {
        trouble.over();
        spdlog::warn("consul: session {} is lost: a check of this node failed, or it was destroyed",
                     id);
        forgotten_ = clock_.steady_now();
        campaign_.session_lost();
        announce();
        co_return true;
    }
    if (!accept(answer, trouble)) co_return false;
    confirm_session(asked);
    co_return true;
}

/// Follows the lock key: who holds it decides everything. Whether a bid was won is read here too.
asio::awaitable<void> ConsulCoordinator::follow_lock()
{
    BlockingIndex index;
    QueryPace pace;
    Backoff backoff(co_await asio::this_coro::executor, 50ms, 1s);
    Trouble trouble("read the lock key " + settings_.lock_key);
    Trouble bidding("take the lock " + settings_.lock_key);
    for (;;) {
        const bool unsettled =
            campaign_.lock_is_free() || campaign_.bid() || campaign_.must_release();
        const SteadyTime asked = clock_.steady_now();
        ConsulCall call = watch(lock_target(), index, unsettled ? short_wait : watch_wait);
        const Answer answer = co_await ask(std::move(call));
        const bool missing = answer && answer->status == 404;
        if (!missing && !accept(answer, trouble)) {
            index.failed();
            co_await sleep_for(backoff.next());
            continue;
        }
        Result<LockEntry> entry = LockEntry();
        if (!missing) entry = parse_lock_entry(answer->body);
        if (!entry) {
            trouble.because(entry.error().message);
            index.failed();
            co_await sleep_for(backoff.next());
            continue;
        }
        trouble.over();
        backoff.reset();
        index.answered(answer->index);
        if (campaign_.holds(*entry)) confirm_session(asked);
        campaign_.seen(*entry);
        announce();
        const bool acted = co_await act_on_lock(bidding);
        if (!acted) attend_to_session();  // most likely it is gone
        co_await sleep_for(pace.pause(clock_.steady_now()));
    }
}

/// Does what the campaign wants; false when that was refused.
asio::awaitable<bool> ConsulCoordinator::act_on_lock(Trouble& trouble)
{
    if (campaign_.must_release()) co_await release_lock();
    const auto bid = campaign_.bid();
    if (!bid) co_return true;
    ConsulCall call =
        put(fmt::format("{}?acquire={}&flags={}", lock_target(), bid->session, bid->flags),
            holder_body(settings_), call_timeout);
    const Answer answer = co_await ask(std::move(call));
    // The release of a resign() meanwhile may have overtaken the bid.
    if (campaign_.resigned()) co_await release_lock();
    if (answer && answer->status == 500) co_return false;  // renewing the session tells why
    co_return accept(answer, trouble);
}

asio::awaitable<void> ConsulCoordinator::release_lock()
{
    if (campaign_.session().empty()) co_return;
    ConsulCall call = put(fmt::format("{}?release={}&flags={}", lock_target(), campaign_.session(),
                                      campaign_.flags()),
                          "{}", farewell_timeout);
    const Answer answer = co_await ask(std::move(call));
    if (!answer || !answer->ok()) {
        spdlog::warn("consul: cannot release the lock: {}; trying again while this node runs",
                     answer ? reason_of(*answer) : answer.error().reason);
    }
}

asio::awaitable<void> ConsulCoordinator::follow_members()
{
    BlockingIndex index;
    QueryPace pace;
    Backoff backoff(co_await asio::this_coro::executor, 50ms, 1s);
    Trouble trouble("read the members of service " + settings_.service_name);
    const std::string target = "/v1/health/service/" + url_path(settings_.service_name);
    for (;;) {
        ConsulCall call = watch(target, index, watch_wait);
        const Answer answer = co_await ask(std::move(call));
        Result<std::vector<Member>> members = Error();
        if (accept(answer, trouble)) {
            members = parse_members(answer->body);
            if (!members) trouble.because(members.error().message);
        }
        if (!members) {
            index.failed();
            co_await sleep_for(backoff.next());
            continue;
        }
        backoff.reset();
        index.answered(answer->index);
        if (*members != members_) {
            members_ = std::move(*members);
            spdlog::info("consul: nodes: {}", describe(members_));
            changed_.notify();
        }
        co_await sleep_for(pace.pause(clock_.steady_now()));
    }
}

asio::awaitable<bool> ConsulCoordinator::deregister()
{
    if (keeps_registration_) co_return true;
    // Also when it is not known to be registered: the request may have arrived.
    ConsulCall remove =
        put("/v1/agent/service/deregister/" + url_path(names_.service_id), {}, farewell_timeout);
    const Answer removed = co_await ask(std::move(remove));
    is_registered_ = false;
    co_return removed && removed->ok();
}

/// Gives up lock, session and registration, as far as Consul answers.
asio::awaitable<void> ConsulCoordinator::leave()
{
    const std::string session = campaign_.session();
    campaign_.session_lost();
    announce();
    bool left = true;
    if (!session.empty()) {
        // Releases the lock too.
        ConsulCall destroy = put("/v1/session/destroy/" + session, {}, farewell_timeout);
        const Answer destroyed = co_await ask(std::move(destroy));
        left = destroyed && destroyed->ok();
    }
    const bool deregistered = co_await deregister();
    left = left && deregistered;
    if (left) {
        spdlog::info("consul: left; session and registration are given back");
    } else {
        spdlog::warn(
            "consul: left, but session or registration could not be given back; Consul removes "
            "them when their checks fail");
    }
}

asio::awaitable<ConsulCoordinator::Answer> ConsulCoordinator::ask(ConsulCall call)
{
    Answer answer = co_await consul_->call(std::move(call));
    if (answer) {
        came_back();
    } else if (!answer.error().timed_out) {
        went_away(answer.error().reason);
    }
    co_return answer;
}

bool ConsulCoordinator::accept(const Answer& answer, Trouble& trouble)
{
    if (answer && answer->ok()) {
        trouble.over();
        return true;
    }
    if (answer) {
        trouble.because(fmt::format("{} says {}", consul_->address(), reason_of(*answer)));
    } else if (!away_since_) {  // otherwise it has been said
        trouble.because(answer.error().reason);
    }
    return false;
}

void ConsulCoordinator::went_away(const std::string& reason)
{
    if (away_since_) return;
    away_since_ = clock_.steady_now();
    spdlog::warn(
        "consul: unreachable, {}; going on with what was known, no node can take over "
        "until it answers",
        reason);
}

void ConsulCoordinator::came_back()
{
    if (!away_since_) return;
    const auto away = clock_.steady_now() - *away_since_;
    away_since_.reset();
    spdlog::info("consul: {} answers again after {:.1f} s", consul_->address(),
                 std::chrono::duration<double>(away).count());
}

void ConsulCoordinator::confirm_session(SteadyTime asked)
{
    confirmed_ = std::max(confirmed_, asked);
}

void ConsulCoordinator::announce()
{
    const Epoch now = campaign_.epoch();
    const Epoch before = std::exchange(announced_epoch_, now);
    if (now != before) {
        if (before != 0) {
            spdlog::info("consul: lock {} lost or given up, epoch {} is over", settings_.lock_key,
                         before);
            attend_to_session();  // was it the session? Then a new one is needed soon
        }
        if (now != 0) {
            spdlog::info("consul: lock {} won, this node dispatches in epoch {}",
                         settings_.lock_key, now);
        }
    }
    const bool other = campaign_.dispatcher() != announced_dispatcher_;
    if (other) {
        announced_dispatcher_ = campaign_.dispatcher();
        if (announced_dispatcher_.empty()) {
            spdlog::info("consul: there is no dispatcher");
        } else {
            spdlog::info("consul: {} dispatches", announced_dispatcher_);
        }
    }
    if (now != before || other) changed_.notify();
}

std::string ConsulCoordinator::lock_target() const
{
    return "/v1/kv/" + url_path(settings_.lock_key);
}

}  // namespace peercron
