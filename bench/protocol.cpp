// What peers say to each other: as bytes, over loopback, and what many nodes cost their dispatcher.

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "database.hpp"
#include "exec/descriptors.hpp"
#include "node/tcp_channel.hpp"
#include "parts.hpp"
#include "simulated_cluster.hpp"
#include "simulated_node.hpp"
#include "stopwatch.hpp"
#include "usage.hpp"
#include "wire/address.hpp"
#include "wire/codec.hpp"
#include "wire/connection.hpp"
#include "wire/frame.hpp"
#include "wire/frame_mac.hpp"
#include "wire/listener.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace peercron::bench {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

constexpr WallTime due = from_unix_seconds(1'795'000'000);

RunOrders orders(std::size_t count)
{
    RunOrders message;
    for (std::size_t i = 0; i < count; ++i) {
        RunOrder order;
        order.id = RunId{static_cast<JobId>(100'000 + i), due, 1};
        order.command = "/opt/reports/bin/nightly --tenant 123456 --output /var/reports";
        order.start_at = due;
        order.start_by = due + 30s;
        order.epoch = 4711;
        order.dispatch_server = "192.168.100.101:9991";
        message.orders.push_back(std::move(order));
    }
    return message;
}

RunReports reports(std::size_t count, RunState state)
{
    RunReports message;
    for (std::size_t i = 0; i < count; ++i) {
        RunReport report;
        report.id = RunId{static_cast<JobId>(100'000 + i), due, 1};
        report.state = state;
        report.run_server = "192.168.100.102:9991";
        report.dispatch_server = "192.168.100.101:9991";
        report.epoch = 4711;
        report.started_at = due + 1ms;
        if (state != RunState::running) {
            report.ended_at = due + 1234ms;
            report.use_time = 1233ms;
            report.exit_code = 0;
            report.cpu_time = 800ms;
            report.max_rss = std::int64_t{20} << 20U;
            report.output_bytes = 1024;
        }
        message.reports.push_back(std::move(report));
    }
    return message;
}

DispatcherBeat beat(std::size_t nodes)
{
    DispatcherBeat message;
    message.epoch = 4711;
    message.sent_at = due;
    for (std::size_t i = 0; i < nodes; ++i) {
        NodeLoad load;
        load.node = "192.168.100.102:9991";
        load.version = "1.0.0";
        load.slots = 128;
        load.running = 17;
        load.held = 42;
        message.nodes.push_back(std::move(load));
    }
    return message;
}

/// How many bytes it is on the wire, after the greeting, when it is not encrypted.
std::size_t frame_bytes(const Message& message)
{
    return frame_header_size + encode(message).size() + FrameMac::size;
}

void measure_codec(const char* name, std::size_t entries, const Message& message,
                   const Settings& settings, Figures& figures)
{
    const std::size_t rounds = (settings.quick ? 20'000U : 400'000U) / (entries + 1);
    std::string bytes;
    const Stopwatch encoding;
    for (std::size_t i = 0; i < rounds; ++i) {
        bytes.clear();
        append_encoded(bytes, message);
    }
    const double encode_ns = 1e9 * encoding.cpu() / static_cast<double>(rounds);
    const Stopwatch decoding;
    for (std::size_t i = 0; i < rounds; ++i) {
        const auto decoded = decode(bytes);
        if (!decoded || !*decoded) throw std::runtime_error("what was encoded is not decoded");
    }
    const double decode_ns = 1e9 * decoding.cpu() / static_cast<double>(rounds);
    figures.add("codec", {{"message", name},
                          {"entries", entries},
                          {"frame_bytes", frame_bytes(message)},
                          {"encode_cpu_ns", rounded(encode_ns)},
                          {"decode_cpu_ns", rounded(decode_ns)},
                          {"frames_per_cpu_s", rounded(1e9 / (encode_ns + decode_ns))}});
}

/// Order, start and end of a run; alone, and several in a message.
void measure_bytes_per_run(std::size_t together, Figures& figures)
{
    const std::size_t order = frame_bytes(orders(together));
    const std::size_t started = frame_bytes(reports(together, RunState::running));
    const std::size_t ended = frame_bytes(reports(together, RunState::success));
    const auto each = [&](std::size_t bytes) {
        return rounded(static_cast<double>(bytes) / static_cast<double>(together));
    };
    figures.add("bytes_per_run", {{"runs_per_message", together},
                                  {"order_bytes", each(order)},
                                  {"started_bytes", each(started)},
                                  {"ended_bytes", each(ended)},
                                  {"all_bytes", each(order + started + ended)}});
}

struct Both {
    std::unique_ptr<PeerConnection> client;
    std::unique_ptr<PeerConnection> server;
};

asio::awaitable<void> accept_one(tcp::acceptor& acceptor, std::unique_ptr<PeerConnection>& result)
{
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    const SteadyTime deadline = std::chrono::steady_clock::now() + 5s;
    auto accepted =
        co_await PeerConnection::accept(std::move(socket), peer_settings("server"), deadline);
    if (accepted) result = std::move(*accepted);
}

asio::awaitable<Both> connect_both(asio::any_io_executor executor)
{
    tcp::acceptor acceptor(executor, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    Both both;
    TaskGroup tasks(executor);
    tasks.spawn("accept", accept_one(acceptor, both.server));
    const SteadyTime deadline = std::chrono::steady_clock::now() + 5s;
    const std::string address = to_string(acceptor.local_endpoint());
    auto connected = co_await PeerConnection::connect(address, peer_settings("client"), deadline);
    co_await tasks.join();
    if (!connected || both.server == nullptr) throw std::runtime_error("no connection on loopback");
    both.client = std::move(*connected);
    co_return both;
}

asio::awaitable<void> carry(PeerConnection& connection, PeerConnection::Handler handle)
{
    co_await connection.run(std::move(handle));
}

/// Time per frame when they are sent as quickly as they arrive, some at once.
asio::awaitable<Elapsed> stream(Both& both, const Message& message, std::size_t frames)
{
    constexpr std::size_t ahead = 256;
    const auto executor = co_await asio::this_coro::executor;
    TaskGroup tasks(executor);
    Event progress(executor);
    std::size_t arrived = 0;
    const auto on_arrival = [&](const Message&) {
        if (++arrived % (ahead / 2) == 0 || arrived == frames) progress.notify();
    };
    const auto ignore = [](const Message&) {};
    tasks.spawn("server", carry(*both.server, on_arrival));
    tasks.spawn("client", carry(*both.client, ignore));
    const Stopwatch watch;
    for (std::size_t sent = 0; arrived < frames;) {
        for (; sent < frames && sent < arrived + ahead; ++sent) both.client->send(message);
        co_await progress.wait();
    }
    const Elapsed result = watch.elapsed();
    both.client->close();
    both.server->close();
    co_await tasks.join();
    co_return result;
}

/// There and back, one at a time.
asio::awaitable<Elapsed> ping(Both& both, const Message& message, std::size_t rounds)
{
    const auto executor = co_await asio::this_coro::executor;
    TaskGroup tasks(executor);
    Event finished(executor);
    std::size_t back = 0;
    const auto answer = [&](const Message& heard) { both.server->send(heard); };
    const auto again = [&](const Message& heard) {
        if (++back < rounds) {
            both.client->send(heard);
        } else {
            finished.notify();
        }
    };
    tasks.spawn("server", carry(*both.server, answer));
    tasks.spawn("client", carry(*both.client, again));
    const Stopwatch watch;
    both.client->send(message);
    co_await finished.wait();
    const Elapsed result = watch.elapsed();
    both.client->close();
    both.server->close();
    co_await tasks.join();
    co_return result;
}

using Exchange = asio::awaitable<Elapsed> (*)(Both&, const Message&, std::size_t);

asio::awaitable<Elapsed> connect_and_run(asio::any_io_executor executor, Exchange exchange,
                                         const Message& message, std::size_t count)
{
    Both both = co_await connect_both(executor);
    co_return co_await exchange(both, message, count);
}

Elapsed run_connected(Exchange exchange, const Message& message, std::size_t count)
{
    asio::io_context io(1);
    auto elapsed = asio::co_spawn(io, connect_and_run(io.get_executor(), exchange, message, count),
                                  asio::use_future);
    io.run();
    return elapsed.get();
}

struct Sockets {
    explicit Sockets(asio::io_context& io) : one(io), other(io)
    {
        tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        one.connect(acceptor.local_endpoint());
        acceptor.accept(other);
        one.set_option(tcp::no_delay(true));
        other.set_option(tcp::no_delay(true));
    }
    tcp::socket one;
    tcp::socket other;
};

/// The same bytes with the system's calls alone: one write and one read for each frame.
Elapsed raw_stream(std::size_t bytes, std::size_t frames)
{
    asio::io_context io(1);
    Sockets sockets(io);
    std::string buffer(bytes, 'x');
    const Stopwatch watch;
    for (std::size_t i = 0; i < frames; ++i) {
        asio::write(sockets.one, asio::buffer(buffer));
        asio::read(sockets.other, asio::buffer(buffer));
    }
    return watch.elapsed();
}

void measure_loopback(const char* name, const Message& message, const Settings& settings,
                      Figures& figures)
{
    const std::size_t frames = settings.quick ? 20'000 : 200'000;
    const std::size_t rounds = frames / 10;
    const Elapsed streamed = run_connected(stream, message, frames);
    const Elapsed pinged = run_connected(ping, message, rounds);
    const Elapsed raw = raw_stream(frame_bytes(message), frames);
    const double cpu_us = 1e6 * streamed.cpu_s / static_cast<double>(frames);
    const double raw_us = 1e6 * raw.cpu_s / static_cast<double>(frames);
    figures.add("loopback",
                {{"message", name},
                 {"frame_bytes", frame_bytes(message)},
                 {"frames_per_s", rounded(static_cast<double>(frames) / streamed.wall_s)},
                 {"cpu_us_per_frame", rounded(cpu_us)},
                 {"raw_cpu_us_per_frame", rounded(raw_us)},
                 {"cpu_ratio", rounded(cpu_us / raw_us)},
                 {"round_trip_us", rounded(1e6 * pinged.wall_s / static_cast<double>(rounds))}});
}

/// Simulated nodes in a process of their own, that ends with the object.
class NodeProcess {
public:
    explicit NodeProcess(std::size_t nodes)
    {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
        child_ = ::fork();
        if (child_ < 0) throw std::runtime_error("fork failed");
        if (child_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(ends[0]);
            serve(nodes, ends[1]);
            ::_exit(1);
        }
        ::close(ends[1]);
        FILE* const names = ::fdopen(ends[0], "r");
        std::array<char, 64> line{};
        while (std::fgets(line.data(), line.size(), names) != nullptr) {
            names_.emplace_back(line.data());
            names_.back().pop_back();
        }
        std::fclose(names);
    }
    NodeProcess(const NodeProcess&) = delete;
    NodeProcess& operator=(const NodeProcess&) = delete;
    ~NodeProcess()
    {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }

    const std::vector<NodeName>& names() const { return names_; }

private:
    struct Place {
        std::unique_ptr<SimulatedNode> node;
        std::unique_ptr<PeerListener> listener;
    };

    static void serve(std::size_t nodes, int names)
    {
        asio::io_context io(1);
        const SystemClock clock;
        TaskGroup tasks(io.get_executor());
        std::vector<Place> places(nodes);
        for (Place& place : places) {
            // Its name is its port, which is known only when it listens.
            const std::string port = free_port(io);
            const NodeName name = "127.0.0.1:" + port;
            ListenerSettings listening;
            listening.peer = peer_settings(name);
            place.node = std::make_unique<SimulatedNode>(io.get_executor(), clock, name);
            const auto accepted = [&tasks, &place](std::unique_ptr<PeerConnection> connection) {
                auto channel = std::make_unique<TcpChannel>(std::move(connection));
                tasks.spawn("conversation", place.node->serve(std::move(channel)));
            };
            place.listener = std::make_unique<PeerListener>(io.get_executor(), name,
                                                            std::move(listening), accepted);
            tasks.spawn("listener", place.listener->run());
            tasks.spawn("node", place.node->run());
            ::dprintf(names, "%s\n", name.c_str());
        }
        ::close(names);
        io.run();
    }

    static std::string free_port(asio::io_context& io)
    {
        const tcp::acceptor probe(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        return std::to_string(probe.local_endpoint().port());
    }

    pid_t child_ = 0;
    std::vector<NodeName> names_;
};

asio::awaitable<void> measure_dispatcher(SimulatedCluster& cluster, bool quick,
                                         boost::json::object& row)
{
    const auto span = quick ? 3s : 10s;
    cluster.start();
    cluster.win_lock();
    co_await cluster.committed();
    co_await cluster.history_complete();
    const double planned = cluster.metric("peercron_fires_planned_total");
    const Stopwatch watch;
    co_await sleep_for(span);
    const std::size_t heard = cluster.dispatcher().loads().size();
    const double fires = cluster.metric("peercron_fires_planned_total") - planned;
    row["fires_per_s"] = rounded(fires / watch.wall());
    row["dispatcher_core_percent"] = rounded(100 * watch.cpu() / watch.wall());
    row["heard"] = heard;
    row["rss_mib"] = rounded(resident_mib());
    cluster.stop();
    co_await cluster.join();
}

/// The dispatcher's side only: the nodes are a process of their own.
void measure_nodes(std::size_t nodes, std::size_t fires_per_second, const Settings& settings,
                   Figures& figures)
{
    const NodeProcess others(nodes - 1);
    Database database(settings.folder);
    const SystemClock clock;
    database.add(every_second(fires_per_second, clock.now()));
    boost::json::object row{{"nodes", nodes}};
    asio::io_context io(1);
    ClusterSettings cluster_settings;
    cluster_settings.others = others.names();
    cluster_settings.open = [&] { return database.open(); };
    SimulatedCluster cluster(io, cluster_settings);
    auto done =
        asio::co_spawn(io, measure_dispatcher(cluster, settings.quick, row), asio::use_future);
    io.run();
    done.get();
    figures.add("nodes", row);
}

void measure_sizes(const std::vector<std::size_t>& sizes, const Settings& settings,
                   Figures& figures)
{
    raise_descriptor_limit();  // each simulated node takes a socket here and one there
    for (const std::size_t fires : {0U, 200U}) {
        for (const std::size_t nodes : sizes) measure_nodes(nodes, fires, settings, figures);
    }
}

}  // namespace

void measure_protocol(const Settings& settings, Figures& figures)
{
    if (settings.large) {
        measure_codec("beat", 3'000, beat(3'000), settings, figures);
        measure_sizes({300, 1'000, 3'000}, settings, figures);
        return;
    }
    for (const std::size_t entries : {1U, 10U, 100U}) {
        measure_codec("orders", entries, orders(entries), settings, figures);
        measure_codec("reports", entries, reports(entries, RunState::success), settings, figures);
    }
    for (const std::size_t nodes : {0U, 3U, 300U}) {
        measure_codec("beat", nodes, beat(nodes), settings, figures);
    }
    for (const std::size_t together : {1U, 10U, 100U}) measure_bytes_per_run(together, figures);
    measure_loopback("beat", beat(0), settings, figures);
    measure_loopback("order", orders(1), settings, figures);
    measure_loopback("100 orders", orders(100), settings, figures);
    measure_sizes({3, 30, 300}, settings, figures);
}

}  // namespace peercron::bench
