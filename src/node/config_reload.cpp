#include "node/config_reload.hpp"

#include "base/log.hpp"
#include "node/part_settings.hpp"

#include <spdlog/spdlog.h>

#include <exception>
#include <string>
#include <vector>

namespace peercron {

void ConfigReload::read_again()
{
    const auto fresh = Config::load(sources_);
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
    if (certificate_.reload(*fresh)) {
        in_force_.tls = fresh->tls;
        changes.emplace_back("the certificate was read again");
    }
    if (peer_certificate_.reload(*fresh)) {
        in_force_.peer_tls = fresh->peer_tls;
        changes.emplace_back("the certificate of the peer port was read again");
    }
    api_.admit_by(access_rules(in_force_));
    spdlog::info("node: reloaded; {}", fmt::join(changes, ", "));
    const std::vector<std::string> waiting = differing_keys(in_force_, *fresh);
    if (waiting.empty()) return;
    spdlog::warn("node: the changes of {} take effect at the next start", fmt::join(waiting, ", "));
}

}  // namespace peercron
