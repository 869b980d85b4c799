#pragma once

#include "base/event.hpp"
#include "base/journal.hpp"
#include "wire/message.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// The steps' kind of record in a journal; what it holds: encode() of a StepCopy.
inline constexpr JournalKind step_record{2};

/// Keeps copies of steps of the plan that a dispatcher could not store, for its successor: in
/// memory, and in the journal when there is one. Lives on the I/O thread.
class StepKeeper {
public:
    /// `on_kept` is told what to answer to the dispatcher.
    StepKeeper(asio::any_io_executor executor, Journal& journal,
               std::function<void(const StepKept&)> on_kept);

    /// Reads back the steps in the journal. To be awaited before anything else is done.
    asio::awaitable<void> replay();

    /// Ends only by cancellation.
    asio::awaitable<void> run();

    /// Keeps the step; on_kept follows, unless there is no space for it.
    void keep(PlanStep step);

    /// The store has the steps up to here.
    void stored(StepId through);

    /// Whether what is kept outlives this process.
    bool is_durable() const { return journal_.is_open(); }

    bool empty() const { return copies_.empty(); }

    /// All that are kept, in order.
    std::vector<PlanStep> steps() const;

private:
    struct Copy {
        PlanStep step;
        std::string bytes;  // until it is in the journal, or cannot be
        std::size_t size = 0;
        std::optional<JournalSequence> record;
    };

    asio::awaitable<void> write_new();
    asio::awaitable<void> remove_old();

    Journal& journal_;
    std::function<void(const StepKept&)> on_kept_;
    Event changed_;
    std::map<StepId, Copy> copies_;
    std::size_t bytes_ = 0;  // of copies_, as they are on the wire
    std::deque<StepId> new_;
    std::vector<JournalSequence> old_;
    bool full_ = false;
};

}  // namespace peercron
