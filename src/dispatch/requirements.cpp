#include "dispatch/requirements.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <ctime>

namespace peercron {
namespace {

using namespace std::chrono_literals;

/// A node tells the ledger of an end a little later than the dispatcher.
constexpr auto soon = 200ms;
constexpr auto first_look_pause = 1s;
constexpr auto longest_look_pause = 10s;
/// So long after the end of its wait a fire is not skipped for a run that has ended, as this
/// dispatcher knows, and is open in the ledger.
constexpr auto longest_ledger_lag = 90s;

/// "08:02", or with its day when that is another one than that of `fire`, by the job's clock.
std::string clock_text(WallTime time, WallTime fire, const TimeZone& zone)
{
    const auto local = [&zone](WallTime moment) {
        const auto second = std::chrono::floor<std::chrono::seconds>(moment);
        return second + zone.offset_at(second);
    };
    const auto shown = local(time);
    const bool is_same_day = std::chrono::floor<std::chrono::days>(shown) ==
                             std::chrono::floor<std::chrono::days>(local(fire));
    const std::tm fields = fmt::gmtime(std::time_t{shown.time_since_epoch().count()});
    return is_same_day ? fmt::format("{:%H:%M}", fields) : fmt::format("{:%Y-%m-%d %H:%M}", fields);
}

RequiredTimes times_of(const PlannedJob& planned, const RunId& fire)
{
    return required_times(planned.job, fire.scheduled_at, planned.previous(fire.scheduled_at),
                          planned.next(fire.scheduled_at));
}

}  // namespace

void Requirements::hold(const RunId& fire)
{
    forget(fire);
    const PlannedJob* const planned = jobs_.find(fire.job);
    if (planned == nullptr) return;
    Held& held = held_[fire];
    held.names = planned->job.required;
    held.pause = first_look_pause;
    for (const std::string& name : held.names) by_name_[name].insert(fire);
    ask_at(fire, held, times_of(*planned, fire).due);
}

void Requirements::forget(const RunId& fire)
{
    decided_.erase(fire);
    const auto held = held_.find(fire);
    if (held == held_.end()) return;
    by_time_.erase({held->second.ask_at, fire});
    for (const std::string& name : held->second.names) {
        const auto waiting = by_name_.find(name);
        if (waiting == by_name_.end()) continue;
        waiting->second.erase(fire);
        if (waiting->second.empty()) by_name_.erase(waiting);
    }
    held_.erase(held);
}

void Requirements::ask_at(const RunId& fire, Held& held, WallTime at)
{
    by_time_.erase({held.ask_at, fire});
    held.ask_at = at;
    by_time_.emplace(at, fire);
}

void Requirements::ended(JobId job, WallTime now)
{
    if (by_name_.empty()) return;
    const PlannedJob* const planned = jobs_.find(job);
    if (planned == nullptr) return;
    const auto waiting = by_name_.find(planned->job.name);
    if (waiting == by_name_.end()) return;
    for (const RunId& fire : waiting->second) {
        Held& held = held_.at(fire);
        held.has_news = true;
        held.pause = first_look_pause;
        const bool is_earlier = now + soon < held.ask_at;
        // Not before the fire is due, nor what is decided.
        const bool was_due = by_time_.contains({held.ask_at, fire}) && !decided_.contains(fire);
        const PlannedJob* const own = jobs_.find(fire.job);
        if (!was_due || !is_earlier || own == nullptr) continue;
        ask_at(fire, held, std::max(now + soon, times_of(*own, fire).due));
    }
}

std::optional<WallTime> Requirements::next_question() const
{
    if (by_time_.empty()) return std::nullopt;
    return by_time_.begin()->first;
}

std::vector<RequiredQuestion> Requirements::take_questions(WallTime now, WallTime planned_through,
                                                           std::size_t most)
{
    std::vector<RequiredQuestion> questions;
    std::vector<RunId> not_yet;
    while (!by_time_.empty() && by_time_.begin()->first <= now && questions.size() < most) {
        const RunId fire = by_time_.begin()->second;
        by_time_.erase(by_time_.begin());
        const PlannedJob* const planned = jobs_.find(fire.job);
        if (planned == nullptr) continue;  // what becomes of it others say
        RequiredQuestion question;
        question.fire = fire;
        question.names = planned->job.required;
        question.times = times_of(*planned, fire);
        question.until = std::min(std::max(now, question.times.due), question.times.end);
        if (planned_through < question.until) {
            not_yet.push_back(fire);
            continue;
        }
        Held& held = held_.at(fire);
        held.is_asked = true;
        held.has_news = false;
        questions.push_back(std::move(question));
    }
    for (const RunId& fire : not_yet) ask_at(fire, held_.at(fire), now + soon);
    return questions;
}

void Requirements::found(std::vector<RequiredFinding> findings, WallTime now,
                         const std::function<bool(const RunId&)>& is_open)
{
    for (const RequiredFinding& finding : findings) {
        const RunId& fire = finding.question.fire;
        const auto held = held_.find(fire);
        if (held == held_.end() || !held->second.is_asked) continue;
        held->second.is_asked = false;
        const PlannedJob* const planned = jobs_.find(fire.job);
        if (planned == nullptr || !planned->schedule) continue;
        if (planned->job.required != finding.question.names) {
            hold(fire);  // by the job as it is now
            continue;
        }
        judge(finding, held->second, *planned, now, is_open);
    }
}

void Requirements::judge(const RequiredFinding& finding, Held& held, const PlannedJob& planned,
                         WallTime now, const std::function<bool(const RunId&)>& is_open)
{
    const RequiredQuestion& question = finding.question;
    const RunId& fire = question.fire;
    const auto when = [&](WallTime time) {
        return clock_text(time, fire.scheduled_at, planned.schedule->zone());
    };
    RequiredVerdict verdict = judge_required(finding.jobs, question.times, question.until, when);
    const bool lags = std::ranges::any_of(finding.jobs, [&](const RequiredJob& job) {
        return job.last && !is_final(job.last->state) && !is_open(job.last->id);
    });
    if (lags && now < question.times.end + longest_ledger_lag &&
        verdict.answer != RequiredAnswer::runs) {
        ask_at(fire, held, now + soon);
        return;
    }
    if (verdict.answer != RequiredAnswer::waits) {
        decided_.insert_or_assign(fire, Decided{fire, question.times, std::move(verdict)});
        return;
    }
    const auto pause = held.has_news ? std::chrono::milliseconds(soon) : held.pause;
    held.pause = std::min(2 * held.pause, std::chrono::milliseconds(longest_look_pause));
    ask_at(fire, held, std::max(std::min(now + pause, question.times.end), now));
}

std::vector<Requirements::Decided> Requirements::take_decided()
{
    std::vector<Decided> decided;
    for (const auto& [fire, one] : decided_) decided.push_back(one);
    for (const Decided& one : decided) forget(one.fire);
    return decided;
}

}  // namespace peercron
