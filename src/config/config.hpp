#pragma once

#include "base/log.hpp"
#include "base/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// The variables of an environment, by name. An empty one counts as one that is not set.
using Environment = std::map<std::string, std::string>;

/// The environment of this process. Not thread-safe against setenv().
Environment process_environment();

/// Where a configuration comes from; later members take precedence over earlier ones.
struct ConfigSources {
    std::optional<std::filesystem::path> file;
    /// Every key may come from a variable: `dispatch.lookahead` from PEERCRON_DISPATCH_LOOKAHEAD.
    Environment environment;
    std::vector<std::string> settings;  ///< each "key=value", as given with --set
};

/// Everything that `peercron serve` can be told; each default is written here and nowhere else. The
/// comment beside each member is its key in the file; config/peercron.toml explains it, keys.hpp
/// has the allowed values.
struct Config {
    enum class Mode : std::uint8_t {
        solo,     ///< this node alone, with its database in a file
        cluster,  ///< nodes that find each other through Consul and share a database server
    };
    /// mode: not set, it is cluster when a key says where Consul or the database server is, or has
    /// the cluster's secret, else solo.
    Mode mode = Mode::solo;
    /// Why `mode` has its value: "consul_address is set by app.toml:3".
    std::string mode_reason;

    /// data_dir: not set, it is the first of $STATE_DIRECTORY (systemd.exec(5)),
    /// $XDG_STATE_HOME/peercron and ~/.local/state/peercron that the environment names.
    std::string data_dir;

    // The reference's flat keys.
    std::string consul_address = "127.0.0.1:8500";     // consul_address
    std::string service_name = "peercron";             // service_name
    std::string lock_key = "peercron/dispatcher";      // lock_key
    std::string bind_address = "127.0.0.1:9991";       // bind_address: a concrete address
    std::string http_bind_address = "127.0.0.1:9990";  // http_bind_address
    std::string pprof_listen;                          // pprof_listen: also /metrics, /health
    LogSettings log;                                   // log_level, [log] file, max_size, max_files

    std::size_t ledger_keep_days = 0;  // log_keep_day: how long rows of the log stay; 0 = for ever
    std::string time_zone = "UTC";     // time_zone: of jobs without one of their own

    struct Mysql {
        std::string host = "127.0.0.1";  // mysql_host
        std::uint16_t port = 3306;       // mysql_port
        std::string socket;              // [mysql] socket: instead of host and port
        std::string user;                // mysql_user
        std::string password;  // mysql_password; or PEERCRON_MYSQL_PASSWORD, [mysql] password_file
        std::string database = "cron";                    // mysql_database
        std::string charset = "utf8mb4";                  // mysql_charset: utf8 is taken as utf8mb4
        std::chrono::milliseconds connect_timeout{3000};  // [mysql] connect_timeout
        std::chrono::milliseconds timeout{10000};         // [mysql] timeout: of one statement
        std::size_t pool_size = 4;                        // [mysql] pool_size: sessions of the API
        enum class Tls : std::uint8_t { off, prefer, require, verify };
        Tls tls = Tls::prefer;  // [mysql] tls
        std::string ca;         // [mysql] ca: "" = this machine's
    } mysql;

    struct Consul {
        std::string token;  // [consul] token; or PEERCRON_CONSUL_TOKEN, [consul] token_file
        std::string ca;     // [consul] ca: "" = this machine's
        std::string cert;   // [consul] cert: of this node, for an agent that asks for one
        std::string key;    // [consul] key
    } consul;

    std::string
        cluster_secret;     // [cluster] secret; or PEERCRON_CLUSTER_SECRET, [cluster] secret_file
    bool insecure = false;  // [cluster] allow_insecure: beyond loopback without a secret
    enum class Encrypt : std::uint8_t { off, prefer, require };
    Encrypt encrypt = Encrypt::prefer;  // [cluster] encrypt: connections between nodes
    struct PeerTls {
        std::string cert;  // [cluster] cert: "" = nodes have no certificates
        std::string key;   // [cluster] key
        std::string ca;    // [cluster] ca: of all nodes
    } peer_tls;

    struct Node {
        std::vector<std::string> labels;  // [node] labels: by which jobs say where they run
    } node;

    struct Dispatch {
        std::chrono::milliseconds lookahead{2000};          // [dispatch] lookahead
        std::chrono::seconds misfire_window{60};            // [dispatch] misfire_window
        std::chrono::milliseconds start_deadline{300'000};  // [dispatch] start_deadline: overload
        std::chrono::milliseconds poll_interval{
            2000};  // [dispatch] poll_interval: rows changed by hand
        std::chrono::milliseconds beat_interval{250};  // [dispatch] beat_interval
        std::chrono::milliseconds silence_limit{
            1500};  // [dispatch] silence_limit: after it a
                    // node's unstarted fires go to others, and the node itself starts nothing late
        std::chrono::milliseconds lease{10000};        // [dispatch] lease: of a mutex
        std::chrono::milliseconds lease_margin{2000};  // [dispatch] lease_margin
        std::size_t max_jobs = 500'000;                // [dispatch] max_jobs
        std::chrono::milliseconds audit_interval{
            std::chrono::hours(24)};  // [dispatch] audit_interval: 0 = no audit
    } dispatch;

    struct Exec {
        std::string shell = "/bin/sh";                   // [exec] shell
        std::size_t slots = 0;                           // [exec] slots: 0 = 64 per core
        std::size_t http_slots = 1024;                   // [exec] http_slots
        std::size_t max_output = 1U << 20U;              // [exec] max_output
        std::chrono::milliseconds kill_grace{5000};      // [exec] kill_grace
        std::chrono::milliseconds drain_timeout{30000};  // [exec] drain_timeout
        std::vector<std::string> run_as;          // [exec] run_as: users that a job may run as
        std::vector<std::string> command_dirs;    // [exec] command_dirs: only commands from there
        std::string journal_dir;                  // [exec] journal_dir: "" = data_dir
        std::size_t journal_limit = 256U << 20U;  // [exec] journal_limit: 0 = no journal
    } exec;

    struct Secrets {
        std::string dir;  // [secrets] dir: "" = jobs have no secrets here
    } secrets;

    struct HttpClient {
        std::vector<std::string> deny{"169.254.0.0/16", "fe80::/10"};  // [http_client] deny
        std::string proxy;                                             // [http_client] proxy
        std::string proxy_login;            // [http_client] proxy_login, proxy_login_file
        std::vector<std::string> no_proxy;  // [http_client] no_proxy
        std::string ca_file;                // [http_client] ca_file: "" = this machine's
    } http_client;

    struct Notify {
        std::vector<std::string> on{"failing", "recovered", "missed"};  // [notify] on
        std::size_t after = 1;                                          // [notify] after
        std::chrono::seconds every{0};                                  // [notify] every: 0 = once
        std::chrono::seconds late_after{60};                            // [notify] late_after
        std::chrono::seconds slow_after{0};      // [notify] slow_after: 0 = as is usual for the job
        std::chrono::seconds expect_every{0};    // [notify] expect_every: 0 = any time
        std::string expect_by;                   // [notify] expect_by: "" = nothing is expected
        std::chrono::milliseconds late_goal{0};  // [notify] late_goal: 0 = none
        /// What jobs with a tag inherit; what is not set is as for other jobs.
        struct Tag {
            std::string tag;
            std::vector<std::string> channels;
            std::vector<std::string> on;
            std::size_t after = 0;
            std::chrono::seconds every{0};
            std::chrono::seconds late_after{0};
            std::chrono::seconds slow_after{0};
            std::chrono::seconds expect_every{0};
            std::string expect_by;
            std::chrono::milliseconds late_goal{0};
            friend bool operator==(const Tag&, const Tag&) = default;
        };
        std::vector<Tag> tags;      // [[notify.tags]]
        std::string heartbeat_url;  // [notify] heartbeat_url, heartbeat_url_file
        std::vector<std::string> cluster_on{"node-gone",          "no-dispatcher", "store-away",
                                            "journal-failing",    "clock-off",     "audit-finding",
                                            "certificate-expires"};  // [notify] cluster_on
        std::chrono::milliseconds cluster_after{60'000};             // [notify] cluster_after
        std::vector<std::string>
            cluster_channels;               // [notify] cluster_channels: those for every job
        std::vector<std::string> commands;  // [notify] commands: programs of channels
    } notify;

    struct Metrics {
        std::size_t jobs = 0;  // [metrics] jobs: shown by /metrics/jobs; 0 = none
    } metrics;

    struct Http {
        enum class Role : std::uint8_t { read, operate, admin, owner };
        struct Token {
            std::string name;
            std::string secret;
            Role role = Role::read;
            friend bool operator==(const Token&, const Token&) = default;
        };
        std::vector<Token> tokens;         // [[http.tokens]] name, token or token_file, role
        std::string anonymous = "read";    // [http] anonymous: what callers of this machine may do
        bool allow_anonymous = false;      // [http] allow_anonymous: everybody is an owner
        std::size_t max_body = 1U << 20U;  // [http] max_body
        std::size_t max_connections = 1024;        // [http] max_connections
        std::size_t max_memory = 128U << 20U;      // [http] max_memory
        std::size_t max_streams = 256;             // [http] max_streams
        std::chrono::seconds idle_timeout{60};     // [http] idle_timeout
        std::vector<std::string> trusted_proxies;  // [http] trusted_proxies
        std::string user_header;                   // [http] user_header: of trusted_proxies
        std::vector<std::string> allow;            // [http] allow: who may call; empty = all
        bool plain_sign_in = false;                // [http] plain_sign_in: beyond loopback
        std::string socket;                        // [http] socket: "" = the usual place, or none
        std::vector<std::string> local_admins;     // [http] local_admins: users and @groups
        bool changing_gets = true;                 // [http] changing_gets
    } http;

    struct Oidc {
        std::string issuer;         // [oidc] issuer: "" = nobody signs in by a provider
        std::string client_id;      // [oidc] client_id
        std::string client_secret;  // [oidc] client_secret, client_secret_file; "" = it has none
        std::string redirect_uri;   // [oidc] redirect_uri: ".../session/oidc/callback"
        std::string name = "single sign-on";                   // [oidc] name: of the button
        std::vector<std::string> scopes{"openid", "profile"};  // [oidc] scopes
        std::string user_claim = "preferred_username";         // [oidc] user_claim
        std::string groups_claim = "groups";                   // [oidc] groups_claim
        std::vector<std::string> read_groups;                  // [oidc] read_groups
        std::vector<std::string> operate_groups;               // [oidc] operate_groups
        std::vector<std::string> admin_groups;                 // [oidc] admin_groups
        std::vector<std::string> owner_groups;                 // [oidc] owner_groups
    } oidc;

    struct Tls {
        enum class Min : std::uint8_t { tls_1_2, tls_1_3 };
        std::string cert;        // [tls] cert: "" = the API speaks plain HTTP
        std::string key;         // [tls] key
        std::string client_ca;   // [tls] client_ca: "" = clients need no certificate
        Min min = Min::tls_1_2;  // [tls] min
    } tls;

    /// What is allowed but unwise, a line each (a secret that everybody on the machine can read),
    /// for the caller to log.
    std::vector<std::string> warnings;

    /// Where the value of a key comes from: "app.toml:3", "PEERCRON_LOG_LEVEL", "--set". Keys that
    /// have their default are not here.
    std::map<std::string, std::string> origins;

    /// This node's name: the address of its peer port, or, alone, that of its API.
    const std::string& node_name() const
    {
        return mode == Mode::solo ? http_bind_address : bind_address;
    }

    /// The file for results that wait for the database; its name has the node's in it, so that
    /// nodes may share a folder.
    std::string journal_file() const;

    /// Reads all sources, and the files with secrets that they name (relative to the folder of the
    /// file). The error holds a line per mistake, all mistakes at once: file, line and column, or
    /// the variable, or the setting; key, what was found and what is expected. Never shows a
    /// secret.
    static Result<Config> load(const ConfigSources& sources);

    /// The same as load(), with a text instead of the file; `file_name` is for the messages and for
    /// relative names.
    static Result<Config> parse(std::string_view text, const std::string& file_name,
                                const ConfigSources& sources);
};

/// The whole configuration in the form of the file, secrets masked; with `origins` each line ends
/// with a comment that says where its value comes from.
enum class Origins : std::uint8_t { hidden, shown };
std::string describe(const Config& config, Origins origins = Origins::hidden);

/// The keys whose values differ, secrets and http.tokens included; in the order of the file.
std::vector<std::string> differing_keys(const Config& left, const Config& right);

/// The variable of the environment that a key may come from.
std::string variable_of(std::string_view key);

/// Every key of the file, with its table ("dispatch.lookahead"), in the order of describe(). Those
/// that name a file with a secret are included.
std::vector<std::string> config_keys();

}  // namespace peercron
