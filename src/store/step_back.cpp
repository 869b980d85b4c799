#include "store/step_back.hpp"

#include <algorithm>

namespace peercron {

using namespace std::chrono_literals;

StepBackPlan plan_step_back(const StepBack& order, const StepBackFacts& facts)
{
    StepBackPlan plan;
    const WallTime planned = facts.planned_through.value_or(WallTime());
    const WallTime usual = facts.now + order.margin;
    plan.sets_plan = order.sets_plan && planned > usual;
    // What is planned stays the fire's row, unless the plan itself goes back.
    const WallTime kept = plan.sets_plan ? usual : std::max(usual, planned);
    const WallTime newest = std::max(facts.newest.value_or(WallTime()), planned);

    ClockStep step = order.begun.value_or(ClockStep{facts.now, newest, 0});
    // A second more than needed for the milliseconds below.
    plan.ahead = std::max<std::chrono::milliseconds>(
        std::chrono::floor<std::chrono::seconds>(std::max(step.from, newest) - step.at) + 2s, 2s);
    // No schedule fires there, and the rows of another step hardly are.
    const auto beside = 1ms + std::chrono::milliseconds(to_unix_millis(step.at) % 997);
    for (const StepBackFacts::Row& row : facts.early) {
        const WallTime due = row.run.scheduled_at;
        if (due <= kept) continue;
        const bool is_whole = due.time_since_epoch() % 1s == 0ms;
        plan.moves.push_back({row, due - plan.ahead + (is_whole ? beside : 0ms)});
    }
    if (!plan.sets_plan && plan.moves.empty()) return plan;
    step.moved = static_cast<std::int64_t>(plan.moves.size());
    plan.step = step;
    return plan;
}

}  // namespace peercron
