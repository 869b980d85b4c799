#include "simulation/step_writer.hpp"

#include <utility>

namespace peercron::simulation {

StepWriter::StepWriter(Actor& actor, StoreLine& store, Mutation mutation)
    : world_(actor.world()),
      actor_(actor),
      store_(store),
      mutation_(mutation),
      added_(actor),
      changed_(actor)
{}

std::uint64_t StepWriter::add(PlanStep step)
{
    step.number = ++last_number_;
    waiting_.push_back(std::move(step));
    added_.notify();
    return last_number_;
}

Task<void> StepWriter::run()
{
    Backoff backoff(world_, 100ms, 1s);
    for (;;) {
        while (waiting_.empty()) co_await added_.wait();
        const bool is_stored = co_await store_first();
        if (is_stored) {
            backoff.reset();
            continue;
        }
        is_late();
        co_await Sleep(actor_, backoff.next());
    }
}

Task<bool> StepWriter::store_first()
{
    const auto write = [step = waiting_.front()](Database& database) {
        database.commit_as(step.epoch, step);
    };
    const World::Time sent = world_.now();
    try {
        co_await store_.call(write, StoreLine::Lock::term);
    } catch (const StoreError&) {
        co_return false;
    } catch (const Deposed&) {
        if (mutation_ != Mutation::goes_on_deposed) throw;
    }
    stored_ = waiting_.front().number;
    stored_at_ = sent;
    waiting_.pop_front();
    if (waiting_.empty()) away_ = false;
    changed_.notify();
    co_return true;
}

void StepWriter::is_late()
{
    away_ = true;
    changed_.notify();
}

}  // namespace peercron::simulation
