#pragma once

#include "base/journal.hpp"
#include "simulation/world.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace peercron::simulation {

/// What is in the journal of a machine: it outlives the processes.
struct Disk {
    struct Record {
        JournalKind kind{};
        std::string payload;
    };
    std::map<JournalSequence, Record> records;
    JournalSequence last{};
};

/// A process's way to that, as DiskJournal: one call after the other. A write that has begun
/// happens although the process dies.
class SimulatedJournal final : public Journal {
public:
    SimulatedJournal(World& world, Disk& disk, bool is_open)
        : world_(world), disk_(disk), is_open_(is_open)
    {}

    bool is_open() const override { return is_open_; }
    std::uint64_t largest_record() const override { return 1U << 24U; }
    asio::awaitable<std::vector<JournalEntry>> entries(JournalKind kind) override;
    asio::awaitable<std::vector<Result<std::string>>> read(
        std::vector<JournalSequence> sequences) override;
    asio::awaitable<Result<std::vector<JournalSequence>>> append(
        JournalKind kind, std::vector<std::string> payloads) override;
    asio::awaitable<void> remove(std::vector<JournalSequence> sequences) override;

private:
    asio::awaitable<void> done(std::function<void()> work);

    World& world_;
    Disk& disk_;
    const bool is_open_;
    World::Time busy_until_{};
};

}  // namespace peercron::simulation
