#include "model/job_kinds.hpp"

#include "base/utf8.hpp"
#include "model/field_json.hpp"
#include "model/lock.hpp"
#include "model/placeholders.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {
namespace {

bool is_blank(std::string_view text)
{
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

/// What of a command's is about its fires and their attempts: a daemon has neither.
constexpr std::array<FieldMember, 27> not_of_daemons{
    &Job::cron_set,     &Job::time_zone,      &Job::timeout,         &Job::run_limit,
    &Job::delivery,     &Job::misfire_policy, &Job::overlap,         &Job::misfire_window,
    &Job::is_mutex,     &Job::max_concurrent, &Job::retries,         &Job::retry_delay,
    &Job::inputs,       &Job::retry_on,       &Job::retry_max_delay, &Job::slow_after,
    &Job::expect_every, &Job::expect_by,      &Job::run_after,       &Job::run_after_on,
    &Job::locks,        &Job::jitter,         &Job::late_goal,       &Job::calendar,
    &Job::required,     &Job::requires_wait,  &Job::shards};

/// What has to fit together: see find_problem_of_requires().
constexpr std::array<FieldMember, 5> about_requires{&Job::required, &Job::requires_wait,
                                                    &Job::run_after, &Job::name, &Job::spread};

constexpr std::array<FieldMember, 5> only_of_daemons{&Job::restart, &Job::restart_delay,
                                                     &Job::restart_max_delay, &Job::healthy_after,
                                                     &Job::start_limit};

bool is_among(const JobField& field, std::span<const FieldMember> members)
{
    return std::ranges::find(members, field.member) != members.end();
}

/// The first field of the other kind that is not at its default.
const JobField* find_stranger(const Job& job)
{
    const auto fields = fields_of(differences(job, Job()));
    const auto found = std::ranges::find_if(
        fields, [&](const JobField* field) { return !is_for(*field, job.kind); });
    return found == fields.end() ? nullptr : *found;
}

JobProblem problem(const JobField& field, std::string what)
{
    return {&field, std::move(what)};
}

/// In the URL, the headers and the body.
std::optional<JobProblem> find_unknown_placeholder(const Job& job)
{
    const auto complain = [](const JobField& field, const std::string& unknown) {
        const bool is_secret = unknown.find("secret.") != std::string::npos;
        return problem(field,
                       fmt::format("given {}; {}{{{{job}}}}, {{{{scheduled_at}}}}, "
                                   "{{{{attempt}}}}, {{{{shard}}}} and {{{{shards}}}} are allowed",
                                   quote_utf8(unknown),
                                   is_secret ? "there are no secrets in requests yet; " : ""));
    };
    if (const auto unknown = unknown_placeholder(job.http_url)) {
        return complain(field_of(&Job::http_url), *unknown);
    }
    for (const std::string& header : job.http_headers) {
        if (const auto unknown = unknown_placeholder(header)) {
            return complain(field_of(&Job::http_headers), *unknown);
        }
    }
    if (const auto unknown = unknown_placeholder(job.http_body)) {
        return complain(field_of(&Job::http_body), *unknown);
    }
    return std::nullopt;
}

/// Whether its fires are several runs, as far as `spread` says.
bool is_cut(const Job& job)
{
    return job.spread == Spread::shards || job.spread == Spread::every;
}

/// `spread` and `shards` say the same.
std::optional<JobProblem> find_problem_of_parts(const Job& job, const JobPatch& patch)
{
    if (is_cut(job) && job.kind == JobKind::daemon) {
        return problem(
            field_of(&Job::spread),
            fmt::format("given \"{}\" for a job of kind daemon, which runs once at a time",
                        policy_name(job.spread)));
    }
    if (job.spread == Spread::every && !job.locks.empty()) {
        const bool is_given = patch.has(&Job::locks);
        return problem(is_given ? field_of(&Job::locks) : field_of(&Job::spread),
                       is_given
                           ? "given for a job with spread \"every\"; runs with locks are at one "
                             "node; give spread as \"one\", too"
                           : "given \"every\", but the job has locks, which keep its runs at "
                             "one node; give locks as \"\", too");
    }
    const bool has_shards = job.spread == Spread::shards;
    if (has_shards && job.shards < 2) {
        return problem(field_of(&Job::shards),
                       fmt::format("{}; with spread \"shards\" it is how many runs a fire is, 2 to "
                                   "{}",
                                   patch.has(&Job::shards) ? fmt::format("given {}", job.shards)
                                                           : std::string("missing"),
                                   most_shards));
    }
    if (!has_shards && job.shards != 1) {
        const bool is_given = patch.has(&Job::shards);
        return problem(
            is_given ? field_of(&Job::shards) : field_of(&Job::spread),
            is_given ? fmt::format("given {} without spread \"shards\"", job.shards)
                     : fmt::format("given \"{}\", but the job has {} shards; give shards as 1, too",
                                   policy_name(job.spread), job.shards));
    }
    return std::nullopt;
}

std::optional<JobProblem> find_problem_of_http(const Job& job, const JobPatch& patch)
{
    if (!job.command.empty()) {
        const bool is_given = patch.has(&Job::command);
        return problem(is_given ? field_of(&Job::command) : field_of(&Job::kind),
                       is_given
                           ? "a job of kind http has no command; kind = command runs one"
                           : "given \"http\", but the job has a command; give command as \"\", "
                             "too");
    }
    if (job.http_url.empty()) {
        return problem(field_of(&Job::http_url), "missing; a job of kind http needs it");
    }
    const HttpMethod method = method_of(job);
    const bool has_no_body = method == HttpMethod::get || method == HttpMethod::head;
    if (!job.http_body.empty() && has_no_body) {
        return problem(field_of(&Job::http_body),
                       fmt::format("given together with http_method {}, which sends none; auto, "
                                   "POST, PUT, PATCH, DELETE and OPTIONS do",
                                   policy_name(method)));
    }
    return find_unknown_placeholder(job);
}

std::optional<JobProblem> find_problem_of_requires(const Job& job, const JobPatch& patch)
{
    if (job.required.empty()) {
        if (job.requires_wait.count() == 0) return std::nullopt;
        return problem(field_of(&Job::requires_wait),
                       fmt::format("given {} for a job that requires no others; 0 is allowed",
                                   job.requires_wait.count()));
    }
    if (is_chained(job)) {
        const bool is_given = patch.has(&Job::required);
        return problem(is_given ? field_of(&Job::required) : field_of(&Job::run_after),
                       fmt::format("given for a job with {0}; a job either runs after others, or "
                                   "has a schedule and requires others; give {0} as \"\", too",
                                   is_given ? "run_after" : "requires"));
    }
    if (is_cut(job)) {
        const bool is_given = patch.has(&Job::required);
        const bool has_shards = job.spread == Spread::shards;
        return problem(
            is_given ? field_of(&Job::required) : field_of(&Job::spread),
            is_given
                ? fmt::format("given for a job with {}, which requires no others; give spread "
                              "as \"one\"{}, too",
                              has_shards ? "shards" : "spread \"every\"",
                              has_shards ? " and shards as 1" : "")
                : fmt::format("given \"{}\", but the job requires others, which a job with {} "
                              "does not; give requires as \"\", too",
                              policy_name(job.spread), has_shards ? "shards" : "spread \"every\""));
    }
    if (!job.name.empty() && std::ranges::count(job.required, job.name) > 0) {
        const bool is_given = patch.has(&Job::required);
        return problem(is_given ? field_of(&Job::required) : field_of(&Job::name),
                       fmt::format("given {}; a job cannot require itself", quote_utf8(job.name)));
    }
    return std::nullopt;
}

}  // namespace

bool is_for(const JobField& field, JobKind kind)
{
    if (field.name.starts_with("http_")) return kind == JobKind::http;
    if (is_among(field, only_of_daemons)) return kind == JobKind::daemon;
    if (kind == JobKind::daemon) return !is_among(field, not_of_daemons);
    // What else a node has to know says how a command runs, or how many slots it takes.
    const bool is_of_all =
        field.member == FieldMember(&Job::kind) || field.member == FieldMember(&Job::priority) ||
        field.member == FieldMember(&Job::locks) || field.member == FieldMember(&Job::jitter);
    const bool is_of_command =
        field.member == FieldMember(&Job::command) || (field.for_node && !is_of_all);
    return !is_of_command || kind == JobKind::command;
}

void imply_kind(JobPatch& patch)
{
    const bool has_command = patch.has(&Job::command) && !is_blank(patch.values.command);
    const bool has_url = patch.has(&Job::http_url) && !patch.values.http_url.empty();
    if (!patch.has(&Job::kind) && has_url && !has_command) patch.set(&Job::kind, JobKind::http);
}

std::optional<JobProblem> find_contradiction(const Job& job, const JobPatch& patch)
{
    const auto given = fields_of(patch.given);
    const bool may_not_fit = std::ranges::any_of(
        given, [](const JobField* field) { return is_among(*field, about_requires); });
    if (may_not_fit) {
        if (auto found = find_problem_of_requires(job, patch)) return found;
    }
    const bool is_concerned = std::ranges::any_of(given, [&job](const JobField* field) {
        return field->member == FieldMember(&Job::spread) ||
               field->member == FieldMember(&Job::shards) || field->for_node ||
               field->member == FieldMember(&Job::command) || !is_for(*field, job.kind);
    });
    if (!is_concerned) return std::nullopt;
    const JobField* const stranger = find_stranger(job);
    if (stranger != nullptr && stranger->member != FieldMember(&Job::command)) {
        const bool is_given = std::ranges::find(given, stranger) != given.end();
        if (!is_given && patch.has(&Job::kind)) {
            return problem(
                field_of(&Job::kind),
                fmt::format("given \"{0}\", but the job has {1}, which a job of kind {0} has not; "
                            "give {1} as {2}, too",
                            policy_name(job.kind), stranger->parameter_name(),
                            boost::json::serialize(to_json(shown_value(*stranger, Job())))));
        }
        return problem(*stranger, fmt::format("given for a job of kind {}, which has none",
                                              policy_name(job.kind)));
    }
    if (auto found = find_problem_of_parts(job, patch)) return found;
    if (auto what = find_doubled_lock(job.locks)) {
        return problem(field_of(&Job::locks), *std::move(what));
    }
    if (job.kind == JobKind::http) return find_problem_of_http(job, patch);
    if (!is_blank(job.command)) return std::nullopt;
    return problem(field_of(&Job::command),
                   fmt::format("given {}; it must not be empty", quote_utf8(job.command)));
}

HttpMethod method_of(const Job& job)
{
    if (job.http_method != HttpMethod::automatic) return job.http_method;
    return job.http_body.empty() ? HttpMethod::get : HttpMethod::post;
}

}  // namespace peercron
