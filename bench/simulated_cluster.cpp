#include "simulated_cluster.hpp"

#include "base/event.hpp"
#include "exec/recorder.hpp"
#include "node/local_channel.hpp"
#include "node/tcp_channel.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

namespace peercron::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto look_interval = 1ms;

DispatchSettings dispatch_settings()
{
    DispatchSettings settings;
    settings.default_zone = "Europe/Berlin";
    settings.audit_interval = 0ms;  // once a day, and not what is measured
    return settings;
}

}  // namespace

PeerSettings peer_settings(const NodeName& name)
{
    PeerSettings settings;
    settings.greeting.self.node = name;
    settings.greeting.secret = "only for a benchmark";
    return settings;
}

/// Whose it is, is decided from outside.
class SimulatedCluster::Lock final : public Coordinator {
public:
    explicit Lock(asio::any_io_executor executor) : changed_(std::move(executor)) {}

    void add(const NodeName& name)
    {
        Member member;
        member.name = name;
        member.passing = true;
        members_.push_back(std::move(member));
    }

    void win()
    {
        epoch_ = 1;
        dispatcher_ = members_.front().name;
        changed_.notify();
    }

    asio::awaitable<void> run() override { co_return; }
    Epoch epoch() const override { return epoch_; }
    const NodeName& dispatcher() const override { return dispatcher_; }
    const std::vector<Member>& members() const override { return members_; }
    SteadyTime session_confirmed() const override { return std::chrono::steady_clock::now(); }
    asio::awaitable<void> resign() override { co_return; }
    void raise_epoch(Epoch) override {}
    Event& changed() override { return changed_; }

private:
    Event changed_;
    std::vector<Member> members_;
    NodeName dispatcher_;
    Epoch epoch_ = 0;
};

struct SimulatedCluster::Recording {
    Recording(const asio::any_io_executor& executor, const StorePool::Open& open)
        : store(executor, 1, open), recorder(executor, clock, store)
    {}

    SystemClock clock;
    StorePool store;
    Recorder recorder;
};

SimulatedCluster::SimulatedCluster(asio::io_context& io, ClusterSettings settings)
    : io_(io),
      settings_(std::move(settings)),
      tasks_(io.get_executor()),
      lock_(std::make_unique<Lock>(io.get_executor())),
      plan_store_(io.get_executor(), 2, settings_.open),
      history_store_(io.get_executor(), 1, settings_.open),
      api_store_(io.get_executor(), 1, settings_.open),
      dispatcher_(io.get_executor(), parts(), "127.0.0.1:1", dispatch_settings())
{
    history_store_.observe([this](std::chrono::steady_clock::duration, bool) { ++history_calls_; });
    for (std::size_t i = 0; i < settings_.nodes; ++i) {
        SimulatedNode::OnEnded on_ended;
        if (settings_.recording) {
            recordings_.push_back(std::make_unique<Recording>(io_.get_executor(), settings_.open));
            on_ended = [this, &recorder = recordings_.back()->recorder](
                           const std::vector<RunReport>& reports) {
                ended_ += reports.size();
                for (const RunReport& report : reports) recorder.add(report);
            };
        }
        const NodeName name = "127.0.0.1:" + std::to_string(i + 1);
        lock_->add(name);
        nodes_.push_back(
            std::make_unique<SimulatedNode>(io_.get_executor(), clock_, name, std::move(on_ended)));
    }
    for (const NodeName& other : settings_.others) lock_->add(other);
}

SimulatedCluster::~SimulatedCluster() = default;

Dispatcher::Parts SimulatedCluster::parts()
{
    const auto connects = [this](NodeName name) { return connect(std::move(name)); };
    const auto roster = [] { return Roster(); };
    return Dispatcher::Parts{clock_,   *lock_, plan_store_, history_store_,
                             connects, roster, metrics_};
}

asio::awaitable<Result<std::unique_ptr<Channel>>> SimulatedCluster::connect(NodeName name)
{
    const auto is_it = [&](const auto& node) { return node->name() == name; };
    const auto found = std::find_if(nodes_.begin(), nodes_.end(), is_it);
    if (found == nodes_.end()) {
        co_return co_await TcpChannel::connect(name, peer_settings(lock_->dispatcher()), 5s);
    }
    auto [here, there] = make_local_channels(io_.get_executor());
    tasks_.spawn("conversation", (*found)->serve(std::move(there)));
    std::unique_ptr<Channel> channel = std::move(here);
    co_return channel;
}

void SimulatedCluster::start()
{
    tasks_.spawn("dispatcher", dispatcher_.run());
    for (const auto& recording : recordings_) tasks_.spawn("recorder", recording->recorder.run());
    for (const auto& node : nodes_) tasks_.spawn("node", node->run());
}

std::size_t SimulatedCluster::waiting() const
{
    const auto add = [](std::size_t sum, const auto& recording) {
        return sum + recording->recorder.waiting();
    };
    return std::accumulate(recordings_.begin(), recordings_.end(), std::size_t{0}, add);
}

void SimulatedCluster::win_lock()
{
    lock_->win();
}

asio::awaitable<void> SimulatedCluster::jobs_known(std::size_t count)
{
    while (dispatcher_.jobs().size() < count) co_await sleep_for(look_interval);
}

asio::awaitable<void> SimulatedCluster::committed()
{
    while (metric("peercron_commit_seconds") == 0) co_await sleep_for(look_interval);
}

asio::awaitable<void> SimulatedCluster::history_complete()
{
    // It begins a second after the term does, and one call may take some hundred milliseconds.
    constexpr auto over = 3s;
    while (history_calls_ == 0) co_await sleep_for(100ms);
    for (std::size_t before = 0; before != history_calls_;) {
        before = history_calls_;
        co_await sleep_for(over);
    }
}

double SimulatedCluster::metric(const std::string& name) const
{
    double sum = 0;
    for (const prometheus::MetricFamily& family : metrics_.Collect()) {
        if (family.name != name) continue;
        for (const prometheus::ClientMetric& metric : family.metric) {
            sum += metric.gauge.value + metric.counter.value +
                   static_cast<double>(metric.histogram.sample_count);
        }
    }
    return sum;
}

}  // namespace peercron::bench
