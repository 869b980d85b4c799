#include "node/node.hpp"

#include "access/access_book.hpp"
#include "api/api.hpp"
#include "base/clock.hpp"
#include "base/counted.hpp"
#include "base/disk_journal.hpp"
#include "base/event.hpp"
#include "base/log.hpp"
#include "base/shared_pause.hpp"
#include "base/task_group.hpp"
#include "dispatch/dispatcher.hpp"
#include "exec/descriptors.hpp"
#include "exec/executor.hpp"
#include "exec/output_desk.hpp"
#include "exec/recorder.hpp"
#include "http/server.hpp"
#include "node/agent.hpp"
#include "node/backend.hpp"
#include "node/certificate.hpp"
#include "node/config_reload.hpp"
#include "node/local_server.hpp"
#include "node/node_facts.hpp"
#include "node/output_log.hpp"
#include "node/own_api.hpp"
#include "node/part_settings.hpp"
#include "node/peers.hpp"
#include "node/service_manager.hpp"
#include "node/store_metrics.hpp"
#include "node/store_readiness.hpp"
#include "node/successor.hpp"
#include "notify/cluster_desk.hpp"
#include "notify/courier.hpp"
#include "notify/heartbeat.hpp"
#include "notify/messenger.hpp"
#include "notify/notice_desk.hpp"
#include "store/store_pool.hpp"

#include <prometheus/registry.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <csignal>
#include <exception>
#include <iostream>
#include <random>
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

class Node {
public:
    Node(asio::io_context& io, const Config& config, const NodeSurroundings& surroundings,
         Lifeline lifeline, const std::optional<rlimit>& open_files)
        : io_(io.get_executor()),
          config_(config),
          surroundings_(surroundings),
          warden_(std::move(lifeline.warden)),
          guard_(std::move(lifeline.guard)),
          incarnation_(random_incarnation()),
          metrics_(std::make_shared<prometheus::Registry>()),
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
          facts_(facts_parts()),
          notice_desk_(io_, clock_, notice_store_, notice_defaults(config),
                       [this] { return dispatcher_.epoch(); }),
          cluster_desk_(io_, cluster_desk_parts(), cluster_notices(config)),
          courier_(
              io_, clock_, notice_store_, messenger_, notice_desk_.written(),
              [this] { return dispatcher_.epoch() != 0 || cluster_desk_.stands_in(); }, *metrics_),
          heartbeat_(http_client_, config.notify.heartbeat_url,
                     [this] { return dispatcher_.epoch() != 0 && !facts_.store_trouble(); }),
          http_tasks_(io_),
          budget_(io_, config.http.max_memory),
          streams_(max_streams(config)),
          access_(access_store_, clock_, http_tasks_),
          oidc_(make_oidc_provider()),
          api_context_(api_context()),
          api_(make_api_router(api_context_)),
          operations_(make_operations_router(api_context_)),
          peers_(io_, peers_parts()),
          certificate_(Certificate::of_api(), config, *metrics_),
          peer_certificate_(Certificate::of_peer_port(), config, *metrics_),
          reload_(config, surroundings.sources, certificate_, peer_certificate_, api_),
          http_(io_, encrypted(http_settings(config, config.http_bind_address)), api_, *metrics_,
                budget_),
          local_http_(io_, config, api_, *metrics_, budget_),
          stop_(io_),
          jobs_wanted_(io_),
          signals_(io),
          run_tasks_(io_),
          exec_tasks_(io_),
          cluster_tasks_(io_),
          dispatch_tasks_(io_)
    {
        measure(plan_store_, "plan", *metrics_);
        measure(record_store_, "record", *metrics_);
        measure(api_store_, "api", *metrics_);
        measure(notice_store_, "notices", *metrics_);
        measure(access_store_, "access", *metrics_);
        if (config.pprof_listen.empty()) return;
        operations_http_.emplace(io_, encrypted(http_settings(config, config.pprof_listen)),
                                 operations_, *metrics_, budget_);
    }

    /// Runs until it is told to stop.
    asio::awaitable<void> run()
    {
        start(http_tasks_, "signals", handle_signals());
        start(http_tasks_, "http", http_.run());
        if (local_http_.is_open()) start(http_tasks_, "local http", local_http_.run());
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
            if (peers_.is_listening()) start(cluster_tasks_, "listener", peers_.accept());
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
    /// What --url has to name for users of this machine; empty: the command line finds the node.
    std::string url_for_commands() const
    {
        if (local_http_.is_open()) return local_http_.url_for_commands();
        if (certificate_.is_used()) return "https://" + config_.http_bind_address;
        const bool is_usual = config_.http_bind_address == Config().http_bind_address;
        return is_usual ? "" : "http://" + config_.http_bind_address;
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
                .facts = [this] { return facts_.cluster(); },
                .own_facts = [this] { return facts_.own(); },
                .dispatcher_heard = [this] { return agent_.dispatcher_heard(); }};
    }

    NodeFacts::Parts facts_parts() const
    {
        return {.clock = clock_,
                .agent = agent_,
                .dispatcher = dispatcher_,
                .coordinator = *coordinator_,
                .journal = journal_,
                .certificate = certificate_,
                .peer_certificate = peer_certificate_,
                .readiness = readiness_,
                .plan_store = plan_store_,
                .record_store = record_store_,
                .self = config_.node_name(),
                .has_peers = backend_->has_peers(),
                .is_stopping = [this] { return is_stopping_; }};
    }

    Dispatcher::Parts dispatcher_parts()
    {
        const auto connect = [this](NodeName node) { return peers_.connect(std::move(node)); };
        const auto roster = [this] { return agent_.roster(); };
        return Dispatcher::Parts{clock_,  *coordinator_, plan_store_, api_store_,
                                 connect, roster,        *metrics_};
    }

    Peers::Parts peers_parts()
    {
        PeerSettings settings = peer_settings(config_, surroundings_.version);
        settings.greeting.certificate = [this] { return peer_certificate_.context(); };
        return {.agent = agent_,
                .outputs = outputs_,
                .coordinator = *coordinator_,
                .conversations = cluster_tasks_,
                .readers = http_tasks_,
                .metrics = *metrics_,
                .self = config_.node_name(),
                .settings = std::move(settings),
                .connect_limit = config_.dispatch.silence_limit,
                .start = [this](std::string name, asio::awaitable<void> task) {
                    start(cluster_tasks_, std::move(name), std::move(task));
                }};
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
            .output_at = [this](const NodeName& node) { return peers_.output_at(node); },
            .test_channel =
                [this](NoticeChannel channel) {
                    Notice test;
                    test.at = clock_.now();
                    test.id = fmt::format("test-{}", to_unix_millis(test.at));
                    return messenger_.send(std::move(channel), std::move(test));
                },
            .refusal = refusal(),
            .job_news = [this](std::uint64_t after) { return facts_.job_news(after); },
            .jobs_known = [this] { return dispatcher_.jobs().size(); },
            .pauses = [this]() -> const Pauses& { return dispatcher_.jobs().pauses(); },
            .max_jobs = config_.dispatch.max_jobs,
            .max_output = config_.exec.max_output,
            .job_metrics = config_.metrics.jobs,
            .loads = [this] { return facts_.loads(); },
            .epoch = [this] { return executor_.newest_epoch(); },
            .store_trouble = [this] { return facts_.store_trouble(); },
            .clock_state = [this] { return dispatcher_.clock(); },
            .journal = [this] { return to_string(journal_.state()); },
            .certificate_expiry = [this] { return facts_.certificate_expiry(); },
            .not_ready = [this] { return facts_.not_ready(); },
            .metrics = metrics_,
            .node = config_.node_name(),
            .version = surroundings_.version,
            .default_time_zone = config_.time_zone,
            .inherited = notice_defaults(config_),
            .rules = access_rules(config_),
            .plain_sign_in = config_.http.plain_sign_in,
            .changing_gets = config_.http.changing_gets,
        };
    }

    HttpSettings encrypted(HttpSettings settings) const
    {
        if (certificate_.is_used()) settings.tls = [this] { return certificate_.context(); };
        return settings;
    }

    void tell(const RunReport& report)
    {
        recorder_.add(report);
        if (output_log_) output_log_->note(report);
        agent_.report(report);
        dispatcher_.missed().note({report.id, report.state, report.reason});
    }

    /// The warden of this node's last process has the port for a moment after that has died.
    asio::awaitable<void> open_peer_port()
    {
        const SteadyTime latest = clock_.steady_now() + port_patience;
        bool told = false;
        while (!is_stopping_) {
            std::string trouble;
            try {
                peers_.listen(config_.bind_address);
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
        if (peers_.is_listening()) guard_.hand_over(peers_.descriptor(), incarnation_);
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
            co_await sleep_for(shared_pause(pause, clock_.exact_now()));
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
                reload_.read_again();
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

    /// Gives everything away that others can do, then waits for what only this node can end.
    asio::awaitable<void> drain()
    {
        notify_service_manager("STOPPING=1\nSTATUS=waiting for running commands");
        co_await await_successor(dispatcher_, *coordinator_, config_.node_name(), clock_);
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
    const NodeSurroundings& surroundings_;
    FileDescriptor warden_;
    Guard guard_;
    const std::uint64_t incarnation_;
    SystemClock clock_;
    std::shared_ptr<prometheus::Registry> metrics_;

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
    const NodeFacts facts_;
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
    Peers peers_;
    Certificate certificate_;
    Certificate peer_certificate_;
    ConfigReload reload_;
    HttpServer http_;
    LocalServer local_http_;
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
