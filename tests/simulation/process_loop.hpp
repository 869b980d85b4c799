#pragma once

#include "base/virtual_loop.hpp"
#include "simulation/world.hpp"

namespace peercron::simulation {

/// Where the coroutines of a process wait, in the world's time: what they wait for is something of
/// that process which happens in the world, so nothing comes while the process is stopped.
class ProcessLoop final : public VirtualLoop {
public:
    explicit ProcessLoop(Actor& process) : process_(process) {}
    ProcessLoop(const ProcessLoop&) = delete;
    ProcessLoop& operator=(const ProcessLoop&) = delete;
    ~ProcessLoop() override { drop_all(); }

    SteadyTime now() const override { return world().now(); }
    std::uint64_t draw() override { return world().random.next(); }

private:
    World& world() const { return process_.world(); }

    void call_soon() override
    {
        soon_ = world().at(world().now(), process_, [this] { work([] {}); });
    }
    std::uint64_t set_alarm(SteadyTime when, Wait& wait) override
    {
        return world().plan(when, &process_, [this, &wait] { expire(wait); });
    }
    void stop_alarm(std::uint64_t alarm) override { world().drop(alarm); }

    Actor& process_;
    Planned soon_;
};

}  // namespace peercron::simulation
