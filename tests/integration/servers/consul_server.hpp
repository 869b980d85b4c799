#pragma once

#include "integration/servers/child_process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/beast/http/write.hpp>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

namespace peercron::testing {

/// A throw-away Consul: one server agent on free ports of loopback, with quick Raft timing. The
/// ports and the data stay the same from one start to the next.
///
/// The program is $PEERCRON_CONSUL, else `consul` of PATH, else build/tools/consul of the project.
class ConsulServer {
public:
    struct Reply {
        unsigned status = 0;
        std::string body;
    };

    /// The one that the tests of an executable share. Leave it running and without your services.
    static ConsulServer& shared()
    {
        static ConsulServer server;
        if (!server.running()) server.start();
        return server;
    }

    enum class Acl { off, deny_by_default };

    /// Does not start it. With ACLs, PUT /v1/acl/bootstrap gives the first token. `more` is added
    /// to its configuration.
    explicit ConsulServer(Acl acl = Acl::off, const std::string& more = {})
        : acl_(acl), folder_("consul")
    {
        std::ofstream(folder_.path() / "more.hcl") << more;
        std::ofstream(folder_.path() / "consul.hcl")
            << "server = true\n"
               "bootstrap_expect = 1\n"
               "node_name = \"test\"\n"
               "bind_addr = \"127.0.0.1\"\n"
               "client_addr = \"127.0.0.1\"\n"
               "disable_update_check = true\n"
               "performance { raft_multiplier = 1 }\n"
            << "ports { dns = -1 grpc = -1 " << (has_grpc_tls() ? "grpc_tls = -1 " : "")
            << "serf_wan = -1 http = " << port_ << " serf_lan = " << free_port()
            << " server = " << free_port() << " }\n"
            << (acl_ == Acl::off ? "" : "acl { enabled = true default_policy = \"deny\" }\n");
    }

    /// "127.0.0.1:PORT" of the HTTP API.
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

    /// Starts it and waits until it is ready.
    void start()
    {
        launch();
        const auto settled = [this] { return !running() || ready(); };
        if (!poll_until(settled, std::chrono::seconds(60)) || !running()) {
            std::ifstream log(log_file());
            const std::string text(std::istreambuf_iterator<char>(log), {});
            throw std::runtime_error("Consul did not start:\n" + text);
        }
    }

    /// Starts it without waiting.
    void launch()
    {
        const std::string configuration = (folder_.path() / "consul.hcl").string();
        const std::string more = (folder_.path() / "more.hcl").string();
        std::vector<std::string> command{program(), "agent", "-config-file=" + configuration,
                                         "-config-file=" + more, "-data-dir=" + data().string()};
        process_.emplace(std::move(command), log_file());
    }

    /// Whether it can be worked with: there is a leader, and it has put its own agent into the
    /// catalog, without which there is no session. With ACLs the catalog is not shown: then the
    /// leader must do.
    bool ready() const
    {
        try {
            if (get("/v1/status/leader").body.size() <= 2) return false;  // ""
            if (acl_ != Acl::off) return true;
            return get("/v1/health/node/test").body.find("serfHealth") != std::string::npos;
        } catch (const boost::system::system_error&) {
            return false;  // not listening yet
        }
    }

    bool running() { return process_ && process_->running(); }
    pid_t id() const { return process_->id(); }
    void stop() { process_->stop(std::chrono::seconds(20)); }
    void kill() { process_->kill(); }
    void pause() { process_->pause(); }
    void resume() { process_->resume(); }

    /// Forgets all data. Not while it runs.
    void wipe() { std::filesystem::remove_all(data()); }

    /// Calls the HTTP API; throws when there is no answer.
    Reply call(boost::beast::http::verb method, const std::string& target,
               const std::string& body = {}, const std::string& token = {}) const
    {
        namespace http = boost::beast::http;
        boost::asio::io_context io;
        boost::beast::tcp_stream stream(io);
        stream.connect(
            boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), port_));
        http::request<http::string_body> request(method, target, 11, body);
        request.set(http::field::host, address());
        request.set(http::field::connection, "close");
        if (!token.empty()) request.set("X-Consul-Token", token);
        request.prepare_payload();
        http::write(stream, request);
        boost::beast::flat_buffer buffer;
        http::response<http::string_body> response;
        http::read(stream, buffer, response);
        return {response.result_int(), response.body()};
    }
    Reply get(const std::string& target, const std::string& token = {}) const
    {
        return call(boost::beast::http::verb::get, target, {}, token);
    }
    Reply put(const std::string& target, const std::string& body = {},
              const std::string& token = {}) const
    {
        return call(boost::beast::http::verb::put, target, body, token);
    }

private:
    static std::string program()
    {
        if (const char* const told = std::getenv("PEERCRON_CONSUL")) return told;
        std::istringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
        for (std::string folder; std::getline(path, folder, ':');) {
            const auto found = std::filesystem::path(folder) / "consul";
            if (::access(found.c_str(), X_OK) == 0) return found;
        }
        const char* const source = std::getenv("PEERCRON_SOURCE_DIR");
        const auto built =
            std::filesystem::path(source != nullptr ? source : ".") / "build/tools/consul";
        if (::access(built.c_str(), X_OK) == 0) return built;
        throw std::runtime_error(
            "no Consul for the tests: set PEERCRON_CONSUL, put consul into PATH, or run bin/setup");
    }

    /// From 1.14 on a server listens on a port for it, the same in each; older ones refuse the key.
    static bool has_grpc_tls()
    {
        static const bool has = [] {
            FILE* const pipe = ::popen(("'" + program() + "' version").c_str(), "r");
            int major = 0;
            int minor = 0;
            const int read = std::fscanf(pipe, "Consul v%d.%d", &major, &minor);
            while (std::fgetc(pipe) != EOF) {
                // Closed before its last word, it would be a failure of the writer.
            }
            if (::pclose(pipe) != 0 || read != 2) {
                throw std::runtime_error("'" + program() + " version' does not say its version");
            }
            return major > 1 || minor >= 14;
        }();
        return has;
    }

    std::filesystem::path data() const { return folder_.path() / "data"; }
    std::filesystem::path log_file() const { return folder_.path() / "log"; }

    Acl acl_;
    ServerFolder folder_;
    std::uint16_t port_ = free_port();
    std::optional<ChildProcess> process_;
};

}  // namespace peercron::testing
