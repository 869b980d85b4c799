#include "exec/run_book.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>

namespace peercron {
namespace {

using std::chrono::milliseconds;

/// A wall clock that has gained this much on the steady one was set.
constexpr milliseconds clock_step{100};

std::string time_text(WallTime time)
{
    const auto whole = std::chrono::floor<std::chrono::seconds>(time);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(whole)),
                       (time - whole).count());
}

/// What an account takes to name it.
std::size_t bytes_of(const RunOrder& order)
{
    return order.command.size() + order.fields.text().size();
}

std::int64_t weight_of(const RunOrder& order)
{
    return order.fields.job().weight;
}

template <class Duration>
std::string seconds_text(Duration time)
{
    return fmt::format("{:.1f} s", std::chrono::duration<double>(time).count());
}

}  // namespace

milliseconds kill_grace_of(const RunOrder& order, const RunRules& rules)
{
    const milliseconds own = order.fields.job().kill_grace;
    return own.count() > 0 ? own : rules.kill_grace;
}

RunBook::RunBook(RunRules rules, SteadyTime now) : rules_(rules), contact_(now), last_noticed_(now)
{}

std::vector<RunId> RunBook::accept(std::vector<RunOrder> orders, const Moment& now)
{
    notice(now.steady);
    std::vector<RunId> given_back;
    for (RunOrder& order : orders) {
        if (!dispatcher_heard(order.epoch, now.steady)) continue;
        const RunId id = order.id;
        if (running_.contains(id) || ended_.contains(id)) continue;
        if (draining_) {
            given_back.push_back(id);
            continue;
        }
        forget_fire(id);
        if (is_full_for(order)) {
            Reason why{Cause::overload, "this node already holds as many waiting fires as it may"};
            remember(id, now.steady);
            pending_.skipped.push_back({std::move(order), std::move(why)});
            continue;
        }
        held_bytes_ += bytes_of(order);
        future_.emplace(order.start_at, id);
        fires_.emplace(id, Fire{std::move(order), now.wall, std::nullopt, false, false, {}});
    }
    return given_back;
}

std::vector<RunId> RunBook::revoke(std::span<const RunId> runs)
{
    std::vector<RunId> revoked;
    for (const RunId& id : runs) {
        if (running_.contains(id) || ended_.contains(id)) continue;
        forget_fire(id);
        revoked.push_back(id);
    }
    return revoked;
}

bool RunBook::kill(const RunId& id, Verdict verdict, SteadyTime now)
{
    const auto found = running_.find(id);
    if (found == running_.end()) return false;
    Run& run = found->second;
    const bool is_fenced = verdict.state == RunState::fenced;
    const SteadyTime deadline =
        now + (is_fenced ? rules_.fence_grace : kill_grace_of(run.order, rules_));
    if (run.verdict) {
        // Nothing new, but it may have to be quicker.
        if (run.deadline && deadline < *run.deadline) set_deadline(run, deadline);
        return true;
    }
    run.verdict = std::move(verdict);
    set_deadline(run, deadline);
    pending_.terminate.push_back(id);
    return true;
}

void RunBook::started(const RunId& id, const Moment& now)
{
    const auto found = running_.find(id);
    if (found == running_.end()) return;
    Run& run = found->second;
    if (!is_request(run.order)) shortage_end_.reset();
    run.since = now.wall;
    if (run.order.timeout.count() > 0 && !run.verdict) {
        set_deadline(run, now.steady + run.order.timeout);
    }
}

bool RunBook::put_back(const RunId& id, std::string why, SteadyTime now)
{
    const auto found = running_.find(id);
    if (found == running_.end() || found->second.verdict || draining_) return false;
    Fire fire;
    fire.order = std::move(found->second.order);
    fire.trouble = std::move(why);
    forget_run(found);
    wait_for_slot(fire);
    held_bytes_ += bytes_of(fire.order);
    fires_.insert_or_assign(id, std::move(fire));
    shortage_end_ = now + rules_.shortage_pause;
    return true;
}

std::optional<RunBook::Verdict> RunBook::ended(const RunId& id, SteadyTime now)
{
    // The warden may have ended it while this process stood still: that is seen before all else.
    notice(now);
    const auto found = running_.find(id);
    if (found == running_.end()) return std::nullopt;
    std::optional<Verdict> verdict = std::move(found->second.verdict);
    forget_run(found);
    remember(id, now);
    return verdict;
}

bool RunBook::dispatcher_heard(Epoch epoch, SteadyTime now)
{
    // First: a lease that has run out has run out, whatever is heard afterwards.
    notice(now);
    if (epoch < newest_epoch_ || !is_plausible_epoch(epoch, newest_epoch_)) return false;
    newest_epoch_ = epoch;
    if (!heard_ || now - *heard_ > rules_.silence_limit) woke_ = now;
    heard_ = now;
    contact_ = std::max(contact_, now);
    return true;
}

std::uint64_t RunBook::stops(SteadyTime now)
{
    notice(now);
    return stops_;
}

bool RunBook::stops_known(std::uint64_t stops)
{
    const bool is_waited_for = known_stops_ < stops_ && stops >= stops_;
    known_stops_ = std::max(known_stops_, stops);
    return is_waited_for;
}

void RunBook::session_confirmed(SteadyTime sent, SteadyTime now)
{
    notice(now);
    contact_ = std::max(contact_, sent);
}

std::vector<RunId> RunBook::drain()
{
    draining_ = true;
    const Reason why{Cause::node_stopped, "its node stops, and a daemon does not end by itself"};
    for (const auto& [id, run] : running_) {
        if (is_daemon(run.order)) kill(id, Verdict{RunState::killed, why}, last_noticed_);
    }
    std::vector<RunId> given_back;
    given_back.reserve(fires_.size());
    for (const auto& [id, fire] : fires_) {
        given_back.push_back(id);
        locks_.forget(fire.order);
    }
    fires_.clear();
    held_bytes_ = 0;
    queued_.clear();
    future_.clear();
    waiting_ = 0;
    line_of_commands_.waiting.clear();
    line_of_requests_.waiting.clear();
    start_deadlines_.clear();
    return given_back;
}

RunBook::Actions RunBook::due(const Moment& now)
{
    notice(now);
    end_deadlines(now.steady);
    if (is_clock_known()) {
        collect_due(now);
        expire(now);
        start(now);
    }
    while (!ended_in_order_.empty() &&
           (ended_in_order_.size() > rules_.max_remembered ||
            ended_in_order_.front().first + rules_.remember < now.steady)) {
        const auto& [ended_at, id] = ended_in_order_.front();
        const auto remembered = ended_.find(id);
        if (remembered != ended_.end() && remembered->second == ended_at) ended_.erase(remembered);
        ended_in_order_.pop_front();
    }
    return std::exchange(pending_, {});
}

std::optional<WallTime> RunBook::next_start() const
{
    std::optional<WallTime> next;
    if (!is_clock_known()) return next;
    if (!future_.empty()) next = future_.begin()->first;
    if (!start_deadlines_.empty()) {
        // Only after start_by has passed a fire ends as skipped.
        const WallTime expiry = start_deadlines_.begin()->first + milliseconds(1);
        next = std::min(next.value_or(expiry), expiry);
    }
    return next;
}

std::optional<SteadyTime> RunBook::next_deadline() const
{
    std::optional<SteadyTime> next;
    if (!deadlines_.empty()) next = deadlines_.begin()->first;
    if (shortage_end_ && waiting_ > 0) {
        next = std::min(next.value_or(*shortage_end_), *shortage_end_);
    }
    return next;
}

bool RunBook::is_isolated(SteadyTime now) const
{
    return now - contact_ > rules_.lease;
}

std::vector<RunOrder> RunBook::held_orders() const
{
    std::vector<RunOrder> orders;
    orders.reserve(fires_.size() + pending_.skipped.size());
    for (const auto& [id, fire] : fires_) orders.push_back(fire.order);
    for (const Skipped& skipped : pending_.skipped) orders.push_back(skipped.order);
    return orders;
}

std::vector<RunId> RunBook::running_ids() const
{
    std::vector<RunId> ids;
    ids.reserve(running_.size());
    for (const auto& [id, run] : running_) ids.push_back(id);
    return ids;
}

void RunBook::notice(SteadyTime now)
{
    if (now - last_noticed_ > rules_.silence_limit / 2) note_stop(now);
    last_noticed_ = std::max(last_noticed_, now);
    if (is_isolated(now)) fence(now);
}

void RunBook::notice(const Moment& now)
{
    notice(now.steady);
    if (last_due_) {
        // A machine that was suspended shows it by the wall clock alone.
        const auto jump = (now.wall - last_due_->wall) - (now.steady - last_due_->steady);
        if (jump > rules_.silence_limit / 2) note_stop(now.steady);
        if (jump > clock_step) set_ahead_ = now.steady;
        last_due_ = now;
        if (jump < -clock_step) {
            std::erase_if(ended_, [&](const auto& run) { return is_early(run.first, now.steady); });
        }
    }
    last_due_ = now;
}

void RunBook::note_stop(SteadyTime now)
{
    woke_ = now;
    ++stops_;
}

bool RunBook::waits_for_answer(const RunOrder& order) const
{
    return is_limited(order) && known_stops_ < stops_;
}

/// Whether it was given to this node, and has ended, by a clock that was ahead.
bool RunBook::is_early(const RunId& id, SteadyTime now) const
{
    return last_due_ &&
           id.scheduled_at > last_due_->wall + (now - last_due_->steady) + rules_.early;
}

bool RunBook::trusts_dispatcher(SteadyTime now) const
{
    const bool is_awake = !woke_ || now - *woke_ >= rules_.silence_limit;
    // Less than: the word that ended a silence is not one that came after it.
    return is_awake && heard_ && now - *heard_ < rules_.silence_limit;
}

/// Whether a dispatcher can have seen the wall clock as it is: a node answers its beats with it.
bool RunBook::is_clock_known() const
{
    return !set_ahead_ || (heard_ && *heard_ - *set_ahead_ >= rules_.silence_limit);
}

void RunBook::fence(SteadyTime now)
{
    const Reason why{Cause::node_isolated,
                     fmt::format("neither a dispatcher nor Consul was heard for {}",
                                 seconds_text(now - contact_))};
    for (const auto& [id, run] : running_) {
        const bool is_fenced = run.verdict && run.verdict->state == RunState::fenced;
        if (!is_limited(run.order) || is_fenced) continue;
        kill(id, Verdict{RunState::fenced, why}, now);
    }
    std::vector<RunId> given_up;
    for (const auto& [id, fire] : fires_) {
        if (is_limited(fire.order)) given_up.push_back(id);
    }
    for (const RunId& id : given_up) skip(id, why);
}

void RunBook::set_deadline(Run& run, std::optional<SteadyTime> deadline)
{
    if (run.deadline) deadlines_.erase({*run.deadline, run.order.id});
    run.deadline = deadline;
    if (deadline) deadlines_.emplace(*deadline, run.order.id);
}

void RunBook::remember(const RunId& id, SteadyTime now)
{
    if (is_early(id, now)) return;
    if (ended_.emplace(id, now).second) ended_in_order_.emplace_back(now, id);
}

void RunBook::forget_fire(const RunId& id)
{
    const auto found = fires_.find(id);
    if (found != fires_.end()) take_fire(found);
}

RunOrder RunBook::take_fire(Fires::iterator found)
{
    Fire& fire = found->second;
    RunOrder order = std::move(fire.order);
    if (fire.is_waiting) {
        --waiting_;
        line_of(order).waiting[order.fields.job().priority].erase({order.start_at, order.id});
        if (!fire.is_queued) start_deadlines_.erase({order.start_by, order.id});
    } else {
        future_.erase({order.start_at, order.id});
    }
    if (fire.is_queued) queued_.erase(part_of(order.id));
    locks_.forget(order);
    held_bytes_ -= bytes_of(order);
    fires_.erase(found);
    return order;
}

void RunBook::wait_for_slot(Fire& fire)
{
    const RunOrder& order = fire.order;
    fire.is_waiting = true;
    ++waiting_;
    line_of(order).waiting[order.fields.job().priority].emplace(order.start_at, order.id);
    start_deadlines_.emplace(order.start_by, order.id);
}

void RunBook::forget_run(Running::iterator run)
{
    const RunId id = run->first;
    const RunOrder& order = run->second.order;
    line_of(order).taken -= weight_of(order);
    locks_.release(id);
    set_deadline(run->second, std::nullopt);
    const auto of_part = running_by_part_.find(part_of(id));
    std::erase(of_part->second, id);
    if (of_part->second.empty()) running_by_part_.erase(of_part);
    running_.erase(run);
}

void RunBook::skip(RunId id, Reason why)
{
    RunOrder order = take_fire(fires_.find(id));
    remember(id, last_noticed_);
    pending_.skipped.push_back({std::move(order), std::move(why)});
}

void RunBook::end_deadlines(SteadyTime now)
{
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        const RunId id = deadlines_.begin()->second;
        Run& run = running_.at(id);
        set_deadline(run, std::nullopt);
        if (run.verdict) {
            pending_.kill.push_back(id);
        } else {
            Reason why{Cause::none, fmt::format("ran longer than its timeout of {} s",
                                                run.order.timeout.count())};
            kill(id, Verdict{RunState::timeout, std::move(why)}, now);
        }
    }
}

void RunBook::collect_due(const Moment& now)
{
    while (!future_.empty() && future_.begin()->first <= now.wall) {
        const RunId id = future_.begin()->second;
        Fire& fire = fires_.at(id);
        fire.first_seen_due = now.wall;
        future_.erase(future_.begin());
        if (now.wall > latest_wake(fire.order)) {
            skip(id, expired_reason(fire, now));
            continue;
        }
        wait_for_slot(fire);
        if (!waits_for_answer(fire.order) && !has_room(fire.order)) queue_or_skip(id);
    }
}

void RunBook::expire(const Moment& now)
{
    while (!start_deadlines_.empty() && start_deadlines_.begin()->first < now.wall) {
        const RunId id = start_deadlines_.begin()->second;
        skip(id, expired_reason(fires_.at(id), now));
    }
}

void RunBook::start(const Moment& now)
{
    constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
    std::size_t commands = all;
    if (shortage_end_) commands = now.steady < *shortage_end_ ? 0 : 1;
    start_from(line_of_commands_, rules_.slots, commands, now);
    start_from(line_of_requests_, rules_.http_slots, all, now);
}

/// @param most fires to start.
void RunBook::start_from(Line& line, std::size_t slots, std::size_t most, const Moment& now)
{
    const auto all_slots = static_cast<std::int64_t>(slots);
    const bool knows_clock = !set_ahead_ || now.steady - *set_ahead_ >= rules_.silence_limit;
    line.is_held_up = false;
    if (!knows_clock) return;
    for (auto& [priority, waiting] : line.waiting) {
        // What is late must wait for a dispatcher's word; what is on time need not.
        auto next = waiting.begin();
        if (!trusts_dispatcher(now.steady)) {
            next = waiting.lower_bound({now.wall - rules_.on_time, RunId{}});
        }
        // The clock may have been set back since a fire came due: not before its time, then.
        while (next != waiting.end() && next->first <= now.wall) {
            if (most == 0 || line.taken >= all_slots) return;
            const ByTime::value_type place = *next;
            const RunId id = place.second;
            const RunOrder& order = fires_.at(id).order;
            if (waits_for_answer(order)) {
                ++next;
                continue;
            }
            if (has_room(order)) {
                line.is_held_up = line.taken + weight_of(order) > all_slots;
                if (line.is_held_up) return;
                start_run(line, id, now);
                --most;
            } else {
                queue_or_skip(id);
            }
            next = waiting.upper_bound(place);  // another may have been skipped to make room
        }
    }
}

void RunBook::start_run(Line& line, const RunId& id, const Moment& now)
{
    RunOrder order = take_fire(fires_.find(id));
    running_by_part_[part_of(id)].push_back(id);
    locks_.take(order);
    line.taken += weight_of(order);
    running_.emplace(id, Run{order, now.wall, std::nullopt, std::nullopt});
    pending_.start.push_back(std::move(order));
    const bool is_trial = shortage_end_ && &line == &line_of_commands_;
    if (is_trial) shortage_end_ = now.steady + rules_.shortage_pause;
}

RunBook::Line& RunBook::line_of(const RunOrder& order)
{
    return is_request(order) ? line_of_requests_ : line_of_commands_;
}

bool RunBook::has_free_slot(const RunOrder& order) const
{
    const bool is_one_of_requests = is_request(order);
    const Line& line = is_one_of_requests ? line_of_requests_ : line_of_commands_;
    const std::size_t slots = is_one_of_requests ? rules_.http_slots : rules_.slots;
    return !line.is_held_up && line.taken + weight_of(order) <= static_cast<std::int64_t>(slots);
}

bool RunBook::has_room(const RunOrder& order) const
{
    return has_room_in_job(order) && !lock_in_the_way(order);
}

bool RunBook::has_room_in_job(const RunOrder& order) const
{
    const auto first_in_line = queued_.find(part_of(order.id));
    const bool is_next = first_in_line == queued_.end() || first_in_line->second == order.id;
    if (order.concurrency.limit == 0) return order.lock_limits.empty() || is_next;
    return is_next && !is_at_limit(order);
}

std::optional<HeldLocks::Obstacle> RunBook::lock_in_the_way(const RunOrder& order) const
{
    return locks_.find_obstacle(
        order, [this](const RunId& id) { return has_room_in_job(fires_.at(id).order); });
}

bool RunBook::is_at_limit(const RunOrder& order) const
{
    const auto alive = running_by_part_.find(part_of(order.id));
    return order.concurrency.limit > 0 && alive != running_by_part_.end() &&
           static_cast<std::int64_t>(alive->second.size()) >= order.concurrency.limit;
}

void RunBook::queue_or_skip(const RunId& id)
{
    const Fire& fire = fires_.at(id);
    if (fire.is_queued) return;
    const auto lock = lock_in_the_way(fire.order);
    if (lock && lock->is_too_large) {
        skip(id, Reason{Cause::lock, to_text(*lock)});
        return;
    }
    const bool is_full = is_at_limit(fire.order);
    const auto first_in_line = queued_.find(part_of(id));
    const bool is_next = first_in_line == queued_.end();
    switch (fire.order.concurrency.at_limit) {
        case Overlap::allow:
        case Overlap::skip:
            skip(id, why_no_room(fire));
            break;
        case Overlap::queue:
            if (is_next) {
                queue(id);
            } else {
                skip(id, Reason{Cause::mutex, fmt::format("{} already waits for a run to end",
                                                          to_string(first_in_line->second))});
            }
            break;
        case Overlap::replace:
            if (!is_next) {
                skip(first_in_line->second,
                     Reason{Cause::replaced,
                            fmt::format("{} was due before this one could start", to_string(id))});
            }
            queue(id);
            if (is_full) replace_oldest(fires_.at(id).order);
            break;
    }
}

Reason RunBook::why_no_room(const Fire& fire) const
{
    const PartOfJob part = part_of(fire.order.id);
    if (is_at_limit(fire.order)) return Reason{Cause::mutex, runs_text(part)};
    const auto first_in_line = queued_.find(part);
    if (first_in_line != queued_.end()) {
        // What waits was queued under another policy, and has been waiting for longer.
        return Reason{Cause::mutex,
                      fmt::format("{} waits to start", to_string(first_in_line->second))};
    }
    return Reason{Cause::lock, to_text(lock_in_the_way(fire.order).value())};
}

void RunBook::queue(const RunId& id)
{
    Fire& fire = fires_.at(id);
    start_deadlines_.erase({fire.order.start_by, id});
    fire.is_queued = true;
    queued_[part_of(id)] = id;
    locks_.wait(fire.order);
}

/// Ends as many of the oldest runs as stand in the way of `order`.
void RunBook::replace_oldest(const RunOrder& order)
{
    const std::vector<RunId>& alive = running_by_part_.at(part_of(order.id));
    const auto kept = static_cast<std::size_t>(order.concurrency.limit - 1);
    for (std::size_t i = 0; i + kept < alive.size(); ++i) {
        Reason why{Cause::replaced, fmt::format("by {}", to_string(order.id))};
        kill(alive[i], Verdict{RunState::killed, std::move(why)}, last_noticed_);
    }
}

WallTime RunBook::latest_wake(const RunOrder& order) const
{
    return std::min(order.start_by, order.start_at + rules_.wake_limit);
}

std::string RunBook::runs_text(const PartOfJob& part) const
{
    const std::vector<RunId>& alive = running_by_part_.at(part);
    const Run& oldest = running_.at(alive.front());
    if (alive.size() == 1) {
        return fmt::format("the previous run of {} is still running since {}",
                           to_string(oldest.order.id), time_text(oldest.since));
    }
    return fmt::format("the job is at its limit of runs at a time, the oldest running since {}",
                       time_text(oldest.since));
}

Reason RunBook::expired_reason(const Fire& fire, const Moment& now) const
{
    const RunOrder& order = fire.order;
    if (!fire.trouble.empty()) {
        return Reason{
            Cause::overload,
            fmt::format("it could not be started within {} s: {}",
                        (order.start_by - order.start_at) / std::chrono::seconds(1), fire.trouble)};
    }
    if (fire.accepted_at > order.start_by) {
        return Reason{Cause::misfire,
                      fmt::format("should have started by {}, but reached this node only at {}",
                                  time_text(order.start_by), time_text(fire.accepted_at))};
    }
    if (fire.first_seen_due.value_or(now.wall) > latest_wake(order)) {
        return Reason{
            Cause::misfire,
            fmt::format("woke up too late: this node should have started it by {} and saw it at {}",
                        time_text(latest_wake(order)), time_text(now.wall))};
    }
    if (!has_free_slot(order)) {
        // No moment and no count: rows with the same reason are to be counted together.
        return Reason{Cause::overload,
                      fmt::format("no slot was free within {} s",
                                  (order.start_by - order.start_at) / std::chrono::seconds(1))};
    }
    std::string silence = "no dispatcher was ever heard";
    if (heard_) silence = "no dispatcher was heard for " + seconds_text(now.steady - *heard_);
    if (waits_for_answer(order))
        silence = "no dispatcher had answered this node since it stood still";
    return Reason{
        Cause::misfire,
        fmt::format("woke up too late: due at {}, and until {} {}, so another node may have it",
                    time_text(order.start_at), time_text(order.start_by), silence)};
}

bool RunBook::is_full_for(const RunOrder& order) const
{
    return fires_.size() >= rules_.max_held ||
           held_bytes_ + bytes_of(order) > rules_.max_held_bytes;
}

}  // namespace peercron
