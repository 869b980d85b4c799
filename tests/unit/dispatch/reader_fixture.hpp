#pragma once

#include "dispatch/dispatcher_metrics.hpp"
#include "dispatch/ledger_reads.hpp"
#include "dispatch/step_writer.hpp"
#include "dispatch/store_calls.hpp"
#include "dispatch/term_lock.hpp"
#include "simulation/unused_store.hpp"
#include "store/store_pool.hpp"
#include "unit/dispatch/links_fixture.hpp"
#include "unit/store/loop_session.hpp"

#include <prometheus/registry.h>

#include <chrono>
#include <exception>
#include <memory>
#include <utility>

namespace peercron {

/// A term that has begun, whose store answers as the test says: an UnusedStore of which `Answers`
/// has the calls that are made.
template <class Answers>
class ReaderTest : public LinksTest {
protected:
    ReaderTest()
    {
        TermStart found;
        found.planned_through = clock_.now().wall;
        rules_.begin(found, clock_.now());
    }
    ~ReaderTest() override { loop_.drop_all(); }

    void spawn(asio::awaitable<void> work)
    {
        asio::co_spawn(loop_.executor(), std::move(work), [](const std::exception_ptr&) {});
    }

    Answers store_;
    std::chrono::milliseconds store_takes_{0};
    StorePool pool_{loop_.executor(), machine_,
                    std::make_unique<testing::LoopSession>(store_, store_takes_),
                    StorePool::TooLong::caller};
    prometheus::Registry registry_;
    Dispatcher::Metrics metrics_{registry_};
    TermLock term_lock_{lock_, 7};
    StoreCalls calls_{pool_, term_lock_, alpha};
    StepWriter writer_{loop_.executor(), machine_, pool_, metrics_, lock_};
    bool is_woken_ = false;  ///< the dispatch loop
    LedgerReads ledger_{loop_.executor(), clock_, pool_, writer_, [this] { is_woken_ = true; }};
};

}  // namespace peercron
