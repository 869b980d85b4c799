#include "simulation/world.hpp"

#include <algorithm>
#include <cstdio>

namespace peercron::simulation {

void Timer::cancel()
{
    if (world_ != nullptr) std::exchange(world_, nullptr)->drop(slot_, serial_);
}

void Actor::stop()
{
    if (!stopped_since_) stopped_since_ = world_.now();
}

void Actor::go_on()
{
    stopped_since_.reset();
    // What lay in its sockets and what its timers say comes in any order, and some of it first.
    for (const auto& [slot, serial] : std::exchange(missed_, {})) {
        const auto delay = world_.random.between(0us, 2000us);
        world_.push(world_.now() + delay, slot, serial);
    }
}

Timer World::plan(Time when, Actor* actor, Work work)
{
    const auto [slot, serial] = plan_for_good(when, actor, std::move(work));
    return {*this, slot, serial};
}

std::pair<std::uint32_t, std::uint64_t> World::plan_for_good(Time when, Actor* actor, Work work)
{
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    const std::uint64_t serial = ++last_serial_;
    slots_[slot].work = std::move(work);
    slots_[slot].actor = actor;
    slots_[slot].serial = serial;
    push(when, slot, serial);
    return {slot, serial};
}

void World::push(Time when, std::uint32_t slot, std::uint64_t serial)
{
    due_.push(Entry{std::max(when, now_), ++last_order_, slot, serial});
}

void World::drop(std::uint32_t slot, std::uint64_t serial)
{
    Slot& place = slots_[slot];
    if (place.serial != serial) return;  // it has happened
    place.serial = 0;
    place.work = nullptr;
    free_.push_back(slot);
}

void World::run_until(Time end)
{
    while (!due_.empty() && due_.top().when <= end) {
        const Entry entry = due_.top();
        due_.pop();
        Slot& slot = slots_[entry.slot];
        if (slot.serial != entry.serial) continue;
        now_ = entry.when;
        if (slot.actor != nullptr && slot.actor->stopped()) {
            slot.actor->missed_.emplace_back(entry.slot, entry.serial);
            continue;
        }
        const Work work = std::move(slot.work);
        drop(entry.slot, entry.serial);
        ++happened_;
        const auto when = static_cast<std::uint64_t>(now_.time_since_epoch().count());
        fingerprint_ = (fingerprint_ ^ when ^ entry.slot) * 0x100000001B3ULL;
        work();
    }
    now_ = end;
}

void World::print(const std::string& line)
{
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now_ - Time(start));
    std::fprintf(stderr, "%10.6f  %s\n", static_cast<double>(since.count()) / 1e6, line.c_str());
}

Signal::Wait::~Wait()
{
    if (listed_) std::erase(signal_.waiting_, this);
}

void Signal::Wait::await_suspend(std::coroutine_handle<> waiter)
{
    waiter_ = waiter;
    listed_ = true;
    signal_.waiting_.push_back(this);
    if (limit_ == World::Time::max()) return;
    const auto expire = [this] {
        std::erase(signal_.waiting_, this);
        listed_ = false;
        waiter_.resume();
    };
    timer_ = signal_.actor_.world().at(limit_, signal_.actor_, expire);
}

void Signal::notify()
{
    World& world = actor_.world();
    for (Wait* wait : std::exchange(waiting_, {})) {
        wait->listed_ = false;
        wait->notified_ = true;
        const auto waiter = wait->waiter_;
        wait->timer_ = world.at(world.now(), actor_, [waiter] { waiter.resume(); });
    }
}

void Tasks::spawn(Task<void> task)
{
    std::erase_if(running_, [](const Running& running) { return running.task.done(); });
    Running& running = running_.emplace_back(std::move(task));
    World& world = actor_.world();
    running.begin = world.at(world.now(), actor_, [&running] { running.task.start(); });
}

}  // namespace peercron::simulation
