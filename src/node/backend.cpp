#include "node/backend.hpp"

#include "cluster/consul_client.hpp"
#include "cluster/consul_coordinator.hpp"
#include "cluster/consul_messages.hpp"
#include "cluster/solo_coordinator.hpp"
#include "node/part_settings.hpp"
#include "node/service_manager.hpp"
#include "store/mysql/migrate.hpp"
#include "store/mysql/mysql_store.hpp"
#include "store/sqlite/migrate.hpp"
#include "store/sqlite/sqlite_lock.hpp"
#include "store/sqlite/sqlite_store.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <netdb.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

namespace peercron {
namespace {

ConsulSettings consul_settings(const Config& config, const std::string& version)
{
    ConsulSettings settings;
    settings.address = config.consul_address;
    settings.token = config.consul.token;
    settings.tls = {config.consul.cert, config.consul.key, config.consul.ca};
    settings.service_name = config.service_name;
    settings.lock_key = config.lock_key;
    settings.bind_address = config.bind_address;
    settings.http_address = config.http_bind_address;
    settings.version = version;
    settings.labels = labels_of_this_node(config);
    return settings;
}

/// None when the server's name is unknown, or wants TLS: a warden runs as little code as possible.
std::optional<DeathReport> death_report_for(const ConsulSettings& settings)
{
    if (settings.address.find("://") != std::string::npos) return std::nullopt;
    const std::size_t colon = settings.address.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    std::string host = settings.address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const std::string port = settings.address.substr(colon + 1);
    if (::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) return std::nullopt;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    DeathReport report;
    std::memcpy(&report.server, found->ai_addr, found->ai_addrlen);
    report.server_size = found->ai_addrlen;
    report.request = death_report(settings);
    return report;
}

class ClusterBackend final : public Backend {
public:
    explicit ClusterBackend(const Config& config) : config_(config)
    {
        mysql_.host = config.mysql.host;
        mysql_.port = config.mysql.port;
        mysql_.socket = config.mysql.socket;
        mysql_.user = config.mysql.user;
        mysql_.password = config.mysql.password;
        mysql_.database = config.mysql.database;
        mysql_.connect_timeout = config.mysql.connect_timeout;
        mysql_.timeout = config.mysql.timeout;
        mysql_.tls = static_cast<MysqlSettings::Tls>(config.mysql.tls);
        mysql_.ca = config.mysql.ca;
    }

    StorePool::Open open_store() const override
    {
        return [settings = mysql_, inherited = notice_defaults(config_)] {
            return std::make_unique<MysqlStore>(settings, inherited);
        };
    }
    std::vector<std::string> migrate(std::stop_token stop) const override
    {
        return peercron::migrate(mysql_, {.stop = std::move(stop)});
    }
    bool waits_for_store() const override { return true; }

    std::unique_ptr<Coordinator> make_coordinator(
        asio::any_io_executor executor, const Clock& clock, const std::string& version,
        std::uint64_t incarnation,
        std::function<asio::awaitable<Epoch>()> /*newest_epoch*/) const override
    {
        ConsulSettings settings = consul_settings(config_, version);
        settings.incarnation = incarnation;
        auto consul = std::make_unique<ConsulClient>(executor, settings.address, settings.token,
                                                     settings.tls);
        return std::make_unique<ConsulCoordinator>(std::move(executor), clock, std::move(consul),
                                                   std::move(settings));
    }
    bool has_peers() const override { return true; }
    std::string description() const override
    {
        return fmt::format("database {} of MySQL at {}", mysql_.database, to_string(mysql_));
    }
    std::string welcome(const std::string& /*program*/, const std::string& /*url*/) const override
    {
        return "";
    }

private:
    const Config& config_;
    MysqlSettings mysql_;
};

/// The folder, made for this user alone if it is missing.
std::filesystem::path make_folder(const std::filesystem::path& folder)
{
    std::error_code error;
    const bool made = std::filesystem::create_directories(folder, error);
    if (made && !error) {
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    }
    if (error) {
        throw StoreError(fmt::format("cannot make the data folder {}: {}; --data DIR names another",
                                     folder.string(), error.message()));
    }
    return folder;
}

/// A node alone is ready when its tables are. systemd ends a start that takes longer than the unit
/// says (90 s), and so does not come to an end of altering a large table; so it is told to wait.
void extend_start()
{
    notify_service_manager("EXTEND_TIMEOUT_USEC=600000000\nSTATUS=altering the tables");
}

class SoloBackend final : public Backend {
public:
    /// For the database, when the node before was killed a moment ago.
    static constexpr std::chrono::seconds patience{5};

    explicit SoloBackend(const Config& config)
        : sqlite_{make_folder(config.data_dir) / "peercron.db"},
          inherited_(notice_defaults(config)),
          lock_(sqlite_, patience, {.alive = extend_start}),
          self_{
              config.node_name(), config.http_bind_address, {}, true, labels_of_this_node(config)},
          api_((config.tls.cert.empty() ? "http://" : "https://") + config.http_bind_address)
    {}

    StorePool::Open open_store() const override
    {
        return [settings = sqlite_, inherited = inherited_] {
            return std::make_unique<SqliteStore>(settings, inherited);
        };
    }
    std::vector<std::string> migrate(std::stop_token stop) const override
    {
        const SqliteLock::Altering altering(lock_);
        return peercron::migrate(sqlite_, {.stop = std::move(stop), .alive = extend_start});
    }
    bool waits_for_store() const override { return false; }

    std::unique_ptr<Coordinator> make_coordinator(
        asio::any_io_executor executor, const Clock& /*clock*/, const std::string& version,
        std::uint64_t /*incarnation*/,
        std::function<asio::awaitable<Epoch>()> newest_epoch) const override
    {
        Member self = self_;
        self.version = version;
        return std::make_unique<SoloCoordinator>(std::move(executor), std::move(self),
                                                 std::move(newest_epoch));
    }
    bool has_peers() const override { return false; }
    std::string description() const override { return sqlite_.path.string(); }
    std::string welcome(const std::string& program, const std::string& url) const override
    {
        const std::string option = url.empty() ? "" : " --url " + url;
        return fmt::format(
            "\nThe node is up. Its data is in {0}, its API at {1}\n"
            "Try, in another terminal:\n\n"
            "    {2} job add{3} --name hello --every 5s -- echo 'hello, world'\n"
            "    {2} log follow{3} --job hello\n"
            "    {2} status{3}\n",
            sqlite_.path.parent_path().string(), api_, program, option);
    }

private:
    SqliteSettings sqlite_;
    const NoticeDefaults inherited_;
    SqliteLock lock_;
    Member self_;
    const std::string api_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(const Config& config)
{
    if (config.mode == Config::Mode::solo) return std::make_unique<SoloBackend>(config);
    return std::make_unique<ClusterBackend>(config);
}

PeerSettings peer_settings(const Config& config, const std::string& version)
{
    PeerSettings settings;
    settings.greeting.self.node = config.bind_address;
    settings.greeting.self.program_version = version;
    settings.greeting.secret = config.cluster_secret;
    if (config.encrypt != Config::Encrypt::off) {
        settings.greeting.tls = std::make_shared<const PskContext>(config.cluster_secret);
    }
    settings.greeting.requires_encryption = config.encrypt == Config::Encrypt::require;
    settings.limits.max_silence = config.dispatch.lease;
    return settings;
}

WardenSettings warden_settings(const Config& config, const std::string& version)
{
    WardenSettings settings;
    if (config.mode == Config::Mode::solo) return settings;
    GreetingSettings greeting = peer_settings(config, version).greeting;
    // No reload reaches the warden, and it must wait for no file when the node is dead: it goes on
    // with what was there at the start. If that is no good, the node does not start, and says why.
    const Result<TlsContext> context = peer_tls_of(config);
    if (!context) {
        spdlog::warn("node: its warden has no certificate to show: {}", context.error().message);
    } else if (*context) {
        greeting.certificate = [certificate = *context] { return certificate; };
    }
    settings.greeting = std::move(greeting);
    settings.report = death_report_for(consul_settings(config, version));
    return settings;
}

}  // namespace peercron
