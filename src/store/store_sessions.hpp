#pragma once

#include "store/store.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace peercron {

namespace asio = boost::asio;

/// Sessions with a store, and whatever carries calls out on them. Called on the I/O thread;
/// outlives every call.
class StoreSessions {
public:
    using Job = std::function<void(Store&)>;

    StoreSessions() = default;
    StoreSessions(const StoreSessions&) = delete;
    StoreSessions& operator=(const StoreSessions&) = delete;
    virtual ~StoreSessions() = default;

    virtual std::size_t count() const = 0;

    /// Runs `job` on a session that no other call uses, and resumes the caller on its own executor.
    /// Throws what `job` throws. A job that has begun runs to its end even when the caller is
    /// cancelled.
    virtual asio::awaitable<void> run(std::size_t session, const Job& job) = 0;
};

/// Sessions that block a thread each while they are in use.
class SessionThreads final : public StoreSessions {
public:
    using Open = std::function<std::unique_ptr<Store>()>;

    /// Opens nothing yet: a session connects at its first call, on its own thread.
    SessionThreads(std::size_t count, const Open& open);
    SessionThreads(const SessionThreads&) = delete;
    SessionThreads& operator=(const SessionThreads&) = delete;
    ~SessionThreads() override;

    std::size_t count() const override { return sessions_.size(); }
    asio::awaitable<void> run(std::size_t session, const Job& job) override;

private:
    std::vector<std::unique_ptr<Store>> sessions_;
    asio::thread_pool threads_;
};

}  // namespace peercron
