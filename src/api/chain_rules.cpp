#include "api/chain_rules.hpp"

#include "api/limits.hpp"
#include "base/utf8.hpp"
#include "http/message.hpp"
#include "model/chain.hpp"
#include "model/job_zone.hpp"
#include "schedule/schedule.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {
namespace {

/// Jobs that are named in a message.
constexpr std::size_t most_children_named = 5;
/// Jobs of one chain that are looked at.
constexpr std::size_t most_of_chain = 10'000;

std::vector<Job> children_of(Store& store, const std::string& name)
{
    if (name.empty()) return {};
    JobFilter filter;
    filter.words.push_back({&field_of(&Job::run_after), name});
    return store.job_page(filter, {0, most_of_chain}, {});
}

/// Names those that a caller with these tags sees.
std::string name_some(std::span<const Job> jobs, const std::vector<std::string>& tags)
{
    std::string names;
    std::size_t named = 0;
    for (const Job& job : jobs) {
        if (named == most_children_named || !is_within(tags, job)) continue;
        names += names.empty() ? "" : ", ";
        names += job.name.empty() ? fmt::format("job {}", job.id) : quote_utf8(job.name);
        ++named;
    }
    if (named == 0) return jobs.size() == 1 ? "another job" : fmt::format("{} others", jobs.size());
    if (named < jobs.size()) names += fmt::format(" and {} more", jobs.size() - named);
    return names;
}

[[noreturn]] void refuse_now(const std::string& message)
{
    throw HttpError(http::status::conflict, message);
}

/// What is before a job in its chain.
class Ancestors {
public:
    /// @param before the job as it was; nullptr: it is new.
    Ancestors(Store& store, const Job& job, const Job* before, std::string_view default_zone,
              const std::vector<std::string>& tags)
        : store_(store), job_(job), before_(before), default_zone_(default_zone), tags_(tags)
    {}

    /// How many jobs are between the job and a schedule, itself included.
    std::size_t depth() { return depth_of(job_); }

    /// Refuses parents that do not fire at the same times, as far as their schedules tell.
    void check_times()
    {
        const Job* first = nullptr;
        for (const auto& [name, root] : roots_) {
            if (first == nullptr) {
                first = &root;
            } else if (!has_same_times(*first, root)) {
                if (!is_within(tags_, *first) || !is_within(tags_, root)) {
                    refuse("run_after: these jobs do not fire at the same times");
                }
                refuse(fmt::format(
                    "run_after: {} fires at {} and {} at {}; a job runs after jobs "
                    "that fire at the same times, so that each of its fires has one "
                    "of each of them",
                    quote_utf8(first->name), text_of(*first), quote_utf8(name), text_of(root)));
            }
        }
    }

private:
    std::size_t depth_of(const Job& job)
    {
        std::size_t depth = 0;
        for (const std::string& name : job.run_after) {
            const auto known = depths_.find(name);
            depth = std::max(depth, known != depths_.end() ? known->second : depth_of_parent(name));
        }
        return depth + 1;
    }

    std::size_t depth_of_parent(const std::string& name)
    {
        if (name == job_.name || !path_.insert(name).second) {
            refuse(
                fmt::format("run_after: {} runs after this job itself, or would; chains have no "
                            "circles",
                            quote_utf8(name)));
        }
        if (path_.size() > deepest_chain) refuse_depth();
        const std::optional<Job> parent = store_.find_job_by_name(name);
        if (!parent || parent->name != name || !is_known(*parent)) {
            refuse(
                fmt::format("run_after: given {}; there is no job of that name", quote_utf8(name)));
        }
        if (parent->kind == JobKind::daemon) {
            refuse(
                fmt::format("run_after: given {}, which is a daemon; jobs run after jobs that "
                            "end",
                            quote_utf8(name)));
        }
        const std::size_t depth = is_chained(*parent) ? depth_of(*parent) : 0;
        if (!is_chained(*parent)) roots_.emplace(name, *parent);
        depths_[name] = depth;
        path_.erase(name);
        return depth;
    }

    /// Whether the caller may know of a parent: it sees it, or did not name it.
    bool is_known(const Job& parent) const
    {
        const auto names = [&parent](const Job& job) {
            return std::ranges::count(job.run_after, parent.name) > 0;
        };
        const bool is_named_now = names(job_) && (before_ == nullptr || !names(*before_));
        return is_within(tags_, parent) || !is_named_now;
    }

    [[noreturn]] static void refuse_depth()
    {
        refuse(fmt::format("run_after: the chain would be longer than {} jobs", deepest_chain));
    }

    std::string_view zone_of(const Job& job) const { return zone_name(job, default_zone_); }

    std::string text_of(const Job& job) const
    {
        return fmt::format("{} ({})", quote_utf8(job.cron_set), zone_of(job));
    }

    bool has_same_times(const Job& one, const Job& other) const
    {
        const auto first = Schedule::make(one.cron_set, zone_of(one), one.id);
        const auto second = Schedule::make(other.cron_set, zone_of(other), other.id);
        return first && second && zone_of(one) == zone_of(other) &&
               first->expression() == second->expression();
    }

    Store& store_;
    const Job& job_;
    const Job* const before_;
    const std::string_view default_zone_;
    const std::vector<std::string>& tags_;
    std::set<std::string> path_;  ///< from the job to the one that is looked at
    std::map<std::string, std::size_t> depths_;
    std::map<std::string, Job> roots_;  ///< those with schedules
};

/// How many jobs there are below one of this name, on the longest way.
std::size_t height_below(Store& store, const std::string& name,
                         std::map<std::string, std::size_t>& known)
{
    // Also a way out of a circle that somebody made in the database.
    if (const auto found = known.find(name); found != known.end()) return found->second;
    known[name] = 0;
    std::size_t height = 0;
    for (const Job& child : children_of(store, name)) {
        height = std::max(height, 1 + height_below(store, child.name, known));
    }
    return known[name] = height;
}

/// The jobs that run after one of these.
std::vector<Job> children_of(Store& store, std::span<const Job> parents)
{
    constexpr std::size_t few = 20;
    constexpr std::size_t page = 1000;
    std::vector<Job> children;
    if (parents.size() <= few) {
        for (const Job& parent : parents) {
            std::ranges::move(children_of(store, parent.name), std::back_inserter(children));
        }
        return children;
    }
    // One look at the whole table costs less than one for each of them.
    std::set<std::string_view> names;
    for (const Job& parent : parents) names.insert(parent.name);
    JobId after = 0;
    for (std::vector<Job> jobs = store.jobs_after(after, page); !jobs.empty();
         jobs = store.jobs_after(after, page)) {
        after = jobs.back().id;
        for (Job& job : jobs) {
            const bool is_child = std::ranges::any_of(
                job.run_after, [&](const std::string& name) { return names.contains(name); });
            if (is_child) children.push_back(std::move(job));
        }
    }
    return children;
}

}  // namespace

void check_chain(Store& store, const Job& job, const Job* before, const JobPatch& patch,
                 std::string_view default_zone, const std::vector<std::string>& tags)
{
    const bool is_renamed = before != nullptr && before->name != job.name;
    const bool is_now_daemon = patch.has(&Job::kind) && job.kind == JobKind::daemon;
    if (before != nullptr && (is_renamed || is_now_daemon)) {
        const std::vector<Job> children = children_of(store, before->name);
        if (!children.empty()) {
            refuse_now(fmt::format("{}: {} {} after {}; change run_after of {} first",
                                   is_renamed ? "name" : "kind", name_some(children, tags),
                                   children.size() == 1 ? "runs" : "run", quote_utf8(before->name),
                                   children.size() == 1 ? "it" : "them"));
        }
    }
    if (!patch.has(&Job::run_after) || !is_chained(job)) return;
    Ancestors ancestors(store, job, before, default_zone, tags);
    const std::size_t depth = ancestors.depth();
    ancestors.check_times();
    std::map<std::string, std::size_t> known;
    const std::size_t height = before == nullptr ? 0 : height_below(store, job.name, known);
    if (depth + height > deepest_chain) {
        refuse(fmt::format("run_after: the chain would be {} jobs long; at most {} are allowed",
                           depth + height, deepest_chain));
    }
}

void check_childless(Store& store, std::span<const Job> leaving,
                     const std::vector<std::string>& tags)
{
    std::set<JobId> ids;
    for (const Job& job : leaving) ids.insert(job.id);
    std::vector<Job> staying = children_of(store, leaving);
    std::erase_if(staying, [&](const Job& child) { return ids.contains(child.id); });
    if (staying.empty()) return;
    const Job& child = staying.front();
    const auto parent = std::ranges::find_if(
        leaving, [&](const Job& job) { return std::ranges::count(child.run_after, job.name) > 0; });
    refuse_now(
        fmt::format("{} {} after {}, so nothing was deleted; delete {} as well, or change "
                    "run_after",
                    name_some(staying, tags), staying.size() == 1 ? "runs" : "run",
                    quote_utf8(parent->name), staying.size() == 1 ? "it" : "them"));
}

}  // namespace peercron
