#include "node/local_server.hpp"

#include "base/environment.hpp"
#include "base/socket_places.hpp"
#include "node/part_settings.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>

#include <unistd.h>

namespace peercron {

LocalServer::LocalServer(const asio::any_io_executor& executor, const Config& config,
                         const Router& router, prometheus::Registry& metrics, Budget& budget)
    : path_(local_socket(config))
{
    if (path_.empty()) return;
    const bool is_usual = config.http.socket.empty();
    try {
        if (is_usual && std::filesystem::create_directories(path_.parent_path())) {
            const auto own = std::filesystem::perms::owner_all;
            const auto passable =
                std::filesystem::perms::group_exec | std::filesystem::perms::others_exec;
            std::filesystem::permissions(path_.parent_path(), own | passable);
        }
        server_.emplace(executor, http_settings(config, std::string(local_scheme) + path_.string()),
                        router, metrics, budget);
    } catch (const std::exception& error) {
        if (!is_usual) throw;
        spdlog::warn("node: no socket for users of this machine: {}", error.what());
    }
}

std::string LocalServer::url_for_commands() const
{
    const auto places = socket_places(::geteuid(), environment_variable);
    const bool is_found = std::ranges::find(places, path_) != places.end();
    return is_found ? "" : std::string(local_scheme) + path_.string();
}

}  // namespace peercron
