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

std::vector<Job> jobs_that_name(Store& store, const JobField& field, const std::string& name)
{
    if (name.empty()) return {};
    JobFilter filter;
    filter.words.push_back({&field, name});
    return store.job_page(filter, {0, most_of_chain}, {});
}

std::vector<Job> children_of(Store& store, const std::string& name)
{
    return jobs_that_name(store, field_of(&Job::run_after), name);
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

/// Refuses names of jobs that are not there, and circles: of the jobs that are needed for a fire
/// of the job, none needs the job, whether it runs after it or requires it.
class RequiredNames {
public:
    /// @param before the job as it was; nullptr: it is new.
    RequiredNames(Store& store, const Job& job, const Job* before,
                  const std::vector<std::string>& tags)
        : store_(store), job_(job), before_(before), tags_(tags)
    {}

    void check()
    {
        for (const std::string& name : job_.required) check_name(name);
        check_circles();
    }

    void check_circles()
    {
        for (const RareWords* names : {&job_.required, &job_.run_after}) {
            for (const std::string& name : *names) look_behind(name, name);
        }
    }

private:
    void check_name(const std::string& name)
    {
        const std::optional<Job> job = store_.find_job_by_name(name);
        const bool is_new = before_ == nullptr || std::ranges::count(before_->required, name) == 0;
        const bool may_know = job && (is_within(tags_, *job) || !is_new);
        if (!job || job->name != name || !may_know) {
            refuse(
                fmt::format("requires: given {}; there is no job of that name", quote_utf8(name)));
        }
        if (job->kind == JobKind::daemon) {
            refuse(fmt::format("requires: given {}, which is a daemon; jobs require jobs that end",
                               quote_utf8(name)));
        }
        // Its row of a fire comes when the others are over: until then its fire before would count.
        if (is_chained(*job)) {
            refuse(
                fmt::format("requires: given {}, which runs after other jobs; require the last job "
                            "with a schedule of that chain, or give {} a schedule and requires",
                            quote_utf8(name), quote_utf8(name)));
        }
        if (job->spread == Spread::shards) {
            refuse(
                fmt::format("requires: given {}, whose fires are {} runs each; jobs require "
                            "jobs without shards",
                            quote_utf8(name), job->shards));
        }
        if (runs_at_every_node(*job)) {
            refuse(
                fmt::format("requires: given {}, whose fires are a run at every node; jobs require "
                            "jobs whose fires are one run",
                            quote_utf8(name)));
        }
    }

    /// @param first the name in this job that leads there.
    void look_behind(const std::string& name, const std::string& first)
    {
        if (!job_.name.empty() && name == job_.name) {
            const bool is_required = std::ranges::count(job_.required, first) > 0;
            refuse(
                fmt::format("{}: {} needs this job itself, as it runs after it or requires it, "
                            "or another one that does; there are no circles",
                            is_required ? "requires" : "run_after", quote_utf8(first)));
        }
        if (!seen_.insert(name).second || seen_.size() > most_of_chain) return;
        const std::optional<Job> job = store_.find_job_by_name(name);
        if (!job) return;
        for (const std::string& next : job->required) look_behind(next, first);
        for (const std::string& next : job->run_after) look_behind(next, first);
    }

    Store& store_;
    const Job& job_;
    const Job* const before_;
    const std::vector<std::string>& tags_;
    std::set<std::string> seen_;
};

bool names_any(const Job& job, const std::set<std::string_view>& names)
{
    const auto is_named = [&names](const std::string& name) { return names.contains(name); };
    return std::ranges::any_of(job.run_after, is_named) ||
           std::ranges::any_of(job.required, is_named);
}

/// The jobs that run after one of these, or require one.
std::vector<Job> dependents_of(Store& store, std::span<const Job> parents)
{
    constexpr std::size_t few = 20;
    constexpr std::size_t page = 1000;
    std::vector<Job> children;
    if (parents.size() <= few) {
        for (const Job& parent : parents) {
            std::ranges::move(children_of(store, parent.name), std::back_inserter(children));
            std::ranges::move(jobs_that_name(store, field_of(&Job::required), parent.name),
                              std::back_inserter(children));
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
            if (names_any(job, names)) children.push_back(std::move(job));
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
    const bool is_now_cut = patch.has(&Job::spread) && may_have_parts(job);
    const bool is_now_chained = patch.has(&Job::run_after) && is_chained(job);
    if (before != nullptr && (is_renamed || is_now_daemon || is_now_cut || is_now_chained)) {
        const std::vector<Job> others =
            jobs_that_name(store, field_of(&Job::required), before->name);
        if (!others.empty()) {
            const std::string_view given = is_renamed      ? "name"
                                           : is_now_daemon ? "kind"
                                           : is_now_cut    ? "spread"
                                                           : "run_after";
            refuse_now(fmt::format("{}: {} {} {}; change requires of {} first", given,
                                   name_some(others, tags),
                                   others.size() == 1 ? "requires" : "require",
                                   quote_utf8(before->name), others.size() == 1 ? "it" : "them"));
        }
    }
    if (patch.has(&Job::required)) {
        RequiredNames(store, job, before, tags).check();
    } else if (is_renamed) {
        RequiredNames(store, job, before, tags).check_circles();
    }
    if (!patch.has(&Job::run_after) || !is_chained(job)) return;
    Ancestors ancestors(store, job, before, default_zone, tags);
    const std::size_t depth = ancestors.depth();
    ancestors.check_times();
    RequiredNames(store, job, before, tags).check();
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
    std::vector<Job> staying = dependents_of(store, leaving);
    std::erase_if(staying, [&](const Job& child) { return ids.contains(child.id); });
    if (staying.empty()) return;
    const Job& child = staying.front();
    const auto parent = std::ranges::find_if(
        leaving, [&](const Job& job) { return names_any(child, {std::string_view(job.name)}); });
    if (!is_chained(child)) {
        refuse_now(
            fmt::format("{} {} {}, so nothing was deleted; delete {} as well, or change "
                        "requires",
                        name_some(staying, tags), staying.size() == 1 ? "requires" : "require",
                        quote_utf8(parent->name), staying.size() == 1 ? "it" : "them"));
    }
    refuse_now(
        fmt::format("{} {} after {}, so nothing was deleted; delete {} as well, or change "
                    "run_after",
                    name_some(staying, tags), staying.size() == 1 ? "runs" : "run",
                    quote_utf8(parent->name), staying.size() == 1 ? "it" : "them"));
}

}  // namespace peercron
