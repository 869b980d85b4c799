#include "node/step_keeper.hpp"

#include "wire/codec.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace peercron {
namespace {

/// A minute of 1,000 fires a second is about 10 MiB.
constexpr std::size_t most_bytes = 256U << 20U;

}  // namespace

StepKeeper::StepKeeper(asio::any_io_executor executor, Journal& journal,
                       std::function<void(const StepKept&)> on_kept)
    : journal_(journal), on_kept_(std::move(on_kept)), changed_(std::move(executor))
{}

asio::awaitable<void> StepKeeper::replay()
{
    if (!journal_.is_open()) co_return;
    const std::vector<JournalEntry> entries = co_await journal_.entries(step_record);
    std::vector<JournalSequence> sequences;
    for (const JournalEntry& entry : entries) sequences.push_back(entry.sequence);
    if (sequences.empty()) co_return;
    const auto payloads = co_await journal_.read(sequences);
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        auto message = payloads[i] ? decode(*payloads[i]) : payloads[i].error();
        StepCopy* copy = message && *message ? std::get_if<StepCopy>(&**message) : nullptr;
        if (copy == nullptr) {
            spdlog::error("node: the journal has a step of the plan that cannot be read: {}",
                          message ? std::string("it is something else") : message.error().message);
            old_.push_back(sequences[i]);
            continue;
        }
        const StepId id = copy->step.id();
        bytes_ += payloads[i]->size();
        Copy kept;
        kept.step = std::move(copy->step);
        kept.size = payloads[i]->size();
        kept.record = sequences[i];
        copies_.emplace(id, std::move(kept));
    }
    spdlog::info("node: the journal has {} steps of the plan that the store may not have",
                 copies_.size());
}

asio::awaitable<void> StepKeeper::run()
{
    for (;;) {
        while (new_.empty() && old_.empty()) co_await changed_.wait();
        if (!new_.empty()) co_await write_new();
        if (!old_.empty()) co_await remove_old();
    }
}

void StepKeeper::keep(PlanStep step)
{
    const StepId id = step.id();
    if (!copies_.contains(id)) {
        if (full_) return;  // what is kept has no gap
        std::string bytes = encode(StepCopy{step});
        full_ = bytes_ + bytes.size() > most_bytes;
        if (full_) {
            spdlog::error(
                "node: no room for more steps of the plan: {} MiB already wait here for the store; "
                "nothing new is planned until it takes some",
                bytes_ >> 20U);
            return;
        }
        bytes_ += bytes.size();
        Copy copy;
        copy.step = std::move(step);
        copy.size = bytes.size();
        copy.bytes = std::move(bytes);
        copies_.emplace(id, std::move(copy));
    }
    new_.push_back(id);
    changed_.notify();
}

void StepKeeper::stored(StepId through)
{
    const auto end = copies_.upper_bound(through);
    for (auto copy = copies_.begin(); copy != end; copy = copies_.erase(copy)) {
        bytes_ -= copy->second.size;
        if (copy->second.record) old_.push_back(*copy->second.record);
    }
    full_ = false;
    changed_.notify();
}

std::vector<PlanStep> StepKeeper::steps() const
{
    std::vector<PlanStep> steps;
    for (const auto& [id, copy] : copies_) steps.push_back(copy.step);
    return steps;
}

asio::awaitable<void> StepKeeper::write_new()
{
    const std::deque<StepId> ids = std::exchange(new_, {});
    std::vector<StepId> written;
    std::vector<std::string> payloads;
    for (const StepId& id : ids) {
        const auto copy = copies_.find(id);
        if (copy == copies_.end() || copy->second.bytes.empty()) continue;
        written.push_back(id);
        payloads.push_back(std::exchange(copy->second.bytes, {}));
    }
    std::vector<JournalSequence> records;
    if (!payloads.empty() && journal_.is_open()) {
        auto appended = co_await journal_.append(step_record, std::move(payloads));
        if (appended) records = std::move(*appended);  // the journal says what is wrong
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
        const auto copy = copies_.find(written[i]);
        if (copy == copies_.end()) {
            old_.push_back(records[i]);  // stored meanwhile
        } else {
            copy->second.record = records[i];
        }
    }
    for (const StepId& id : ids) {
        const auto copy = copies_.find(id);
        if (copy != copies_.end()) on_kept_(StepKept{id, copy->second.record.has_value()});
    }
}

asio::awaitable<void> StepKeeper::remove_old()
{
    if (!journal_.is_open()) {
        old_.clear();
        co_return;
    }
    std::vector<JournalSequence> old = std::exchange(old_, std::vector<JournalSequence>());
    co_await journal_.remove(std::move(old));
}

}  // namespace peercron
