#include "simulation/world.hpp"

#include <algorithm>
#include <cstdio>

namespace peercron::simulation {

void Planned::cancel()
{
    if (world_ != nullptr) std::exchange(world_, nullptr)->drop(ticket_);
}

void Actor::stop()
{
    if (!stopped_since_) stopped_since_ = world_.now();
}

void Actor::go_on()
{
    stopped_since_.reset();
    // What lay in its sockets and what its timers say comes in any order, and some of it first.
    for (const std::uint64_t ticket : std::exchange(missed_, {})) {
        const auto delay = world_.random.between(0us, 2000us);
        world_.push(world_.now() + delay, ticket);
    }
}

std::uint64_t World::plan(Time when, Actor* actor, Work work)
{
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    const std::uint64_t ticket = (++last_serial_ << 32U) | slot;
    slots_[slot].work = std::move(work);
    slots_[slot].actor = actor;
    slots_[slot].ticket = ticket;
    push(when, ticket);
    return ticket;
}

void World::push(Time when, std::uint64_t ticket)
{
    due_.push(Entry{std::max(when, now_), ++last_order_, ticket});
}

void World::drop(std::uint64_t ticket)
{
    Slot& place = slots_[slot_of(ticket)];
    if (place.ticket != ticket) return;
    place.ticket = 0;
    place.work = nullptr;
    free_.push_back(slot_of(ticket));
}

void World::run_until(Time end)
{
    while (!due_.empty() && due_.top().when <= end) {
        const Entry entry = due_.top();
        due_.pop();
        Slot& slot = slots_[slot_of(entry.ticket)];
        if (slot.ticket != entry.ticket) continue;
        now_ = entry.when;
        Actor* const actor = slot.actor;
        if (actor != nullptr && actor->stopped()) {
            actor->missed_.push_back(entry.ticket);
            continue;
        }
        const Work work = std::move(slot.work);
        drop(entry.ticket);
        ++happened_;
        const auto when = static_cast<std::uint64_t>(now_.time_since_epoch().count());
        fingerprint_ = (fingerprint_ ^ when ^ slot_of(entry.ticket)) * 0x100000001B3ULL;
        if (actor != nullptr) {
            actor->perform(work);
        } else {
            work();
        }
    }
    now_ = end;
}

void World::print(const std::string& line)
{
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now_ - Time(start));
    std::fprintf(stderr, "%10.6f  %s\n", static_cast<double>(since.count()) / 1e6, line.c_str());
}

}  // namespace peercron::simulation
