#include "dispatch/clock_keeper.hpp"

#include "base/event.hpp"
#include "base/shared_pause.hpp"
#include "dispatch/dispatcher_metrics.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// How often the clock is compared with the database's.
constexpr auto clock_interval = 2s;
/// A clock that was set is looked at twice before anything follows from it.
constexpr auto second_look = 500ms;
/// How often rows are looked for that stand for moments to come though this dispatcher knows of
/// none: of runs that were planned by a clock that was ahead, and whose end was told late.
constexpr auto early_rows_interval = 30s;
/// Rows that are moved in one transaction.
constexpr std::size_t most_moved = 2'000;

}  // namespace

ClockKeeper::ClockKeeper(PlanClock& clock, StorePool& store, const StoreCalls& calls,
                         const StepWriter& writer, Dispatcher::Metrics& metrics, TermRules& rules,
                         const DispatchSettings& settings)
    : clock_(clock),
      store_(store),
      calls_(calls),
      writer_(writer),
      metrics_(metrics),
      rules_(rules),
      settings_(settings)
{}

asio::awaitable<void> ClockKeeper::begin(const TermStart& before)
{
    const auto attempt = [this] { return read_clock(); };
    co_await calls_.until_it_works("dispatch: cannot read the database's clock", attempt);
    if (!before.planned_through) co_return;
    const WallTime planned_at = *before.planned_through - settings_.lookahead;
    clock_.guard().reached(planned_at, clock_.own());
    count_clocks();
}

asio::awaitable<void> ClockKeeper::run()
{
    SteadyTime next_look = clock_.now().steady + early_rows_interval;
    for (;;) {
        co_await sleep_for(until_next_look());
        const bool compared = co_await compare();
        if (!compared) continue;
        co_await check();
        const Moment now = clock_.now();
        if (!rules_.remembers_early(now) && now.steady < next_look) continue;
        next_look = now.steady + early_rows_interval;
        const std::optional<ClockStep> step = co_await step_back(Plan::stays);
        if (!step) continue;
        spdlog::warn(
            "dispatch: moved {} runs that were due by a clock that was ahead to about when they "
            "ran",
            step->moved);
    }
}

SteadyTime::duration ClockKeeper::until_next_look() const
{
    if (!settings_.is_alone) return clock_interval;
    return shared_pause(clock_interval, clock_.machine().exact_now());
}

/// Says whether it could. A database that does not answer is asked again later.
asio::awaitable<bool> ClockKeeper::compare()
{
    if (!has_other_clock_) co_return true;
    try {
        co_await read_clock();
    } catch (const StoreError&) {
        co_return false;
    }
    co_return true;
}

asio::awaitable<void> ClockKeeper::read_clock()
{
    constexpr int most_readings = 5;
    bool is_settled = false;
    for (int i = 0; i < most_readings && !is_settled; ++i) {
        Moment sent = clock_.own();
        const auto read = [](Store& store) { return store.clock(); };
        const auto begins = [this, &sent] { sent = clock_.own(); };
        const std::optional<WallTime> theirs = co_await store_.call(read, begins);
        has_other_clock_ = theirs.has_value();
        if (!theirs) co_return;
        is_settled = clock_.guard().read(sent, *theirs, clock_.own());
    }
    count_clocks();
    tell();
}

/// The clocks of other nodes say which of the two is wrong.
void ClockKeeper::count_clocks()
{
    ClockGuard& guard = clock_.guard();
    const Moment own = clock_.own();
    const auto offset = guard.offset(own);
    if (!offset) return;
    std::size_t mine = 1;
    std::size_t the_databases = 1;
    const auto ahead = own.wall - guard.trusted(own).wall;
    for (const auto clock : rules_.measured_clocks(clock_.now())) {
        // Measured against the time that is planned by.
        const auto against_own = clock - ahead;
        const auto against_database = against_own + offset->middle();
        if (std::chrono::abs(against_own) <= guard.tolerance()) ++mine;
        if (std::chrono::abs(against_database) <= guard.tolerance()) ++the_databases;
    }
    guard.votes(mine, the_databases);
    rules_.own_clock_ahead(own.wall - guard.trusted(own).wall);
}

void ClockKeeper::tell()
{
    const ClockGuard& guard = clock_.guard();
    const Moment own = clock_.own();
    const auto offset = guard.offset(own);
    if (!offset) return;
    metrics_.clock_compared(offset->middle());
    const ClockGuard::Basis basis = guard.basis(own);
    if (basis == std::exchange(said_basis_, basis)) return;
    if (basis == ClockGuard::Basis::own) {
        spdlog::info("dispatch: this node's clock agrees with the database's again");
        return;
    }
    spdlog::error(
        "dispatch: this node's clock is {} ms ahead of the database server's; planning by {}. "
        "Is the time synchronised on both?",
        offset->middle().count(), describe(basis));
}

bool ClockKeeper::is_too_far(WallTime planned) const
{
    return planned > clock_.guard().latest(clock_.own()) + great_step();
}

asio::awaitable<void> ClockKeeper::check()
{
    for (int look = 0; look < 2; ++look) {
        if (!is_too_far(rules_.planned_through()) || !writer_.waiting().empty()) co_return;
        if (look > 0) break;
        co_await sleep_for(second_look);
        const bool compared = co_await compare();
        if (!compared) co_return;
    }
    throw Deposed(fmt::format("the clock was set back: fires are planned up to {}, and it is {}",
                              time_text(rules_.planned_through()), time_text(clock_.now().wall)),
                  rules_.epoch());
}

asio::awaitable<void> ClockKeeper::set_plan_back_from(WallTime reach)
{
    if (!is_too_far(reach)) co_return;
    co_await sleep_for(second_look);
    co_await compare();
    if (!is_too_far(reach)) co_return;
    const std::optional<ClockStep> step = co_await step_back(Plan::goes_back);
    if (!step) co_return;
    clock_.note_step(*step);
    metrics_.clock_stepped();
    spdlog::error(
        "dispatch: a clock had been {} s ahead: fires were planned up to {}, and it is {}. The "
        "plan goes on from here; {} runs that stood for moments to come were moved to about when "
        "they ran, and 'peercron audit' reports it. Is the time synchronised?",
        (step->from - step->at) / 1s, time_text(step->from), time_text(step->at), step->moved);
}

/// See Store::step_back(), which judges by the time when it takes effect. Returns the whole step.
asio::awaitable<std::optional<ClockStep>> ClockKeeper::step_back(Plan plan)
{
    StepBack order;
    order.own_clock = [&clock = clock_.machine()] { return clock.now(); };
    order.margin = great_step();
    order.sets_plan = plan == Plan::goes_back;
    order.limit = most_moved;
    const std::vector<RunId> ended = rules_.ended_beyond_plan();
    std::size_t unanswered = 0;  // and may have taken effect
    const auto move_some = [&] {
        ++unanswered;
        const auto write = [&order, epoch = rules_.epoch()](Store& store) {
            return store.step_back(epoch, order);
        };
        return store_.call(write);
    };
    for (bool is_more = true; is_more;) {
        const SteppedBack done =
            co_await calls_.until_it_works("dispatch: cannot set the plan back", move_some);
        --unanswered;
        rules_.moved(done.moved);
        if (done.step && order.begun) {
            order.begun->moved += done.step->moved;
        } else if (done.step) {
            order.begun = done.step;
        }
        is_more = done.moved.size() >= most_moved;
    }
    if (unanswered > 0 && rules_.has_begun()) {
        const TermStart found = co_await calls_.begin_term();
        rules_.moved_unless_found(ended, found);
    }
    co_return order.begun;
}

}  // namespace peercron
