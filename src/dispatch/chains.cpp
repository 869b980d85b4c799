#include "dispatch/chains.hpp"

#include "dispatch/order_writer.hpp"
#include "model/backfill.hpp"
#include "model/chain.hpp"
#include "model/run_request.hpp"

#include <algorithm>
#include <iterator>

namespace peercron {
namespace {

/// Whether nothing runs after it: a person wants that; or it is the first attempt of a fire long
/// ago, which a backfill runs, and whose children may have their rows already.
bool runs_alone(const RunId& run, std::string_view requested_by)
{
    const RunRequest request = parse_request(requested_by);
    return request.without_chain || request.rehearsal ||
           (run.attempt == 1 && is_of_backfill(requested_by));
}

}  // namespace

FireEnd end_of_fire(const std::vector<FireEnd>& parts)
{
    const std::int32_t of = parts.front().run.parts;
    if (of == 1) return parts.front();
    std::vector<RunState> states;
    for (const FireEnd& part : parts) states.push_back(part.state);
    const RunState state = state_of_fire(states, of);
    const auto decisive = std::ranges::find(parts, state, &FireEnd::state);
    FireEnd end = decisive == parts.end() ? parts.front() : *decisive;
    end.state = state;
    if (decisive == parts.end()) end.exit_code.reset();
    for (const FireEnd& part : parts) end.ended_at = std::max(end.ended_at, part.ended_at);
    return end;
}

void Chains::follow(JobId id)
{
    follow_name(id);
    const PlannedJob* const planned = jobs_.find(id);
    if (planned == nullptr || !planned->is_chained()) {
        forget_child(id);
        return;
    }
    const Job& job = planned->job;
    const auto known = children_.find(id);
    const bool is_same = known != children_.end() && known->second.parents == job.run_after;
    std::optional<WallTime> since;
    if (planned->enabled()) since = job.effective_from;
    if (is_same) {
        // A change of something else takes no fire from it whose parents are running.
        const bool was_enabled = known->second.since.has_value();
        if (!since || !was_enabled) known->second.since = since;
        return;
    }
    forget_child(id);
    children_[id] = Child{job.run_after, since, {}};
    for (const std::string& name : job.run_after) {
        by_parent_[name].insert(id);
        if (!parents_.contains(name)) has_new_names_ = true;
    }
    // Fires of its parents may be under way that nobody had to follow until now.
    asked_.insert(id);
}

void Chains::forget_child(JobId id)
{
    const auto known = children_.find(id);
    if (known == children_.end()) return;
    for (const std::string& name : known->second.parents) {
        const auto parent = by_parent_.find(name);
        parent->second.erase(id);
        if (!parent->second.empty()) continue;
        by_parent_.erase(parent);
        parents_.erase(name);
    }
    children_.erase(known);
    asked_.erase(id);
}

/// The job may be a parent under a name that it did not have before.
void Chains::follow_name(JobId id)
{
    if (by_parent_.empty()) return;
    std::erase_if(parents_, [id](const auto& parent) { return parent.second == id; });
    const PlannedJob* const planned = jobs_.find(id);
    if (planned == nullptr || !by_parent_.contains(planned->job.name)) return;
    parents_[planned->job.name] = id;
}

/// Looks through the table for the parents of children that are new.
void Chains::find_parents()
{
    if (!std::exchange(has_new_names_, false)) return;
    jobs_.for_each([this](const PlannedJob& planned) {
        if (by_parent_.contains(planned.job.name)) parents_[planned.job.name] = planned.job.id;
    });
}

std::optional<JobId> Chains::id_of(const std::string& name) const
{
    const auto found = parents_.find(name);
    if (found == parents_.end()) return std::nullopt;
    return found->second;
}

/// nullptr: it has none.
const std::set<JobId>* Chains::children_of(JobId parent) const
{
    if (by_parent_.empty()) return nullptr;
    const PlannedJob* const planned = jobs_.find(parent);
    if (planned == nullptr) return nullptr;
    const auto found = by_parent_.find(planned->job.name);
    return found == by_parent_.end() ? nullptr : &found->second;
}

void Chains::planned(const RunId& fire, std::string_view requested_by,
                     const std::function<bool(const RunId&)>& has_row)
{
    const std::set<JobId>* const children = children_of(fire.job);
    if (children == nullptr || runs_alone(fire, requested_by)) return;
    for (const JobId child : *children) {
        const Key key{fire.scheduled_at, child};
        if (has_row({child, fire.scheduled_at, 1}) || ran_early_.contains(key)) continue;
        if (fire.scheduled_at <= known_after_) {
            asked_.insert(child);
            continue;
        }
        undecided_[key].parents[fire.job][fire.part].reset();
    }
}

void Chains::ended(FireEnd end)
{
    note_own_end(end);
    const std::set<JobId>* const children = children_of(end.run.job);
    if (children == nullptr) return;
    bool is_early = false;
    for (const JobId child : *children) {
        const Key key{end.run.scheduled_at, child};
        const auto fire = undecided_.find(key);
        const bool is_known =
            fire != undecided_.end() && fire->second.parents.contains(end.run.job);
        if (is_known) {
            take(key, fire->second, end);
        } else if (asked_.contains(child) || being_read_.contains(child)) {
            is_early = true;
        }
    }
    const RunId run = end.run;
    if (is_early) early_ends_.insert_or_assign(run, std::move(end));
}

bool Chains::waits_for(const RunId& parent) const
{
    const std::set<JobId>* const children = children_of(parent.job);
    return children != nullptr && std::ranges::any_of(*children, [&](JobId child) {
               return undecided_.contains({parent.scheduled_at, child}) || asked_.contains(child) ||
                      being_read_.contains(child);
           });
}

/// Of a child: its node may be the only one that knew of it.
void Chains::note_own_end(const FireEnd& end)
{
    const auto child = children_.find(end.run.job);
    // What is taken back may be planned again.
    if (child == children_.end() || end.state == RunState::revoked) return;
    const Key key{end.run.scheduled_at, end.run.job};
    undecided_.erase(key);
    // This term has not planned it, nor has one before.
    const bool is_early = key.first > known_after_ && key.first > child->second.newest;
    if (is_early && !is_asked_for(end.run)) ran_early_.insert(key);
}

void Chains::take(const Key& key, Fire& fire, const FireEnd& end)
{
    Parts& parts = fire.parents[end.run.job];
    if (end.state == RunState::revoked && end.run.attempt == 1) {
        // There is no such fire, if it had no other part; if there is after all, it is planned
        // again.
        parts.erase(end.run.part);
        if (parts.empty()) {
            undecided_.erase(key);
        } else {
            to_look_at_.insert(key);
        }
        return;
    }
    std::optional<FireEnd>& known = parts[end.run.part];
    if (known && end.run.attempt < known->run.attempt) return;
    if (end.run.attempt > 1 && !has_run(end.state)) {
        // A further attempt is made only of what has failed, and this one did not run.
        if (!known || known->state == RunState::success) {
            known = end;
            known->state = RunState::failed;
        }
        known->run.attempt = end.run.attempt;
        known->is_last = true;
        known->ended_at = std::max(known->ended_at, end.ended_at);
    } else {
        known = end;
    }
    to_look_at_.insert(key);
}

void Chains::ask_all(WallTime planned_through)
{
    known_after_ = planned_through;
    for (const auto& [id, child] : children_) asked_.insert(id);
}

void Chains::ask(JobId parent)
{
    const std::set<JobId>* const children = children_of(parent);
    if (children != nullptr) asked_.insert(children->begin(), children->end());
}

void Chains::ask_again(const std::set<JobId>& children)
{
    std::ranges::copy_if(children, std::inserter(asked_, asked_.end()),
                         [this](JobId id) { return is_chained(id); });
}

std::vector<ChainEdge> Chains::take_questions(std::size_t most)
{
    find_parents();
    std::vector<ChainEdge> edges;
    while (!asked_.empty() && being_read_.size() < most) {
        const JobId id = *asked_.begin();
        asked_.erase(asked_.begin());
        being_read_.insert(id);
        for (const std::string& name : children_.at(id).parents) {
            if (const auto parent = id_of(name)) edges.push_back({*parent, id});
        }
    }
    return edges;
}

void Chains::found(std::vector<ChainRow> rows, SteadyTime hold)
{
    for (ChainRow& row : rows) {
        const Key key{row.id.scheduled_at, row.edge.child};
        if (decided_meanwhile_.contains(key) || !is_chained(row.edge.child)) continue;
        if (runs_alone(row.id, row.requested_by)) continue;
        Fire& fire = undecided_[key];
        if (!fire.hold) fire.hold = hold;
        fire.parents[row.edge.parent].try_emplace(row.id.part);
        if (!is_final(row.state)) continue;
        FireEnd end;
        end.run = row.id;
        end.state = row.state;
        end.cause = row.cause;
        end.exit_code = row.exit_code;
        end.ended_at = row.ended_at.value_or(row.id.scheduled_at);
        end.fires = row.fires;
        end.gap_end = row.gap_end.value_or(WallTime());
        take(key, fire, end);
    }
    being_read_.clear();
    decided_meanwhile_.clear();
    for (auto& [id, end] : std::exchange(early_ends_, {})) ended(std::move(end));
}

std::vector<Chains::Due> Chains::take_due(SteadyTime now,
                                          const std::function<bool(const RunId&)>& is_open,
                                          const std::function<bool(const FireEnd&)>& is_followed)
{
    find_parents();
    std::vector<Due> all;
    std::set<Key> keys = std::exchange(to_look_at_, {});
    keys.merge(std::exchange(held_, {}));
    for (const Key& key : keys) {
        const auto fire = undecided_.find(key);
        if (fire == undecided_.end()) continue;
        const auto child = children_.find(key.second);
        if (child == children_.end()) {
            undecided_.erase(fire);
            continue;
        }
        std::optional<Due> due = due_of(key, fire->second, child->second);
        const auto is_going_on = [&](const FireEnd& end) { return is_open(end.run); };
        if (!due || std::ranges::any_of(due->parts, is_going_on)) continue;
        const bool is_held = fire->second.hold && now < *fire->second.hold;
        if (is_held && std::ranges::any_of(due->parts, is_followed)) {
            held_.insert(key);
            continue;
        }
        undecided_.erase(fire);
        if (!being_read_.empty()) decided_meanwhile_.insert(key);
        if (!child->second.since || due->since <= *child->second.since) continue;
        child->second.newest = std::max(child->second.newest, key.first);
        all.push_back(*std::move(due));
    }
    return all;
}

/// nullopt: a parent's fire is not known to have ended.
std::optional<Chains::Due> Chains::due_of(const Key& key, const Fire& fire,
                                          const Child& child) const
{
    Due due;
    due.child = key.second;
    due.at = key.first;
    for (const std::string& name : child.parents) {
        const auto id = id_of(name);
        const auto parent = id ? fire.parents.find(*id) : fire.parents.end();
        if (parent == fire.parents.end()) return std::nullopt;
        std::vector<FireEnd> parts;
        for (const auto& [part, end] : parent->second) {
            if (!end) return std::nullopt;
            parts.push_back(*end);
        }
        if (parts.empty()) return std::nullopt;
        due.ends.push_back(end_of_fire(parts));
        due.since = std::max(due.since, due.ends.back().ended_at);
        due.parts.insert(due.parts.end(), parts.begin(), parts.end());
    }
    return due;
}

bool Chains::has_later_fire(const RunId& child) const
{
    const auto found = children_.find(child.job);
    return found != children_.end() && found->second.newest > child.scheduled_at;
}

void Chains::forget_incomplete(WallTime time)
{
    // The store may still say that a parent has fired.
    if (!asked_.empty() || !being_read_.empty()) return;
    for (auto fire = undecided_.begin(); fire != undecided_.end() && fire->first.first < time;) {
        const auto child = children_.find(fire->first.second);
        const auto has_fired = [&](const std::string& name) {
            const auto id = id_of(name);
            return id && fire->second.parents.contains(*id);
        };
        const bool is_complete =
            child != children_.end() && std::ranges::all_of(child->second.parents, has_fired);
        fire = is_complete ? std::next(fire) : undecided_.erase(fire);
    }
}

}  // namespace peercron
