#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace peercron {

/// The sessions of this process that want to write to one SQLite database, in the order they came.
///
/// SQLite allows one writer and lets the others poll with pauses of up to 100 ms, in no order; a
/// commit of the plan must not wait like that. This and DatabaseFile, which has it, are the only
/// places in the program with a mutex, because the sessions block on threads of their own
/// (StorePool).
class WriterQueue {
    friend class WriterTurn;

    std::mutex mutex_;
    std::condition_variable moved_;
    std::uint64_t last_ticket_ = 0;
    std::uint64_t serving_ = 1;
};

/// Blocks until it is this session's turn; the turn ends with the object.
class WriterTurn {
public:
    explicit WriterTurn(WriterQueue& queue);
    WriterTurn(const WriterTurn&) = delete;
    WriterTurn& operator=(const WriterTurn&) = delete;
    ~WriterTurn();

private:
    WriterQueue& queue_;
};

}  // namespace peercron
