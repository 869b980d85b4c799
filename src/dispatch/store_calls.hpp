#pragma once

#include "dispatch/term_lock.hpp"
#include "dispatch/until_it_works.hpp"
#include "model/run.hpp"
#include "store/store_pool.hpp"

#include <string>
#include <type_traits>
#include <utility>

namespace peercron {

/// The calls of the store that a term cannot go on without: each is tried until it works, and
/// throws Deposed when the lock is lost meanwhile. Lives on the I/O thread.
class StoreCalls {
public:
    StoreCalls(StorePool& store, const TermLock& lock, NodeName self)
        : store_(store), lock_(lock), self_(std::move(self))
    {}

    /// Makes the store take this term for the present one, and reads what it has.
    asio::awaitable<TermStart> begin_term() const;

    /// See peercron::until_it_works(); `trouble` as in Retry.
    template <class Attempt>
    std::invoke_result_t<const Attempt&> until_it_works(std::string trouble,
                                                        const Attempt& attempt) const
    {
        Retry retry;
        retry.trouble = std::move(trouble);
        retry.check = [this] { lock_.check(); };
        co_return co_await peercron::until_it_works(retry, attempt);
    }

private:
    StorePool& store_;
    const TermLock& lock_;
    const NodeName self_;
};

}  // namespace peercron
