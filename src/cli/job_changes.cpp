#include "cli/job_changes.hpp"

#include "cli/answer_fields.hpp"
#include "cli/field_text.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace peercron {

namespace json = boost::json;

namespace {

/// What `to` has otherwise than `from`, as parameters of the API.
void add_parameters(json::object& request, const Job& from, const Job& to)
{
    for (const JobField* field : fields_of(differences(from, to))) {
        request[field->parameter_name()] = parameter_value(*field, to);
    }
}

JobChange addition(const Job& job)
{
    JobChange change{JobChange::Kind::add, job.name, 0, {}, {}};
    Job plain;
    add_parameters(change.request, plain, job);
    plain.name = job.name;
    change.fields = field_changes(plain, job);
    for (FieldChange& field : change.fields) field.before.clear();
    return change;
}

JobChange update(const Job& before, const Job& after)
{
    JobChange change{
        JobChange::Kind::update, before.name, before.id, field_changes(before, after), {}};
    change.request["id"] = before.id;
    add_parameters(change.request, before, after);
    return change;
}

JobChange removal(const Job& job)
{
    JobChange change = addition(job);
    change.kind = JobChange::Kind::remove;
    change.id = job.id;
    change.request.clear();
    for (FieldChange& field : change.fields) std::swap(field.before, field.after);
    return change;
}

/// How many jobs each job has before it, which it runs after or requires. Those that are in a
/// circle have as many as there are; the node refuses them.
std::map<std::string_view, std::size_t> depths_of(
    const std::map<std::string_view, const Job*>& jobs)
{
    std::map<std::string_view, std::size_t> depths;
    bool is_settled = false;
    for (std::size_t round = 0; round <= jobs.size() && !is_settled; ++round) {
        is_settled = true;
        for (const auto& [name, job] : jobs) {
            for (const RareWords* names : {&job->run_after, &job->required}) {
                for (const std::string& parent : *names) {
                    const std::size_t deeper = depths[parent] + 1;
                    if (depths[name] >= deeper) continue;
                    depths[name] = deeper;
                    is_settled = false;
                }
            }
        }
    }
    return depths;
}

/// A job comes after those that it runs after, or requires, and goes before them.
void order_by_chains(std::vector<JobChange>& changes, std::span<const FileJob> file,
                     std::span<const Job> node)
{
    std::map<std::string_view, const Job*> before;
    for (const Job& job : node) before.emplace(job.name, &job);
    std::map<std::string_view, const Job*> after;
    for (const FileJob& wanted : file) after.emplace(wanted.job.name, &wanted.job);
    const auto leaving = depths_of(before);
    const auto coming = depths_of(after);
    const auto depth = [](const auto& depths, const std::string& name) {
        const auto found = depths.find(name);
        return found == depths.end() ? 0 : static_cast<std::int64_t>(found->second);
    };
    const auto place = [&](const JobChange& change) {
        const bool leaves = change.kind == JobChange::Kind::remove;
        return std::pair(leaves,
                         leaves ? -depth(leaving, change.name) : depth(coming, change.name));
    };
    std::ranges::stable_sort(changes, {}, place);
}

}  // namespace

std::vector<FieldChange> field_changes(const Job& before, const Job& after)
{
    std::vector<FieldChange> changed;
    for (const JobField* field : fields_of(differences(before, after))) {
        changed.push_back(
            {std::string(field->name), field_text(*field, before), field_text(*field, after)});
    }
    return changed;
}

Job job_of(const json::value& answer)
{
    Job job;
    job.id = AnswerFields(answer).number_or("id", 0);
    const json::object* const object = answer.if_object();
    if (object == nullptr) return job;
    for (const JobField& field : job_fields) {
        const json::value* const value = object->if_contains(field.name);
        if (value != nullptr) read_row_value(field, job, *value);
    }
    return job;
}

JobComparison compare_jobs(std::span<const FileJob> file, std::span<const Job> node, bool prune)
{
    std::map<std::string_view, const Job*> there;
    for (const Job& job : node) {
        if (!job.name.empty()) there.emplace(job.name, &job);
    }
    JobComparison result;
    for (const FileJob& wanted : file) {
        const auto known = there.find(wanted.job.name);
        if (known == there.end()) {
            result.changes.push_back(addition(wanted.job));
            continue;
        }
        Job after = wanted.job;
        after.stop = wanted.stop.value_or(known->second->stop);
        JobChange change = update(*known->second, after);
        if (change.fields.empty()) {
            ++result.unchanged;
        } else {
            result.changes.push_back(std::move(change));
        }
        there.erase(known);
    }
    for (const auto& [name, job] : there) {
        if (prune) {
            result.changes.push_back(removal(*job));
        } else {
            result.others.emplace_back(name);
        }
    }
    order_by_chains(result.changes, file, node);
    return result;
}

}  // namespace peercron
