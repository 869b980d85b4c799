#include "cluster/consul_coordinator.hpp"

#include "base/clock.hpp"
#include "base/task_group.hpp"
#include "cluster/consul_client.hpp"
#include "integration/servers/consul_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json.hpp>

#include <list>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using testing::ChildProcess;
using testing::ConsulServer;
using ::testing::HasSubstr;
using ::testing::Not;

/// Far longer than anything here takes.
constexpr auto patience = 60s;

tcp::endpoint on_loopback(std::uint16_t port)
{
    return {asio::ip::address_v4::loopback(), port};
}

/// A peer port that accepts connections, and the coordinator of its node.
class Node {
public:
    Node(asio::io_context& io, const ConsulSettings& settings, std::uint16_t port = 0)
        : io_(io),
          peer_port_(io, on_loopback(port)),
          coordinator_(
              io.get_executor(), clock_,
              std::make_unique<ConsulClient>(io.get_executor(), settings.address, settings.token),
              with_address(settings)),
          tasks_(io.get_executor())
    {
        tasks_.spawn("coordinator", coordinator_.run());
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    ~Node() { stop(); }

    /// Cancels run() and returns when it has ended.
    void stop()
    {
        tasks_.cancel();
        bool ended = false;
        asio::co_spawn(io_, tasks_.join(), [&ended](const std::exception_ptr&) { ended = true; });
        io_.restart();
        while (!ended) io_.run_one();
    }

    ConsulCoordinator* operator->() { return &coordinator_; }
    const ConsulCoordinator* operator->() const { return &coordinator_; }
    const NodeName& name() const { return name_; }

private:
    ConsulSettings with_address(ConsulSettings settings)
    {
        name_ = "127.0.0.1:" + std::to_string(peer_port_.local_endpoint().port());
        settings.bind_address = name_;
        return settings;
    }

    asio::io_context& io_;
    NodeName name_;
    tcp::acceptor peer_port_;
    SystemClock clock_;
    ConsulCoordinator coordinator_;
    TaskGroup tasks_;
};

/// A node in a process of its own, to be killed or stopped. Started while this process has but
/// one thread.
class NodeProcess {
public:
    explicit NodeProcess(const ConsulSettings& settings)
        : port_(testing::free_port()), process_(start(settings, port_))
    {}

    NodeName name() const { return "127.0.0.1:" + std::to_string(port_); }
    void kill() { process_.kill(); }
    void pause() { process_.pause(); }
    void resume() { process_.resume(); }

private:
    static pid_t start(const ConsulSettings& settings, std::uint16_t port)
    {
        const pid_t pid = ::fork();
        if (pid != 0) return pid;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        asio::io_context io(1);
        const Node node(io, settings, port);
        io.run();
        ::_exit(0);
    }

    std::uint16_t port_;
    ChildProcess process_;
};

class ConsulCoordinatorTest : public ::testing::Test {
protected:
    /// Settings of a cluster that no other test uses.
    static ConsulSettings settings(const ConsulServer& consul)
    {
        const std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
        ConsulSettings settings;
        settings.address = consul.address();
        settings.service_name = test;
        settings.lock_key = test + "/dispatcher";
        settings.http_address = "127.0.0.1:9990";
        settings.version = "1.2.3";
        settings.incarnation = 0x1234;
        return settings;
    }

    Node& add_node(const ConsulSettings& settings) { return nodes_.emplace_back(io_, settings); }

    /// Runs the nodes until `condition` holds; says whether it did.
    template <class Condition>
    bool wait_until(Condition condition)
    {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!condition()) {
            if (std::chrono::steady_clock::now() >= end) return false;
            io_.restart();
            io_.run_one_for(20ms);
        }
        return true;
    }

    /// Lets the nodes run for a while in which nothing must happen.
    void run_for(std::chrono::milliseconds time)
    {
        io_.restart();
        io_.run_for(time);
    }

    bool wait_until_dispatching(const Node& node)
    {
        return wait_until([&node] { return node->epoch() != 0; });
    }

    bool wait_until_one_dispatches()
    {
        return wait_until([this] { return dispatcher() != nullptr; });
    }

    /// The node that holds the lock, when exactly one does.
    Node* dispatcher()
    {
        Node* found = nullptr;
        for (Node& node : nodes_) {
            if (node->epoch() == 0) continue;
            if (found != nullptr) return nullptr;
            found = &node;
        }
        return found;
    }

    static std::size_t passing(const Node& node)
    {
        std::size_t count = 0;
        for (const Member& member : node->members()) count += member.passing ? 1 : 0;
        return count;
    }

    /// The lock key as Consul has it.
    static LockEntry lock_entry(const ConsulServer& consul, const ConsulSettings& settings)
    {
        const ConsulServer::Reply reply = consul.get("/v1/kv/" + settings.lock_key);
        if (reply.status == 404) return {};
        return parse_lock_entry(reply.body).value();
    }

    /// Waits for a NodeProcess to win.
    static bool wait_until_locked(const ConsulSettings& settings)
    {
        return testing::poll_until(
            [&settings] { return !lock_entry(consul(), settings).session.empty(); }, patience);
    }

    static ConsulServer& consul() { return ConsulServer::shared(); }

    asio::io_context io_{1};
    std::list<Node> nodes_;
};

TEST_F(ConsulCoordinatorTest, RegistersTheNodeWithPassingChecksAndItsMeta)
{
    const ConsulSettings here = settings(consul());
    const Node& node = add_node(here);
    ASSERT_TRUE(wait_until([&node] { return passing(node) == 1; }));
    const Member self{node.name(), "127.0.0.1:9990", "1.2.3", true, {}};
    EXPECT_EQ(node->members(), std::vector<Member>{self});

    run_for(3s);  // longer than both checks allow without a sign of life
    const auto health =
        boost::json::parse(consul().get("/v1/health/service/" + here.service_name).body);
    const auto& service = health.at(0).at("Service");
    EXPECT_EQ(service.at("ID").as_string(), here.service_name + "-" + node.name());
    EXPECT_EQ(service.at("Meta").at("incarnation"), "0000000000001234");
    ASSERT_EQ(health.at(0).at("Checks").as_array().size(), 3U);
    for (const auto& check : health.at(0).at("Checks").as_array()) {
        EXPECT_EQ(check.at("Status"), "passing") << check;
    }
}

TEST_F(ConsulCoordinatorTest, ExactlyOneOfThreeDispatchesAndAllKnowWho)
{
    const ConsulSettings here = settings(consul());
    for (int i = 0; i < 3; ++i) add_node(here);
    ASSERT_TRUE(wait_until([this] {
        return std::all_of(nodes_.begin(), nodes_.end(), [](const Node& node) {
            return passing(node) == 3 && !node->dispatcher().empty();
        });
    }));
    ASSERT_NE(dispatcher(), nullptr);
    const NodeName name = dispatcher()->name();
    for (Node& node : nodes_) EXPECT_EQ(node->dispatcher(), name);
    EXPECT_EQ((*dispatcher())->epoch(), 1U) << "Consul's LockIndex of a new key";
    EXPECT_EQ(lock_entry(consul(), here).holder, name) << "for operators";
    EXPECT_TRUE(std::is_sorted(nodes_.front()->members().begin(), nodes_.front()->members().end(),
                               [](const Member& a, const Member& b) { return a.name < b.name; }));
}

TEST_F(ConsulCoordinatorTest, AnotherTakesOverFromADispatcherThatResigns)
{
    const ConsulSettings here = settings(consul());
    for (int i = 0; i < 2; ++i) add_node(here);
    ASSERT_TRUE(wait_until_one_dispatches());
    Node& first = *dispatcher();
    Node& second = &first == &nodes_.front() ? nodes_.back() : nodes_.front();
    ASSERT_TRUE(
        wait_until([&] { return passing(second) == 2 && second->dispatcher() == first.name(); }));
    const Epoch before = first->epoch();
    const std::string session = lock_entry(consul(), here).session;

    bool resigned = false;
    asio::co_spawn(io_, first->resign(),
                   [&resigned](const std::exception_ptr&) { resigned = true; });
    ASSERT_TRUE(wait_until([&resigned] { return resigned; }));
    EXPECT_NE(lock_entry(consul(), here).session, session) << "released before resign() returns";
    ASSERT_TRUE(wait_until_dispatching(second));
    EXPECT_EQ(first->epoch(), 0U);
    EXPECT_GT(second->epoch(), before);
    EXPECT_TRUE(wait_until([&] { return first->dispatcher() == second.name(); }));

    const NodeName gone = second.name();
    second.stop();
    ASSERT_TRUE(wait_until([&first] { return first->dispatcher().empty(); }));
    run_for(1500ms);  // the free lock is tried every second
    EXPECT_EQ(first->epoch(), 0U) << "it does not campaign any more";
    EXPECT_TRUE(lock_entry(consul(), here).session.empty());
    EXPECT_EQ(first->members().size(), 1U) << "but it is still a member";
}

TEST_F(ConsulCoordinatorTest, AnotherTakesOverFromAKilledDispatcher)
{
    const ConsulSettings here = settings(consul());
    NodeProcess doomed(here);
    ASSERT_TRUE(wait_until_locked(here));
    const Node& heir = add_node(here);
    ASSERT_TRUE(wait_until([&] { return heir->dispatcher() == doomed.name(); }));
    doomed.kill();
    ASSERT_TRUE(wait_until_dispatching(heir));
    EXPECT_EQ(heir->epoch(), 2U);
}

TEST_F(ConsulCoordinatorTest, AnotherTakesOverFromAStoppedDispatcherWhichComesBackAsAMember)
{
    const ConsulSettings here = settings(consul());
    NodeProcess stopped(here);
    ASSERT_TRUE(wait_until_locked(here));
    const Node& heir = add_node(here);
    ASSERT_TRUE(wait_until([&] { return heir->dispatcher() == stopped.name(); }));
    stopped.pause();
    ASSERT_TRUE(wait_until_dispatching(heir));
    EXPECT_EQ(heir->epoch(), 2U);
    EXPECT_TRUE(wait_until([&heir] { return passing(heir) == 1; }));
    stopped.resume();
    EXPECT_TRUE(wait_until([&heir] { return passing(heir) == 2; }));
    EXPECT_EQ(heir->epoch(), 2U);
}

TEST_F(ConsulCoordinatorTest, CancellingItGivesBackLockSessionAndRegistration)
{
    const ConsulSettings here = settings(consul());
    Node& node = add_node(here);
    ASSERT_TRUE(wait_until_dispatching(node));
    const std::string session = lock_entry(consul(), here).session;
    node.stop();
    EXPECT_EQ(node->epoch(), 0U);
    EXPECT_TRUE(lock_entry(consul(), here).session.empty());
    EXPECT_EQ(consul().get("/v1/session/info/" + session).body, "[]");
    EXPECT_THAT(consul().get("/v1/agent/services").body, Not(HasSubstr(here.service_name)));
}

TEST_F(ConsulCoordinatorTest, ALostSessionEndsTheTermAndANewOneCampaignsAgain)
{
    const ConsulSettings here = settings(consul());
    const Node& node = add_node(here);
    ASSERT_TRUE(wait_until_dispatching(node));
    const Epoch before = node->epoch();
    consul().put("/v1/session/destroy/" + lock_entry(consul(), here).session);
    ASSERT_TRUE(wait_until([&] { return node->epoch() != before; }));
    ASSERT_TRUE(wait_until_dispatching(node));
    EXPECT_GT(node->epoch(), before);
}

TEST_F(ConsulCoordinatorTest, RegistersAgainWhenTheAgentHasForgottenIt)
{
    const ConsulSettings here = settings(consul());
    const Node& node = add_node(here);
    ASSERT_TRUE(wait_until_dispatching(node));
    ASSERT_TRUE(wait_until([&] { return passing(node) == 1; }));
    const std::string id = here.service_name + "-" + node.name();
    consul().put("/v1/agent/service/deregister/" + id);
    ASSERT_TRUE(wait_until([&] { return node->members().empty(); }));
    EXPECT_TRUE(wait_until([&] { return passing(node) == 1; }));
    EXPECT_TRUE(wait_until_dispatching(node));
}

TEST_F(ConsulCoordinatorTest, TakesTheLockFromAnEarlierProcessOfTheSameNodeAtOnce)
{
    const ConsulSettings here = settings(consul());
    const std::uint16_t port = testing::free_port();
    const NodeName name = "127.0.0.1:" + std::to_string(port);
    // Without TTL and service checks this session would never end by itself.
    const auto made =
        consul().put("/v1/session/create",
                     R"({"LockDelay":"0s","Name":")" + here.service_name + " " + name + "\"}");
    const std::string old = parse_session_id(made.body).value();
    ASSERT_EQ(consul().put("/v1/kv/" + here.lock_key + "?acquire=" + old).body, "true");
    consul().put("/v1/agent/service/register", R"({"ID":"old-form","Name":")" + here.service_name +
                                                   R"(","Address":"127.0.0.1","Port":)" +
                                                   std::to_string(port) + "}");

    const Node& node = nodes_.emplace_back(io_, here, port);
    EXPECT_TRUE(wait_until_dispatching(node));
    EXPECT_EQ(node->epoch(), 2U);
    EXPECT_THAT(consul().get("/v1/agent/services").body, Not(HasSubstr("old-form")));
}

TEST_F(ConsulCoordinatorTest, LeavesTheSessionsOfOthersAlone)
{
    const ConsulSettings here = settings(consul());
    const auto made = consul().put("/v1/session/create", R"({"Name":"a backup that runs"})");
    const std::string other = parse_session_id(made.body).value();
    const Node& node = add_node(here);
    ASSERT_TRUE(wait_until_dispatching(node));
    EXPECT_THAT(consul().get("/v1/session/info/" + other).body, HasSubstr(other));
    consul().put("/v1/session/destroy/" + other);
}

TEST_F(ConsulCoordinatorTest, ConfirmsItsSessionWhileConsulAnswers)
{
    const auto start = std::chrono::steady_clock::now();
    const Node& node = add_node(settings(consul()));
    EXPECT_EQ(node->session_confirmed(), SteadyTime::min());
    ASSERT_TRUE(wait_until([&] { return node->session_confirmed() > start; }));
    const SteadyTime first = node->session_confirmed();
    EXPECT_TRUE(wait_until([&] { return node->session_confirmed() > first; }));
    EXPECT_LE(node->session_confirmed(), std::chrono::steady_clock::now());
}

TEST_F(ConsulCoordinatorTest, ComesUpWhenConsulDoes)
{
    ConsulServer late;
    const Node& node = add_node(settings(late));
    run_for(300ms);
    EXPECT_EQ(node->epoch(), 0U);
    EXPECT_EQ(node->session_confirmed(), SteadyTime::min());
    late.start();
    EXPECT_TRUE(wait_until_dispatching(node));
    EXPECT_TRUE(wait_until([&node] { return passing(node) == 1; }));
}

TEST_F(ConsulCoordinatorTest, KeepsTheTermWhileConsulIsAwayAndMeetsAgainWhenItIsBack)
{
    ConsulServer server;
    server.start();
    for (int i = 0; i < 2; ++i) add_node(settings(server));
    ASSERT_TRUE(wait_until_one_dispatches());
    Node& first = *dispatcher();
    ASSERT_TRUE(wait_until([&first] { return passing(first) == 2; }));
    const Epoch before = first->epoch();

    server.stop();
    const SteadyTime stopped = std::chrono::steady_clock::now();
    run_for(4s);  // longer than the checks would have borne
    EXPECT_EQ(dispatcher(), &first);
    EXPECT_EQ(first->epoch(), before);
    EXPECT_EQ(first->members().size(), 2U);
    EXPECT_LE(first->session_confirmed(), stopped);

    server.launch();
    ASSERT_TRUE(wait_until([&] { return server.ready(); }));
    const SteadyTime back = std::chrono::steady_clock::now();
    ASSERT_TRUE(wait_until([&] {
        return dispatcher() != nullptr && (*dispatcher())->session_confirmed() > back &&
               passing(*dispatcher()) == 2;
    }));
    const Epoch after = (*dispatcher())->epoch();
    EXPECT_TRUE(after > before || (after == before && dispatcher() == &first))
        << before << " then " << after;
}

TEST_F(ConsulCoordinatorTest, EpochsGrowEvenWhenConsulHasLostItsData)
{
    ConsulServer server;
    server.start();
    const ConsulSettings here = settings(server);
    const Node& node = add_node(here);
    Epoch last = 0;
    for (int i = 0; i < 3; ++i) {  // some elections, so that a new key's LockIndex lies behind
        ASSERT_TRUE(wait_until([&] { return node->epoch() > last; }));
        last = node->epoch();
        server.put("/v1/session/destroy/" + lock_entry(server, here).session);
    }
    ASSERT_TRUE(wait_until([&] { return node->epoch() > last; }));
    last = node->epoch();
    server.kill();
    run_for(100ms);  // its watches notice, and will not ask the new one for the old index
    server.wipe();
    server.launch();
    ASSERT_TRUE(wait_until([&] { return node->epoch() != last && node->epoch() != 0; }));
    EXPECT_GT(node->epoch(), last);
    EXPECT_EQ(lock_entry(server, here).lock_index, 1U);
    EXPECT_TRUE(wait_until([&node] { return passing(node) == 1; })) << "registered again";
}

TEST_F(ConsulCoordinatorTest, RaisesItsEpochAboveTheOneThatTheStoreHasSeen)
{
    const ConsulSettings here = settings(consul());
    Node& node = add_node(here);
    ASSERT_TRUE(wait_until_dispatching(node));
    node->raise_epoch(1000);
    EXPECT_EQ(node->epoch(), 0U);
    ASSERT_TRUE(wait_until_dispatching(node));
    EXPECT_EQ(node->epoch(), 1001U);

    const Node& other = add_node(here);
    ASSERT_TRUE(wait_until([&] { return other->dispatcher() == node.name(); }));
    node.stop();
    ASSERT_TRUE(wait_until_dispatching(other));
    EXPECT_EQ(other->epoch(), 1002U);
}

TEST_F(ConsulCoordinatorTest, StopsAlthoughConsulDoesNotAnswer)
{
    ConsulServer server;
    server.start();
    Node& node = add_node(settings(server));
    ASSERT_TRUE(wait_until_dispatching(node));
    server.pause();
    node.stop();
    EXPECT_EQ(node->epoch(), 0U);
}

TEST_F(ConsulCoordinatorTest, ReleasesTheLockLaterWhenConsulDoesNotHearItsResignation)
{
    ConsulServer server;
    server.start();
    const ConsulSettings here = settings(server);
    Node& node = add_node(here);
    ASSERT_TRUE(wait_until_dispatching(node));
    server.pause();
    bool resigned = false;
    asio::co_spawn(io_, node->resign(),
                   [&resigned](const std::exception_ptr&) { resigned = true; });
    ASSERT_TRUE(wait_until([&resigned] { return resigned; }));
    EXPECT_EQ(node->epoch(), 0U);
    server.resume();
    EXPECT_TRUE(wait_until([&] { return lock_entry(server, here).session.empty(); }));
}

TEST_F(ConsulCoordinatorTest, NeedsOnlyTheRightsThatItsContractNames)
{
    ConsulServer server(ConsulServer::Acl::deny_by_default);
    server.start();
    ConsulServer::Reply bootstrap;
    const auto bootstrapped = [&] {  // ACLs come up a little after the leader
        bootstrap = server.put("/v1/acl/bootstrap");
        return bootstrap.status == 200;
    };
    ASSERT_TRUE(testing::poll_until(bootstrapped, patience)) << bootstrap.body;
    const std::string root(boost::json::parse(bootstrap.body).at("SecretID").as_string());
    ConsulSettings here = settings(server);
    const std::string rules = R"(service \")" + here.service_name +
                              R"(\" { policy = \"write\" } )" + R"(key \")" + here.lock_key +
                              R"(\" { policy = \"write\" } )" +
                              R"(session_prefix \"\" { policy = \"write\" } )" +
                              R"(node_prefix \"\" { policy = \"read\" })";
    const auto policy =
        server.put("/v1/acl/policy", R"({"Name":"peercron","Rules":")" + rules + "\"}", root);
    ASSERT_EQ(policy.status, 200U) << policy.body;
    const auto token = boost::json::parse(
        server.put("/v1/acl/token", R"({"Policies":[{"Name":"peercron"}]})", root).body);

    Node& stranger = add_node(here);
    run_for(500ms);
    EXPECT_EQ(stranger->session_confirmed(), SteadyTime::min());
    EXPECT_TRUE(stranger->members().empty());

    here.token = token.at("SecretID").as_string();
    const Node& node = add_node(here);
    EXPECT_TRUE(wait_until_dispatching(node));
    EXPECT_TRUE(wait_until([&node] { return passing(node) == 1; }));
}

}  // namespace
}  // namespace peercron
