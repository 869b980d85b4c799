#include "dispatch/store_calls.hpp"

namespace peercron {

asio::awaitable<TermStart> StoreCalls::begin_term() const
{
    const auto begin = [epoch = lock_.epoch(), self = self_](Store& store) {
        return store.begin_term(epoch, self);
    };
    const auto attempt = [&] { return store_.call(begin); };
    std::string trouble =
        fmt::format("dispatch: the store does not let epoch {} begin", lock_.epoch());
    co_return co_await until_it_works(std::move(trouble), attempt);
}

}  // namespace peercron
