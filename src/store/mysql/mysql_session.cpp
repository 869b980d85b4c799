#include "store/mysql/mysql_session.hpp"

#include "store/store.hpp"

#include <spdlog/spdlog.h>

namespace peercron {
namespace {

constexpr int lock_conflict_tries = 5;

}  // namespace

MysqlConnection& MysqlSession::connection(Call& call)
{
    call.connected = false;
    if (connection_ && connection_->hung_up()) connection_.reset();
    if (!connection_) connection_.emplace(settings_);
    call.connected = true;
    return *connection_;
}

void MysqlSession::recover(Call& call, const MysqlError& error)
{
    if (error.lock_conflict() && ++call.lock_conflicts < lock_conflict_tries) {
        spdlog::debug("store: {}: {}; trying again", call.what, error.what());
        return;
    }
    const bool try_another = error.connection_lost() || error.takes_no_changes();
    if (!call.connected || try_another) connection_.reset();
    if (call.connected && try_another && !call.reconnected) {
        const bool in_time = std::chrono::steady_clock::now() - call.begun < settings_.timeout;
        const bool harmless =
            call.repeat == Repeat::safe || error.not_sent() || error.takes_no_changes();
        if (in_time && harmless) {
            call.reconnected = true;
            spdlog::debug("store: {}: {}; connecting again", call.what, error.what());
            return;
        }
    }
    const std::string why = fmt::format("cannot {}: MySQL at {}, database {}: {}", call.what,
                                        to_string(settings_), settings_.database, error.what());
    if (!error.time_limit()) throw StoreError(why);
    const std::chrono::duration<double> limit = settings_.timeout;
    throw TookTooLong(fmt::format("{}; the limit of a statement is {:g} s", why, limit.count()));
}

}  // namespace peercron
