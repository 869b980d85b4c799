#include "cli/job_changes.hpp"

#include "cli/answer_fields.hpp"
#include "cli/moments.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

namespace peercron {

namespace json = boost::json;

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

/// A field of a job: for people, and as a parameter of the API.
struct Field {
    std::string_view name;
    std::string_view parameter;
    std::string (*text)(const Job&);
    json::value (*value)(const Job&);
};

std::string truth(bool value)
{
    return value ? "true" : "false";
}

std::string bound_text(std::int64_t unix_seconds)
{
    return unix_seconds == 0 ? "none" : utc_text(sys_seconds(seconds(unix_seconds)));
}

std::string window_text(const Job& job)
{
    if (job.misfire_window == until_next) return std::string(until_next_name);
    return job.misfire_window ? duration_text(*job.misfire_window) : "default";
}

json::value window_value(const Job& job)
{
    if (job.misfire_window && job.misfire_window != until_next) {
        return std::int64_t{job.misfire_window->count()};
    }
    return json::value(window_text(job));
}

template <auto Member>
std::string policy_text(const Job& job)
{
    return std::string(policy_name(job.*Member));
}

template <auto Member>
json::value policy_value(const Job& job)
{
    return json::value(policy_name(job.*Member));
}

template <class Policy>
Policy policy_of(const AnswerFields& from, std::string_view name)
{
    return parse_policy<Policy>(from.text(name)).value_or(Policy{});
}

constexpr std::array<Field, 15> fields{{
    {"cron_set", "cronSet", [](const Job& job) { return job.cron_set; },
     [](const Job& job) { return json::value(job.cron_set); }},
    {"command", "command", [](const Job& job) { return job.command; },
     [](const Job& job) { return json::value(job.command); }},
    {"remark", "remark", [](const Job& job) { return job.remark; },
     [](const Job& job) { return json::value(job.remark); }},
    {"time_zone", "time_zone", [](const Job& job) { return job.time_zone; },
     [](const Job& job) { return json::value(job.time_zone); }},
    {"start_time", "start_time", [](const Job& job) { return bound_text(job.start_time); },
     [](const Job& job) { return json::value(job.start_time); }},
    {"end_time", "end_time", [](const Job& job) { return bound_text(job.end_time); },
     [](const Job& job) { return json::value(job.end_time); }},
    {"is_mutex", "is_mutex", [](const Job& job) { return truth(job.is_mutex); },
     [](const Job& job) { return json::value(job.is_mutex); }},
    {"timeout", "timeout", [](const Job& job) { return duration_text(job.timeout); },
     [](const Job& job) { return json::value(std::int64_t{job.timeout.count()}); }},
    {"run_limit", "run_limit", [](const Job& job) { return std::to_string(job.run_limit); },
     [](const Job& job) { return json::value(job.run_limit); }},
    {"misfire_window", "misfire_window", window_text, window_value},
    {"delivery", "delivery", policy_text<&Job::delivery>, policy_value<&Job::delivery>},
    {"misfire_policy", "misfire_policy", policy_text<&Job::misfire_policy>,
     policy_value<&Job::misfire_policy>},
    {"overlap", "overlap", policy_text<&Job::overlap>, policy_value<&Job::overlap>},
    {"max_concurrent", "max_concurrent",
     [](const Job& job) { return std::to_string(job.max_concurrent); },
     [](const Job& job) { return json::value(job.max_concurrent); }},
    {"stop", "stop", [](const Job& job) { return truth(job.stop); },
     [](const Job& job) { return json::value(job.stop); }},
}};

JobChange addition(const Job& job)
{
    JobChange change{JobChange::Kind::add, job.name, 0, {}, {{"name", job.name}}};
    const Job plain;
    for (const Field& field : fields) {
        if (field.value(job) == field.value(plain)) continue;
        change.fields.push_back({std::string(field.name), "", field.text(job)});
        change.request[field.parameter] = field.value(job);
    }
    return change;
}

JobChange update(const Job& before, const Job& after)
{
    JobChange change{JobChange::Kind::update,
                     before.name,
                     before.id,
                     differences(before, after),
                     {{"id", before.id}}};
    for (const Field& field : fields) {
        if (field.value(before) == field.value(after)) continue;
        change.request[field.parameter] = field.value(after);
    }
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

}  // namespace

std::vector<FieldChange> differences(const Job& before, const Job& after)
{
    std::vector<FieldChange> changed;
    for (const Field& field : fields) {
        if (field.value(before) == field.value(after)) continue;
        changed.push_back({std::string(field.name), field.text(before), field.text(after)});
    }
    return changed;
}

Job job_of(const json::value& answer)
{
    const AnswerFields from(answer);
    Job job;
    job.id = from.number_or("id", 0);
    job.name = from.text("name");
    job.cron_set = from.text("cron_set");
    job.command = from.text("command");
    job.remark = from.text("remark");
    job.stop = from.flag("stop");
    job.is_mutex = from.flag("is_mutex");
    job.start_time = from.number_or("start_time", 0);
    job.end_time = from.number_or("end_time", 0);
    job.time_zone = from.text("time_zone");
    job.timeout = seconds(from.number_or("timeout", 0));
    job.run_limit = from.number_or("run_limit", 0);
    if (const auto window = from.number("misfire_window")) job.misfire_window = seconds(*window);
    if (from.text("misfire_window") == until_next_name) job.misfire_window = until_next;
    job.delivery = policy_of<Delivery>(from, "delivery");
    job.misfire_policy = policy_of<Misfire>(from, "misfire_policy");
    job.overlap = policy_of<Overlap>(from, "overlap");
    job.max_concurrent = from.number_or("max_concurrent", 0);
    return job;
}

JobChanges compare_jobs(std::span<const FileJob> file, std::span<const Job> node, bool prune)
{
    std::map<std::string_view, const Job*> there;
    for (const Job& job : node) {
        if (!job.name.empty()) there.emplace(job.name, &job);
    }
    JobChanges result;
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
    return result;
}

}  // namespace peercron
