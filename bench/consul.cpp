// Nodes that meet in one Consul: the real ConsulCoordinator of each, without anything else of a
// node. All of them speak to one agent, which is the server as well; in real life each has an
// agent on its machine, which takes the checks and the refreshing of them from the server.

#include "base/clock.hpp"
#include "base/task_group.hpp"
#include "cluster/consul_client.hpp"
#include "cluster/consul_coordinator.hpp"
#include "exec/descriptors.hpp"
#include "integration/servers/consul_server.hpp"
#include "parts.hpp"
#include "stopwatch.hpp"
#include "usage.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace peercron::bench {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using testing::ChildProcess;
using testing::ConsulServer;

/// The coordinator of a node, and its peer port, to which Consul connects each second.
class Candidate {
public:
    Candidate(asio::io_context& io, ConsulSettings settings)
        : peer_port_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          coordinator_(
              io.get_executor(), clock_,
              std::make_unique<ConsulClient>(io.get_executor(), settings.address, settings.token),
              with_address(std::move(settings))),
          tasks_(io.get_executor())
    {
        tasks_.spawn("peer port", accept());
        tasks_.spawn("coordinator", coordinator_.run());
    }

    void cancel() { tasks_.cancel(); }
    asio::awaitable<void> join() { return tasks_.join(); }
    const ConsulCoordinator& coordinator() const { return coordinator_; }

private:
    ConsulSettings with_address(ConsulSettings settings)
    {
        settings.bind_address = "127.0.0.1:" + std::to_string(peer_port_.local_endpoint().port());
        return settings;
    }

    asio::awaitable<void> accept()
    {
        for (;;) co_await peer_port_.async_accept(asio::use_awaitable);
    }

    tcp::acceptor peer_port_;
    SystemClock clock_;
    ConsulCoordinator coordinator_;
    TaskGroup tasks_;
};

/// The first node, which dispatches until it is killed. This process has but one thread.
pid_t start_first(const ConsulSettings& settings)
{
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    asio::io_context io(1);
    const Candidate candidate(io, settings);
    io.run();
    ::_exit(0);
}

/// Runs until it holds; the seconds that took, or -1 when it does not hold in time.
double run_until(asio::io_context& io, std::chrono::seconds limit,
                 const std::function<bool()>& holds)
{
    const Stopwatch watch;
    while (!holds()) {
        if (watch.wall() > std::chrono::duration<double>(limit).count()) return -1;
        io.restart();
        io.run_for(5ms);
    }
    return watch.wall();
}

boost::json::object measure_meeting(std::size_t nodes, bool quick)
{
    // One client may have 200 connections otherwise, and here all nodes are one client.
    ConsulServer consul(ConsulServer::Acl::off, "limits { http_max_conns_per_client = 100000 }\n");
    consul.start();
    ConsulSettings settings;
    settings.address = consul.address();
    ChildProcess first(start_first(settings));
    const auto has_lock = [&] {
        return consul.get("/v1/kv/" + settings.lock_key).body.find("Session") != std::string::npos;
    };
    if (!testing::poll_until(has_lock, 30s)) throw std::runtime_error("no node gets the lock");
    boost::json::object row{{"nodes", nodes}};

    asio::io_context io(1);
    std::list<Candidate> others;
    const auto all = [&](const std::function<bool(const ConsulCoordinator&)>& holds) {
        return std::ranges::all_of(
            others, [&](const Candidate& each) { return holds(each.coordinator()); });
    };
    for (std::size_t i = 1; i < nodes; ++i) others.emplace_back(io, settings);
    const auto has_met = [nodes](const ConsulCoordinator& node) {
        return node.members().size() == nodes && !node.dispatcher().empty();
    };
    row["all_met_s"] = rounded(run_until(io, 120s, [&] { return all(has_met); }));

    const double server_before = cpu_seconds_of(consul.id());
    const Stopwatch quiet;
    io.restart();
    io.run_for(quick ? 3s : 15s);
    row["server_core_percent"] =
        rounded(100 * (cpu_seconds_of(consul.id()) - server_before) / quiet.wall());
    row["nodes_core_percent"] = rounded(100 * quiet.cpu() / quiet.wall());

    const NodeName before = others.front().coordinator().dispatcher();
    first.kill();
    const auto dispatches = [](const Candidate& each) { return each.coordinator().epoch() != 0; };
    const double took = run_until(io, 60s, [&] { return std::ranges::any_of(others, dispatches); });
    row["another_dispatches_s"] = rounded(took);
    const auto knows = [&](const ConsulCoordinator& node) {
        return !node.dispatcher().empty() && node.dispatcher() != before;
    };
    const double more = run_until(io, 60s, [&] { return all(knows); });
    row["all_know_s"] = more < 0 ? -1 : rounded(took + more);

    consul.kill();  // so that no coordinator waits for its goodbye
    for (Candidate& each : others) each.cancel();
    for (Candidate& each : others) {
        bool ended = false;
        asio::co_spawn(io, each.join(), [&ended](const std::exception_ptr&) { ended = true; });
        io.restart();
        while (!ended) io.run_one();
    }
    return row;
}

}  // namespace

void measure_consul(const Settings& settings, Figures& figures)
{
    raise_descriptor_limit();  // each node takes some sockets here, and Consul as many
    ::setenv("PEERCRON_BUILD_DIR", std::filesystem::absolute(settings.folder).c_str(), 1);
    using Sizes = std::vector<std::size_t>;
    const Sizes sizes = settings.large   ? Sizes{100, 300, 1'000}
                        : settings.quick ? Sizes{3}
                                         : Sizes{3, 30, 100};
    for (const std::size_t nodes : sizes) {
        figures.add("meeting", measure_meeting(nodes, settings.quick));
    }
}

}  // namespace peercron::bench
