#pragma once

#include "base/event.hpp"
#include "store/store_sessions.hpp"

#include <chrono>
#include <cstddef>

namespace peercron::testing {

/// A session that carries calls out on the loop; each is answered after that time.
class LoopSession final : public StoreSessions {
public:
    LoopSession(Store& store, const std::chrono::milliseconds& takes) : store_(store), takes_(takes)
    {}

    std::size_t count() const override { return 1; }
    asio::awaitable<void> run(std::size_t /*session*/, const Job& job) override
    {
        job(store_);
        if (takes_.count() > 0) co_await sleep_for(takes_);
    }

private:
    Store& store_;
    const std::chrono::milliseconds& takes_;
};

}  // namespace peercron::testing
