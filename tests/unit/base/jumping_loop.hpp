#pragma once

#include "base/virtual_loop.hpp"

#include <map>

namespace peercron::testing {

/// A VirtualLoop whose time jumps to the next moment that anybody waits for.
class JumpingLoop final : public VirtualLoop {
public:
    JumpingLoop() = default;
    JumpingLoop(const JumpingLoop&) = delete;
    JumpingLoop& operator=(const JumpingLoop&) = delete;
    ~JumpingLoop() override { drop_all(); }

    SteadyTime now() const override { return now_; }
    std::uint64_t draw() override { return ++drawn_; }

    /// Until nothing is left that will happen.
    void run()
    {
        while (is_called_ || !alarms_.empty()) step();
    }

    /// Until then, and no further.
    void run_until(SteadyTime end)
    {
        while (is_called_ || (!alarms_.empty() && alarms_.begin()->first.first <= end)) step();
        now_ = end;
    }

private:
    void call_soon() override { is_called_ = true; }
    std::uint64_t set_alarm(SteadyTime when, Wait& wait) override
    {
        alarms_.emplace(std::pair(when, ++last_), &wait);
        return last_;
    }
    void stop_alarm(std::uint64_t alarm) override
    {
        std::erase_if(alarms_, [&](const auto& entry) { return entry.first.second == alarm; });
    }

    void step()
    {
        if (std::exchange(is_called_, false)) {
            work([] {});
            return;
        }
        const auto next = alarms_.extract(alarms_.begin());
        now_ = std::max(now_, next.key().first);
        expire(*next.mapped());
    }

    SteadyTime now_{std::chrono::hours(1)};
    std::uint64_t drawn_ = 0;
    std::uint64_t last_ = 0;
    std::map<std::pair<SteadyTime, std::uint64_t>, Wait*> alarms_;
    bool is_called_ = false;
};

}  // namespace peercron::testing
