#include "insight/backfill_plan.hpp"

#include "model/missed.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace peercron {

using namespace std::chrono_literals;

BackfillPlan::BackfillPlan(std::optional<Schedule> schedule, Window window, WallTime from,
                           WallTime to, BackfillOnly only, std::vector<Revision> revisions)
    : schedule_(std::move(schedule)),
      window_(window),
      from_(from),
      to_(to),
      only_(only),
      revisions_(std::move(revisions))
{
    due_ = next_due(from_ - 1ms);
}

std::optional<WallTime> BackfillPlan::next_due(WallTime after) const
{
    if (!schedule_) return std::nullopt;
    const auto fire =
        schedule_->next_in_window(std::chrono::floor<std::chrono::seconds>(after), window_);
    if (!fire || WallTime(*fire) >= to_) return std::nullopt;
    return WallTime(*fire);
}

std::size_t BackfillPlan::count_due(std::size_t most) const
{
    std::size_t count = 0;
    for (auto fire = next_due(from_ - 1ms); fire && count < most; fire = next_due(*fire)) ++count;
    return count;
}

void BackfillPlan::take(const LedgerEntry& row)
{
    const WallTime fire = row.id.scheduled_at;
    if (fire.time_since_epoch() % 1s != 0ms) return;  // a person asked for it, at its own moment
    if (newest_ && newest_->id.scheduled_at != fire) close();
    pass(fire);
    newest_ = row;
}

void BackfillPlan::finish()
{
    close();
    pass(to_);
}

/// Judges the fires before `until`, which have no row of their own.
void BackfillPlan::pass(WallTime until)
{
    while (due_ && *due_ < until) {
        const bool is_in_gap = gap_ && *due_ <= gap_->gap_end.value_or(gap_->id.scheduled_at);
        judge(*due_, is_in_gap ? &*gap_ : nullptr);
        due_ = next_due(*due_);
    }
}

void BackfillPlan::close()
{
    if (!newest_) return;
    const WallTime fire = newest_->id.scheduled_at;
    const bool is_due = due_ == fire;
    // What a change took back counts as if it had no row.
    const bool was_taken_back = newest_->state == RunState::revoked;
    if (is_due || !was_taken_back) judge(fire, was_taken_back ? nullptr : &*newest_);
    if (is_due) due_ = next_due(fire);
    if (newest_->gap_end) gap_ = newest_;
    newest_.reset();
}

void BackfillPlan::judge(WallTime fire, const LedgerEntry* newest)
{
    ++looked_at_;
    if (is_wanted(fire, newest)) fires_.push_back(fire);
}

bool BackfillPlan::is_wanted(WallTime fire, const LedgerEntry* newest) const
{
    const bool is_open = newest != nullptr && !is_final(newest->state);
    // One part would not be the fire.
    const bool has_parts = newest != nullptr && newest->id.parts > 1;
    if (is_open || has_parts) return false;
    if (only_ == BackfillOnly::all) return true;
    const bool has_not_run = newest == nullptr || !has_run(newest->state);
    if (only_ == BackfillOnly::failed) return !has_not_run && newest->state != RunState::success;
    if (!has_not_run) return false;
    if (newest == nullptr) return !was_off(fire);
    return missed_word(newest->state, newest->reason.cause, Delivery::at_most_once).has_value();
}

/// A revision does not count for the fire of the moment at which it takes effect.
bool BackfillPlan::was_off(WallTime fire) const
{
    if (revisions_.empty()) return false;
    const auto later = std::ranges::lower_bound(revisions_, fire, {}, &Revision::effective_from);
    if (later == revisions_.begin()) return true;
    const Revision& revision = *std::prev(later);
    return !revision.after || revision.after->stop;
}

}  // namespace peercron
