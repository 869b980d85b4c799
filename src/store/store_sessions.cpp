#include "store/store_sessions.hpp"

#include "base/offload.hpp"

namespace peercron {

SessionThreads::SessionThreads(std::size_t count, const Open& open) : threads_(count)
{
    for (std::size_t i = 0; i < count; ++i) sessions_.push_back(open());
}

SessionThreads::~SessionThreads()
{
    threads_.join();
}

asio::awaitable<void> SessionThreads::run(std::size_t session, const Job& job)
{
    const auto work = [&job, &store = *sessions_[session]] { job(store); };
    co_await offload(threads_, work);
}

}  // namespace peercron
