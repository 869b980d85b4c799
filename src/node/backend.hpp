#pragma once

#include "cluster/coordinator.hpp"
#include "config/config.hpp"
#include "exec/warden.hpp"
#include "store/store_pool.hpp"
#include "wire/connection.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace peercron {

/// What differs between a node of a cluster and a single node: chosen here, and nowhere else.
class Backend {
public:
    virtual ~Backend() = default;

    /// Opens a session with the store.
    virtual StorePool::Open open_store() const = 0;

    /// Brings the store's tables to this version; returns the names of what was applied. Blocks:
    /// with millions of rows, or behind another node that does it, for minutes. Throws StoreError,
    /// also when it is told to stop.
    virtual std::vector<std::string> migrate(std::stop_token stop) const = 0;

    /// Whether to wait for a store that cannot be prepared yet.
    virtual bool waits_for_store() const = 0;

    /// Which nodes there are and which of them dispatches.
    /// @param incarnation of this process.
    /// @param newest_epoch asks the store, until it answers.
    virtual std::unique_ptr<Coordinator> make_coordinator(
        asio::any_io_executor executor, const Clock& clock, const std::string& version,
        std::uint64_t incarnation, std::function<asio::awaitable<Epoch>()> newest_epoch) const = 0;

    /// Whether there are peers to listen to.
    virtual bool has_peers() const = 0;

    /// Where the data is, for the log.
    virtual std::string description() const = 0;

    /// What to print after a new database was created; "" = nothing.
    /// @param program how it is started from here.
    /// @param url what its --url has to name; empty: nothing.
    virtual std::string welcome(const std::string& program, const std::string& url) const = 0;
};

/// The backend for config.mode. Alone, it makes the data folder and takes the database for this
/// process; throws StoreError when it cannot.
std::unique_ptr<Backend> make_backend(const Config& config);

/// How the node and its peers talk.
PeerSettings peer_settings(const Config& config, const std::string& version);

/// The warden's settings for that configuration. Looks up Consul's name.
WardenSettings warden_settings(const Config& config, const std::string& version);

}  // namespace peercron
