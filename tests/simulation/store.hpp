#pragma once

#include "simulation/database.hpp"
#include "simulation/judge.hpp"
#include "simulation/mutation.hpp"
#include "simulation/world.hpp"
#include "store/store_sessions.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace peercron::simulation {

/// What may go wrong between a process and the database.
struct StoreWeather {
    bool away = false;      ///< nobody gets through
    int hangs_once_in = 0;  ///< 0: never
    int fails_once_in = 0;
    int late_once_in = 0;  ///< the answer comes seconds after the effect
    std::chrono::microseconds slowest{4ms};
};

/// The process that uses a StoreLine, as far as that matters here.
class StoreUser {
public:
    virtual ~StoreUser() = default;

    /// The clock of its machine, which outlives it.
    virtual std::function<WallTime()> machine_clock() const = 0;
    /// Whether all nodes are up.
    virtual bool is_everybody_there() const = 0;
    /// Its dispatcher, which knew the jobs at `begun` and asked the nodes what they have, goes on.
    virtual void has_asked_nodes(Epoch epoch, World::Time begun) = 0;
    /// Its dispatcher has made a step by the jobs as they are in its table at this moment …
    virtual void has_planned() = 0;
    /// … and that step is stored.
    virtual void has_stored_plan() = 0;
};

/// The way of one process to the database. A call takes effect at some moment, is answered later,
/// and either may fail: not at all, after the effect, or with an effect that comes long after the
/// caller has given up, or has died.
class StoreLine {
public:
    StoreLine(Actor& actor, Database& database, const StoreWeather& weather, Mutation mutation,
              std::chrono::milliseconds timeout, StoreUser& user)
        : actor_(actor),
          database_(database),
          weather_(weather),
          mutation_(mutation),
          timeout_(timeout),
          user_(user)
    {}

    /// Sessions that use it.
    std::unique_ptr<StoreSessions> sessions(std::size_t count);

private:
    class Sessions;
    class Session;
    class Rehearsal;
    class Caller;
    struct Request;
    /// When a call takes effect (not set: never) and when it is answered, from now on.
    struct Course {
        std::optional<World::Time::duration> effect;
        World::Time::duration answer{};
        bool failed = false;
        bool is_early = false;  ///< it is answered before the effect, which comes all the same
        bool is_deaf = false;   ///< what the database says does not matter
    };

    asio::awaitable<void> run(const StoreSessions::Job& job);
    Course draw_course(const Rehearsal& call);
    void wait_for_lock(Course& course);
    void mistake(const Rehearsal& call, Course& course) const;
    void note_call(const Rehearsal& call);
    void note_success(const Rehearsal& call);

    Actor& actor_;
    Database& database_;
    const StoreWeather& weather_;
    const Mutation mutation_;
    const std::chrono::milliseconds timeout_;
    StoreUser& user_;

    /// The newest term that this process has begun, until the dispatcher goes on.
    struct TakeOver {
        Epoch epoch = 0;
        TermStart found;  ///< at first
        std::optional<World::Time> jobs_read;
        bool has_asked = false;
        bool is_over = false;
    };
    TakeOver take_over_;
    StepId newest_step_;   ///< that was to be stored
    StepId planned_step_;  ///< see StoreUser::has_planned()
    World::Time stored_at_{};
};

}  // namespace peercron::simulation
