#pragma once

#include "integration/servers/child_process.hpp"

#include <poll.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

namespace peercron::testing {

/// A throw-away MariaDB from Debian's binaries, or the MySQL whose server $PEERCRON_MYSQLD names,
/// on a free port of loopback, set up to be quick instead of durable. Port and data stay the same
/// from one start to the next.
class DatabaseServer {
public:
    static constexpr std::string_view host = "127.0.0.1";
    static constexpr std::string_view user = "peercron";  ///< may do everything
    static constexpr std::string_view password = "it's \"secret\"";

    /// The one that the tests of an executable share. Leave it running, and use database names of
    /// your own.
    static DatabaseServer& shared()
    {
        static DatabaseServer server;
        if (!server.running()) server.start();
        return server;
    }

    /// Does not start it. `options` are more of the server's, such as "--max-allowed-packet=1M".
    explicit DatabaseServer(std::vector<std::string> options = {}) : options_(std::move(options)) {}

    ~DatabaseServer()
    {
        if (running()) stop();
    }
    DatabaseServer(const DatabaseServer&) = delete;
    DatabaseServer& operator=(const DatabaseServer&) = delete;

    std::uint16_t port() const { return port_; }
    std::string socket() const { return (folder_.path() / "socket").string(); }

    /// Starts it and waits until it answers.
    void start()
    {
        if (!std::filesystem::exists(data())) install();
        std::vector<std::string> command{
            program(),
            "--no-defaults",
            "--user=root",
            "--datadir=" + data().string(),
            // Of its own: a server that starts removes the temporary tables of others from /tmp.
            "--tmpdir=" + folder_.path().string(),
            "--bind-address=" + std::string(host),
            "--port=" + std::to_string(port_),
            "--socket=" + socket(),
            "--pid-file=" + (folder_.path() / "pid").string(),
            "--init-file=" + (folder_.path() / "users.sql").string(),
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=64M",
            is_mysql() ? "--innodb-redo-log-capacity=32M" : "--innodb-log-file-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-fast-shutdown=2",
            "--sync-binlog=0",
            "--skip-log-bin",
            "--performance-schema=OFF",
            "--character-set-server=latin1",  // ours must say what they need
            "--default-time-zone=+05:30",
        };
        if (is_mysql()) command.emplace_back("--mysqlx=OFF");
        command.insert(command.end(), options_.begin(), options_.end());
        process_.emplace(std::move(command), log());
        const auto settled = [this] { return !process_->running() || greets(); };
        if (!poll_until(settled, std::chrono::seconds(60)) || !process_->running()) {
            throw std::runtime_error(program() + " did not start:\n" + read(log()));
        }
    }

    bool running() { return process_ && process_->running(); }
    void stop() { process_->stop(std::chrono::seconds(20)); }
    void kill() { process_->kill(); }
    void pause() { process_->pause(); }
    void resume() { process_->resume(); }

    /// What the server's own client prints for `sql`: a line per row, columns apart by tabs.
    /// Throws when the server refuses it.
    std::string sql(std::string_view statements, const std::string& database = {}) const
    {
        const ServerFolder scratch("sql");
        const auto input = scratch.path() / "input";
        const auto errors = scratch.path() / "errors";
        std::ofstream(input) << statements;
        const std::string command = "mariadb --no-defaults --socket='" + socket() +
                                    "' --user=root --default-character-set=utf8mb4 --batch"
                                    " --skip-column-names --raw " +
                                    database + " <'" + input.string() + "' 2>'" + errors.string() +
                                    "'";
        FILE* const pipe = ::popen(command.c_str(), "r");
        std::string output;
        std::array<char, 4096> part{};
        for (std::size_t size = 1; size > 0; output.append(part.data(), size)) {
            size = std::fread(part.data(), 1, part.size(), pipe);
        }
        if (::pclose(pipe) != 0) throw std::runtime_error(read(errors));
        return output;
    }

    /// Which of the two families it is.
    static bool is_mysql() { return std::getenv("PEERCRON_MYSQLD") != nullptr; }

private:
    static std::string program()
    {
        return is_mysql() ? std::getenv("PEERCRON_MYSQLD") : "/usr/sbin/mariadbd";
    }

    /// Makes the data folder. Installing takes seconds, so it is done once in a build folder.
    void install() const
    {
        const std::string family = is_mysql() ? "mysql" : "mariadb";
        const ServerFolder scratch(family + "-install");
        const auto ready = scratch.path().parent_path() / (family + "-installed");
        if (!std::filesystem::exists(ready)) {
            const auto fresh = scratch.path() / "data";
            const std::string data_option = "--datadir=" + fresh.string();
            const std::string scratch_option = "--tmpdir=" + scratch.path().string();
            ChildProcess installer(
                is_mysql()
                    ? std::vector<std::string>{program(), "--no-defaults", "--user=root",
                                               "--initialize-insecure", data_option, scratch_option}
                    : std::vector<std::string>{"/usr/bin/mariadb-install-db", "--no-defaults",
                                               "--user=root",
                                               "--auth-root-authentication-method=normal",
                                               "--skip-test-db", "--innodb-log-file-size=16M",
                                               data_option, scratch_option},
                log());
            poll_until([&] { return !installer.running(); }, std::chrono::seconds(120));
            if (!std::filesystem::exists(fresh / "mysql")) {
                throw std::runtime_error("the database could not be set up:\n" + read(log()));
            }
            std::error_code another_was_first;
            std::filesystem::rename(fresh, ready, another_was_first);
        }
        std::filesystem::copy(ready, data(), std::filesystem::copy_options::recursive);
        std::ofstream(folder_.path() / "users.sql")
            << "CREATE USER IF NOT EXISTS peercron@'%' IDENTIFIED BY 'it\\'s \"secret\"';\n"
               "GRANT ALL PRIVILEGES ON *.* TO peercron@'%' WITH GRANT OPTION;\n";
    }

    /// A server that is ready sends the first packet of a connection.
    bool greets() const
    {
        const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        pollfd answer{client, POLLIN, 0};
        char first = 0;
        const bool greeted =
            ::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
            ::poll(&answer, 1, 1000) == 1 && ::recv(client, &first, 1, 0) == 1;
        ::close(client);
        return greeted;
    }

    static std::string read(const std::filesystem::path& file)
    {
        std::ifstream stream(file);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    std::filesystem::path data() const { return folder_.path() / "data"; }
    std::filesystem::path log() const { return folder_.path() / "log"; }

    std::vector<std::string> options_;
    ServerFolder folder_{"mariadb"};
    std::uint16_t port_ = free_port();
    std::optional<ChildProcess> process_;
};

}  // namespace peercron::testing
