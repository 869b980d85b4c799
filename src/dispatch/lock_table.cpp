#include "dispatch/lock_table.hpp"

#include <utility>

namespace peercron {

void LockTable::put(JobId job, std::span<const LockClaim> claims)
{
    erase(job);
    if (claims.empty()) return;
    Names& names = locks_of_[job];
    for (const LockClaim& claim : claims) names.push_back(claim.name);
    for (const std::string& name : names) {
        users_[name].insert(job);
        for (const std::string& other : names) {
            if (other != name) ++beside_[name][other];
        }
    }
}

void LockTable::erase(JobId job)
{
    const auto found = locks_of_.find(job);
    if (found == locks_of_.end()) return;
    for (const std::string& name : found->second) {
        for (const std::string& other : found->second) {
            if (other == name) continue;
            auto& neighbours = beside_.at(name);
            if (--neighbours.at(other) == 0) neighbours.erase(other);
            if (neighbours.empty()) beside_.erase(name);
        }
        auto& users = users_.at(name);
        users.erase(job);
        if (users.empty()) users_.erase(name);
    }
    locks_of_.erase(found);
}

std::vector<JobId> LockTable::set_limits(std::vector<LockLimit> limits)
{
    if (limits == limits_) return {};
    std::set<JobId> concerned;
    for (const auto& [name, users] : users_) {
        if (limit_of(name, limits) == limit_of(name, limits_)) continue;
        concerned.insert(users.begin(), users.end());
    }
    limits_ = std::move(limits);
    return {concerned.begin(), concerned.end()};
}

std::vector<std::int64_t> LockTable::limits_of(std::span<const LockClaim> claims) const
{
    std::vector<std::int64_t> limits;
    limits.reserve(claims.size());
    for (const LockClaim& claim : claims) limits.push_back(limit_of(claim.name, limits_));
    return limits;
}

std::set<std::string> LockTable::group_of(const std::set<std::string>& names) const
{
    std::set<std::string> group = names;
    std::vector<std::string> to_visit(names.begin(), names.end());
    while (!to_visit.empty()) {
        const auto neighbours = beside_.find(to_visit.back());
        to_visit.pop_back();
        if (neighbours == beside_.end()) continue;
        for (const auto& [name, jobs] : neighbours->second) {
            if (group.insert(name).second) to_visit.push_back(name);
        }
    }
    return group;
}

}  // namespace peercron
