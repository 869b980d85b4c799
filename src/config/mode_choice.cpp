#include "config/mode_choice.hpp"

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace peercron {

void choose_mode(Config& config)
{
    const auto is_meant = [&config](std::string_view key) {
        const auto origin = config.origins.find(std::string(key));
        return origin != config.origins.end() ? &origin->second : nullptr;
    };
    if (const std::string* origin = is_meant("mode")) {
        config.mode_reason = "mode is set by " + *origin;
        return;
    }
    const std::array<std::pair<std::string_view, bool>, 12> keys{
        {{"consul_address", true},
         {"mysql_host", true},
         {"mysql_port", true},
         {"mysql_database", true},
         {"mysql_user", !config.mysql.user.empty()},
         {"mysql.socket", !config.mysql.socket.empty()},
         {"mysql_password", !config.mysql.password.empty()},
         {"mysql.password_file", !config.mysql.password.empty()},
         {"consul.token", !config.consul.token.empty()},
         {"consul.token_file", !config.consul.token.empty()},
         {"cluster.secret", !config.cluster_secret.empty()},
         {"cluster.secret_file", !config.cluster_secret.empty()}}};
    config.mode = Config::Mode::solo;
    config.mode_reason = "nothing of a cluster is configured";
    for (const auto& [key, says_something] : keys) {
        const std::string* origin = is_meant(key);
        if (origin == nullptr || !says_something) continue;
        const bool is_secret = key == "mysql_password" || key.starts_with("consul.token");
        if (is_secret && origin->starts_with("PEERCRON_")) continue;
        config.mode = Config::Mode::cluster;
        config.mode_reason = std::string(key) + " is set by " + *origin;
        return;
    }
}

}  // namespace peercron
