#pragma once

#include "base/clock.hpp"
#include "simulation/random.hpp"
#include "simulation/task.hpp"

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

/// A thing that may be planned and not happen: the holder cancels it, at the latest when it goes.
class Timer {
public:
    Timer() = default;
    Timer(World& world, std::uint32_t slot, std::uint64_t serial)
        : world_(&world), slot_(slot), serial_(serial)
    {}
    Timer(Timer&& other) noexcept
        : world_(std::exchange(other.world_, nullptr)), slot_(other.slot_), serial_(other.serial_)
    {}
    Timer& operator=(Timer&& other) noexcept
    {
        cancel();
        world_ = std::exchange(other.world_, nullptr);
        slot_ = other.slot_;
        serial_ = other.serial_;
        return *this;
    }
    ~Timer() { cancel(); }

    void cancel();

private:
    World* world_ = nullptr;
    std::uint32_t slot_ = 0;
    std::uint64_t serial_ = 0;
};

/// Something that executes: a process. While it is stopped nothing of it happens; what fell due
/// meanwhile happens afterwards, in any order.
class Actor {
public:
    explicit Actor(World& world) : world_(world) {}
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;

    World& world() const { return world_; }
    bool stopped() const { return stopped_since_.has_value(); }
    std::optional<SteadyTime> stopped_since() const { return stopped_since_; }
    void stop();
    void go_on();

private:
    friend class World;

    World& world_;
    std::optional<SteadyTime> stopped_since_;
    std::vector<std::pair<std::uint32_t, std::uint64_t>> missed_;  ///< slots and their serials
};

/// Virtual time and everything that is going to happen in it. One seed, one course of events.
class World {
public:
    using Time = SteadyTime;
    using Work = std::function<void()>;

    World(std::uint64_t seed, bool traced) : random(seed), traced_(traced) {}
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
    Timer at(Time when, Work work) { return plan(when, nullptr, std::move(work)); }
    /// Work of a process.
    Timer at(Time when, Actor& actor, Work work) { return plan(when, &actor, std::move(work)); }
    /// Work that nobody cancels.
    void post(Time when, Work work) { plan_for_good(when, nullptr, std::move(work)); }

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
    friend class Timer;
    friend class Actor;

    // 2026-11-21T00:00:00Z, and a monotonic clock that has run for a while.
    static constexpr WallTime origin = from_unix_millis(1'795'219'200'000);
    static constexpr std::chrono::hours start{1};

    struct Slot {
        Work work;
        Actor* actor = nullptr;
        std::uint64_t serial = 0;  ///< 0: free
    };
    struct Entry {
        Time when;
        std::uint64_t order;
        std::uint32_t slot;
        std::uint64_t serial;

        friend bool operator>(const Entry& a, const Entry& b)
        {
            return a.when != b.when ? a.when > b.when : a.order > b.order;
        }
    };

    Timer plan(Time when, Actor* actor, Work work);
    std::pair<std::uint32_t, std::uint64_t> plan_for_good(Time when, Actor* actor, Work work);
    void push(Time when, std::uint32_t slot, std::uint64_t serial);
    void drop(std::uint32_t slot, std::uint64_t serial);
    void print(const std::string& line);

    Time now_ = Time(start);
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> due_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::uint64_t last_serial_ = 0;
    std::uint64_t last_order_ = 0;
    std::uint64_t fingerprint_ = 0;
    std::uint64_t happened_ = 0;
    bool traced_;
};

/// Wakes the coroutines that wait; as peercron::Event, in virtual time. It carries no condition.
class Signal {
public:
    explicit Signal(Actor& actor) : actor_(actor) {}
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    class Wait {
    public:
        Wait(Signal& signal, World::Time limit) : signal_(signal), limit_(limit) {}
        Wait(const Wait&) = delete;
        Wait& operator=(const Wait&) = delete;
        ~Wait();

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiter);
        bool await_resume() const noexcept { return notified_; }

    private:
        friend class Signal;

        Signal& signal_;
        World::Time limit_;
        std::coroutine_handle<> waiter_;
        Timer timer_;
        bool listed_ = false;
        bool notified_ = false;
    };

    void notify();
    Wait wait() { return Wait(*this, World::Time::max()); }
    Wait wait_until(World::Time limit) { return Wait(*this, limit); }

private:
    Actor& actor_;
    std::vector<Wait*> waiting_;
};

/// Lets time pass in a coroutine of `actor`.
class Sleep {
public:
    Sleep(Actor& actor, World::Time::duration time) : actor_(actor), time_(time) {}
    Sleep(const Sleep&) = delete;
    Sleep& operator=(const Sleep&) = delete;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter)
    {
        World& world = actor_.world();
        timer_ = world.at(world.now() + time_, actor_, [waiter] { waiter.resume(); });
    }
    void await_resume() const noexcept {}

private:
    Actor& actor_;
    World::Time::duration time_;
    Timer timer_;
};

/// The coroutines of a part of a process. They end with it.
class Tasks {
public:
    explicit Tasks(Actor& actor) : actor_(actor) {}
    Tasks(const Tasks&) = delete;
    Tasks& operator=(const Tasks&) = delete;

    /// Starts the task as soon as whoever is at work is done. It must not throw.
    void spawn(Task<void> task);
    void cancel() { running_.clear(); }

private:
    struct Running {
        explicit Running(Task<void> work) : task(std::move(work)) {}
        Task<void> task;
        Timer begin;
    };

    Actor& actor_;
    std::list<Running> running_;
};

/// As peercron::Backoff.
class Backoff {
public:
    Backoff(World& world, std::chrono::milliseconds first, std::chrono::milliseconds limit)
        : world_(world), first_(first), limit_(limit), next_(first)
    {}

    std::chrono::milliseconds next()
    {
        const std::chrono::milliseconds spread(
            world_.random.between(next_.count() / 2, next_.count()));
        next_ = std::min(next_ * 2, limit_);
        return spread;
    }
    void reset() { next_ = first_; }

private:
    World& world_;
    std::chrono::milliseconds first_;
    std::chrono::milliseconds limit_;
    std::chrono::milliseconds next_;
};

}  // namespace peercron::simulation
