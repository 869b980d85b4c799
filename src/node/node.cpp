#include "node/node.hpp"

#include "access/access_book.hpp"
#include "api/api.hpp"
#include "base/clock.hpp"
#include "base/counted.hpp"
#include "base/disk_journal.hpp"
#include "base/environment.hpp"
#include "base/event.hpp"
#include "base/log.hpp"
#include "base/shared_pause.hpp"
#include "base/socket_places.hpp"
#include "base/task_group.hpp"
#include "dispatch/dispatcher.hpp"
#include "exec/descriptors.hpp"
#include "exec/executor.hpp"
#include "exec/output_desk.hpp"
#include "exec/recorder.hpp"
#include "http/server.hpp"
#include "node/agent.hpp"
#include "node/backend.hpp"
#include "node/local_channel.hpp"
#include "node/output_log.hpp"
#include "node/output_readers.hpp"
#include "node/own_api.hpp"
#include "node/part_settings.hpp"
#include "node/service_manager.hpp"
#include "node/store_readiness.hpp"
#include "node/tcp_channel.hpp"
#include "notify/cluster_desk.hpp"
#include "notify/courier.hpp"
#include "notify/heartbeat.hpp"
#include "notify/messenger.hpp"
#include "notify/notice_desk.hpp"
#include "store/store_pool.hpp"
#include "wire/address.hpp"
#include "wire/listener.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <spdlog/fmt/chrono.h>
#include <sys/resource.h>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <exception>
#include <filesystem>
#include <iostream>
#include <random>
#include <set>
#include <utility>

#include <malloc.h>
#include <unistd.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How often the executor is told that Consul still knows this node.
constexpr auto lease_check = 250ms;
/// The same where no service has to confirm it. That this process stood still, beats show, too.
constexpr auto lease_check_alone = 2s;
/// How long another socket may have the peer port when the node starts: its last process's warden
/// ends what that left, and answers for it (exec/warden.hpp).
constexpr auto port_patience = 8s;
/// How long results that are still in memory may take to reach the store when the node stops.
constexpr auto flush_limit = 5s;
/// How long the reader of the outputs may take for what is left of them then.
constexpr auto output_limit = 1s;
/// How long a dispatcher that is told to stop waits for a node that can take over: one that has
/// just been started again needs a second until it is registered, passing and connected.
constexpr auto successor_limit = 5s;
/// How long it may take then to store that the node stops on purpose.
constexpr auto leave_limit = 1s;
/// A second signal that comes earlier is the first one again.
constexpr auto second_signal_after = 1s;
/// How often the ended processes that commands had left in the background are reaped.
constexpr auto orphan_interval = 1s;
/// When the warden is gone: how long killed runs may take to end and to be recorded, and from
/// SIGTERM to SIGKILL of all the others.
constexpr auto last_results = 700ms;
constexpr auto orphan_grace = 500ms;

RecorderSettings recorder_settings(const Executor& executor)
{
    RecorderSettings settings;
    settings.is_busy = [&executor] { return executor.starting() > 0; };
    return settings;
}

ExecSettings with_control_groups(ExecSettings settings)
{
    settings.commands.control_groups = ControlGroups::of_this_process();
    return settings;
}

ExecSettings with_output_log(ExecSettings settings, std::optional<OutputLog>& log)
{
    if (!log) return settings;
    settings.on_output = [&log](const RunId& run, std::string_view output) {
        log->add(run, output);
    };
    return settings;
}

/// What long answers took goes back to the system when they are sent: large pieces are mapped by
/// themselves, whatever was freed before, and the threads share few heaps (mallopt(3)).
void keep_heap_small()
{
    ::mallopt(M_MMAP_THRESHOLD, 128 << 10);
    ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
    ::mallopt(M_ARENA_MAX, 4);
}

std::uint64_t random_incarnation()
{
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

/// Which nodes connect here, and whether encrypted: what an operator looks at before requiring it.
class AcceptedPeers {
public:
    explicit AcceptedPeers(prometheus::Registry& registry)
    {
        auto& family = prometheus::BuildCounter()
                           .Name("peercron_peer_connections_accepted_total")
                           .Help("Connections of other nodes, by encryption (tls or none)")
                           .Register(registry);
        tls_ = &family.Add({{"encryption", "tls"}});
        none_ = &family.Add({{"encryption", "none"}});
    }

    void note(const PeerConnection& peer)
    {
        (peer.is_encrypted() ? tls_ : none_)->Increment();
        if (peer.is_encrypted()) return;
        spdlog::info("peer: the connection of {} ({}, peercron {}) is not encrypted",
                     peer.peer().node, peer.remote_address(), peer.peer().program_version);
    }

private:
    prometheus::Counter* tls_ = nullptr;
    prometheus::Counter* none_ = nullptr;
};

/// The certificate of the API, which may be renewed while the node runs.
class Certificate {
public:
    /// Throws std::runtime_error that names the file that cannot be used.
    Certificate(const Config& config, prometheus::Registry& registry)
        : context_(api_tls(config).value())
    {
        if (!is_used()) return;
        expiry_ = &prometheus::BuildGauge()
                       .Name("peercron_tls_certificate_expiry_timestamp_seconds")
                       .Help("When the certificate of the API expires")
                       .Register(registry)
                       .Add({});
        tell();
    }

    bool is_used() const { return context_ != nullptr; }
    /// nullopt: it is not used.
    std::optional<WallTime> expiry() const
    {
        return context_ ? std::optional(certificate_expiry(*context_)) : std::nullopt;
    }
    TlsContext context() const { return context_; }

    /// Reads the files again; goes on with the certificate that there is when they are not good.
    bool reload(const Config& fresh)
    {
        const Result<TlsContext> read = api_tls(fresh);
        if (!read) {
            spdlog::error("node: the certificate of the API stays as it was: {}",
                          read.error().message);
            return false;
        }
        context_ = *read;
        tell();
        return true;
    }

private:
    void tell()
    {
        constexpr auto soon = std::chrono::hours(24 * 14);
        const WallTime expiry = certificate_expiry(*context_);
        const auto seconds = std::chrono::duration<double>(expiry.time_since_epoch());
        expiry_->Set(seconds.count());
        const bool is_late = expiry < std::chrono::system_clock::now() + soon;
        spdlog::log(is_late ? spdlog::level::warn : spdlog::level::info,
                    "node: the certificate of the API expires at {:%Y-%m-%d %H:%M} UTC",
                    fmt::gmtime(static_cast<std::time_t>(seconds.count())));
    }

    TlsContext context_;  // null: the API is not encrypted
    prometheus::Gauge* expiry_ = nullptr;
};

class Node {
public:
    Node(asio::io_context& io, const Config& config, const NodeSurroundings& surroundings,
         Lifeline lifeline, const std::optional<rlimit>& open_files)
        : io_(io.get_executor()),
          config_(config),
          in_force_(config),
          surroundings_(surroundings),
          warden_(std::move(lifeline.warden)),
          guard_(std::move(lifeline.guard)),
          incarnation_(random_incarnation()),
          metrics_(std::make_shared<prometheus::Registry>()),
          peer_settings_(peer_settings(config, surroundings.version)),
          accepted_peers_(*metrics_),
          backend_(make_backend(config)),
          // A writer and two readers.
          plan_store_(io_, 3, backend_->open_store(), StorePool::TooLong::store),
          record_store_(io_, 1, backend_->open_store(), StorePool::TooLong::store),
          api_store_(io_, config.mysql.pool_size, backend_->open_store()),
          notice_store_(io_, 1, backend_->open_store()),
          access_store_(io_, 1, backend_->open_store(), StorePool::TooLong::store),
          readiness_(io_, clock_, *backend_, plan_store_),
          coordinator_(backend_->make_coordinator(io_, clock_, surroundings.version, incarnation_,
                                                  [this] { return readiness_.newest_epoch(); })),
          journal_(JournalSettings{config.journal_file(), config.exec.journal_limit}, *metrics_),
          recorder_(io_, clock_, record_store_, recorder_settings(executor_), &journal_,
                    metrics_.get()),
          http_client_(io_, http_client_settings(config, surroundings.version)),
          output_log_(make_output_log()),
          mail_client_(io_, http_client_settings(config, surroundings.version)),
          amqp_client_(io_, http_client_settings(config, surroundings.version)),
          executor_(
              io_, clock_,
              with_output_log(
                  with_control_groups(exec_settings(config, surroundings.version, open_files)),
                  output_log_),
              [this](const RunReport& report) { tell(report); }, metrics_.get(),
              backend_->has_peers() ? &guard_ : nullptr, &http_client_),
          programs_(io_, executor_.spawner()),
          messenger_(clock_, {http_client_, mail_client_, amqp_client_, programs_},
                     config.notify.commands, config.node_name()),
          outputs_([this](const RunId& run, std::int64_t from, std::size_t most) {
              return executor_.output(run, from, most);
          }),
          steps_(io_, journal_, [this](const StepKept& step) { agent_.kept(step); }),
          agent_(io_, clock_, identity(), executor_, recorder_, steps_),
          dispatcher_(io_, dispatcher_parts(), config.node_name(), dispatch_settings(config)),
          notice_desk_(io_, clock_, notice_store_, notice_defaults(config),
                       [this] { return dispatcher_.epoch(); }),
          cluster_desk_(io_, cluster_desk_parts(), cluster_notices(config)),
          courier_(
              io_, clock_, notice_store_, messenger_, notice_desk_.written(),
              [this] { return dispatcher_.epoch() != 0 || cluster_desk_.stands_in(); }, *metrics_),
          heartbeat_(http_client_, config.notify.heartbeat_url,
                     [this] { return dispatcher_.epoch() != 0 && !store_trouble(); }),
          http_tasks_(io_),
          budget_(io_, config.http.max_memory),
          streams_(max_streams(config)),
          access_(access_store_, clock_, http_tasks_),
          oidc_(make_oidc_provider()),
          api_context_(api_context()),
          api_(make_api_router(api_context_)),
          operations_(make_operations_router(api_context_)),
          certificate_(config, *metrics_),
          http_(io_, encrypted(http_settings(config, config.http_bind_address)), api_, *metrics_,
                budget_),
          stop_(io_),
          jobs_wanted_(io_),
          signals_(io),
          run_tasks_(io_),
          exec_tasks_(io_),
          cluster_tasks_(io_),
          dispatch_tasks_(io_)
    {
        observe(plan_store_, "plan");
        observe(record_store_, "record");
        observe(api_store_, "api");
        observe(notice_store_, "notices");
        observe(access_store_, "access");
        open_local_socket();
        if (config.pprof_listen.empty()) return;
        operations_http_.emplace(io_, encrypted(http_settings(config, config.pprof_listen)),
                                 operations_, *metrics_, budget_);
    }

    /// Runs until it is told to stop.
    asio::awaitable<void> run()
    {
        start(http_tasks_, "signals", handle_signals());
        start(http_tasks_, "http", http_.run());
        if (local_http_) start(http_tasks_, "local http", local_http_->run());
        if (operations_http_) start(http_tasks_, "operations http", operations_http_->run());
        start(http_tasks_, "warden", watch_warden());
        spdlog::info("node: {} {} answers at {}://{}, its data in {}", config_.node_name(),
                     surroundings_.version, certificate_.is_used() ? "https" : "http",
                     config_.http_bind_address, backend_->description());
        std::exception_ptr failure;
        try {
            // First: until then a process before this one may be alive, and have the journal.
            if (backend_->has_peers()) co_await open_peer_port();
            agent_.begin(clock_.steady_now());
            if (!is_stopping_) co_await open_journal();
            if (!is_stopping_) co_await readiness_.prepare();
        } catch (...) {
            failure = std::current_exception();
        }
        if (!is_stopping_ && !failure) {
            start(exec_tasks_, "recorder", recorder_.run());
            start(exec_tasks_, "journal", recorder_.keep());
            start(exec_tasks_, "steps", steps_.run());
            if (output_log_) start(exec_tasks_, "outputs", output_log_->run());
            start(run_tasks_, "executor", executor_.run());
            start(run_tasks_, "lease", renew_lease());
            start(run_tasks_, "orphans", reap_orphans(clock_, orphan_interval));
            if (listener_) start(cluster_tasks_, "listener", listener_->run());
            start(cluster_tasks_, "coordinator", coordinator_->run());
            start(dispatch_tasks_, "dispatcher", dispatcher_.run());
            start(dispatch_tasks_, "missed fires", dispatcher_.missed().run());
            if (surroundings_.apply_jobs) start(dispatch_tasks_, "jobs", keep_jobs());
            start(dispatch_tasks_, "notices", notice_desk_.run());
            start(dispatch_tasks_, "cluster notices", cluster_desk_.run());
            start(dispatch_tasks_, "outbox", courier_.run());
            if (!config_.notify.heartbeat_url.empty()) {
                start(dispatch_tasks_, "heartbeat", heartbeat_.run());
            }
            notify_service_manager("READY=1\nSTATUS=running");
            spdlog::info("node: running");
            if (readiness_.is_new())
                std::cerr << backend_->welcome(surroundings_.program, url_for_commands())
                          << std::flush;
            while (!is_stopping_) co_await stop_.wait();
            co_await drain();
        }
        co_await end(http_tasks_);
        http_client_.close();
        mail_client_.close();
        amqp_client_.close();
        programs_.close();
        if (failure) std::rethrow_exception(failure);
        spdlog::info("node: stopped");
    }

    bool failed() const { return has_failed_; }

private:
    /// In the usual place another node may be already, or no folder can be made: that stops no
    /// node.
    void open_local_socket()
    {
        const std::filesystem::path path = local_socket(config_);
        if (path.empty()) return;
        const bool is_usual = config_.http.socket.empty();
        try {
            if (is_usual && std::filesystem::create_directories(path.parent_path())) {
                const auto own = std::filesystem::perms::owner_all;
                const auto passable =
                    std::filesystem::perms::group_exec | std::filesystem::perms::others_exec;
                std::filesystem::permissions(path.parent_path(), own | passable);
            }
            local_http_.emplace(io_,
                                http_settings(config_, std::string(local_scheme) + path.string()),
                                api_, *metrics_, budget_);
        } catch (const std::exception& error) {
            if (!is_usual) throw;
            spdlog::warn("node: no socket for users of this machine: {}", error.what());
        }
    }

    /// What --url has to name for users of this machine; empty: the command line finds the node.
    std::string url_for_commands() const
    {
        if (local_http_) {
            const std::filesystem::path path = local_socket(config_);
            const auto places = socket_places(::geteuid(), environment_variable);
            const bool is_found = std::ranges::find(places, path) != places.end();
            return is_found ? "" : std::string(local_scheme) + path.string();
        }
        if (certificate_.is_used()) return "https://" + config_.http_bind_address;
        const bool is_usual = config_.http_bind_address == Config().http_bind_address;
        return is_usual ? "" : "http://" + config_.http_bind_address;
    }

    void observe(StorePool& store, const std::string& use)
    {
        const prometheus::Histogram::BucketBoundaries bounds{0.001, 0.0025, 0.005, 0.01, 0.025,
                                                             0.05,  0.1,    0.25,  1,    10};
        auto& seconds = prometheus::BuildHistogram()
                            .Name("peercron_store_seconds")
                            .Help("Time of a call of the store, by what it is for")
                            .Register(*metrics_)
                            .Add({{"use", use}}, bounds);
        auto& errors = prometheus::BuildCounter()
                           .Name("peercron_store_errors_total")
                           .Help("Calls that the store failed, by what they were for")
                           .Register(*metrics_)
                           .Add({{"use", use}});
        store.observe([&seconds, &errors](std::chrono::steady_clock::duration took, bool failed) {
            seconds.Observe(std::chrono::duration<double>(took).count());
            if (failed) errors.Increment();
        });
    }

    std::optional<OutputLog> make_output_log()
    {
        if (!surroundings_.log_output) return std::nullopt;
        const auto name_of = [this](JobId job) {
            const PlannedJob* const planned = dispatcher_.jobs().find(job);
            return planned == nullptr ? std::string() : planned->job.name;
        };
        return std::make_optional<OutputLog>(io_, clock_, STDOUT_FILENO, name_of);
    }

    Agent::Identity identity() const
    {
        Agent::Identity identity;
        identity.name = config_.node_name();
        identity.version = surroundings_.version;
        identity.incarnation = incarnation_;
        identity.labels = labels_of_this_node(config_);
        return identity;
    }

    ClusterDesk::Parts cluster_desk_parts()
    {
        return {.clock = clock_,
                .store = notice_store_,
                .messenger = messenger_,
                .written = notice_desk_.written(),
                .self = config_.node_name(),
                .is_alone = !backend_->has_peers(),
                .epoch = [this] { return dispatcher_.epoch(); },
                .facts = [this] { return cluster_facts(); },
                .own_facts = [this] { return own_facts(); },
                .dispatcher_heard = [this] { return agent_.dispatcher_heard(); }};
    }

    OwnFacts own_facts() const
    {
        const DiskJournal::State journal = journal_.state();
        return {.now = clock_.now(),
                .is_journal_failing = journal == DiskJournal::State::failing ||
                                      journal == DiskJournal::State::unavailable,
                .certificate_expiry = certificate_.expiry()};
    }

    ClusterFacts cluster_facts() const
    {
        ClusterFacts facts;
        facts.now = clock_.now();
        facts.self = config_.node_name();
        for (const NodeLoad& load : dispatcher_.loads()) {
            const bool has_clock = load.clock_known && load.node != facts.self;
            facts.nodes.push_back(
                {.name = load.node,
                 .is_connected = load.connected,
                 .is_draining = load.draining || (is_stopping_ && load.node == facts.self),
                 .clock = has_clock ? std::optional(load.clock_offset) : std::nullopt});
        }
        for (const Member& member : coordinator_->members()) facts.registered.insert(member.name);
        if (backend_->has_peers()) facts.ahead_of_database = dispatcher_.ahead_of_database();
        if (const auto trouble = store_trouble()) {
            facts.store_away = ClusterFacts::Outage{trouble->since, trouble->why};
        }
        if (const auto audit = dispatcher_.last_audit()) {
            facts.audit = ClusterFacts::Audited{audit->is_clean, audit->found};
        }
        return facts;
    }

    Dispatcher::Parts dispatcher_parts()
    {
        const auto connect = [this](NodeName node) { return connect_to(std::move(node)); };
        const auto roster = [this] { return agent_.roster(); };
        return Dispatcher::Parts{clock_,  *coordinator_, plan_store_, api_store_,
                                 connect, roster,        *metrics_};
    }

    /// In a cluster another node may run what this one refuses.
    std::function<std::optional<std::string>(const Job&)> refusal()
    {
        if (backend_->has_peers()) return [](const Job&) { return std::nullopt; };
        return [this](const Job& job) { return executor_.refusal(job, job.command); };
    }

    std::unique_ptr<OidcProvider> make_oidc_provider()
    {
        auto settings = oidc_settings(config_);
        if (!settings) return nullptr;
        return std::make_unique<OidcProvider>(http_client_, clock_, *std::move(settings));
    }

    ApiContext api_context()
    {
        return ApiContext{
            .store = api_store_,
            .clock = clock_,
            .coordinator = *coordinator_,
            .budget = budget_,
            .streams = streams_,
            .tasks = http_tasks_,
            .access = access_,
            .oidc = oidc_.get(),
            .announce =
                [this](std::vector<JobId> jobs) { return agent_.announce(std::move(jobs)); },
            .run_now = [this](JobId job,
                              std::string by) { return agent_.run_now(job, std::move(by)); },
            .retry_run = [this](RunId run,
                                std::string by) { return agent_.retry_run(run, std::move(by)); },
            .end_run = [this](RunId run,
                              Reason why) { return agent_.end_run(run, std::move(why)); },
            .output_at = [this](const NodeName& node) { return output_at(node); },
            .test_channel =
                [this](NoticeChannel channel) {
                    Notice test;
                    test.at = clock_.now();
                    test.id = fmt::format("test-{}", to_unix_millis(test.at));
                    return messenger_.send(std::move(channel), std::move(test));
                },
            .refusal = refusal(),
            .job_news = [this](std::uint64_t after) { return job_news(after); },
            .jobs_known = [this] { return dispatcher_.jobs().size(); },
            .pauses = [this]() -> const Pauses& { return dispatcher_.jobs().pauses(); },
            .max_jobs = config_.dispatch.max_jobs,
            .max_output = config_.exec.max_output,
            .job_metrics = config_.metrics.jobs,
            .loads = [this] { return loads(); },
            .epoch = [this] { return executor_.newest_epoch(); },
            .store_trouble = [this] { return store_trouble(); },
            .clock_state = [this] { return dispatcher_.clock(); },
            .journal = [this] { return to_string(journal_.state()); },
            .certificate_expiry = [this] { return certificate_.expiry(); },
            .not_ready = [this] { return not_ready(); },
            .metrics = metrics_,
            .node = config_.node_name(),
            .version = surroundings_.version,
            .default_time_zone = config_.time_zone,
            .rules = access_rules(config_),
            .plain_sign_in = config_.http.plain_sign_in,
            .changing_gets = config_.http.changing_gets,
        };
    }

    JobNews job_news(std::uint64_t after) const
    {
        const JobTable& table = dispatcher_.jobs();
        JobNews news;
        news.through = table.changes();
        const auto changed = table.changed_after(after);
        if (!changed) return news;
        const std::set<JobId> ids(changed->begin(), changed->end());
        std::vector<ChangedJob>& jobs = news.jobs.emplace();
        for (const JobId id : ids) {
            const PlannedJob* const job = table.find(id);
            jobs.push_back({id, job != nullptr ? job->job.name : "", job == nullptr});
        }
        return news;
    }

    /// What the last dispatcher told of all nodes; of this one what it knows itself, since nobody
    /// may dispatch any more.
    std::vector<NodeLoad> loads() const
    {
        std::vector<NodeLoad> loads = agent_.roster().nodes;
        for (NodeLoad& load : loads) {
            if (load.node != config_.node_name()) continue;
            const NodeLoad own = agent_.load();
            load.running = own.running;
            load.held = own.held;
            load.queued = own.queued;
            load.draining = own.draining || is_stopping_;
        }
        return loads;
    }

    /// Of the older of the pools whose calls fail.
    std::optional<StorePool::Trouble> store_trouble() const
    {
        std::optional<StorePool::Trouble> oldest = readiness_.trouble();
        for (const StorePool* const pool : {&plan_store_, &record_store_}) {
            const auto& trouble = pool->trouble();
            if (trouble && (!oldest || trouble->since < oldest->since)) oldest = trouble;
        }
        return oldest;
    }

    std::string not_ready() const
    {
        if (is_stopping_) return "this node is stopping";
        if (!readiness_.is_ready()) return "this node is starting, and waits for the store";
        if (store_trouble()) return "the store is away; runs go on";
        return "";
    }

    HttpSettings encrypted(HttpSettings settings) const
    {
        if (certificate_.is_used()) settings.tls = [this] { return certificate_.context(); };
        return settings;
    }

    ListenerSettings listener_settings() const
    {
        ListenerSettings settings;
        settings.peer = peer_settings_;
        settings.is_member = [this](const asio::ip::address& address) {
            return std::ranges::any_of(coordinator_->members(), [&address](const Member& member) {
                const auto endpoint = parse_peer_address(member.name);
                return endpoint && endpoint->address() == address;
            });
        };
        return settings;
    }

    void tell(const RunReport& report)
    {
        recorder_.add(report);
        if (output_log_) output_log_->note(report);
        agent_.report(report);
        dispatcher_.missed().note({report.id, report.state, report.reason});
    }

    void accept(std::unique_ptr<PeerConnection> peer)
    {
        accepted_peers_.note(*peer);
        const std::string name = "conversation with " + peer->remote_address();
        auto conversation = std::make_unique<TcpChannel>(std::move(peer));
        auto channel =
            std::make_unique<OutputChannel>(std::move(conversation), outputs_, cluster_tasks_);
        start(cluster_tasks_, name, agent_.converse(std::move(channel)));
    }

    asio::awaitable<Result<std::unique_ptr<Channel>>> connect_to(NodeName node)
    {
        if (node != config_.node_name()) {
            return TcpChannel::connect(std::move(node), peer_settings_,
                                       config_.dispatch.silence_limit);
        }
        return connect_to_self();
    }

    asio::awaitable<Result<std::unique_ptr<Channel>>> connect_to_self()
    {
        auto [dispatcher, node] = make_local_channels(io_);
        start(cluster_tasks_, "conversation with itself", agent_.converse(std::move(node)));
        co_return std::move(dispatcher);
    }

    std::unique_ptr<RunOutput> output_at(const NodeName& node)
    {
        if (node == config_.node_name()) return std::make_unique<OwnOutput>(outputs_);
        return std::make_unique<PeerOutput>(http_tasks_, node, peer_settings_,
                                            config_.dispatch.silence_limit);
    }

    /// The warden of this node's last process has the port for a moment after that has died.
    asio::awaitable<void> open_peer_port()
    {
        const auto on_peer = [this](std::unique_ptr<PeerConnection> peer) {
            accept(std::move(peer));
        };
        const SteadyTime latest = clock_.steady_now() + port_patience;
        bool told = false;
        while (!is_stopping_) {
            std::string trouble;
            try {
                listener_.emplace(io_, config_.bind_address, listener_settings(), on_peer);
            } catch (const PortInUse& error) {
                if (clock_.steady_now() >= latest) throw;
                trouble = error.what();
            }
            if (trouble.empty()) break;
            if (!std::exchange(told, true)) {
                spdlog::warn(
                    "node: {} Trying for {} s: the warden of a node that has just died may still "
                    "have the port",
                    trouble, port_patience / 1s);
            }
            co_await stop_.wait_for(50ms);
        }
        if (listener_) guard_.hand_over(listener_->descriptor(), incarnation_);
    }

    asio::awaitable<void> open_journal()
    {
        co_await journal_.open();
        co_await recorder_.replay();
        co_await steps_.replay();
        if (backend_->waits_for_store()) {
            notify_service_manager("READY=1\nSTATUS=waiting for the database");
        }
    }

    asio::awaitable<void> renew_lease()
    {
        const SteadyTime::duration alone =
            std::min<SteadyTime::duration>(lease_check_alone, config_.dispatch.lease / 8);
        const SteadyTime::duration pause = backend_->has_peers()
                                               ? lease_check
                                               : std::max<SteadyTime::duration>(lease_check, alone);
        for (;;) {
            const SteadyTime confirmed = coordinator_->session_confirmed();
            if (confirmed != SteadyTime::min()) executor_.session_confirmed(confirmed);
            co_await sleep_for(shared_pause(pause, clock_.now()));
        }
    }

    asio::awaitable<void> watch_warden()
    {
        co_await wait_for_warden_death(std::move(warden_));
        spdlog::critical(
            "node: its parent process, the warden, is gone; killing all commands, "
            "because nobody would end them if this process died");
        run_tasks_.cancel();
        // What hangs, a database or a disk, must not keep commands alive: all is over within two
        // seconds.
        const SteadyTime limit = clock_.steady_now() + last_results;
        const auto has_more = [this] {
            return executor_.is_running() || !recorder_.pending().empty();
        };
        while (has_more() && clock_.steady_now() < limit) co_await sleep_for(5ms);
        WardenSettings settings;
        settings.orphan_grace = orphan_grace;
        kill_descendants(settings);
        std::_Exit(1);
    }

    asio::awaitable<void> handle_signals()
    {
        signals_.add(SIGTERM);
        signals_.add(SIGINT);
        signals_.add(SIGHUP);
        for (;;) {
            const int signal = co_await signals_.async_wait(asio::use_awaitable);
            if (signal == SIGHUP) {
                reload();
                are_jobs_wanted_ = true;
                jobs_wanted_.notify();
            } else if (told_to_stop_) {
                // timeout(1) and others send one to the process and one to its group.
                if (clock_.steady_now() < *told_to_stop_ + second_signal_after) continue;
                spdlog::warn("node: told to stop a second time; ending at once");
                std::_Exit(1);
            } else {
                told_to_stop_ = clock_.steady_now();
                spdlog::info("node: told to stop; commands have {} s to end",
                             config_.exec.drain_timeout / 1s);
                stop();
            }
        }
    }

    asio::awaitable<void> keep_jobs()
    {
        OwnApi api(make_api_router(api_context_), "jobs file");
        for (;;) {
            are_jobs_wanted_ = false;
            co_await surroundings_.apply_jobs(api);
            while (!are_jobs_wanted_) co_await jobs_wanted_.wait();
        }
    }

    void reload()
    {
        const auto fresh = Config::load(surroundings_.sources);
        if (!fresh) {
            spdlog::error("node: not reloaded, going on as before: {}", fresh.error().message);
            return;
        }
        try {
            set_up_log(fresh->log);
        } catch (const std::exception& error) {
            spdlog::error("node: the log stays where it is: {}", error.what());
            return;
        }
        std::vector<std::string> changes = token_changes(in_force_, *fresh);
        changes.insert(changes.begin(), "the log was set up again");
        in_force_.log = fresh->log;
        in_force_.http.tokens = fresh->http.tokens;
        in_force_.http.allow = fresh->http.allow;
        in_force_.http.local_admins = fresh->http.local_admins;
        if (certificate_.is_used() && !fresh->tls.cert.empty() && certificate_.reload(*fresh)) {
            in_force_.tls = fresh->tls;
            changes.emplace_back("the certificate was read again");
        }
        api_.admit_by(access_rules(in_force_));
        spdlog::info("node: reloaded; {}", fmt::join(changes, ", "));
        const std::vector<std::string> waiting = differing_keys(in_force_, *fresh);
        if (waiting.empty()) return;
        spdlog::warn("node: the changes of {} take effect at the next start",
                     fmt::join(waiting, ", "));
    }

    /// Gives everything away that others can do, then waits for what only this node can end.
    asio::awaitable<void> drain()
    {
        notify_service_manager("STOPPING=1\nSTATUS=waiting for running commands");
        co_await await_successor();
        // Drained first, this node would take back from itself what it has just handed out, and
        // end before anybody else has it.
        co_await cluster_desk_.leave(clock_.steady_now() + leave_limit);
        co_await dispatcher_.finish(clock_.steady_now() + config_.dispatch.lookahead / 2);
        agent_.begin_draining();
        co_await end(dispatch_tasks_);
        co_await coordinator_->resign();
        // Until the next dispatcher takes them, fires that fall due are started here, on time.
        const auto given_away = clock_.steady_now() + config_.dispatch.lookahead;
        while (!executor_.held().empty() && clock_.steady_now() < given_away) {
            co_await sleep_for(20ms);
        }
        const auto deadline = clock_.steady_now() + config_.exec.drain_timeout;
        const bool all_ended = co_await executor_.drain(deadline);
        if (!all_ended) spdlog::error("node: a command survived SIGKILL; its run stays open");
        const bool recorded = co_await recorder_.flush(clock_.steady_now() + flush_limit);
        if (!recorded) tell_what_is_left();
        if (output_log_) co_await output_log_->flush(clock_.steady_now() + output_limit);
        // A dispatcher that the ledger leaves in the dark waits for a registered node.
        if (!steps_.empty()) coordinator_->keep_registration();
        co_await end(cluster_tasks_);
        co_await end(run_tasks_);
        co_await end(exec_tasks_);
    }

    /// When all nodes are restarted one after the other, the one before may not be back yet, and
    /// nobody would plan. Alone, or without others that were there lately, there is nothing to wait
    /// for.
    asio::awaitable<void> await_successor()
    {
        if (dispatcher_.loads().size() < 2) co_return;
        const auto latest = clock_.steady_now() + successor_limit;
        while (dispatcher_.epoch() != 0 && !has_successor() && clock_.steady_now() < latest) {
            co_await sleep_for(50ms);
        }
    }

    bool has_successor() const
    {
        const std::vector<NodeLoad> loads = dispatcher_.loads();
        return std::ranges::any_of(coordinator_->members(), [&](const Member& member) {
            const auto is_ready = [&](const NodeLoad& load) {
                return load.node == member.name && load.connected && !load.draining;
            };
            const bool is_other = member.name != config_.node_name();
            return is_other && member.passing && std::ranges::any_of(loads, is_ready);
        });
    }

    void tell_what_is_left() const
    {
        const std::size_t lost = recorder_.unkept();
        if (lost > 0) {
            spdlog::error(
                "node: the results of {} could be written neither to the database nor to the "
                "journal, and are lost",
                counted(static_cast<std::int64_t>(lost), "run"));
        }
        spdlog::warn(
            "node: the results of {} wait in the journal; they are written to the database "
            "after the next start",
            counted(std::ssize(recorder_.pending()) - static_cast<std::int64_t>(lost), "run"));
    }

    void start(TaskGroup& group, std::string name, asio::awaitable<void> task)
    {
        auto watched = watch(name, std::move(task));
        group.spawn(std::move(name), std::move(watched));
    }

    /// A part that fails takes the node down in good order, instead of leaving it half alive.
    asio::awaitable<void> watch(std::string name, asio::awaitable<void> task)
    {
        try {
            co_await std::move(task);
            co_return;
        } catch (const boost::system::system_error& error) {
            if (error.code() == asio::error::operation_aborted) throw;
            spdlog::critical("node: {} failed, stopping: {}", name, error.what());
        } catch (const std::exception& error) {
            spdlog::critical("node: {} failed, stopping: {}", name, error.what());
        }
        has_failed_ = true;
        stop();
    }

    static asio::awaitable<void> end(TaskGroup& group)
    {
        group.cancel();
        co_await group.join();
    }

    void stop()
    {
        is_stopping_ = true;
        streams_.close();
        readiness_.stop();
        stop_.notify();
    }

    asio::any_io_executor io_;
    const Config& config_;
    Config in_force_;  // config_ with what was reloaded since
    const NodeSurroundings& surroundings_;
    FileDescriptor warden_;
    Guard guard_;
    const std::uint64_t incarnation_;
    SystemClock clock_;
    std::shared_ptr<prometheus::Registry> metrics_;

    const PeerSettings peer_settings_;
    AcceptedPeers accepted_peers_;
    std::unique_ptr<Backend> backend_;
    StorePool plan_store_;
    StorePool record_store_;
    StorePool api_store_;
    StorePool notice_store_;
    StorePool access_store_;
    StoreReadiness readiness_;
    std::unique_ptr<Coordinator> coordinator_;
    DiskJournal journal_;
    Recorder recorder_;
    HttpClient http_client_;
    std::optional<OutputLog> output_log_;
    MailClient mail_client_;
    AmqpClient amqp_client_;
    Executor executor_;
    ProgramRunner programs_;
    Messenger messenger_;
    OutputDesk outputs_;
    StepKeeper steps_;
    Agent agent_;
    Dispatcher dispatcher_;
    NoticeDesk notice_desk_;
    ClusterDesk cluster_desk_;
    Courier courier_;
    Heartbeat heartbeat_;
    TaskGroup http_tasks_;  ///< what answers from start to end
    Budget budget_;         ///< of the API's long bodies and answers
    Streams streams_;
    AccessBook access_;
    std::unique_ptr<OidcProvider> oidc_;  ///< nullptr: nobody signs in by one
    ApiContext api_context_;
    Router api_;
    Router operations_;
    std::optional<PeerListener> listener_;
    Certificate certificate_;
    HttpServer http_;
    std::optional<HttpServer> local_http_;  ///< for users of this machine
    std::optional<HttpServer> operations_http_;

    Event stop_;
    bool is_stopping_ = false;
    Event jobs_wanted_;
    bool are_jobs_wanted_ = false;
    std::optional<SteadyTime> told_to_stop_;  ///< by the first signal
    bool has_failed_ = false;
    asio::signal_set signals_;
    TaskGroup run_tasks_;
    TaskGroup exec_tasks_;      ///< the results of runs
    TaskGroup cluster_tasks_;   ///< registration and conversations
    TaskGroup dispatch_tasks_;  ///< the first to end
};

}  // namespace

int run_node(const Config& config, const NodeSurroundings& surroundings, Lifeline lifeline)
{
    try {
        set_up_log(config.log);
    } catch (const std::exception& error) {
        spdlog::critical("node: cannot start: the log cannot be opened: {}", error.what());
        return 1;
    }
    keep_heap_small();
    const std::optional<rlimit> open_files = raise_descriptor_limit();
    for (const std::string& warning : config.warnings) spdlog::warn("config: {}", warning);
    spdlog::info("node: {}, because {}",
                 config.mode == Config::Mode::solo ? "alone" : "in a cluster", config.mode_reason);
    try {
        asio::io_context io(1);
        Node node(io, config, surroundings, std::move(lifeline), open_files);
        std::exception_ptr failure;
        const auto on_end = [&failure](std::exception_ptr error) { failure = std::move(error); };
        asio::co_spawn(io, node.run(), on_end);
        io.run();
        if (failure) std::rethrow_exception(failure);
        return node.failed() ? 1 : 0;
    } catch (const std::exception& error) {
        spdlog::critical("node: cannot start: {}", error.what());
        return 1;
    }
}

}  // namespace peercron
