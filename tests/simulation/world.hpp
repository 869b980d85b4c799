#pragma once

#include "base/clock.hpp"
#include "simulation/random.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

namespace peercron::simulation {

using namespace std::chrono_literals;

class World;

/// Something that is going to happen, unless the holder cancels it, at the latest when it goes.
class Planned {
public:
    Planned() = default;
    Planned(World& world, std::uint64_t ticket) : world_(&world), ticket_(ticket) {}
    Planned(Planned&& other) noexcept
        : world_(std::exchange(other.world_, nullptr)), ticket_(other.ticket_)
    {}
    Planned& operator=(Planned&& other) noexcept
    {
        cancel();
        world_ = std::exchange(other.world_, nullptr);
        ticket_ = other.ticket_;
        return *this;
    }
    ~Planned() { cancel(); }

    void cancel();

private:
    World* world_ = nullptr;
    std::uint64_t ticket_ = 0;
};

/// Something that executes: a process. While it is stopped nothing of it happens; what fell due
/// meanwhile happens afterwards, in any order.
class Actor {
public:
    explicit Actor(World& world) : world_(world) {}
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;
    virtual ~Actor() = default;

    World& world() const { return world_; }
    bool stopped() const { return stopped_since_.has_value(); }
    std::optional<SteadyTime> stopped_since() const { return stopped_since_; }
    void stop();
    void go_on();

protected:
    /// Does what is due now, and whatever follows from that at the same moment.
    virtual void perform(const std::function<void()>& work) = 0;

private:
    friend class World;

    World& world_;
    std::optional<SteadyTime> stopped_since_;
    std::vector<std::uint64_t> missed_;  ///< tickets
};

/// Virtual time and everything that is going to happen in it. One seed, one course of events.
class World {
public:
    using Time = SteadyTime;
    /// What clocks show when it begins: 2026-11-21T00:00:00Z.
    static constexpr WallTime origin = from_unix_millis(1'795'219'200'000);
    using Work = std::function<void()>;

    World(std::uint64_t seed, bool traced) : random(seed), seed_(seed), traced_(traced) {}
    std::uint64_t seed() const { return seed_; }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Time now() const { return now_; }
    /// The moment by a clock that is never wrong, in the milliseconds in which all clocks tell it.
    WallTime wall() const { return wall_at(now_); }
    static WallTime wall_at(Time time)
    {
        return origin + std::chrono::floor<std::chrono::milliseconds>(time - Time(start));
    }
    /// When that clock will show `wall`.
    static Time time_of(WallTime wall) { return Time(start) + (wall - origin); }

    /// Work that belongs to no process.
    Planned at(Time when, Work work) { return {*this, plan(when, nullptr, std::move(work))}; }
    /// Work of a process.
    Planned at(Time when, Actor& actor, Work work)
    {
        return {*this, plan(when, &actor, std::move(work))};
    }
    /// Work that nobody cancels.
    void post(Time when, Work work) { plan(when, nullptr, std::move(work)); }

    /// Work of a process, or of none, by whose ticket drop() knows it; not 0.
    std::uint64_t plan(Time when, Actor* actor, Work work);
    /// Does nothing when that has happened.
    void drop(std::uint64_t ticket);

    /// Lets time pass, event by event.
    void run_until(Time end);

    template <class... Args>
    void trace(fmt::format_string<Args...> text, Args&&... args)
    {
        if (traced_) print(fmt::format(text, std::forward<Args>(args)...));
    }
    bool traced() const { return traced_; }

    /// A fingerprint of everything that happened so far.
    std::uint64_t fingerprint() const { return fingerprint_; }
    std::uint64_t events() const { return happened_; }

    Random random;

private:
    friend class Actor;

    // A monotonic clock that has run for a while.
    static constexpr std::chrono::hours start{1};

    struct Slot {
        Work work;
        Actor* actor = nullptr;
        std::uint64_t ticket = 0;  ///< 0: free
    };
    struct Entry {
        Time when;
        std::uint64_t order;
        std::uint64_t ticket;

        friend bool operator>(const Entry& a, const Entry& b)
        {
            return a.when != b.when ? a.when > b.when : a.order > b.order;
        }
    };

    /// A ticket is a slot, and above that a number that no other use of the slot has.
    static std::uint32_t slot_of(std::uint64_t ticket)
    {
        return static_cast<std::uint32_t>(ticket);
    }
    void push(Time when, std::uint64_t ticket);
    void print(const std::string& line);

    Time now_ = Time(start);
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> due_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::uint64_t last_serial_ = 0;
    std::uint64_t last_order_ = 0;
    std::uint64_t fingerprint_ = 0;
    std::uint64_t happened_ = 0;
    const std::uint64_t seed_;
    bool traced_;
};

}  // namespace peercron::simulation
