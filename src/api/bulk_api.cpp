#include "api/access_changes.hpp"
#include "api/await_answer.hpp"
#include "api/chain_rules.hpp"
#include "api/change_call.hpp"
#include "api/confirm_change.hpp"
#include "api/limits.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/counted.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"
#include "store/pause_store.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace peercron {
namespace {

constexpr std::size_t most_selected = 10'000;
constexpr std::size_t most_runs_at_once = 1000;  // of one call
constexpr std::size_t most_named = 1000;
constexpr std::size_t jobs_of_a_change = 500;

enum class Action : std::uint8_t { start, stop, run, remove };

constexpr std::array<std::string_view, 3> action_words{"start", "stop", "run"};

struct NamedJob {
    JobId id = 0;
    std::string name;
    bool stop = false;
};

struct FailedJob {
    NamedJob job;
    std::string message;
};

struct BulkResult {
    std::vector<NamedJob> jobs;
    std::int64_t running = 0;
    std::int64_t done = 0;
    std::vector<FailedJob> failed;
};

/// The jobs that the call names. One way of naming them is wanted, so that no job is touched by
/// mistake.
struct Selection {
    std::vector<JobId> ids;
    std::optional<JobFilter> filter;
};

std::vector<JobId> read_job_ids(std::string_view text)
{
    std::set<JobId> ids;
    for (const std::string& word : split_words(text)) ids.insert(parse_job_id("ids", word));
    return {ids.begin(), ids.end()};
}

Selection read_selection(const Params& params)
{
    Selection selection;
    const auto ids = params.text("ids");
    const auto tag = params.text("tag");
    const auto search = params.text("search");
    const bool all = params.boolean("all").value_or(false);
    const auto number_of = [](bool is_given) { return is_given ? 1 : 0; };
    const int given = number_of(ids.has_value()) + number_of(tag.has_value()) +
                      number_of(search.has_value()) + number_of(all);
    if (given != 1) {
        refuse(fmt::format("ids: {} of ids, tag, search and all are given; exactly one is allowed",
                           given));
    }
    for (const auto& [name, text] : {std::pair("ids", ids), {"tag", tag}, {"search", search}}) {
        if (text && text->empty()) refuse(fmt::format("{}: empty; it would mean no job", name));
    }
    if (ids) {
        selection.ids = read_job_ids(*ids);
        return selection;
    }
    JobFilter& filter = selection.filter.emplace();
    if (tag) {
        const auto field = std::ranges::find(job_fields, std::string_view("tags"), &JobField::name);
        filter.words.push_back({&*field, *tag});
    }
    if (search) filter.search = *search;
    return selection;
}

/// Throws HttpError 400 for too many, 404, and 409 where others run after what is to be deleted.
BulkResult select(Store& store, const Selection& selection, Action action, const Caller& caller)
{
    BulkResult result;
    std::vector<Job> found;
    if (selection.filter) {
        found = store.job_page(*selection.filter, {0, most_selected + 1}, {});
    } else {
        found = store.find_jobs_by_id(selection.ids);
        std::erase_if(found, [&caller](const Job& job) { return !is_within(caller.tags, job); });
        std::ranges::sort(found, {}, &Job::id);
    }
    if (found.size() > most_selected || selection.ids.size() > most_selected) {
        refuse(fmt::format("ids: more than {} jobs are meant; at most that many are allowed",
                           most_selected));
    }
    if (action == Action::remove) check_childless(store, found, caller.tags);
    std::vector<JobId> ids;
    for (const Job& job : found) {
        result.jobs.push_back({job.id, job.name, job.stop});
        ids.push_back(job.id);
    }
    for (const JobId id : selection.ids) {
        const bool is_there = std::ranges::binary_search(ids, id);
        if (!is_there) result.failed.push_back({{id, "", false}, "there is no such job"});
    }
    for (const JobInsight& insight : store.find_insights(ids)) result.running += insight.running;
    return result;
}

std::vector<JobId> ids_of(std::span<const NamedJob> jobs)
{
    std::vector<JobId> ids;
    for (const NamedJob& job : jobs) ids.push_back(job.id);
    return ids;
}

/// What starts a job ends the pauses that are of it alone.
void end_own_pauses(Store& store, std::span<const NamedJob> jobs, const Edit& edit)
{
    std::set<JobId> paused;
    const WallTime now = edit.at();
    for (const Pause& pause : store.pauses().pauses_after(now)) paused.insert(pause.job);
    for (const NamedJob& job : jobs) {
        PauseChoice choice;
        choice.job = job.id;
        if (paused.contains(job.id)) store.pauses().end_pauses(choice, now, edit.by.who);
    }
}

/// Returns how many of them are so then. One that is so already gets no revision.
std::int64_t set_stop(Store& store, std::span<const NamedJob> jobs, bool stop, const Edit& edit)
{
    std::vector<JobId> others;
    for (const NamedJob& job : jobs) {
        if (job.stop != stop) others.push_back(job.id);
    }
    JobPatch patch;
    patch.set(&Job::stop, stop);
    const std::vector<Job> changed = store.update_jobs(others, patch, edit);
    return std::ssize(jobs) - std::ssize(others) + std::ssize(changed);
}

/// Some at a time, so that no change of many rows stands in the way of others.
asio::awaitable<void> change_all(const ApiContext& context, const Call& call, Action action,
                                 BulkResult& result)
{
    const std::span<const NamedJob> all = result.jobs;
    std::string unconfirmed;
    for (std::size_t begin = 0; begin < all.size(); begin += jobs_of_a_change) {
        const auto some = all.subspan(begin, std::min(jobs_of_a_change, all.size() - begin));
        const Edit edit = edit_by(context, call);
        const auto change = [&](Store& store) {
            if (action == Action::remove) return store.delete_jobs(ids_of(some), edit);
            if (action == Action::start) end_own_pauses(store, some, edit);
            return set_stop(store, some, action == Action::stop, edit);
        };
        result.done += co_await context.store.call(change);
        const Result<void> told = co_await await_answer(context.announce(ids_of(some)));
        if (told.has_error()) unconfirmed = told.error().message;
    }
    if (!unconfirmed.empty()) {
        throw_unconfirmed(
            counted(result.done, "job was", "jobs were") + " changed and this is stored",
            unconfirmed);
    }
}

asio::awaitable<void> run_all(const ApiContext& context, const Call& call, BulkResult& result)
{
    for (const NamedJob& job : result.jobs) {
        auto asked = context.run_now(job.id, to_string(call.caller));
        const Result<RunId> run = co_await await_answer(std::move(asked));
        if (run) {
            ++result.done;
        } else {
            result.failed.push_back({job, run.error().message});
        }
    }
}

void write_bulk(JsonWriter& json, std::string_view action, bool dry_run, const BulkResult& result)
{
    json.begin_object();
    json.field("action", action);
    json.field("dry_run", dry_run);
    json.field("total", static_cast<std::int64_t>(result.jobs.size()));
    json.field("done", result.done);
    json.field("running", result.running);
    json.key("jobs");
    json.begin_array();
    for (std::size_t i = 0; i < std::min(result.jobs.size(), most_named); ++i) {
        json.begin_object();
        json.field("id", result.jobs[i].id);
        json.field("name", result.jobs[i].name);
        json.end_object();
    }
    json.end_array();
    json.key("failed");
    json.begin_array();
    for (std::size_t i = 0; i < std::min(result.failed.size(), most_named); ++i) {
        json.begin_object();
        json.field("id", result.failed[i].job.id);
        json.field("name", result.failed[i].job.name);
        json.field("message", result.failed[i].message);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

asio::awaitable<Response> act_on(const ApiContext& context, const Call& call, Action action,
                                 std::string_view word)
{
    Selection selection = read_selection(call.params);
    if (selection.filter) selection.filter->any_tag = call.caller.tags;
    const bool dry_run = call.params.boolean("dry_run").value_or(false);
    const Edit checked = edit_by(context, call);  // what is wrong with `reason` is said first
    const auto find = [&](Store& store) { return select(store, selection, action, call.caller); };
    BulkResult result = co_await context.store.call(find);
    if (action == Action::run && result.jobs.size() > most_runs_at_once) {
        refuse(fmt::format("ids: {} jobs are meant; at most {} can be run by one call",
                           result.jobs.size(), most_runs_at_once));
    }
    if (dry_run) {
        co_return answer([&](JsonWriter& json) { write_bulk(json, word, dry_run, result); });
    }
    spdlog::info("http: {} at {}: {} {}", quote_utf8(checked.by.who), checked.by.from, word,
                 counted(std::ssize(result.jobs), "job"));
    if (action == Action::run) {
        co_await run_all(context, call, result);
        if (result.done > 0) {
            note_act(context, call.caller, "run now", counted(result.done, "job"));
        }
    } else {
        co_await change_all(context, call, action, result);
    }
    co_return answer([&](JsonWriter& json) { write_bulk(json, word, dry_run, result); });
}

asio::awaitable<Response> act_on_jobs(const ApiContext& context, const Call& call)
{
    const std::string given = call.params.text("action").value_or("");
    const auto word = std::ranges::find(action_words, given);
    if (word == action_words.end()) {
        refuse(fmt::format("action: given {}; one of {} is allowed", quote_utf8(given),
                           fmt::join(action_words, ", ")));
    }
    const auto action = static_cast<Action>(word - action_words.begin());
    co_return co_await act_on(context, call, action, *word);
}

asio::awaitable<Response> delete_jobs(const ApiContext& context, const Call& call)
{
    return act_on(context, call, Action::remove, "delete");
}

}  // namespace

void add_bulk_routes(Router& router, const ApiContext& context)
{
    const std::vector<Param> selecting{{.name = "ids", .type = ParamType::numbers},
                                       {.name = "tag"},
                                       {.name = "search"},
                                       {.name = "all", .type = ParamType::boolean},
                                       {.name = "dry_run", .type = ParamType::boolean},
                                       {.name = "reason"}};
    std::vector<Param> acting = selecting;
    acting.push_back({.name = "action", .required = true});
    router.add({
        .pattern = "/cron/bulk",
        .methods = {http::verb::post},
        .role = Role::operate,
        .scope = Scope::filtered,
        .mutates = true,
        .params = acting,
        .strictness = Strictness::strict,
        .handler = bind(context, act_on_jobs),
    });
    router.add({
        .pattern = "/cron/bulk/delete",
        .methods = {http::verb::post},
        .role = Role::admin,
        .scope = Scope::filtered,
        .mutates = true,
        .params = selecting,
        .strictness = Strictness::strict,
        .handler = bind(context, delete_jobs),
    });
}

}  // namespace peercron
