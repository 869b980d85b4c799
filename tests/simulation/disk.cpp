#include "simulation/disk.hpp"

#include "base/event.hpp"

#include <memory>
#include <utility>

namespace peercron::simulation {

/// Completes when `work`, if there is any, is done, which happens even if the caller is gone by
/// then.
asio::awaitable<void> SimulatedJournal::done(std::function<void()> work)
{
    busy_until_ = std::max(busy_until_, world_.now()) + world_.random.between(50us, 5000us);
    if (work) world_.post(busy_until_, std::move(work));
    co_await sleep_for(busy_until_ - world_.now());
}

asio::awaitable<std::vector<JournalEntry>> SimulatedJournal::entries(JournalKind kind)
{
    co_await done(nullptr);
    std::vector<JournalEntry> found;
    for (const auto& [sequence, record] : disk_.records) {
        if (record.kind == kind) found.push_back({sequence, record.payload.size()});
    }
    co_return found;
}

asio::awaitable<std::vector<Result<std::string>>> SimulatedJournal::read(
    std::vector<JournalSequence> sequences)
{
    co_await done(nullptr);
    std::vector<Result<std::string>> found;
    for (const JournalSequence sequence : sequences) {
        const auto record = disk_.records.find(sequence);
        if (record == disk_.records.end()) {
            found.emplace_back(Error{"there is no such record"});
        } else {
            found.emplace_back(boost::system::in_place_value, record->second.payload);
        }
    }
    co_return found;
}

asio::awaitable<Result<std::vector<JournalSequence>>> SimulatedJournal::append(
    JournalKind kind, std::vector<std::string> payloads)
{
    const auto sequences = std::make_shared<std::vector<JournalSequence>>();
    auto write = [&disk = disk_, kind, sequences, payloads = std::move(payloads)] {
        for (const std::string& payload : payloads) {
            disk.records[++disk.last] = {kind, payload};
            sequences->push_back(disk.last);
        }
    };
    co_await done(std::move(write));
    co_return *sequences;
}

asio::awaitable<void> SimulatedJournal::remove(std::vector<JournalSequence> sequences)
{
    auto forget = [&disk = disk_, sequences = std::move(sequences)] {
        for (const JournalSequence sequence : sequences) disk.records.erase(sequence);
    };
    co_await done(std::move(forget));
}

}  // namespace peercron::simulation
