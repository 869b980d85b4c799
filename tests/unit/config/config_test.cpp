#include "config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

Result<Config> parse(std::string_view text, const Environment& environment = {},
                     std::vector<std::string> settings = {})
{
    ConfigSources sources;
    sources.environment = environment;
    sources.settings = std::move(settings);
    return Config::parse(text, "app.toml", sources);
}

Result<Config> load(const std::filesystem::path& file)
{
    ConfigSources sources;
    sources.file = file;
    return Config::load(sources);
}

/// Why `text` is refused; "" when it is not.
std::string refusal(std::string_view text, const Environment& environment = {},
                    std::vector<std::string> settings = {})
{
    const auto config = parse(text, environment, std::move(settings));
    return config ? "" : config.error().message;
}

/// A folder that goes away with the test.
class Folder {
public:
    Folder()
    {
        std::string name = std::filesystem::temp_directory_path() / "peercron-config-XXXXXX";
        path_ = mkdtemp(name.data());
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }

    std::filesystem::path write(const std::string& name, std::string_view text,
                                mode_t mode = 0600) const
    {
        const auto file = path_ / name;
        std::ofstream(file, std::ios::binary) << text;
        chmod(file.c_str(), mode);
        return file;
    }
    std::filesystem::path path() const { return path_; }

private:
    std::filesystem::path path_;
};

constexpr const char* secret = "0123456789abcdef0123456789abcdef";

TEST(ConfigTest, OfAnEmptyFileIsTheDefaults)
{
    const auto config = parse("");
    ASSERT_TRUE(config) << config.error().message;
    Config defaults;
    defaults.data_dir = "/var/lib/peercron";
    EXPECT_EQ(describe(*config), describe(defaults));
    EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(ConfigTest, ReadsTheFileOfTheReferenceAsItIs)
{
    const auto config = parse(R"(
consul_address = "127.0.0.1:8501"
service_name = "wing-crontab-service"
lock_key = "wing-crontab-lock"
bind_address = "127.0.0.1:9993"
http_bind_address = "127.0.0.1:9992"
pprof_listen = "127.0.0.1:8880"
log_level=5
mysql_user = "root"
mysql_password = "123456"
mysql_host = "127.0.0.2"
mysql_port = 3307
mysql_database = "jobs"
mysql_charset = "utf8"
)");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->consul_address, "127.0.0.1:8501");
    EXPECT_EQ(config->service_name, "wing-crontab-service");
    EXPECT_EQ(config->lock_key, "wing-crontab-lock");
    EXPECT_EQ(config->bind_address, "127.0.0.1:9993");
    EXPECT_EQ(config->http_bind_address, "127.0.0.1:9992");
    EXPECT_EQ(config->pprof_listen, "127.0.0.1:8880");
    EXPECT_EQ(config->log.level, spdlog::level::debug);
    EXPECT_EQ(config->mysql.user, "root");
    EXPECT_EQ(config->mysql.password, "123456");
    EXPECT_EQ(config->mysql.host, "127.0.0.2");
    EXPECT_EQ(config->mysql.port, 3307);
    EXPECT_EQ(config->mysql.database, "jobs");
    EXPECT_EQ(config->mysql.charset, "utf8mb4");
}

TEST(ConfigTest, ReadsTheNewerKeysFromTheirTables)
{
    const auto config = parse(R"(
mode = "cluster"
log_keep_day = 90
time_zone = "Europe/Berlin"
[log]
file = "/var/log/peercron.log"
max_size = 1_000_000
max_files = 9
[mysql]
connect_timeout = "1s"
timeout = "1m"
pool_size = 8
tls = "verify"
ca = "/etc/passwd"
[cluster]
allow_insecure = true
encrypt = "require"
cert = "/etc/passwd"
key = "/etc/group"
ca = "/etc/hosts"
[tls]
cert = "/etc/passwd"
key = "/etc/group"
client_ca = "/etc/hosts"
min = "1.3"
[dispatch]
lookahead = "1500ms"
misfire_window = "2m"
start_deadline = "1m"
poll_interval = "1s"
beat_interval = "100ms"
silence_limit = "1s"
lease = "20s"
lease_margin = "3s"
audit_interval = "1h"
[node]
labels = ["db", "zone=eu"]
[exec]
shell = "/bin/bash"
slots = 10
http_slots = 20
max_output = "64KiB"
kill_grace = "0s"
drain_timeout = "1h"
run_as = ["backup", "www-data"]
command_dirs = ["/opt/jobs"]
[http_client]
deny = ["10.0.0.0/8"]
proxy = "http://proxy.example:3128"
proxy_login = "me:secret"
no_proxy = ["example.com", "10.0.0.0/8", "*"]
ca_file = "/etc/passwd"
[notify]
commands = ["/etc/peercron/page"]
[metrics]
jobs = 100
[http]
allow_anonymous = true
max_body = "2MiB"
max_connections = 10
max_memory = "64MiB"
max_streams = 7
idle_timeout = "5s"
trusted_proxies = ["10.0.0.1"]
user_header = "X-Remote-User"
allow = ["10.0.0.0/8", "::1"]
plain_sign_in = true
socket = "/run/cron.sock"
local_admins = ["ada", "@wheel"]
anonymous = "none"
changing_gets = false
[[http.tokens]]
name = "monitoring"
token = "aaaaaaaaaaaaaaaa"
role = "read"
[[http.tokens]]
name = "deploy"
token = "bbbbbbbbbbbbbbbb"
role = "admin"
[[http.tokens]]
name = "boss"
token = "cccccccccccccccc"
role = "owner"
)");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->ledger_keep_days, 90U);
    EXPECT_EQ(config->time_zone, "Europe/Berlin");
    EXPECT_EQ(config->log.file, "/var/log/peercron.log");
    EXPECT_EQ(config->log.file_size, 1'000'000U);
    EXPECT_EQ(config->log.file_count, 9U);
    EXPECT_EQ(config->mysql.connect_timeout, 1s);
    EXPECT_EQ(config->mysql.timeout, 1min);
    EXPECT_EQ(config->mysql.pool_size, 8U);
    EXPECT_EQ(config->mysql.tls, Config::Mysql::Tls::verify);
    EXPECT_EQ(config->mysql.ca, "/etc/passwd");
    EXPECT_TRUE(config->insecure);
    EXPECT_EQ(config->encrypt, Config::Encrypt::require);
    EXPECT_EQ(config->peer_tls.cert, "/etc/passwd");
    EXPECT_EQ(config->peer_tls.key, "/etc/group");
    EXPECT_EQ(config->peer_tls.ca, "/etc/hosts");
    EXPECT_EQ(config->tls.cert, "/etc/passwd");
    EXPECT_EQ(config->tls.key, "/etc/group");
    EXPECT_EQ(config->tls.client_ca, "/etc/hosts");
    EXPECT_EQ(config->tls.min, Config::Tls::Min::tls_1_3);
    EXPECT_EQ(config->dispatch.lookahead, 1500ms);
    EXPECT_EQ(config->dispatch.misfire_window, 2min);
    EXPECT_EQ(config->dispatch.start_deadline, 1min);
    EXPECT_EQ(config->dispatch.poll_interval, 1s);
    EXPECT_EQ(config->dispatch.beat_interval, 100ms);
    EXPECT_EQ(config->dispatch.silence_limit, 1s);
    EXPECT_EQ(config->dispatch.lease, 20s);
    EXPECT_EQ(config->dispatch.lease_margin, 3s);
    EXPECT_EQ(config->dispatch.audit_interval, 1h);
    EXPECT_EQ(config->exec.shell, "/bin/bash");
    EXPECT_EQ(config->exec.slots, 10U);
    EXPECT_EQ(config->exec.http_slots, 20U);
    EXPECT_THAT(config->http_client.deny, ElementsAre("10.0.0.0/8"));
    EXPECT_EQ(config->http_client.proxy, "http://proxy.example:3128");
    EXPECT_EQ(config->http_client.proxy_login, "me:secret");
    EXPECT_THAT(config->http_client.no_proxy, ElementsAre("example.com", "10.0.0.0/8", "*"));
    EXPECT_EQ(config->http_client.ca_file, "/etc/passwd");
    EXPECT_EQ(config->exec.max_output, 64U << 10U);
    EXPECT_EQ(config->exec.kill_grace, 0s);
    EXPECT_EQ(config->exec.drain_timeout, 1h);
    EXPECT_THAT(config->exec.run_as, ElementsAre("backup", "www-data"));
    EXPECT_THAT(config->node.labels, ElementsAre("db", "zone=eu"));
    EXPECT_THAT(config->exec.command_dirs, ElementsAre("/opt/jobs"));
    EXPECT_THAT(config->notify.commands, ElementsAre("/etc/peercron/page"));
    EXPECT_EQ(config->metrics.jobs, 100U);
    EXPECT_TRUE(config->http.allow_anonymous);
    EXPECT_EQ(config->http.max_body, 2U << 20U);
    EXPECT_EQ(config->http.max_connections, 10U);
    EXPECT_EQ(config->http.max_memory, 64U << 20U);
    EXPECT_EQ(config->http.max_streams, 7U);
    EXPECT_EQ(config->http.idle_timeout, 5s);
    EXPECT_FALSE(config->http.changing_gets);
    EXPECT_THAT(config->http.trusted_proxies, ElementsAre("10.0.0.1"));
    EXPECT_EQ(config->http.user_header, "X-Remote-User");
    EXPECT_THAT(config->http.allow, ElementsAre("10.0.0.0/8", "::1"));
    EXPECT_TRUE(config->http.plain_sign_in);
    EXPECT_EQ(config->http.socket, "/run/cron.sock");
    EXPECT_THAT(config->http.local_admins, ElementsAre("ada", "@wheel"));
    EXPECT_EQ(config->http.anonymous, "none");
    ASSERT_EQ(config->http.tokens.size(), 3U);
    EXPECT_EQ(config->http.tokens[2].role, Config::Http::Role::owner);
    EXPECT_EQ(config->http.tokens[0].name, "monitoring");
    EXPECT_EQ(config->http.tokens[0].secret, "aaaaaaaaaaaaaaaa");
    EXPECT_EQ(config->http.tokens[0].role, Config::Http::Role::read);
    EXPECT_EQ(config->http.tokens[1].role, Config::Http::Role::admin);
}

TEST(ConfigTest, TakesTheLogLevelByNumberAndByName)
{
    EXPECT_EQ(parse("log_level = 0")->log.level, spdlog::level::critical);
    EXPECT_EQ(parse("log_level = 2")->log.level, spdlog::level::err);
    EXPECT_EQ(parse("log_level = 4")->log.level, spdlog::level::info);
    EXPECT_EQ(parse("log_level = 'warn'")->log.level, spdlog::level::warn);
    EXPECT_THAT(refusal("log_level = 6"),
                HasSubstr("key 'log_level': found the integer 6, expected 0 (panic)"));
    EXPECT_THAT(refusal("log_level = 'loud'"), HasSubstr("found \"loud\""));
    EXPECT_THAT(refusal("log_level = true"), HasSubstr("found true"));
}

TEST(ConfigTest, SaysWhereTheTextIsNotToml)
{
    EXPECT_THAT(refusal("service_name = \"a\"\nlock_key = \n"), StartsWith("app.toml:2:"));
    EXPECT_THAT(refusal("mysql_port = 1\nmysql_port = 2\n"), StartsWith("app.toml:2:"));
}

TEST(ConfigTest, NamesFileLineColumnAndKeyOfABadValue)
{
    EXPECT_EQ(refusal("\nmysql_port = 70000\n"),
              "app.toml:2:14: key 'mysql_port': found the integer 70000, expected an integer from "
              "1 to 65535");
    EXPECT_EQ(refusal("[http]\nallow_anonymous = \"yes\"\n"),
              "app.toml:2:19: key 'http.allow_anonymous': found \"yes\", expected true or false");
    EXPECT_THAT(refusal("service_name = 5"),
                HasSubstr("found the integer 5, expected a string: a name"));
    EXPECT_THAT(refusal("mysql = 5"),
                HasSubstr("key 'mysql': found the integer 5, expected a table: [mysql]"));
    EXPECT_THAT(refusal("service_name = { a = 1 }"), HasSubstr("found a table"));
    EXPECT_THAT(refusal("[http]\ntrusted_proxies = '::1'"),
                HasSubstr("expected a list of strings"));
    EXPECT_THAT(refusal("[http]\ntrusted_proxies = ['::1', 'proxy']"),
                AllOf(StartsWith("app.toml:2:27: key 'http.trusted_proxies': found \"proxy\""),
                      Not(HasSubstr("\n"))));
}

TEST(ConfigTest, RefusesSettingsOfRequestsThatMakeNoSense)
{
    EXPECT_THAT(refusal("[http_client]\ndeny = ['metadata']"), HasSubstr("'http_client.deny'"));
    for (const std::string proxy :
         {"proxy:3128", "socks5://proxy:1080", "http://proxy", "http://me:secret@proxy:3128"}) {
        EXPECT_THAT(refusal("[http_client]\nproxy = '" + proxy + "'"),
                    HasSubstr("expected a proxy such as \"http://proxy:3128\""))
            << proxy;
    }
    EXPECT_THAT(refusal("[http_client]\nno_proxy = ['a, b']"), HasSubstr("a host name"));
    EXPECT_THAT(refusal("[http_client]\nca_file = '/no/such/file'"), HasSubstr("can be read"));
    EXPECT_THAT(refusal("[exec]\nhttp_slots = 0"), HasSubstr("from 1 to 100000"));
}

TEST(ConfigTest, ReportsAllMistakesAtOnceInTheOrderOfTheFile)
{
    const auto message =
        refusal("mysql_port = 0\nservice = 'x'\n[exec]\nslots = -1\nmax_output = 1\n");
    std::vector<std::string> lines;
    std::istringstream in(message);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    EXPECT_THAT(lines, ElementsAre(StartsWith("app.toml:1:14: key 'mysql_port'"),
                                   StartsWith("app.toml:2:1: key 'service'"),
                                   StartsWith("app.toml:4:9: key 'exec.slots'"),
                                   StartsWith("app.toml:5:14: key 'exec.max_output'")));
}

TEST(ConfigTest, RefusesAnUnknownKeyAndNamesTheNearestOne)
{
    EXPECT_EQ(
        refusal("servce_name = 'x'"),
        "app.toml:1:1: key 'servce_name': found an unknown key; did you mean 'service_name'?");
    EXPECT_THAT(refusal("[dispach]\nlookahead = '1s'"),
                HasSubstr("key 'dispach': found an unknown table; did you mean 'dispatch'?"));
    EXPECT_THAT(refusal("[dispatch]\nlook_ahead = '1s'"),
                HasSubstr("did you mean 'dispatch.lookahead'?"));
    EXPECT_THAT(refusal("[mysql]\nhost = 'db'"), HasSubstr("did you mean 'mysql_host'?"));
    EXPECT_THAT(refusal("zzzzzzzzzzzz = 1"),
                AllOf(HasSubstr("unknown key"), Not(HasSubstr("did you mean"))));
}

TEST(ConfigTest, SaysWhichTableAMisplacedKeyBelongsTo)
{
    EXPECT_THAT(refusal("[log]\nfile = ''\nmysql_host = 'db'"),
                HasSubstr("key 'log.mysql_host': found an unknown key; 'mysql_host' belongs above "
                          "the first [table]"));
    EXPECT_THAT(refusal("lookahead = '1s'"),
                HasSubstr("did you mean 'dispatch.lookahead', which belongs to [dispatch]?"));
}

TEST(ConfigTest, WantsAUnitWithADuration)
{
    EXPECT_EQ(refusal("[dispatch]\nlookahead = 2"),
              "app.toml:2:13: key 'dispatch.lookahead': found the integer 2, expected a duration "
              "from 100ms to 1m, a "
              "string with its unit such as \"500ms\", \"2s\" or \"1m\"");
    EXPECT_THAT(refusal("[dispatch]\nlookahead = '2m'"), HasSubstr("from 100ms to 1m"));
    EXPECT_THAT(refusal("[dispatch]\nlookahead = '99ms'"), HasSubstr("from 100ms to 1m"));
    EXPECT_THAT(refusal("[dispatch]\nmisfire_window = '1500ms'"), HasSubstr("in whole seconds"));
}

TEST(ConfigTest, TakesASizeWithItsUnitOrInBytes)
{
    EXPECT_EQ(parse("[exec]\nmax_output = '2MiB'")->exec.max_output, 2U << 20U);
    EXPECT_EQ(parse("[exec]\nmax_output = 65536")->exec.max_output, 65536U);
    EXPECT_THAT(refusal("[exec]\nmax_output = '2MB'"), HasSubstr("\"64MiB\""));
    EXPECT_THAT(refusal("[exec]\nmax_output = -1"),
                HasSubstr("found the integer -1, expected a size from 1KiB to 64MiB"));
}

TEST(ConfigTest, WantsAConcreteAddressToAnnounce)
{
    EXPECT_THAT(refusal("bind_address = '0.0.0.0:9991'"),
                AllOf(HasSubstr("key 'bind_address'"), HasSubstr("cannot be a wildcard")));
    EXPECT_THAT(refusal("bind_address = '[::]:9991'"), HasSubstr("cannot be a wildcard"));
    EXPECT_THAT(refusal("bind_address = 'node1:9991'"), HasSubstr("an IP address and a port"));
    EXPECT_THAT(refusal("bind_address = '10.0.0.5'"), HasSubstr("an IP address and a port"));
    EXPECT_TRUE(parse("http_bind_address = '0.0.0.0:9990'\n[http]\nallow_anonymous = true"));
    EXPECT_THAT(refusal("http_bind_address = ''"), HasSubstr("an IP address and a port"));
    EXPECT_THAT(refusal("consul_address = 'http://127.0.0.1:8500'"),
                HasSubstr("without \"http://\""));
    EXPECT_TRUE(parse("consul_address = 'consul.internal:8500'"));
}

TEST(ConfigTest, ChecksEachValue)
{
    EXPECT_THAT(refusal("lock_key = '/a'"), HasSubstr("key 'lock_key'"));
    EXPECT_THAT(refusal("service_name = 'a b'"), HasSubstr("key 'service_name'"));
    EXPECT_THAT(refusal("time_zone = ''"), HasSubstr("key 'time_zone'"));
    EXPECT_THAT(refusal("mysql_host = ''"), HasSubstr("key 'mysql_host'"));
    EXPECT_THAT(refusal("mysql_database = ''"), HasSubstr("key 'mysql_database'"));
    EXPECT_THAT(refusal("mysql_charset = 'latin1'"), HasSubstr("key 'mysql_charset'"));
    EXPECT_THAT(refusal("[exec]\nshell = 'sh'"), HasSubstr("key 'exec.shell'"));
    EXPECT_THAT(refusal("[exec]\nshell = '/bin/no-such-shell'"), HasSubstr("key 'exec.shell'"));
    EXPECT_THAT(refusal("[log]\nmax_files = 0"), HasSubstr("key 'log.max_files'"));
    EXPECT_THAT(refusal("[http]\nanonymous = 'all'"), HasSubstr("\"read\", \"operate\""));
    EXPECT_THAT(refusal("[http]\nsocket = 'here'"), HasSubstr("the path, from the root"));
    EXPECT_THAT(refusal("[http]\nlocal_admins = ['@']"), HasSubstr("such as \"@wheel\""));
    EXPECT_THAT(refusal("[http]\nallow = ['here']"), HasSubstr("a network"));
}

TEST(ConfigTest, SaysWhichWordsAKeyMayHave)
{
    EXPECT_THAT(refusal("[cluster]\nencrypt = 'yes'"),
                HasSubstr("key 'cluster.encrypt': found \"yes\", expected \"off\", \"prefer\" or "
                          "\"require\""));
    EXPECT_THAT(
        refusal("[mysql]\ntls = true"),
        HasSubstr("key 'mysql.tls': found true, expected \"off\", \"prefer\", \"require\" or "
                  "\"verify\""));
    EXPECT_THAT(refusal("[tls]\nmin = '1.1'"),
                HasSubstr("found \"1.1\", expected \"1.2\" or \"1.3\""));
    EXPECT_EQ(parse("mode = 'cluster'", {}, {"cluster.encrypt=off"})->encrypt,
              Config::Encrypt::off);
}

TEST(ConfigTest, ACertificateAndItsKeyBelongTogether)
{
    EXPECT_THAT(refusal("[tls]\ncert = '/etc/passwd'"),
                HasSubstr("key 'tls.cert': it is of no use without tls.key"));
    EXPECT_THAT(refusal("[tls]\nkey = '/etc/passwd'"),
                HasSubstr("key 'tls.key': it is of no use without tls.cert"));
    EXPECT_THAT(refusal("[tls]\nclient_ca = '/etc/passwd'"), HasSubstr("set tls.cert and tls.key"));
    EXPECT_THAT(refusal("[tls]\ncert = '/no/such/file'"), HasSubstr("a file that can be read"));
    const std::string https = "consul_address = 'https://consul.internal:8501'\n";
    EXPECT_TRUE(parse(https + "[consul]\nca = '/etc/passwd'"));
    EXPECT_THAT(refusal(https + "[consul]\ncert = '/etc/passwd'"),
                HasSubstr("it is of no use without consul.key"));
    EXPECT_THAT(refusal("consul_address = 'c:8500'\n[consul]\nca = '/etc/passwd'"),
                HasSubstr("it is used only with consul_address = \"https://c:8500\""));
    EXPECT_THAT(refusal("[mysql]\ntls = 'off'\nca = '/etc/passwd'"), HasSubstr("key 'mysql.ca'"));
}

TEST(ConfigTest, NodesHaveACertificateItsKeyAndItsAuthorityOrNone)
{
    const std::string cluster = "mode = 'cluster'\n[cluster]\n";
    const std::string all = "cert = '/etc/passwd'\nkey = '/etc/group'\nca = '/etc/hosts'\n";
    EXPECT_TRUE(parse(cluster + all));
    EXPECT_TRUE(parse(cluster + all + "encrypt = 'require'"));
    EXPECT_THAT(refusal(cluster + "cert = '/etc/passwd'\nkey = '/etc/group'"),
                AllOf(HasSubstr("key 'cluster.cert': it is of no use without cluster.ca"),
                      HasSubstr("or none of them")));
    EXPECT_THAT(refusal(cluster + "ca = '/etc/hosts'\nkey = '/etc/group'"),
                HasSubstr("key 'cluster.key': it is of no use without cluster.cert"));
    EXPECT_THAT(refusal(cluster + "ca = '/etc/hosts'\ncert = '/etc/passwd'"),
                HasSubstr("key 'cluster.cert': it is of no use without cluster.key"));
    EXPECT_THAT(refusal(cluster + all + "encrypt = 'off'"),
                AllOf(HasSubstr("key 'cluster.cert'"), HasSubstr("cluster.encrypt is \"off\"")));
    EXPECT_THAT(refusal(cluster + "ca = '/no/such/file'"),
                HasSubstr("key 'cluster.ca': found \"/no/such/file\""));
}

TEST(ConfigTest, RefusesAnOpenPeerPortWithoutASecretAndNamesBothWaysOut)
{
    const std::string cluster = "mode = 'cluster'\n";
    EXPECT_THAT(refusal(cluster + "bind_address = '10.0.0.5:9991'"),
                AllOf(StartsWith("app.toml:2:16: key 'bind_address'"), HasSubstr("secret_file"),
                      HasSubstr("PEERCRON_CLUSTER_SECRET"), HasSubstr("allow_insecure = true")));
    EXPECT_TRUE(
        parse(cluster + "bind_address = '10.0.0.5:9991'\n[cluster]\nallow_insecure = true"));
    EXPECT_TRUE(parse("bind_address = '10.0.0.5:9991'",
                      Environment({{"PEERCRON_CLUSTER_SECRET", secret}})));
    EXPECT_TRUE(parse(cluster + "bind_address = '127.0.0.5:9991'"));
}

TEST(ConfigTest, TakesAnApiForOtherMachinesWithoutTokensBecauseItLetsNobodyIn)
{
    EXPECT_TRUE(parse("http_bind_address = '0.0.0.0:9990'"));
    EXPECT_TRUE(parse("http_bind_address = '10.0.0.5:9990'\n[http]\nallow_anonymous = true"));
    EXPECT_TRUE(
        parse("http_bind_address = '10.0.0.5:9990'\n[[http.tokens]]\nname = 'a'\n"
              "token = '0123456789abcdef'\nrole = 'read'"));
}

TEST(ConfigTest, RefusesTimesThatContradictEachOther)
{
    EXPECT_THAT(refusal("[dispatch]\nsilence_limit = '700ms'"),
                AllOf(StartsWith("app.toml:2:17: key 'dispatch.silence_limit'"),
                      HasSubstr("beat_interval")));
    EXPECT_THAT(refusal("[dispatch]\nbeat_interval = '1s'"),
                StartsWith("app.toml: key 'dispatch.silence_limit'"));
    EXPECT_THAT(refusal("[dispatch]\nlease = '1500ms'\nlease_margin = '1s'"),
                HasSubstr("key 'dispatch.lease'"));
    EXPECT_THAT(refusal("[dispatch]\nlease_margin = '10s'"),
                HasSubstr("key 'dispatch.lease_margin'"));
    EXPECT_THAT(refusal("[dispatch]\nstart_deadline = '1s'"),
                HasSubstr("key 'dispatch.start_deadline'"));
}

TEST(ConfigTest, NoContradictionIsMadeUpFromADefaultInThePlaceOfABadValue)
{
    EXPECT_EQ(refusal("[dispatch]\nlease = '3s'\nsilence_limit = '100ms'\nbeat_interval = '1s'")
                  .find('\n'),
              std::string::npos);
}

TEST(ConfigTest, RefusesOnePortForTwoListeners)
{
    EXPECT_THAT(refusal("mode = 'cluster'\nhttp_bind_address = '127.0.0.1:9991'"),
                HasSubstr("where 'bind_address' already listens"));
    EXPECT_THAT(refusal("pprof_listen = '0.0.0.0:9990'"),
                HasSubstr("where 'http_bind_address' already listens"));
    EXPECT_TRUE(parse("pprof_listen = '127.0.0.2:9990'"));
}

TEST(ConfigTest, TrustsProxiesByAddressAndByNetwork)
{
    EXPECT_TRUE(
        parse("[http]\ntrusted_proxies = ['10.0.0.1', '10.0.0.0/8', 'fd00::/64', '0.0.0.0/0']"));
    EXPECT_TRUE(parse("[http]\ntrusted_proxies = []")->http.trusted_proxies.empty());
    for (const std::string bad :
         {"", "proxy", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "/8", "fd00::/129", "0.0.0.0"}) {
        EXPECT_THAT(refusal("[http]\ntrusted_proxies = ['" + bad + "']"), HasSubstr("or a network"))
            << bad;
    }
}

TEST(ConfigTest, LabelsAreWordsThatANodeDoesNotHaveByItself)
{
    for (const std::string bad : {"", "a b", "a,b", "!db", "zone=", "=eu", "a=b=c"}) {
        EXPECT_THAT(refusal("[node]\nlabels = ['" + bad + "']"), HasSubstr("a word, as \"db\""))
            << bad;
    }
    for (const std::string own : {"host=db1", "address=10.0.0.7"}) {
        EXPECT_THAT(refusal("[node]\nlabels = ['" + own + "']"), HasSubstr("other than host="));
    }
    std::string many = "'a'";
    for (int i = 0; i < 32; ++i) many += ", 'a'";
    EXPECT_THAT(refusal("[node]\nlabels = [" + many + "]"),
                HasSubstr("found 33 labels, expected at most 32"));
    EXPECT_THAT(refusal("[node]\nlabels = ['" + std::string(121, 'a') + "']"),
                HasSubstr("at most 120 characters"));
}

TEST(ConfigTest, ReadsWhatIsToldAndWhatJobsWithATagInherit)
{
    const std::string text = R"([notify]
on = ["failed", "fast"]
cluster_on = ["node-gone"]
cluster_after = "5s"
cluster_channels = ["ops"]
slow_after = "1h"
expect_every = "30h"
expect_by = "06:30"
late_goal = "2s"
[[notify.tags]]
tag = "nightly"
channels = ["night", "ops"]
on = ["failing"]
after = 2
every = "1h"
late_after = "10m"
slow_after = "2h"
expect_every = "26h"
expect_by = "04:00"
late_goal = "50ms"
[[notify.tags]]
tag = "db"
channels = ["dba"]
expect_by = "none"
)";
    const auto config = parse(text);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_THAT(config->notify.on, ElementsAre("failed", "fast"));
    EXPECT_THAT(config->notify.cluster_on, ElementsAre("node-gone"));
    EXPECT_EQ(config->notify.cluster_after, 5s);
    EXPECT_THAT(config->notify.cluster_channels, ElementsAre("ops"));
    ASSERT_EQ(config->notify.tags.size(), 2U);
    const Config::Notify::Tag& nightly = config->notify.tags[0];
    EXPECT_EQ(nightly.tag, "nightly");
    EXPECT_THAT(nightly.channels, ElementsAre("night", "ops"));
    EXPECT_THAT(nightly.on, ElementsAre("failing"));
    EXPECT_EQ(nightly.after, 2U);
    EXPECT_EQ(nightly.every, 1h);
    EXPECT_EQ(nightly.late_after, 10min);
    EXPECT_EQ(nightly.slow_after, 2h);
    EXPECT_EQ(nightly.expect_every, 26h);
    EXPECT_EQ(nightly.expect_by, "04:00");
    EXPECT_EQ(nightly.late_goal, 50ms);
    EXPECT_EQ(config->notify.tags[1].expect_by, "none");
    EXPECT_EQ(config->notify.slow_after, 1h);
    EXPECT_EQ(config->notify.expect_every, 30h);
    EXPECT_EQ(config->notify.expect_by, "06:30");
    EXPECT_EQ(config->notify.late_goal, 2s);
    EXPECT_EQ(config->notify.tags[1].after, 0U) << "as for other jobs";
    // What is shown of it is a file that says the same.
    const auto again = parse(describe(*config));
    ASSERT_TRUE(again) << again.error().message << describe(*config);
    EXPECT_EQ(again->notify.tags, config->notify.tags);
    EXPECT_THAT(differing_keys(*config, *parse("")),
                IsSupersetOf({"notify.tags", "notify.cluster_on"}));
    EXPECT_THAT(differing_keys(*config, *again), IsEmpty());
}

TEST(ConfigTest, SaysWhatIsWrongWithWhatIsTold)
{
    EXPECT_THAT(refusal("[notify]\ncluster_on = ['failing']"),
                HasSubstr("one of node-gone, no-dispatcher"));
    EXPECT_THAT(refusal("[notify]\ncluster_after = '100ms'"), HasSubstr("from 1s to"));
    EXPECT_THAT(refusal("[notify]\ncluster_channels = ['a b']"),
                HasSubstr("the name of a channel"));
    EXPECT_THAT(refusal("[[notify.tags]]\nchannels = ['ops']"),
                HasSubstr("key 'notify.tags.tag': found none, expected the tag"));
    EXPECT_THAT(refusal("[[notify.tags]]\ntag = 'db'\non = ['silent']"),
                HasSubstr("app.toml:3:7: key 'notify.tags.on': found \"silent\""));
    EXPECT_THAT(refusal("[[notify.tags]]\ntag = 'db'\nafter = 0"), HasSubstr("from 1 to 1000"));
    EXPECT_THAT(refusal("[[notify.tags]]\ntag = 'a,b'"), HasSubstr("without a comma"));
    for (const std::string bad : {"4:00", "24:00", "04:60", "04.00", "04:00:00", "never"}) {
        EXPECT_THAT(refusal("[[notify.tags]]\ntag = 'db'\nexpect_by = '" + bad + "'"),
                    HasSubstr("key 'notify.tags.expect_by': found \"" + bad +
                              "\", expected a time of the day, such as \"04:00\", or \"none\""));
        EXPECT_THAT(refusal("[notify]\nexpect_by = '" + bad + "'"),
                    HasSubstr("key 'notify.expect_by'"));
    }
    EXPECT_THAT(refusal("[[notify.tags]]\ntag = 'db'\nexpect_every = '0s'"),
                HasSubstr("'notify.tags.expect_every': found \"0s\", expected a duration from 1s"));
    EXPECT_THAT(
        refusal("[[notify.tags]]\ntag = 'db'\nslow_after = 60"),
        HasSubstr("'notify.tags.slow_after': found the integer 60, expected a duration from 1s"));
    EXPECT_THAT(refusal("[notify]\nlate_goal = '25h'"),
                HasSubstr("'notify.late_goal': found \"25h\", expected a duration from"));
    EXPECT_THAT(refusal("[[notify.tags]]\ntag = 'db'\nexpect_buy = '04:00'"),
                HasSubstr("'notify.tags.expect_buy': found an unknown key"));
    EXPECT_THAT(refusal("[[notify.tags]]\ntag = 'db'\nchannel = ['ops']"),
                HasSubstr("'notify.tags.channel': found an unknown key"));
    EXPECT_THAT(refusal("[notify]\ntags = 'db'"), HasSubstr("each under its own [[notify.tags]]"));
}

TEST(ConfigTest, UsersAndFoldersOfCommandsAreNames)
{
    for (const std::string bad : {"", "a b", "a:b", "/root", "a,b"}) {
        EXPECT_THAT(refusal("[exec]\nrun_as = ['" + bad + "']"), HasSubstr("the name of a user"))
            << bad;
    }
    EXPECT_THAT(refusal("[exec]\nrun_as = 'backup'"), HasSubstr("'exec.run_as'"));
    for (const std::string bad : {"", "jobs", "~/jobs"}) {
        EXPECT_THAT(refusal("[exec]\ncommand_dirs = ['" + bad + "']"),
                    HasSubstr("path from the root"))
            << bad;
    }
}

TEST(ConfigTest, ProgramsOfChannelsAreFilesFromTheRoot)
{
    for (const std::string bad : {"", "page", "~/page", "/etc/peercron/"}) {
        EXPECT_THAT(refusal("[notify]\ncommands = ['" + bad + "']"),
                    HasSubstr("a program's path from the root"))
            << bad;
    }
}

TEST(ConfigTest, RefusesSocketAndHostTogether)
{
    EXPECT_THAT(refusal("mysql_host = 'db'\n[mysql]\nsocket = '/run/mysqld/mysqld.sock'"),
                HasSubstr("key 'mysql.socket'"));
    EXPECT_EQ(parse("[mysql]\nsocket = '/run/mysqld/mysqld.sock'")->mysql.socket,
              "/run/mysqld/mysqld.sock");
}

TEST(SecretTest, ComesFromTheEnvironmentFirst)
{
    const auto environment = Environment({{"PEERCRON_MYSQL_PASSWORD", "from environment"},
                                          {"PEERCRON_CONSUL_TOKEN", "consul token"},
                                          {"PEERCRON_CLUSTER_SECRET", secret}});
    const auto config =
        parse("mysql_password = 'from file'\n[cluster]\nsecret = 'another secret of the file'",
              environment);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->mysql.password, "from environment");
    EXPECT_EQ(config->consul.token, "consul token");
    EXPECT_EQ(config->cluster_secret, secret);
}

TEST(SecretTest, IsNotTakenFromAnEmptyVariable)
{
    const auto config =
        parse("mysql_password = 'from file'", Environment({{"PEERCRON_MYSQL_PASSWORD", ""}}));
    EXPECT_EQ(config->mysql.password, "from file");
}

TEST(SecretTest, ComesFromAFileBesideTheConfigurationWithoutItsNewline)
{
    const Folder folder;
    folder.write("db.secret", "from a file\n");
    folder.write("cluster.secret", std::string(secret) + "\r\n");
    const auto token = folder.write("token.secret", "0123456789abcdef");
    const auto file = folder.write(
        "app.toml",
        "[mysql]\npassword_file = 'db.secret'\n[cluster]\nsecret_file = 'cluster.secret'\n"
        "[[http.tokens]]\nname = 'a'\nrole = 'operate'\ntoken_file = '" +
            token.string() + "'\n");
    const auto config = load(file);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->mysql.password, "from a file");
    EXPECT_EQ(config->cluster_secret, secret);
    EXPECT_EQ(config->http.tokens.at(0).secret, "0123456789abcdef");
    EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(SecretTest, OfAFileThatCannotBeReadIsAnErrorWithThePath)
{
    const Folder folder;
    const auto file = folder.write("app.toml", "[cluster]\nsecret_file = 'none'\n");
    const auto message = load(file).error().message;
    EXPECT_EQ(message, file.string() + ":2:15: key 'cluster.secret_file': " +
                           (folder.path() / "none").string() +
                           ": cannot be read: No such file or directory");

    folder.write("none", "\n");
    EXPECT_THAT(load(file).error().message, HasSubstr("none: is empty"));
    folder.write("none", "short\n");
    EXPECT_THAT(load(file).error().message,
                HasSubstr("none: found 5 characters, expected at least 16"));
    folder.write("none", std::string(secret) + "\n" + secret + "\n");
    EXPECT_THAT(load(file).error().message, HasSubstr("none: has more than one line"));
    folder.write("none", std::string(10000, 'x'));
    EXPECT_THAT(load(file).error().message, HasSubstr("none: is larger than the allowed 4KiB"));
    folder.write("app.toml", "[cluster]\nsecret_file = '.'\n");
    EXPECT_THAT(load(file).error().message, HasSubstr("cannot be read: Is a directory"));
}

TEST(SecretTest, ThatEverybodyCanReadIsAWarning)
{
    const Folder folder;
    const auto secret_file = folder.write("s", secret, 0644);
    const auto file =
        folder.write("app.toml", "mysql_password = 'x'\n[cluster]\nsecret_file = 's'\n", 0644);
    const auto config = load(file);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_THAT(config->warnings,
                ElementsAre(StartsWith(secret_file.string() + ": every user of this machine"),
                            StartsWith(file.string() + ": every user of this machine")));
}

TEST(SecretTest, IsGivenInOnePlaceOfTheFile)
{
    EXPECT_THAT(refusal("mysql_password = 'a'\n[mysql]\npassword_file = 'b'"),
                HasSubstr("key 'mysql.password_file': found both, expected either 'mysql_password' "
                          "or 'mysql.password_file'"));
}

TEST(SecretTest, OfTheClusterIsLongEnough)
{
    EXPECT_THAT(refusal("[cluster]\nsecret = 'hunter2'"),
                HasSubstr("found 7 characters, expected at least 16"));
    EXPECT_THAT(refusal("", Environment({{"PEERCRON_CLUSTER_SECRET", "hunter2"}})),
                HasSubstr("PEERCRON_CLUSTER_SECRET: key 'cluster.secret': found 7 characters"));
}

TEST(SecretTest, NeverShowsUpInAMessage)
{
    EXPECT_THAT(refusal("mysql_password = 123456"),
                AllOf(HasSubstr("key 'mysql_password': found an integer, expected a string"),
                      Not(HasSubstr("123456"))));
    EXPECT_THAT(refusal("[cluster]\nsecret = 'hunter2'"), Not(HasSubstr("hunter2")));
    EXPECT_THAT(refusal("[[http.tokens]]\nname = 'a'\nrole = 'x'\ntoken = 'hunter2'"),
                Not(HasSubstr("hunter2")));
}

TEST(TokenTest, NeedsNameRoleAndSecret)
{
    EXPECT_THAT(refusal("[[http.tokens]]\ntoken = '0123456789abcdef'"),
                AllOf(HasSubstr("key 'http.tokens.name': found none"),
                      HasSubstr("key 'http.tokens.role': found none")));
    EXPECT_THAT(refusal("[[http.tokens]]\nname = 'a'\nrole = 'read'"),
                HasSubstr("expected 'token' or 'token_file'"));
    EXPECT_THAT(refusal("[[http.tokens]]\nname = 'a'\nrole = 'root'\ntoken = '0123456789abcdef'"),
                HasSubstr("app.toml:3:8: key 'http.tokens.role': found \"root\", expected "
                          "\"read\", \"operate\", \"admin\" or \"owner\""));
    EXPECT_THAT(
        refusal(
            "[[http.tokens]]\nname = 'a'\nrole = 'read'\ntoken = '0123456789abcdef'\nrights = 1"),
        HasSubstr("key 'http.tokens.rights': found an unknown key"));
    EXPECT_THAT(refusal("[http]\ntokens = 'x'"), HasSubstr("[[http.tokens]]"));
    EXPECT_THAT(refusal("[http]\ntokens = ['x']"), HasSubstr("[[http.tokens]]"));
    EXPECT_THAT(refusal("[http.tokens]\nname = 'x'"), HasSubstr("[[http.tokens]]"));
}

TEST(TokenTest, IsTheOnlyOneWithItsNameAndItsSecret)
{
    const std::string first =
        "[[http.tokens]]\nname = 'a'\nrole = 'read'\ntoken = '0123456789abcdef'\n";
    EXPECT_THAT(
        refusal(first + "[[http.tokens]]\nname = 'a'\nrole = 'read'\ntoken = 'fedcba9876543210'"),
        HasSubstr("has the name or the secret of another token"));
    EXPECT_THAT(
        refusal(first + "[[http.tokens]]\nname = 'b'\nrole = 'read'\ntoken = '0123456789abcdef'"),
        HasSubstr("has the name or the secret of another token"));
}

TEST(DescribeTest, MasksEverySecret)
{
    const auto environment = Environment({{"PEERCRON_MYSQL_PASSWORD", "hunter2-mysql"},
                                          {"PEERCRON_CONSUL_TOKEN", "hunter2-consul"},
                                          {"PEERCRON_CLUSTER_SECRET", "hunter2-cluster-secret"}});
    const auto config =
        parse("[[http.tokens]]\nname = 'a'\nrole = 'operate'\ntoken = 'hunter2-hunter2-hunter2'",
              environment);
    ASSERT_TRUE(config) << config.error().message;
    const auto text = describe(*config);
    EXPECT_THAT(text, Not(HasSubstr("hunter2")));
    EXPECT_THAT(text,
                AllOf(HasSubstr("mysql_password = \"********\""), HasSubstr("role = \"operate\"")));
    EXPECT_THAT(describe(Config{}), HasSubstr("mysql_password = \"\""));
}

TEST(DescribeTest, IsReadBackAsItIs)
{
    Config config;
    config.time_zone = "Asia/Tokyo";
    config.data_dir = "/var/lib/peercron";
    config.mysql.user = "quote\" backslash\\ tab\t newline\n umlaut ü";
    config.exec.max_output = 65537;
    config.dispatch.lookahead = 1234ms;
    config.http.trusted_proxies = {"10.0.0.1", "fd00::1"};
    const auto text = describe(config);
    const auto again = parse(text);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->mysql.user, config.mysql.user);
    EXPECT_EQ(describe(*again), text);
}

// What comes from elsewhere than the file.

TEST(SourcesTest, AVariableCountsBeforeTheFileAndASettingBeforeBoth)
{
    const std::string file = "log_level = 'error'\nmysql_port = 1111\ntime_zone = 'UTC'";
    const Environment variables{{"PEERCRON_LOG_LEVEL", "warn"}, {"PEERCRON_MYSQL_PORT", "2222"}};
    const auto config = parse(file, variables, {"log_level=debug"});
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->log.level, spdlog::level::debug);
    EXPECT_EQ(config->mysql.port, 2222);
    EXPECT_EQ(config->origins.at("log_level"), "--set");
    EXPECT_EQ(config->origins.at("mysql_port"), "PEERCRON_MYSQL_PORT");
    EXPECT_EQ(config->origins.at("time_zone"), "app.toml:3");
    EXPECT_FALSE(config->origins.contains("lock_key"));
    EXPECT_THAT(describe(*config, Origins::shown),
                AllOf(HasSubstr("log_level = \"debug\"  # --set"),
                      HasSubstr("mysql_port = 2222  # PEERCRON_MYSQL_PORT"),
                      HasSubstr("time_zone = \"UTC\"  # app.toml:3"),
                      HasSubstr("max_files = 5  # default")));
    EXPECT_TRUE(parse(describe(*config, Origins::shown))) << "still TOML";
}

TEST(SourcesTest, EveryKindOfValueMayBeSet)
{
    const auto config =
        parse("", {},
              {"http_bind_address=127.0.0.1:8080", "dispatch.lookahead=5s", "exec.slots=7",
               "exec.max_output=64KiB", "http.max_body=65536", "http.allow_anonymous=1",
               "http.trusted_proxies=10.0.0.1, 10.1.0.0/16", "log_level=5", "mysql_user=123",
               "data_dir=/srv/cron", "mode=solo"});
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->http_bind_address, "127.0.0.1:8080");
    EXPECT_EQ(config->dispatch.lookahead, 5s);
    EXPECT_EQ(config->exec.slots, 7U);
    EXPECT_EQ(config->exec.max_output, 64U << 10U);
    EXPECT_EQ(config->http.max_body, 65536U);
    EXPECT_TRUE(config->http.allow_anonymous);
    EXPECT_EQ(config->http.trusted_proxies, (std::vector<std::string>{"10.0.0.1", "10.1.0.0/16"}));
    EXPECT_EQ(config->log.level, spdlog::level::debug);
    EXPECT_EQ(config->mysql.user, "123") << "a text is a text";
    EXPECT_EQ(config->data_dir, "/srv/cron");
}

TEST(SourcesTest, AMistakeNamesWhereItComesFrom)
{
    EXPECT_THAT(refusal("", {}, {"mysql_port=many"}),
                StartsWith("--set: key 'mysql_port': found \"many\", expected an integer"));
    EXPECT_THAT(refusal("", {{"PEERCRON_DISPATCH_LOOKAHEAD", "2"}}),
                StartsWith("PEERCRON_DISPATCH_LOOKAHEAD: key 'dispatch.lookahead': found \"2\""));
    EXPECT_THAT(refusal("", {}, {"http.allow_anonymous=yes"}), HasSubstr("expected true or false"));
    EXPECT_THAT(refusal("", {}, {"dispatch.look_ahead=2s"}),
                AllOf(StartsWith("--set dispatch.look_ahead: found an unknown key"),
                      HasSubstr("'dispatch.lookahead'")));
    EXPECT_THAT(refusal("", {}, {"loglevel"}), HasSubstr("expected key=value"));
    EXPECT_THAT(refusal("", {}, {"http.tokens.name=a"}), HasSubstr("from the file only"));
    EXPECT_THAT(refusal("", {}, {"mode=duo"}), HasSubstr(R"(expected "solo" or "cluster")"));
    EXPECT_THAT(refusal("", {}, {"data_dir=here"}), HasSubstr("a folder's path from the root"));
}

TEST(SourcesTest, AVariableThatIsAlmostAKeyIsPointedOut)
{
    const Environment variables{{"PEERCRON_LOGLEVEL", "debug"},
                                {"PEERCRON_URL", "http://127.0.0.1:9990"},
                                {"PEERCRON_TOKEN", "0123456789abcdef"},
                                {"PEERCRON_SOMETHING_ELSE_ALTOGETHER", "1"}};
    const auto config = parse("", variables);
    ASSERT_TRUE(config);
    ASSERT_EQ(config->warnings.size(), 1U);
    EXPECT_THAT(config->warnings[0],
                AllOf(HasSubstr("PEERCRON_LOGLEVEL"), HasSubstr("PEERCRON_LOG_LEVEL")));
}

TEST(SourcesTest, ASecretOfALaterSourceReplacesTheFileThatHasOne)
{
    const auto config = parse("[mysql]\npassword_file = '/nonexistent'",
                              {{"PEERCRON_MYSQL_PASSWORD", "of the variable"}});
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->mysql.password, "of the variable");
}

TEST(ModeTest, IsSoloUnlessSomethingOfAClusterIsSet)
{
    const auto mode = [](std::string_view text, std::vector<std::string> settings = {}) {
        return parse(text, {{"PEERCRON_MYSQL_PASSWORD", "for another command"}}, settings)->mode;
    };
    EXPECT_EQ(mode(""), Config::Mode::solo);
    EXPECT_EQ(mode("log_level = 'debug'\n[exec]\nslots = 3"), Config::Mode::solo);
    EXPECT_EQ(mode("consul_address = '127.0.0.1:8500'"), Config::Mode::cluster);
    EXPECT_EQ(mode("", {"mysql_host=db"}), Config::Mode::cluster);
    EXPECT_EQ(mode("mode = 'solo'\nmysql_host = 'db'"), Config::Mode::solo);
    EXPECT_EQ(mode("mode = 'cluster'"), Config::Mode::cluster);
    EXPECT_EQ(mode("cluster.secret = '0123456789abcdef'"), Config::Mode::cluster);
    EXPECT_EQ(mode("mysql_user = ''\nmysql.pool_size = 8"), Config::Mode::solo);
}

TEST(ModeTest, SaysWhyItIsWhatItIs)
{
    const auto reason = [](std::string_view text, std::vector<std::string> settings = {}) {
        return parse(text, {}, settings)->mode_reason;
    };
    EXPECT_EQ(reason(""), "nothing of a cluster is configured");
    EXPECT_THAT(reason("log_level = 4\nconsul_address = 'c:8500'"),
                MatchesRegex("consul_address is set by .*:2"));
    EXPECT_EQ(reason("", {"mysql_host=db"}), "mysql_host is set by --set");
    EXPECT_THAT(reason("mode = 'cluster'"), MatchesRegex("mode is set by .*:1"));
}

TEST(ModeTest, WhatOnlyAClusterUsesMakesNoCluster)
{
    for (const char* const text :
         {"bind_address = '127.0.0.1:9995'", "service_name = 'jobs'", "lock_key = 'jobs/lock'",
          "cluster.allow_insecure = true", "cluster.encrypt = 'require'"}) {
        const std::string key(text, std::string_view(text).find(' '));
        EXPECT_THAT(refusal(text), AllOf(HasSubstr(":1:"), HasSubstr("key '" + key + "'"),
                                         HasSubstr("set mode = \"cluster\" with consul_address")));
        EXPECT_TRUE(parse("mode = 'solo'\n" + std::string(text))) << text;
        EXPECT_TRUE(parse("mode = 'cluster'\n" + std::string(text))) << text;
        EXPECT_TRUE(parse("mysql_user = 'cron'\n" + std::string(text))) << text;
    }
}

TEST(ConfigTest, TextThatNestsVeryDeepIsAMistakeOfTheFile)
{
    std::string deep = "a";
    for (int i = 0; i < 100'000; ++i) deep += ".a";
    for (const std::string& text : {deep + " = 1", "\"q\"." + deep + " = 1",
                                    "x = {" + deep + " = 1}", "[\"q\"." + deep + "]"}) {
        EXPECT_THAT(refusal("mode = 'solo'\n" + text),
                    HasSubstr(":2:1: cannot be read as TOML: tables, lists and the parts of keys"));
    }
}

TEST(ModeTest, ANodeAloneIsNamedByItsApi)
{
    EXPECT_EQ(parse("")->node_name(), "127.0.0.1:9990");
    EXPECT_EQ(parse("mode = 'cluster'")->node_name(), "127.0.0.1:9991");
}

TEST(TimeZoneTest, AnUnknownOneIsNamedWithTheOtherMistakes)
{
    EXPECT_THAT(refusal("time_zone = 'Mars/Olympus'\nmysql_port = 0"),
                AllOf(HasSubstr(":1:13: key 'time_zone': found \"Mars/Olympus\", expected a time "
                                "zone's IANA name that this machine knows"),
                      HasSubstr(":2:14: key 'mysql_port'")));
    EXPECT_EQ(parse("time_zone = 'Europe/Berlin'")->time_zone, "Europe/Berlin");
}

TEST(ConfigTest, AUserHeaderIsOneThatOnlyATrustedProxySets)
{
    const std::string proxies = "[http]\ntrusted_proxies = ['10.0.0.1']\nuser_header = ";
    EXPECT_EQ(parse(proxies + "'X-Remote-User'")->http.user_header, "X-Remote-User");
    EXPECT_THAT(refusal("[http]\nuser_header = 'X-Remote-User'"),
                AllOf(StartsWith("app.toml:2:15: key 'http.user_header'"),
                      HasSubstr("http.trusted_proxies")));
    for (const std::string bad :
         {"Authorization", "user-agent", "COOKIE", "X-Real-IP", "X User", "X:User", "X\u00e4"}) {
        EXPECT_THAT(refusal(proxies + "\"" + bad + "\""), HasSubstr("that only the proxy sets"))
            << bad;
    }
}

const std::string oidc =
    "[oidc]\nissuer = 'https://id.example/realms/main'\nclient_id = 'peercron'\n"
    "redirect_uri = 'https://cron.example/session/oidc/callback'\n";

TEST(ConfigTest, AProviderHasOneSecretAndIsAskedForAnIdToken)
{
    EXPECT_EQ(parse(oidc)->oidc.scopes, (std::vector<std::string>{"openid", "profile"}));
    EXPECT_THAT(refusal(oidc + "client_secret = 's'\nclient_secret_file = '/etc/passwd'\n"),
                AllOf(StartsWith("app.toml:6:22: key 'oidc.client_secret_file': found both"),
                      HasSubstr("either 'oidc.client_secret' or 'oidc.client_secret_file'")));
    EXPECT_THAT(refusal(oidc + "scopes = ['profile', 'email']\n"),
                AllOf(StartsWith("app.toml:5:10: key 'oidc.scopes': \"openid\" is missing"),
                      HasSubstr("expected a list such as [\"openid\", \"profile\"]")));
    EXPECT_TRUE(parse(oidc + "scopes = ['email', 'openid']\n"));
    EXPECT_THAT(refusal("[oidc]\nissuer = 'https://id.example'\n"),
                AllOf(HasSubstr("key 'oidc.client_id': oidc.issuer is set, so expected the id"),
                      HasSubstr("key 'oidc.redirect_uri'"), HasSubstr("/session/oidc/callback")));
}

TEST(ConfigTest, OfAProviderThatIsNotNamedNothingIsSet)
{
    for (const std::string key :
         {"client_id = 'a'", "client_secret = 'a'", "name = 'Keycloak'",
          "redirect_uri = 'https://cron.example/session/oidc/callback'", "scopes = ['openid']",
          "user_claim = 'email'", "groups_claim = 'roles'", "read_groups = ['a']",
          "operate_groups = ['a']", "admin_groups = ['a']", "owner_groups = ['a']"}) {
        const std::string name = key.substr(0, key.find(' '));
        EXPECT_THAT(refusal("[oidc]\n" + key),
                    HasSubstr("key 'oidc." + name + "': it is of no use without oidc.issuer"));
    }
    Folder folder;
    folder.write("s", secret);
    EXPECT_THAT(
        load(folder.write("app.toml", "[oidc]\nclient_secret_file = 's'\n")).error().message,
        HasSubstr("key 'oidc.client_secret_file': it is of no use"));
}

TEST(ConfigTest, AProviderIsAskedOnlyWhereNobodyReadsAlong)
{
    const auto with = [](const std::string& key, const std::string& url) {
        return std::string("[oidc]\nclient_id = 'a'\n") +
               (key == "issuer" ? "" : "issuer = 'https://id.example'\n") +
               (key == "issuer" ? "redirect_uri = 'https://a/session/oidc/callback'\n" : "") + key +
               " = '" + url + "'\n";
    };
    for (const std::string good :
         {"https://id.example", "https://id.example:8443/realms/a", "https://[2001:db8::1]/a",
          "https://10.0.0.1", "http://127.0.0.1:8080", "http://localhost", "http://localhost:81/a",
          "http://[::1]/a"}) {
        EXPECT_EQ(refusal(with("issuer", good)), "") << good;
    }
    for (const std::string bad :
         {"http://id.example", "http://10.0.0.1", "http://192.168.1.1:8080",
          "http://localhost.example", "http://localhost:81x", "https://", "https:///a",
          "https://:443/a", "https://id.example:0", "https://a@id.example", "https://id.example?a",
          "ftp://id.example", "id.example"}) {
        EXPECT_THAT(refusal(with("issuer", bad)),
                    AllOf(HasSubstr("key 'oidc.issuer': found \"" + bad + "\""),
                          HasSubstr("(http:// for this machine alone)")));
    }
    const std::string path = "/session/oidc/callback";
    EXPECT_EQ(refusal(with("redirect_uri", "https://cron.example/below" + path)), "");
    for (const std::string& bad :
         {"http://cron.example" + path, std::string("https://cron.example/"),
          "https://cron.example" + path + "/", "https://" + path}) {
        EXPECT_THAT(refusal(with("redirect_uri", bad)),
                    AllOf(HasSubstr("key 'oidc.redirect_uri': found \"" + bad + "\""),
                          HasSubstr("https://cron.example/session/oidc/callback")));
    }
}

TEST(DifferingKeysTest, AreNamedAlsoWhereTheyAreSecret)
{
    const auto keys = [](std::string_view left, std::string_view right) {
        return differing_keys(*parse(left), *parse(right));
    };
    EXPECT_THAT(keys("log_level = 4", "log_level = 'info'"), IsEmpty());
    EXPECT_THAT(keys("mode = 'solo'\nmysql_password = 'a'\nexec.slots = 2",
                     "mode = 'solo'\nmysql_password = 'b'\nhttp.trusted_proxies = ['10.0.0.1']"),
                ElementsAre("mysql_password", "exec.slots", "http.trusted_proxies"));
    const std::string token = "[[http.tokens]]\nname = 'a'\nrole = 'read'\ntoken = ";
    EXPECT_THAT(keys(token + "'0123456789abcdef'", token + "'0123456789abcdeF'"),
                ElementsAre("http.tokens"));
}

TEST(DataDirTest, IsTheFirstThatTheEnvironmentNames)
{
    const Environment all{{"STATE_DIRECTORY", "/var/lib/peercron:/var/lib/other"},
                          {"XDG_STATE_HOME", "/home/a/state"},
                          {"HOME", "/home/a"}};
    EXPECT_EQ(parse("", all)->data_dir, "/var/lib/peercron");
    Environment some = all;
    some.erase("STATE_DIRECTORY");
    EXPECT_EQ(parse("", some)->data_dir, "/home/a/state/peercron");
    some.erase("XDG_STATE_HOME");
    EXPECT_EQ(parse("", some)->data_dir, "/home/a/.local/state/peercron");
    EXPECT_EQ(parse("data_dir = '/srv/cron'", all)->data_dir, "/srv/cron");
}

TEST(JournalFileNameTest, IsTheNodesOwnInTheFolderForIt)
{
    const auto file = [](std::string_view text) { return parse(text)->journal_file(); };
    EXPECT_EQ(file("data_dir = '/srv/cron'"), "/srv/cron/journal-127.0.0.1_9990");
    EXPECT_EQ(file("mode = 'cluster'\ndata_dir = '/srv/cron'\nbind_address = '[::1]:9993'"),
              "/srv/cron/journal-___1__9993");
    EXPECT_EQ(file("data_dir = '/srv/cron'\n[exec]\njournal_dir = '/var/spool/cron'"),
              "/var/spool/cron/journal-127.0.0.1_9990");
    EXPECT_THAT(parse("[exec]\njournal_dir = 'here'").error().message,
                HasSubstr("a folder's path from the root"));
    EXPECT_EQ(parse("[exec]\njournal_limit = 0")->exec.journal_limit, 0U);
}

TEST(ConfigFileTest, ThatIsMissingIsAnErrorWithItsPath)
{
    EXPECT_EQ(load("/nonexistent/app.toml").error().message,
              "/nonexistent/app.toml: cannot be read: No such file or directory");
    EXPECT_THAT(load("/").error().message, HasSubstr("cannot be read: Is a directory"));
}

std::filesystem::path example_file()
{
    return std::filesystem::path(std::getenv("PEERCRON_SOURCE_DIR")) / "config" / "peercron.toml";
}

std::string example_text()
{
    std::ifstream in(example_file());
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A line of the example that sets a key when its "# " is taken away.
struct ExampleLine {
    std::string key;
    std::string text;  // the whole file, with this line in force
};

std::vector<ExampleLine> example_lines()
{
    const std::string text = example_text();
    std::vector<ExampleLine> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        const std::string line = text.substr(begin, end - begin);
        const auto key_end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.", 2);
        if (line.starts_with("# ") && key_end > 2 && line.substr(key_end).starts_with(" = ")) {
            std::string changed = text;
            changed.erase(begin, 2);
            lines.push_back({line.substr(2, key_end - 2), std::move(changed)});
        }
        begin = end + 1;
    }
    return lines;
}

TEST(ExampleFileTest, ChangesNothingAsItIs)
{
    const auto config = load(example_file());
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(describe(*config), describe(*parse("")));
    EXPECT_THAT(config->origins, IsEmpty());
    EXPECT_EQ(config->mode, Config::Mode::solo);
}

TEST(ExampleFileTest, EachLineHasTheDefaultOfItsKey)
{
    // What says where a server is says that there is a cluster, too.
    const std::set<std::string> of_a_cluster{"consul_address", "mysql_host", "mysql_port",
                                             "mysql_database"};
    const auto without_mode = [](const std::string& text) {
        return text.substr(text.find('\n', text.find("mode = ")));
    };
    const Environment environment{{"STATE_DIRECTORY", "/var/lib/peercron"}};
    const std::string defaults = describe(*parse("", environment));
    for (const auto& [key, text] : example_lines()) {
        const auto config = parse(text, environment);
        ASSERT_TRUE(config) << key << ": " << config.error().message;
        EXPECT_EQ(without_mode(describe(*config)), without_mode(defaults)) << key;
        EXPECT_EQ(config->mode == Config::Mode::cluster, of_a_cluster.contains(key)) << key;
    }
}

TEST(ExampleFileTest, HasEveryKeyOnceAndNothingElse)
{
    std::multiset<std::string> keys;
    for (const ExampleLine& line : example_lines()) keys.insert(line.key);
    std::multiset<std::string> expected;
    for (const std::string& key : config_keys()) {
        const bool is_of_table = key.starts_with("http.tokens") || key.starts_with("notify.tags");
        if (!is_of_table) expected.insert(key);
    }
    expected.insert("http.tokens");
    expected.insert("notify.tags");
    EXPECT_EQ(keys, expected);
    std::istringstream lines(example_text());
    for (std::string line; std::getline(lines, line);) {
        EXPECT_TRUE(line.empty() || line.starts_with('#')) << line;
    }
}

TEST(ExampleFileTest, TakesATokenInBothForms)
{
    const std::string table =
        "\n[[http.tokens]]\nname = 'a'\ntoken = '0123456789abcdef'\nrole = 'read'\n";
    EXPECT_EQ(parse(example_text() + table)->http.tokens.size(), 1U);
    EXPECT_EQ(parse(example_text() + table)->mode, Config::Mode::solo);
    EXPECT_EQ(parse("http.max_body = '2MiB'\n" + table)->http.tokens.size(), 1U);
    EXPECT_EQ(parse("http.tokens = [{name = 'a', token = '0123456789abcdef', role = 'read'}]")
                  ->http.tokens.size(),
              1U);
}

}  // namespace
}  // namespace peercron
